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
    "init.code": ("运营者给的一次性登记码", "the one-time code that the operator gave"),
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
    "deposit.left_out": ("  未存：{path}：{cause}", "  left out: {path}: {cause}"),
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
    "state.unapproved": ("待审批", "awaiting approval"),
    "state.unfinished": ("未完成", "unfinished"),
    "state.prepared": ("已签名", "prepared"),
    "state.accepted": ("已收讫", "accepted"),
    "state.anchored": ("已入账", "anchored"),
    "state.already deposited": ("早已存证", "already deposited"),
    # people and keys
    "role.prepare": ("经办", "prepares"),
    "role.approve": ("审批", "approves"),
    "keystate.in force": ("有效", "in force"),
    "keystate.retired": ("已停用", "retired"),
    "keystate.compromised": ("失控", "compromised"),
    "key request.summary": ("新电脑：生成密钥，请同事加入", "on a new computer: make a key, for a colleague to add"),
    "key request.examples": (
        (
            "hefu key request --home ~/.hefu --server https://ledger.example --words -\n"
            "hefu key request --home ~/.hefu          加入之后再运行一次"
        ),
        (
            "hefu key request --home ~/.hefu --server https://ledger.example --words -\n"
            "hefu key request --home ~/.hefu          once more, when it was added"
        ),
    ),
    "key.request_home": ("新建的文件夹，存放私钥与设置", "a new folder to keep key and settings in"),
    "key.words": (
        "恢复单上的恢复词，用以共用保管库；- 则键入",
        "the words of the firm's recovery sheet, to share its vault; - to type them",
    ),
    "key.role": (
        "经办 prepare（默认）或审批 approve",
        "prepare (the default), or approve, which also adds and ends keys",
    ),
    "key.mine": ("本机密钥 {key}（{role}）", "this computer's key {key} ({role})"),
    "key.fingerprint": ("  指纹 sha256 {fingerprint}", "  fingerprint sha256 {fingerprint}"),
    "key.carry": (
        "请把 {file} 带到同事的电脑，运行 hefu key add 该文件 --role {role}；然后在此再次运行同一命令",
        (
            "carry {file} to a colleague's computer and run hefu key add FILE --role {role} there; "
            "then run the same command here again"
        ),
    ),
    "key.ready": (
        "该密钥已入账，可以存证；hefu vault sync 取回以往的存证",
        "the key is on the ledger, deposits may begin; hefu vault sync fetches what was deposited before",
    ),
    "key.need_words": (
        "{path} 尚无设置：首次须给出 --server 与 --words",
        "{path} has no settings yet: the first time --server and --words are needed",
    ),
    "key.home_already": (
        "{path} 已有签名密钥；请换一个 --home",
        "{path} has a signing key already; choose another --home",
    ),
    "key.other_words": (
        "{path} 属于另一张恢复单；请换一个 --home",
        "{path} belongs to another recovery sheet; choose another --home",
    ),
    "key.no_vault": (
        "{url} 没有这些恢复词的保管库；请核对恢复单，或先用 hefu vault restore --from",
        "{url} holds no vault of these words; compare the sheet, or use hefu vault restore --from first",
    ),
    "key.no_settings": (
        "{url} 的保管库内没有设置；请先在原来的电脑上运行 hefu vault sync",
        "the vault at {url} holds no settings; run hefu vault sync on the first computer",
    ),
    "key add.summary": ("为同事的密钥担保并加入", "vouch for a colleague's key and add it"),
    "key add.examples": (
        "hefu key add 1dd03125.keyrequest --home ~/.hefu --role prepare --label 王会计的笔记本",
        'hefu key add 1dd03125.keyrequest --home ~/.hefu --role prepare --label "Wang\'s laptop"',
    ),
    "key.file": ("hefu key request 写出的 .keyrequest 文件", "the .keyrequest file that hefu key request wrote"),
    "key.label": ("谁的密钥；只存于保管库，绝不公开", "whose key it is; kept in the vault, never published"),
    "key.other_firm": (
        "{path} 不是为存证主体 {depositor} 申请密钥",
        "{path} does not ask for a key of depositor {depositor}",
    ),
    "key.other_role": (
        "{path} 申请的角色是 {role}；如确属本意，请加 --role {role}",
        "{path} asks for the role {role}; if that is meant, say --role {role}",
    ),
    "key.no_request": ("{path} 不是有效的密钥申请：{error}", "{path} is no valid request for a key: {error}"),
    "key.added": ("已加入密钥 {key}（{role}）{label}", "added key {key} ({role}) {label}"),
    "key.compare": (
        "请与新电脑上显示的指纹核对；若不同，立即运行 hefu key lost",
        "compare it with what the new computer shows; if it differs, run hefu key lost at once",
    ),
    "key list.summary": ("列出全部密钥、角色与状态", "list all keys, their roles and states"),
    "key list.examples": ("hefu key list --home ~/.hefu", "hefu key list --home ~/.hefu"),
    "key.rule": ("每件存证需 {count} 个签名", "a deposit needs {count} signature(s)"),
    "key.this": ("本机", "this computer"),
    "key.word": ("由运营者登记，无更早密钥担保", "on the operator's word"),
    "key.since": ("自 {time} 起", "since {time}"),
    "key retire.summary": ("停用离职者的密钥，此前的存证不受影响", "stop a leaver's key; earlier deposits stay good"),
    "key retire.examples": ("hefu key retire 1dd03125 --home ~/.hefu", "hefu key retire 1dd03125 --home ~/.hefu"),
    "key.id": ("hefu key list 显示的密钥编号", "the key's id, as hefu key list shows it"),
    "key.why": ("写上公开账本的英文理由；请勿写姓名", "a reason for the public ledger, in ASCII; no names"),
    "key.reason": (
        "理由会写上公开账本，限 400 个英文字符，请勿写姓名",
        "the reason goes on the public ledger: at most 400 ASCII characters, and no names",
    ),
    "key.unknown": ("没有编号为 {key} 的密钥（已知：{known}）", "no key has the id {key} (known: {known})"),
    "key.ended": (
        "密钥 {key}：{state}，自下一件存证起不能再签名",
        "key {key}: {state}; from the next deposit on it signs nothing",
    ),
    "key lost.summary": ("报告密钥可能已落入他人之手", "report that a key may be in other hands"),
    "key lost.examples": (
        'hefu key lost 1dd03125 --home ~/.hefu --since 2026-01-31T08:00:00.000Z --reason "laptop stolen"',
        'hefu key lost 1dd03125 --home ~/.hefu --since 2026-01-31T08:00:00.000Z --reason "laptop stolen"',
    ),
    "key.lost_since": (
        "最早何时可能失控（UTC）：2026-01-31T08:00:00.000Z",
        "since when it may have been (UTC): 2026-01-31T08:00:00.000Z",
    ),
    "key.time": (
        "不是时间：{text}；应如 2026-01-31T08:00:00.000Z（UTC）",
        "not a time: {text}; write 2026-01-31T08:00:00.000Z (UTC)",
    ),
    # approve
    "approve.summary": ("审批同事准备的存证", "approve what a colleague prepared"),
    "approve.examples": (
        (
            "hefu approve 配方.hefu.bundle.part --home ~/.hefu --show\n"
            "hefu approve 配方.hefu.bundle.statement --home ~/.hefu"
        ),
        (
            "hefu approve recipes.hefu.bundle.part --home ~/.hefu --show\n"
            "hefu approve recipes.hefu.bundle.statement --home ~/.hefu"
        ),
    ),
    "approve.files": (
        "NAME.statement，或可看到文件名的 NAME.part",
        "NAME.statement, or NAME.part, which tells the names",
    ),
    "approve.show": ("只显示，不签名", "only show what it says, and sign nothing"),
    "approve.about": ("类别 {kind}，{count} 份文件，根 {root}", "kind {kind}, {count} documents, root {root}"),
    "approve.signed": ("已由密钥 {keys} 签名", "signed by the keys {keys}"),
    "approve.nameless": (
        "文件名不在声明中；要核对请用 .part",
        "a statement tells no names; to see them, use the .part",
    ),
    "approve.more": ("  另有 {count} 份", "  and {count} more"),
    "approve.done": ("已审批；请把 {file} 带回经办人", "approved; carry {file} back to who prepared it"),
    "approve.only_shown": ("未签名", "not signed"),
    "approve.other_firm": (
        "{path} 属于存证主体 {depositor}，不是本机的",
        "{path} is of depositor {depositor}, not of this home's",
    ),
    "approve.not_mine": ("本机的密钥已停用或尚未入账", "this computer's key is retired, or not on the ledger yet"),
    "approve.stranger": (
        "{path} 由密钥 {key} 签名：未知、已停用或他人的",
        "{path} is signed by the key {key}: unknown, retired or another's",
    ),
    "approve.not_enough": ("{path} 的签名不合规则：{error}", "{path} is not signed as the rule asks: {error}"),
    "approve.differ": (
        "{path} 的 .part 与 .statement 不是同一件存证",
        "the .part and .statement of {path} are not of one deposit",
    ),
    # verify
    "verify.summary": ("离线核验证据", "verify evidence offline"),
    "verify.examples": (
        (
            "hefu verify 客户名单.xlsx.hefu.json 客户名单.xlsx --policy policy.txt\n"
            "hefu verify 配方.hefu.bundle 配方/ --policy policy.txt"
        ),
        (
            "hefu verify customers.xlsx.hefu.json customers.xlsx --policy policy.txt\n"
            "hefu verify recipes.hefu.bundle recipes/ --policy policy.txt"
        ),
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
    "extract.clash": (
        "{name} 的证据须放在文件夹 {other} 之内，而 {other} 是另一份证据的文件名；请分别拆出，各用一个 --out",
        "the evidence of {name} belongs below {other}, which is evidence itself; extract them into an --out each",
    ),
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
    "audit.no_policy": (
        "缺少 --policy：没有可信任的公钥，什么也无法核验",
        "--policy is needed: nothing can be checked without a key to trust",
    ),
    "audit.no_witness": (
        "检查点（{size} 条）由所信任的公钥签名，不要求见证。",
        "Of {size} records, signed by a trusted key.",
    ),
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
    "audit.replayed_noted": (
        "重放了 {records} 条账本条目、{deposits} 件存证，逐条相符；须留意：{events}。",
        "{records} records and {deposits} deposits, all in order; to be noted: {events}.",
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
    "folder.problem": ("1 处无法存证；什么也没有写入", "1 path cannot be deposited; nothing was written"),
    "folder.problems": (
        "{count} 处无法存证；什么也没有写入",
        "{count} paths cannot be deposited; nothing was written",
    ),
    "folder.link": ("符号链接，不跟随", "a symbolic link, which is not followed"),
    "folder.pipe": ("命名管道", "a named pipe"),
    "folder.socket": ("套接字", "a socket"),
    "folder.device": ("设备", "a device"),
    "folder.folder": ("文件夹", "a folder"),
    "folder.odd": ("不是普通文件", "not a regular file"),
    "folder.twin": (
        "与 {twin!r} 是同一文件夹：成环，或挂载了两次",
        "the same folder as {twin!r}: a loop, or mounted twice",
    ),
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
    # every day
    "list.summary": ("列出存证，或某次存证的文件", "list deposits, or one's documents"),
    "list.examples": ("hefu list --home ~/.hefu", "hefu list --home ~/.hefu"),
    "list.deposit": ("存证编号或声明：列出其文件", "a deposit's number or statement: its documents"),
    "list.none": ("尚无存证", "nothing deposited yet"),
    "list.not_received": ("尚未接收", "not received yet"),
    "list.line": (
        "{number}  {received_at}  {state}（{documents} 份）  {evidence}{label}",
        "{number}  {received_at}  {state}  ({documents})  {evidence}{label}",
    ),
    "search.summary": ("按名称、标注、编号查找", "search names, labels, numbers"),
    "search.examples": ("hefu search 配方 --home ~/.hefu", "hefu search recipe --home ~/.hefu"),
    "search.text": ("名称或标注的一部分，或存证编号", "part of a name or a label, or a deposit's number"),
    "search.none": ("未找到", "nothing found"),
    "label.summary": ("加上只有自己可见的标注", "give a private label"),
    "label.examples": (
        "hefu label FX000000000001X 2026年春季配方",
        "hefu label FX000000000001X 'recipes of spring 2026'",
    ),
    "label.target": (
        "存证编号、声明或证据，或文件路径",
        "a deposit's number, statement or evidence, or a document's path",
    ),
    "label.text": ("标注；留空则去掉", "the label; an empty one takes it away"),
    "label.done": ("已标注：{target}：{text}", "labelled: {target}: {text}"),
    "check.summary": ("把文件夹与已存证的对照", "hold a folder against what was deposited"),
    "check.examples": ("hefu check 配方/ --home ~/.hefu", "hefu check recipes/ --home ~/.hefu"),
    "check.folder": ("原件所在的文件夹", "a folder of originals"),
    "check.content": ("逐份重读，即使看来未动", "read every file again, even if it looks untouched"),
    "check.keep": ("把已存证的原件另存一份只读副本于此", "store a read-only copy of what is deposited there"),
    "check.intact": ("完好：{count}", "intact: {count}"),
    "check.changed": (
        "存证后已改动：{count}（hefu watch --once 可重新存证；旧证据仍然有效）",
        "changed since it was deposited: {count} (hefu watch --once deposits it anew; the old evidence stays true)",
    ),
    "check.missing": (
        "原件缺失：{count}（请从副本找回：核验需要原件）",
        "missing: {count} (bring the original back from a copy: evidence needs it)",
    ),
    "check.new": (
        "未存证：{count}（hefu watch --once 或 hefu deposit）",
        "not deposited: {count} (hefu watch --once, or hefu deposit)",
    ),
    "check.moved": ("已移动或改名：{count}（无须处理）", "moved or renamed: {count} (nothing to do)"),
    "check.unreadable": (
        "无法读取：{count}（请关闭占用它的程序，或取得权限）",
        "not readable: {count} (close the program that holds it, or ask for access)",
    ),
    "check.looked": (
        "已读 {read}，大小与时间未变而未重读 {skipped}，按规则忽略 {ignored}",
        "read {read}, not read again since size and time are the same {skipped}, ignored by rule {ignored}",
    ),
    "check.copied": ("新存副本：{count}", "copied: {count}"),
    "check.waiting": ("{count} 次存证在途：hefu refresh", "{count} deposits are on their way: hefu refresh"),
    "watch.summary": ("守望文件夹，新增与改动即存证", "deposit what is new or changed in a folder"),
    "watch.examples": (
        "hefu watch 配方/ --home ~/.hefu --out 证据/\nhefu watch 配方/ --home ~/.hefu --out 证据/ --once",
        "hefu watch recipes/ --home ~/.hefu --out evidence/\nhefu watch recipes/ --home ~/.hefu --out evidence/ --once",
    ),
    "watch.folder": ("新增与改动即予存证的文件夹", "a folder whose new and changed documents are deposited"),
    "watch.out": ("证据写入何处；须在 DIR 之外", "where evidence is written; outside DIR"),
    "watch.once": ("只处理现有的新增与改动，然后结束", "deposit what is new or changed now, and end"),
    "watch.wait": ("与 --once 同用：等到证据完整为止", "with --once: wait until the evidence is complete"),
    "watch.content": ("与 --once 同用：逐份重读", "with --once: read every file again"),
    "watch.quiet": ("文件静止多久才存证（30 秒）", "how long a file must rest (30)"),
    "watch.nothing": ("无须存证：{intact} 份与已存证的相同", "nothing to deposit: {intact} as deposited"),
    "watch.done": (
        "{state}：新增 {new}，改动 {changed}，{evidence} {number}",
        "{state}: {new} new, {changed} changed, {evidence} {number}",
    ),
    "watch.looked": ("已读 {read}，未重读 {skipped}", "read {read}, not read again {skipped}"),
    "watch.left_out": ("未存证：{count}（下一轮再看）", "left out: {count} (the next round looks again)"),
    "watch.no_folder": (
        "{folder} 不是文件夹；单个文件请用 hefu deposit",
        "{folder} is not a folder; deposit a single file with hefu deposit",
    ),
    "watch.gone": ("{folder} 现在不在；请接好所在的盘", "{folder} is not there now; connect its disk"),
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
    "refresh.renewed": ("已补时间戳：{path}", "timestamped: {path}"),
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
    "keep.copy_changed": (
        "这份副本已不是存证时的内容；副本未被改动，请查明原因后移走",
        "this copy is no longer what was deposited; it was left as it is: find out why, and move it away",
    ),
    "approve.enough": (
        "{path} 的签名已经足够，再签一次会成为另一份存证",
        "{path} has all the signatures it needs; one more would make it another deposit",
    ),
    "keep.changed": ("对照之后又被改动，未另存", "it changed since it was checked, and was not copied"),
    "ignore.exception": (
        "{file}：{pattern!r}：不支持例外；请改写要排除的名称",
        "{file}: {pattern!r}: exceptions are not known; name what is to be left out instead",
    ),
    "ignore.not_utf8": ("{path} 不是 UTF-8；请另存为 UTF-8", "{path} is not UTF-8; save it as UTF-8"),
    "folder.none": ("{folder} 不是文件夹", "{folder} is not a folder"),
    # deposits on their way
    "deposit.late": (
        "服务承诺在 {by} 前入账而未做到；{kept} 可为凭",
        "the service promised to anchor this by {by} and has not; {kept} proves it",
    ),
    "deposit.other": (
        "{evidence} 不是 {path} 现有内容的证据：{reason}。它予以保留；请换一个 --out，或移走后再存证",
        (
            "{evidence} is not evidence of what {path} holds: {reason}. "
            "It stays; choose another --out, or move it away to deposit what is there now"
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
    "deposit.there": (
        "{evidence} 已存在，予以保留；请换一个 --out，或移走",
        "{evidence} is there already, and stays; choose another --out, or move it away",
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
    "index.unusable": (
        "{path} 无法使用（{error}）：请删除它，hefu refresh --out 证据文件夹 会重建",
        "{path} cannot be used ({error}): delete it; hefu refresh --out EVIDENCE-FOLDER makes it again",
    ),
    "index.no_match": (
        "{word!r} 不对应任何存证或文件；请给出存证编号、声明的至少 8 位、证据文件或文件路径",
        (
            "{word!r} is not one deposit or document; give a deposit's number, at least 8 digits of its statement, "
            "its evidence file, or a deposited document's path"
        ),
    ),
    "index.ambiguous": (
        "{word!r} 对应不止一次存证；请给出存证编号、声明的更多位、证据文件或文件路径",
        (
            "{word!r} is more than one deposit or document; give a deposit's number, more digits of its statement, "
            "its evidence file, or a deposited document's path"
        ),
    ),
    "index.busy": (
        "{path}：{error}；请关闭其他 hefu 命令后再试",
        "{path}: {error}; close other hefu commands and try again",
    ),
    "home.damaged": ("{path} 已损坏：{error}", "{path} is damaged: {error}"),
    "home.none": (
        "{path} 还不是家目录：请运行 hefu init --home {path} --server URL --code CODE",
        "{path} is no home folder yet: run hefu init --home {path} --server URL --code CODE",
    ),
    # the recovery sheet
    "sheet.title": ("合符恢复单", "Hefu recovery sheet"),
    "sheet.what": (
        "凭此恢复单，即使所有电脑毁损，也能从服务端或本地保管库的密文中取回全部存证资料。它不能用来存证或签名。",
        (
            "With this sheet every deposit's private half comes back from the encrypted copies, though every "
            "computer be lost. It cannot sign or deposit."
        ),
    ),
    "sheet.keep": (
        "持有者可以读到全部文件名与摘要：请打印后与电脑分开、保密存放，然后删除本文件。任何人（包括运营者）都不能补发。",
        (
            "Whoever holds it can read every file name and digest: print it, keep it locked away from the computer, "
            "then delete this file. Nobody, the operator included, can issue it again."
        ),
    ),
    "sheet.restore": (
        (
            "恢复：在新电脑上安装 hefu，运行 hefu vault restore --home DIR --words - --server URL --out DIR，"
            "输入 24 个词。"
        ),
        "To restore: install hefu, run the command above and type the 24 words; the QR code holds words and server.",
    ),
    "sheet.name": ("单位", "organisation"),
    "sheet.depositor": ("存证主体代号", "depositor"),
    "sheet.origin": ("账本", "ledger"),
    "sheet.server": ("服务", "server"),
    "sheet.fingerprint": ("账本公钥指纹", "log key, sha256"),
    "sheet.date": ("日期", "date"),
    # completion and the manual page
    "completion.summary": ("命令补全：bash、zsh、fish", "complete commands in bash, zsh or fish"),
    "completion.examples": (
        (
            'eval "$(hefu completion bash)"     写入 ~/.bashrc\n'
            "hefu completion fish > ~/.config/fish/completions/hefu.fish"
        ),
        'eval "$(hefu completion bash)"     in ~/.bashrc\nhefu completion fish > ~/.config/fish/completions/hefu.fish',
    ),
    "completion.shell": ("您的 shell", "your shell"),
    "man.name": ("名称", "NAME"),
    "man.synopsis": ("用法", "SYNOPSIS"),
    "man.command": ("命令", "COMMAND"),
    "man.commands": ("命令", "COMMANDS"),
    "man.environment": ("环境变量", "ENVIRONMENT"),
    "man.language": ("语言：zh 或 en", "the language: zh or en"),
    "man.exit": ("退出码", "EXIT STATUS"),
    "exit.0": ("核验一致，或已完成", "proven, or done"),
    "exit.1": ("核验不一致", "not proven"),
    "exit.2": ("用法有误，或被拒绝", "wrong words, or refused"),
    "exit.3": ("无法核验，或环境出错", "cannot tell, or the world failed"),
    "exit.130": ("被中断", "interrupted"),
    # the portable file
    "portable.missing": (
        "此文件不含适用于 Python {version}、{platform} 的 {names}；请运行 pip install {names}，或换一个版本的 Python",
        "this file carries no {names} for Python {version} on {platform}; pip install them, or take another Python",
    ),
    "portable.cache": (
        "无法在 {path} 写入所携带的组件：{cause}",
        "what this file carries cannot be unpacked: {path}: {cause}",
    ),
    "portable.damaged": ("文件已损坏，请重新下载", "damaged; download the file again"),
    "sight.alarm": (
        "账本现在所示与上次所见的检查点不能衔接：{error}",
        "the ledger does not lead from the checkpoint seen before to the one it shows now: {error}",
    ),
    # the vault and the recovery sheet
    "vault restore.summary": ("凭恢复单找回一切", "bring everything back from the recovery sheet"),
    "vault restore.examples": (
        (
            "hefu vault restore --home ~/.hefu --words - --server https://ledger.example --out 证据/\n"
            "hefu vault restore --home ~/.hefu --words 恢复词.txt --from /网络盘/保管库 --out 证据/"
        ),
        (
            "hefu vault restore --home ~/.hefu --words - --server https://ledger.example --out evidence/\n"
            "hefu vault restore --home ~/.hefu --words words.txt --from /drive/vault --out evidence/"
        ),
    ),
    "vault restore.home": ("恢复到哪个文件夹", "the folder to bring the home back in"),
    "vault restore.words": ("恢复词或二维码文字所在文件；- 则键入", "the sheet's words or QR text; - to type them"),
    "vault restore.source": ("从此保管库文件夹恢复，不经服务", "a vault's folder, instead of the service"),
    "vault restore.server": ("服务的网址，二维码文字未载明时需要", "the service's address, if the QR does not say it"),
    "vault restore.out": ("证据写在哪里", "where evidence is written"),
    "vault restore.type": ("请键入恢复单上的 24 个词，然后按回车：", "the 24 words of the recovery sheet, then Enter:"),
    "vault restore.where": (
        "缺少 --server 或 --from：恢复词本身不说明保管库在哪里",
        "--server or --from is needed: the words alone do not say where the vault is kept",
    ),
    "vault restore.done": (
        "已恢复 {evidence} 份证据，{documents} 份文件，在 {out}",
        "restored {evidence} pieces of evidence of {documents} documents, in {out}",
    ),
    "vault restore.waiting": ("  已存证，尚未入账：{statement}", "  deposited, not on the ledger yet: {statement}"),
    "vault restore.never": ("  已准备，未提交：{statement}", "  prepared, not deposited: {statement}"),
    "vault restore.problem": ("  无法恢复：{path}：{cause}", "  could not be restored: {path}: {cause}"),
    "vault verify.summary": ("验证保管库可以全部恢复", "prove that everything could be brought back"),
    "vault verify.examples": ("hefu vault verify --home ~/.hefu", "hefu vault verify --home ~/.hefu"),
    "vault verify.home": ("hefu init 所建的文件夹", "the folder that hefu init made"),
    "vault verify.server": ("服务的另一网址", "another address of the service than the home's"),
    "vault verify.offline": ("只看本地保管库，不看服务端", "look at the folder alone, not at the service's copy"),
    "vault verify.complete": (
        "保管库完整，可全部恢复：{deposits} 次存证，{documents} 份文件",
        "everything could be brought back: {deposits} deposits, {documents} documents",
    ),
    "vault verify.incomplete": (
        "保管库有缺损；完好的有 {deposits} 次存证，{documents} 份文件",
        "not everything could be brought back; good are {deposits} deposits, {documents} documents",
    ),
    "vault sync.summary": ("与服务互补保管库文件", "exchange what the service or this computer lacks"),
    "vault sync.examples": ("hefu vault sync --home ~/.hefu", "hefu vault sync --home ~/.hefu"),
    "vault sync.done": (
        "上传 {sent} 个文件，取回 {fetched} 个，补齐入账证明 {receipts} 份",
        "sent {sent} files, fetched {fetched}, added {receipts} receipts",
    ),
    "place.here": ("本地", "here"),
    "place.service": ("服务端", "at the service"),
    "vault.answer": ("保管库：服务的回答有误：{error}", "vault: the service's answer is {error}"),
    "vault.no_key": (
        "此处只有保管库，没有签名密钥，不能上传；请在有密钥的电脑上同步",
        "this home has only the vault, and no key to send with; run hefu vault sync where the key is",
    ),
    "vault.lost": (
        "此次存证的私密部分缺失；服务端若有，hefu vault sync 可取回",
        "a deposit's private half is missing; hefu vault sync fetches it if the service has it",
    ),
    "vault.unsent": ("缺失，请运行 hefu vault sync", "missing; run hefu vault sync"),
    "vault.no_beginning": ("此次存证的首个文件缺失", "the first of its deposit's files is missing"),
    "vault.no_settings": (
        "没有可读的设置，因而无法恢复",
        "no readable settings of a home, without which nothing is brought back",
    ),
    "vault.no_receipt": (
        "此处没有其入账证明，离开服务即无从证明；请运行 hefu vault sync",
        "its receipt is not kept here, so without the service it proves nothing; run hefu vault sync",
    ),
    "restore.not_there": (
        "{server} 没有这些恢复词的保管库：恢复词属于另一份恢复单，或服务不对",
        "{server} holds no vault of these words: they are another sheet's, or this is another server",
    ),
    "restore.no_vault": ("{folder} 里没有保管库文件", "{folder} holds no vault files"),
    "restore.home": ("{path} 已在使用；请另选 --home", "{path} is a home already; choose another --home"),
    "restore.other_words": (
        "{path} 正以另一份恢复词恢复；请另选 --home",
        "{path} is being restored with other words; choose another --home",
    ),
    "restore.wrong_words": (
        "这些恢复词打不开此保管库：属于另一份恢复单",
        "these words do not open this vault: they are another sheet's",
    ),
    "restore.no_settings": (
        "保管库里没有可读的设置；请从另一份副本恢复",
        "the vault holds no readable settings of a home; restore from another copy of it",
    ),
    "restore.in_the_way": (
        "{path} 已有别的内容，不会覆盖；请另选 --out",
        "{path} holds something else, which stays; choose another --out",
    ),
    "recovery.count": (
        "恢复单有 {wanted} 个词，这里是 {found} 个",
        "a recovery sheet has {wanted} words, here are {found}",
    ),
    "recovery.unknown": (
        "第 {places} 个词不在词表里；请与恢复单核对",
        "no word of the list: number {places}; compare with the sheet",
    ),
    "recovery.checksum": (
        "恢复词校验不符：其中一个是词表里的另一个词，或有两个颠倒",
        "the words do not belong together (their checksum is wrong): one is another of the list, or two are exchanged",
    ),
    "init.other_vault": (
        "{path} 已有另一保管库的恢复词；请另选 --home",
        "{path} has the recovery secret of another vault; choose another --home",
    ),
    "init.other_depositor": (
        "{path} 是为 {restored} 恢复的，登记码属于 {depositor}；请另选 --home",
        "{path} was restored for {restored}, the code is of {depositor}; choose another --home",
    ),
    "home.restored": (
        "{path} 没有签名密钥（恢复单不含密钥）：请向运营者要新登记码再运行 hefu init，或用 hefu key request 请同事加入",
        "{path} has no signing key (no recovery sheet holds one): run hefu init with a new code, or hefu key request",
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
