"""The catalogue: everything a user reads, in Chinese and in English.

Keys begin with the command or the module that says them. What evidence and ledgers are found to be is said by the
ledger's own errors, which are quoted.
"""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # the command line
    "cli.usage": ("用法：", "usage: "),
    "cli.error": ("错误：{message}", "error: {message}"),
    "cli.title": ("合符：任何人都可独立核验的电子存证", "合符: evidence that anyone can verify"),
    "cli.more": ("每个命令的用法：hefu COMMAND --help", "for each command: hefu COMMAND --help"),
    "cli.commands": ("命令", "commands"),
    "cli.examples": ("示例：", "examples:"),
    "cli.json": ("以一个 JSON 对象作答", "answer with one JSON object"),
    "cli.or_setting": ("{what}（或 {setting}）", "{what} (or {setting})"),
    "cli.unknown_setting": ("{name}：没有这个设置（已知：{known}）", "{name}: unknown setting (known: {known})"),
    "cli.unknown_language": ("{name}：应为 zh 或 en", "{name}: must be zh or en"),
    "cli.needed": ("缺少 --{option}", "--{option} is needed"),
    "cli.needed_or": ("缺少 --{option}（或 {setting}）", "--{option} is needed (or {setting})"),
    "cli.interrupted": (
        "已中断；没有写到一半的文件，再次运行同一命令即可继续",
        "interrupted; nothing is half-written, and the same command goes on",
    ),
    "cli.contradiction": ("不一致：{error}", "{error}"),
    "cli.unreadable": ("无法解读：{error}", "{error}"),
    "cli.unexpected": ("意外错误 {kind}：{error}", "unexpected {kind}: {error}"),
    # init
    "init.summary": ("用一次性登记码实名登记", "enrol with a one-time code"),
    "init.examples": (
        "hefu init --home ~/.hefu --server https://ledger.example --code CODE\n"
        "hefu init                     在终端上逐项询问",
        "hefu init --home ~/.hefu --server https://ledger.example --code CODE\n"
        "hefu init                     asks for what is missing, on a terminal",
    ),
    "init.home": ("存放私钥与设置的文件夹", "the folder to keep key and settings in"),
    "init.server": ("服务的网址", "the service's address"),
    "init.code": ("运营者给的一次性登记码", "the one-time code that the operator gave"),
    "init.ask_home": ("私钥与设置放在哪个文件夹", "Which folder shall keep the key and the settings?"),
    "init.ask_server": ("服务的网址（例如 https://ledger.example）", "The service's address, such as https://ledger.example?"),
    "init.ask_code": ("运营者给的一次性登记码", "The one-time code that the operator gave?"),
    "init.ask_vault": ("保管库的加密文件放在哪里", "Where shall the vault's encrypted files be kept?"),
    "init.vault": ("保管库文件放在该处，例如网络盘", "keep the vault's files there, on a network drive say"),
    "init.no_vault": ("不让服务也保管加密文件", "do not let the service hold the encrypted files too"),
    "init.recovery": ("加入此恢复单的保管库；- 则键入恢复词", "join the vault of this recovery sheet; - to type its words"),
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
    "init.sheet": (
        "请打印 {sheet}，与本机分开、保密存放，然后删除该文件；任何人都不能补发",
        "print {sheet}, keep it locked away from this computer, then delete the file; nobody can replace it",
    ),
    # deposit
    "deposit.summary": ("存证文件与文件夹", "deposit files and folders"),
    "deposit.examples": (
        "hefu deposit --home ~/.hefu 配方/ 客户名单.xlsx --out 证据/ --wait",
        "hefu deposit --home ~/.hefu recipes/ customers.xlsx --out evidence/ --wait",
    ),
    "deposit.paths": ("文件或文件夹", "a file or a folder"),
    "deposit.home": ("hefu init 建立的文件夹", "the folder that hefu init made"),
    "deposit.out": ("证据写入何处", "where evidence is written"),
    "deposit.offline": ("不联网，只准备并签名，留待 hefu submit", "prepare and sign without a network, for hefu submit"),
    "deposit.wait": ("等到入账、证据完整为止", "wait until the ledger has it and the evidence is complete"),
    "deposit.skip": ("读不了的列出来，其余照存", "deposit the rest, and list what was left out"),
    "deposit.done": (
        "{state}：{path}（{documents} 份），存证编号 {number}，{evidence}",
        "{state}: {path} ({documents}), no. {number}, {evidence}",
    ),
    "deposit.prepared": ("{state}：{path}（{documents} 份），请携带 {evidence}.statement", "{state}: {path} ({documents}), carry {evidence}.statement"),
    "deposit.to_come": (
        "已收讫，尚未入账：再次运行同一命令即可取得完整证据",
        "acknowledged, not on the ledger yet: run the same command again to complete it",
    ),
    "deposit.to_submit": (
        "已签名，尚未提交：在联网的电脑上运行 hefu submit 文件.statement --server 网址",
        "signed, not sent: on a computer with a network, hefu submit FILE.statement --server URL",
    ),
    "deposit.unsent": ("  服务端尚未保管：{reason}", "  not in the service's vault yet: {reason}"),
    "deposit.left_out": ("  未存：{path}：{cause}", "  left out: {path}: {cause}"),
    "state.prepared": ("已签名", "prepared"),
    "state.accepted": ("已收讫", "accepted"),
    "state.anchored": ("已入账", "anchored"),
    "state.already deposited": ("早已存证", "already deposited"),
    # verify
    "verify.summary": ("离线核验证据", "verify evidence offline"),
    "verify.examples": (
        "hefu verify 客户名单.xlsx.hefu.json 客户名单.xlsx --policy policy.txt\n"
        "hefu verify 配方.hefu.bundle 配方/ --policy policy.txt",
        "hefu verify customers.xlsx.hefu.json customers.xlsx --policy policy.txt\n"
        "hefu verify recipes.hefu.bundle recipes/ --policy policy.txt",
    ),
    "verify.evidence": ("NAME.hefu.json 或 NAME.hefu.bundle", "NAME.hefu.json or NAME.hefu.bundle"),
    "verify.document": ("原件；证据集则为文件夹", "the document, or for a bundle the folder"),
    "verify.policy": (
        "信任谁：c2sp.org/tlog-policy 文件，须另有来源",
        "whom to trust, a c2sp.org/tlog-policy file from a source of your own",
    ),
    "verify.uncovered": (
        "文件夹中有 {count} 份文件不在该存证之内：{shown}。",
        "{count} files of the folder are not part of the deposit: {shown}.",
    ),
    # inspect
    "inspect.summary": ("查看证据自述的内容，不核验", "show what evidence says, unverified"),
    "inspect.examples": ("hefu inspect 客户名单.xlsx.hefu.json", "hefu inspect customers.xlsx.hefu.json"),
    "inspect.unverified": ("未经核验", "nothing was verified"),
    # extract
    "extract.summary": ("从证据集拆出单份证据", "cut single evidence files out of a bundle"),
    "extract.examples": (
        "hefu extract 配方.hefu.bundle --out 单份/ 配方3.docx",
        "hefu extract recipes.hefu.bundle --out single/ recipe3.docx",
    ),
    "extract.documents": ("存证内的文件名；不写则全部", "names in the deposit; none for all"),
    "extract.out": ("单份证据写入何处，保持文件夹的结构", "where evidence files are written, in the folder's shape"),
    "extract.done": ("{count} 份证据，写入 {out}", "{count} evidence files in {out}"),
    "extract.unknown": ("{bundle} 内没有这些文件：{names}", "{bundle} holds no document named {names}"),
    "extract.unfit": ("{name}：{cause}", "{name}: {cause}"),
    "extract.alike": (
        "此盘分不清 {path} 与已有的 {other}；请逐份拆出，各用一个 --out",
        "this disk cannot tell {path} from {other}, which is there; extract them one by one, each into its own --out",
    ),
    "extract.other": (
        "{path} 是另一份证据，予以保留；请换一个 --out",
        "{path} holds other evidence, which stays; choose another --out",
    ),
    # audit
    "audit.summary": ("重放整个账本", "replay a whole ledger"),
    "audit.examples": (
        "hefu audit https://ledger.example/ledger --policy policy.txt --state 审计.json",
        "hefu audit https://ledger.example/ledger --policy policy.txt --state audit.json",
    ),
    "audit.source": ("/ledger 的网址，或导出的文件夹", "URL of a /ledger, or an exported folder"),
    "audit.policy": ("信任谁：c2sp.org/tlog-policy 文件", "whom to trust, a c2sp.org/tlog-policy file"),
    "audit.state": (
        "记住上次检查点的文件，用以发现改写",
        "a file that remembers the last checkpoint, to notice any rewriting",
    ),
    "audit.no_policy": ("缺少 --policy：没有可信任的公钥，什么也无法核验", "--policy is needed: nothing can be checked without a key to trust"),
    "audit.no_witness": ("检查点（{size} 条）由所信任的公钥签名，不要求见证。", "Of {size} records, signed by a trusted key."),
    "audit.no_quorum": ("见证共签未达到策略要求的数目。", "The cosignatures miss the quorum."),
    "audit.witnessed": (
        "检查点（{size} 条）由所信任的账本公钥签名，并在 {time} 得到足数见证。",
        "Of {size} records, signed and, by {time}, witnessed.",
    ),
    "audit.first": ("第一次查看，没有上次的检查点可比。", "Seen for the first time."),
    "audit.not_shorter": ("上次为 {size} 条，未变短。", "It had {size} records then."),
    "audit.replayed": (
        "重放了 {records} 条账本条目、{deposits} 件存证，逐条相符。",
        "{records} records and {deposits} deposits, all in order.",
    ),
    "audit.contains": ("上次看到的账本是现在账本的开头。", "It begins with the ledger seen last time."),
    "audit.tiles": ("{count} 个哈希瓦片与重放所得一致。", "{count} hash tiles are as replayed."),
    "audit.unchecked": ("未核验：内容是否真实、权属。", "Not checked: the truth of the content, ownership."),
    "audit.unchecked_public": (
        "未核验：存证主体的签名与收讫规则（需完整导出）、内容是否真实、权属。",
        "Not checked: depositors' signatures and the acceptances, the truth of the content, ownership.",
    ),
    "audit.contradiction": ("不一致：{error}", "Contradiction: {error}."),
    "audit.unknown_form": ("无法解读：{error}", "Not in a known form: {error}."),
    "audit.not_reached": ("无可比之物，或前面的步骤未通过。", "Not reached, or nothing to compare."),
    # files and folders
    "folder.problem": ("1 处无法存证；什么也没有写入{lines}", "1 path cannot be deposited; nothing was written{lines}"),
    "folder.problems": (
        "{count} 处无法存证；什么也没有写入{lines}",
        "{count} paths cannot be deposited; nothing was written{lines}",
    ),
    "folder.link": ("符号链接，不跟随", "a symbolic link, which is not followed"),
    "folder.pipe": ("命名管道", "a named pipe"),
    "folder.socket": ("套接字", "a socket"),
    "folder.device": ("设备", "a device"),
    "folder.folder": ("文件夹", "a folder"),
    "folder.odd": ("不是普通文件", "not a regular file"),
    "folder.twin": ("与 {twin!r} 是同一文件夹：成环，或挂载了两次", "the same folder as {twin!r}: a loop, or mounted twice"),
    "folder.whole": ("整个文件夹", "the whole"),
    "folder.not_utf8": ("名称不是 UTF-8", "its name is not UTF-8"),
    "folder.unreadable": ("当前用户不可读", "not readable by this user"),
    "folder.changed": ("读取期间被改动", "it changed while it was being read"),
    "folder.nameless": ("没有名称可用于证据", "it has no name to give its evidence"),
    "folder.count": (
        "{path} 内有 {count} 份文件；一次存证为 1 至 {most} 份",
        "{path} holds {count} documents; a deposit has 1 to {most}",
    ),
    "folder.collide": (
        "{one} 与 {other} 的证据都将是 {evidence}；请分开存证",
        "{one} and {other} would share {evidence}; deposit them apart",
    ),
    "folder.inside": (
        "{option} {path} 在 {folder} 之内；请选用其外的文件夹",
        "{option} {path} lies inside {folder}; choose a folder outside it",
    ),
    "disk.in_use": (
        "另一个程序正占用它；请在那里关闭，再次运行同一命令",
        "another program has it open; close it there and run the same command again",
    ),
    "disk.reserved": ('Windows 的名称中不能有 < > : " | ? * \\', 'Windows allows none of < > : " | ? * \\ in a name'),
    "disk.ending": ("Windows 的名称不能以点或空格结尾", "on Windows no name ends in a dot or a space"),
    "disk.device": ("{part} 在 Windows 上是设备名", "{part} names a device on Windows"),
    # the service
    "service.address": (
        "不是服务的网址（例如 https://ledger.example）：{url!r:.200}",
        "not a service's address such as https://ledger.example: {url!r:.200}",
    ),
    "service.refused": ("服务拒绝（{status} {title}）：{detail}", "the service refused ({status} {title}): {detail}"),
    "service.refused_bare": ("服务拒绝（{status} {title}）", "{status} {title}"),
    "service.failed": ("服务出错（{status} {title}）：{detail}", "the service failed ({status} {title}): {detail}"),
    "service.unreachable": (
        "连不上 {url}（试了 {attempts} 次）：{cause}；稍后再次运行同一命令",
        "{url} cannot be reached ({attempts} attempts): {cause}",
    ),
    "service.status": ("回答 {status}", "it answered {status}"),
    "service.too_long": ("{url}：回答超过 {limit} 字节", "{url}: the answer is longer than {limit} bytes"),
    "service.malformed": ("{what}：服务的回答有误：{error}", "{what}: the service's answer is {error}"),
    "service.no_object": ("{what}：服务的回答不是 JSON 对象", "{what}: the service's answer is not a JSON object"),
    "sight.alarm": (
        "账本现在所示与上次所见的检查点不能衔接：{error}",
        "the ledger does not lead from the checkpoint seen before to the one it shows now: {error}",
    ),
}

# argparse speaks English alone; longer phrases stand before those that they contain.
ARGPARSE: Final[dict[str, str]] = {
    "positional arguments": "参数",
    "options": "选项",
    "show this help message and exit": "显示此帮助",
    "the following arguments are required: ": "缺少参数：",
    "unrecognized arguments: ": "没有这些参数：",
    "expected one argument": "需要一个值",
    "expected at least one argument": "至少需要一个值",
    "not allowed with argument": "不能同时使用",
    "ignored explicit argument": "不接受值",
    "invalid choice: ": "不可选：",
    "choose from": "可选",
    "argument ": "参数 ",
}
