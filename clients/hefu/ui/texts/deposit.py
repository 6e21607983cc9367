"""Deposits, and what becomes of them 存证."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "deposit.summary": ("存证文件与文件夹", "deposit files and folders"),
    "deposit.examples": (
        "hefu deposit --home ~/.hefu 配方/ 客户名单.xlsx --out 证据/ --wait",
        "hefu deposit --home ~/.hefu recipes/ customers.xlsx --out evidence/ --wait",
    ),
    "deposit.paths": ("文件或文件夹", "a file or a folder"),
    "deposit.home": ("hefu init 建立的文件夹", "the folder that hefu init made"),
    "deposit.out": ("证据写入何处", "where evidence is written"),
    "deposit.offline": (
        "不联网，只准备并签名，留待 hefu submit",
        "prepare and sign without a network, for hefu submit",
    ),
    "deposit.wait": ("等到入账、证据完整为止", "wait until the ledger has it and the evidence is complete"),
    "deposit.skip": ("读不了的列出来，其余照存", "deposit the rest, and list what was left out"),
    "deposit.done": (
        "{state}：{path}（{documents} 份），存证编号 {number}，{evidence}",
        "{state}: {path} ({documents}), no. {number}, {evidence}",
    ),
    "deposit.prepared": (
        "{state}：{path}（{documents} 份），请携带 {evidence}.statement",
        "{state}: {path} ({documents}), carry {evidence}.statement",
    ),
    "deposit.to_come": (
        "已收讫，尚未入账：再次运行同一命令即可取得完整证据",
        "acknowledged, not on the ledger yet: run the same command again to complete it",
    ),
    "deposit.to_submit": (
        "已签名，尚未提交：在联网的电脑上运行 hefu submit 文件.statement --server 网址",
        "signed, not sent: on a computer with a network, hefu submit FILE.statement --server URL",
    ),
    "deposit.unsent": ("  服务端尚未保管：{reason}", "  not in the service's vault yet: {reason}"),
    "deposit.owed": (
        "以往存证的 {count} 个保管库文件，服务端尚未保管（原因见 hefu vault sync）",
        "not in the service's vault yet, of what was kept before: {count} files (hefu vault sync says why)",
    ),
    "deposit.odd_names": (
        "警告：{count} 个文件名含控制字符或看不见的字符，可能被看成别的名称；它们已按原样写入证据：",
        "warning: {count} names hold controls or unseen characters, and may be taken for others; they stay so:",
    ),
    "deposit.left_out": ("未存：{path}：{cause}", "left out: {path}: {cause}"),
    "deposit.no_ignore": (
        "连同 .hefuignore 与内置规则所忽略的文件一起存证",
        "deposit also the files that .hefuignore and the built-in rules leave out",
    ),
    "deposit.unapproved": (
        (
            "{state}：{path}（{documents} 份）。请把 {evidence}.statement（若要对方看到文件名，则用 .part）"
            "交审批人运行 hefu approve，取回 .statement 后再次运行同一命令"
        ),
        (
            "{state}: {path} ({documents}). Let an approver run hefu approve on {evidence}.statement (or on .part,"
            " which shows the names), bring the .statement back, and run the same command again"
        ),
    ),
    "deposit.late": (
        "已等满服务所承诺的时间（至 {by}），仍未入账；请保管 {kept}：此后的检查点若仍不含此存证，二者即可为凭",
        (
            "waited as long as the service promised (until {by}), and it is not on the ledger yet; keep {kept}: with a"
            " checkpoint of after that time which lacks the deposit it proves a broken promise"
        ),
    ),
    "deposit.clocks": (
        (
            "注意：服务的收讫时间为 {received_at}，而本机时钟当时约为 {ours}。二者必有一个不准："
            "请先核对本机时钟，若无误再联系服务方"
        ),
        (
            "note: the service's time of receipt is {received_at}, this computer's clock then showed about {ours}. One"
            " of the two is wrong: check this computer's clock first; if it is right, ask the service's operator"
        ),
    ),
    "deposit.other": (
        "{evidence} 不是 {path} 现有内容的证据：{reason}。它予以保留；请换一个 --out，或移走后再存证",
        (
            "{evidence} is not evidence of what {path} holds: {reason}. "
            "It stays; choose another --out, or move it away to deposit what is there now"
        ),
    ),
    "deposit.other_folder": (
        "；只存新增与改动的文件：hefu watch {path} --out {out} --once",
        "; to deposit its new and changed files: hefu watch {path} --out {out} --once",
    ),
    "deposit.again": ("已存证过的文件也再存一次，日期另计", "deposit again even documents that have early evidence"),
    "deposit.early": (
        "早已存证的文件以当时的日期为准，未再存证；确需再存一次请加 --again",
        "documents that were deposited before keep that date, and were not deposited again; --again does so anyway",
    ),
    "deposit.failed": ("未能存证 {path}：{error}", "not deposited: {path}: {error}"),
    "early.no_receipt": (
        (
            "{path} 已于 {time} 存证（编号 {number}）；其证据 {evidence} 已不在，保管库中有其内容而缺入账证明："
            "请联网运行 hefu vault sync --out DIR 取回"
        ),
        (
            "{path} was deposited at {time} (no. {number}); its evidence {evidence} is gone, the vault has all but the"
            " receipt: run hefu vault sync --out DIR with a network to bring it back"
        ),
    ),
    "early.gone": (
        (
            "{path} 已于 {time} 存证（编号 {number}），但其证据 {evidence} 已不在，保管库中也没有："
            "请从备份找回；确需以新的日期再存一次请加 --again"
        ),
        (
            "{path} was deposited at {time} (no. {number}), but its evidence {evidence} is gone, and not in the vault:"
            " look in your backups; --again deposits it anew, with a new date"
        ),
    ),
    "deposit.busy": (
        "另一个 hefu deposit 正在写 {out}；请等它结束，或换一个 --out",
        "another hefu deposit is writing to {out}; wait for it, or choose another --out",
    ),
    "deposit.in_the_way": (
        "{evidence} 是另一份证据，予以保留；请移走它或 {part}",
        "{evidence} holds other evidence, which stays; move it or {part} away",
    ),
    "deposit.appeared": (
        "{evidence} 在此期间出现，予以保留；请移走后再试",
        "{evidence} has appeared meanwhile, and stays; move it away and try again",
    ),
    "deposit.of_another": (
        "{part} 是 {depositor} 未完成的存证；请换一个 --out",
        "{part} is a deposit of {depositor} on its way; choose another --out",
    ),
    "state.unapproved": ("待审批", "awaiting approval"),
    "state.unfinished": ("未完成", "unfinished"),
    "renew.summary": ("连同旧证据再存一次，续新签名与时间", "deposit again, with the old evidence: new signatures"),
    "renew.examples": (
        "hefu renew 证据/配方.hefu.bundle 配方/ --home ~/.hefu --out 证据/ --wait",
        "hefu renew evidence/recipes.hefu.bundle recipes/ --home ~/.hefu --out evidence/ --wait",
    ),
    "renew.evidence": ("旧证据", "the old evidence"),
    "renew.document": ("其文件或文件夹", "its document or folder"),
    "renew.keep": (
        "旧证据 {evidence} 请一并保管：最初的日期在其中；核验新证据时把它放在原件旁边",
        "keep the old evidence {evidence}: the first date is in it; to verify the new one, put it beside the documents",
    ),
    "renew.unproven": (
        "{evidence} 如今已不能证明这些文件，续存无益：{error}",
        "{evidence} does not prove these documents any more, so there is nothing to renew: {error}",
    ),
    "renew.anothers": (
        "{evidence} 属于存证主体 {depositor}，请用其自己的设置续存",
        "{evidence} is of the depositor {depositor}; renew it with that one's home",
    ),
    "renew.beside": (
        "{folder} 中已有与 {evidence} 同名的文件；请先把旧证据改名",
        "{folder} holds a document of the name of {evidence}; rename the old evidence first",
    ),
    "drop.summary": ("放弃一件未完成的存证", "give up a deposit on its way"),
    "drop.examples": (
        "hefu drop 证据/配方.hefu.bundle.part --home ~/.hefu",
        "hefu drop evidence/recipes.hefu.bundle.part --home ~/.hefu",
    ),
    "drop.file": ("未完成的存证，以 .part 结尾", "the deposit on its way, which ends in .part"),
    "drop.yes": ("不询问即删除", "delete without asking"),
    "drop.ask": (
        "将删除 {path} 及保管库中的副本：若服务其实已经受理，那次存证就再也无法打开",
        (
            "this deletes {path} and its copy in the vault: should the service have taken it, that deposit can never"
            " be opened again"
        ),
    ),
    "drop.none": (
        "没有未完成的存证 {path}；请给出以 .part 结尾的文件",
        "no deposit on its way at {path}; name the file that ends in .part",
    ),
    "drop.deposited": (
        "{path} 已由服务受理，不能放弃；请运行 hefu refresh 完成它",
        "the service has {path}, so it stays; run hefu refresh to complete it",
    ),
    "drop.done": ("已放弃：{evidence}", "given up: {evidence}"),
    "state.refused": ("被拒绝", "refused"),
    "state.prepared": ("已签名", "prepared"),
    "state.accepted": ("已收讫", "accepted"),
    "state.anchored": ("已入账", "anchored"),
    "state.already deposited": ("早已存证", "already deposited"),
    "submit.summary": ("代为提交离线签名的声明", "send statements signed without a network"),
    "submit.examples": (
        "hefu submit 配方.hefu.bundle.statement --server https://ledger.example",
        "hefu submit recipes.hefu.bundle.statement --server https://ledger.example",
    ),
    "submit.statements": ("deposit --offline 写出的 NAME.statement", "NAME.statement that deposit --offline wrote"),
    "submit.done": ("{state}：{path}，请带回 {answers}", "{state}: {path}, carry back {answers}"),
    "submit.to_come": (
        "尚未入账：带回之前请再次运行同一命令",
        "not on the ledger yet: run the same command again before carrying the answers back",
    ),
    "refresh.summary": ("补全证据所缺", "fetch what is missing of the evidence"),
    "refresh.examples": (
        "hefu refresh --home ~/.hefu\nhefu refresh --home ~/.hefu --from /media/usb",
        "hefu refresh --home ~/.hefu\nhefu refresh --home ~/.hefu --from /media/usb",
    ),
    "refresh.out": ("证据文件夹；不写则所有已知的", "an evidence folder; none for all that are known"),
    "refresh.from": ("hefu submit 写出的回执所在；不联网", "answers that hefu submit wrote; no network"),
    "refresh.wait": ("等到证据完整为止", "wait until the evidence is complete"),
    "refresh.done": ("{state}：{evidence}，存证编号 {number}", "{state}: {evidence}, no. {number}"),
    "refresh.grown": ("已补充佐证：{path}", "tells more now: {path}"),
    "refresh.doubted": (
        "所用密钥已报失控，时间存疑：{count}（原因见下）",
        "a key that signed was reported, the time is in doubt: {count} (see the reason given)",
    ),
    "refresh.stuck": ("无法继续：{count}（原因见下）", "cannot go on: {count} (see the reason given)"),
    "refresh.nothing": ("无缺失", "nothing was missing"),
    "refresh.waiting": (
        "仍在途 {count}：稍后再次运行 hefu refresh",
        "{count} still on their way: run hefu refresh again later",
    ),
    "refresh.copy": ("{path}：{error}；请重新拷贝", "{path}: {error}; copy it again"),
    "refresh.no_folder": (
        "这个证据文件夹不在；请接好所在的盘，或予以恢复",
        "this evidence folder is not there; connect its disk, or restore it",
    ),
}
