"""Enrolling, and a home folder 登记."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "init.summary": ("用一次性登记码实名登记", "enrol with a one-time code"),
    "init.examples": (
        (
            "hefu init --home ~/.hefu --server https://ledger.example --code CODE\n"
            "hefu init                     在终端上逐项询问"
        ),
        (
            "hefu init --home ~/.hefu --server https://ledger.example --code CODE\n"
            "hefu init                     asks for what is missing, on a terminal"
        ),
    ),
    "init.home": ("存放私钥与设置的文件夹", "the folder to keep key and settings in"),
    "init.server": ("服务的网址", "the service's address"),
    "init.code": (
        "运营者给的一次性登记码；- 则从标准输入读取",
        "the one-time code that the operator gave; - to read it from standard input",
    ),
    "init.one_input": (
        "--code 与 --recovery 不能都从标准输入读取；请把恢复词写在文件里",
        "--code and --recovery cannot both be read from standard input; put the words into a file",
    ),
    "init.no_approver": (
        "本单位没有审批人的密钥：任何一把有效密钥都能加入或停用其他密钥。要有审批人，请以 --role approve 登记",
        (
            "no key of this depositor approves: any key in force may add and end the others. "
            "For an approver, enrol one with --role approve"
        ),
    ),
    "init.ask_home": ("私钥与设置放在哪个文件夹", "Which folder shall keep the key and the settings?"),
    "init.ask_server": (
        "服务的网址（例如 https://ledger.example）",
        "The service's address, such as https://ledger.example?",
    ),
    "init.ask_code": ("运营者给的一次性登记码", "The one-time code that the operator gave?"),
    "init.ask_vault": ("保管库的加密文件放在哪里", "Where shall the vault's encrypted files be kept?"),
    "init.vault": ("保管库文件放在该处，例如网络盘", "keep the vault's files there, on a network drive say"),
    "init.no_vault": ("不让服务也保管加密文件", "do not let the service hold the encrypted files too"),
    "init.recovery": (
        "加入此恢复单的保管库；- 则键入恢复词",
        "join the vault of this recovery sheet; - to type its words",
    ),
    "init.invited": ("登记码所属单位：{name}（{uscc}）", "the code is of {name} ({uscc})"),
    "init.verified": ("  由{by}以“{method}”方式核验", "  verified by {by}: {method}"),
    "init.terms": (
        "  角色：{role}；每件存证需 {signatures} 个签名",
        "  role: {role}; {signatures} signature(s) a deposit",
    ),
    "init.enrolled": ("已登记：{name}（{uscc}）", "enrolled: {name} ({uscc})"),
    "init.depositor": ("存证主体 {depositor}，账本 {origin}", "depositor {depositor} of the ledger {origin}"),
    "init.found": (
        "已在账本上找到，检查点有签名，共 {size} 条",
        "found on the ledger under a signed checkpoint of {size} records",
    ),
    "init.fingerprints": (
        "账本公钥为初次信任，请从服务以外的渠道核对其指纹：",
        "log keys trusted at first sight; compare them with a source other than the service:",
    ),
    "init.unsent": ("服务端尚未保管：{reason}", "not sent to the service yet: {reason}"),
    "init.words": (
        "恢复词，仅显示这一次；凭它即可找回一切，别无他法：",
        "recovery words, shown this once: with them, and nothing else, everything can be brought back:",
    ),
    "init.only_sheet": (
        "恢复词只在恢复单 {sheet} 上（只有本用户能读）：此处没有终端可供显示",
        "the recovery words stand on {sheet} alone, which only you can read: there is no terminal to show them",
    ),
    "init.sheet": (
        "请打印 {sheet}，与本机分开、保密存放，然后删除该文件；任何人都不能补发",
        "print {sheet}, keep it locked away from this computer, then delete the file; it cannot be replaced",
    ),
    "init.other_vault": (
        "{path} 已有另一保管库的恢复词；请另选 --home",
        "{path} has the recovery secret of another vault; choose another --home",
    ),
    "init.other_depositor": (
        "{path} 是为 {restored} 恢复的，登记码属于 {depositor}；请另选 --home",
        "{path} was restored for {restored}, the code is of {depositor}; choose another --home",
    ),
    "enrolment.proofs": (
        "登记：服务的回答没有为每条记录附上证明",
        "enrolment: the service's answer does not hold one proof for each record",
    ),
    "enrolment.already": (
        "{path} 已是家目录；请换一个 --home，或直接 hefu deposit",
        "{path} is a home already; choose another --home, or go on to hefu deposit",
    ),
    "enrolment.logs": (
        "服务的信任策略列了 {count} 个账本；存证须恰有一个",
        "the service's trust policy names {count} logs; depositing needs exactly one",
    ),
    "enrolment.other_key": (
        "{path} 内是 {found} 的私钥，不是 {name} 的；请换一个 --home",
        "{path} holds the key of {found}, not of {name}; choose another --home",
    ),
    "enrolment.other": (
        "登记：服务答的是另一主体或账本",
        "enrolment: the service answered for another depositor or ledger",
    ),
    "enrolment.waiting": (
        "登记尚未入账；请稍后再次运行同一命令",
        "the enrolment is not on the ledger yet; run the same command again later",
    ),
    "home.damaged": ("{path} 已损坏：{error}", "{path} is damaged: {error}"),
    "home.none": (
        "{path} 还不是家目录：请运行 hefu init --home {path} --server URL --code CODE",
        "{path} is no home folder yet: run hefu init --home {path} --server URL --code CODE",
    ),
    "home.restored": (
        "{path} 没有签名密钥（恢复单不含密钥）：请向运营者要新登记码再运行 hefu init，或用 hefu key request 请同事加入",
        "{path} has no signing key (no recovery sheet holds one): run hefu init with a new code, or hefu key request",
    ),
}
