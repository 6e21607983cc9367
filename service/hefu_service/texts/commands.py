"""The help of each command, and its output."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "program.help": (
        (
            "合符：运行存证账本服务。\n\n\b\n"
            "hefu-service init  --data DIR --origin log.example/fengxian\n"
            "hefu-service serve --data DIR --port 8080\n"
            "hefu-service enrol --data DIR --name '上海某某化妆品有限公司' --uscc 91310120MA1HP00194 "
            "--method 营业执照核验 --verified-by 奉贤工作站"
        ),
        (
            "Hefu: run an evidence ledger.\n\n\b\n"
            "hefu-service init  --data DIR --origin log.example/fengxian\n"
            "hefu-service serve --data DIR --port 8080\n"
            "hefu-service enrol --data DIR --name 'Shanghai Cosmetics' --uscc 91310120MA1HP00194 "
            "--method 'business licence' --verified-by 'the desk in Fengxian'"
        ),
    ),
    "init.help": ("建立账本：密钥、数据库与创世条目。", "Begin a ledger: keys, database, and the first record."),
    "init.origin": ("账本      {origin}", "ledger      {origin}"),
    "init.key": ("账本公钥  {algorithm} {key}", "log key     {algorithm} {key}"),
    "init.fingerprint": ("指纹      {fingerprint}", "fingerprint {fingerprint}"),
    "init.recovery": ("请将恢复密钥移至离线处保管：{path}", "Move {path} to a place that is offline."),
    "serve.help": ("启动服务，直到被中断。", "Serve until interrupted."),
    "worker.help": (
        "启动封存进程：按 HEFU_REDIS_URL 的队列封存存证、发送消息，直到被中断。",
        "Seal deposits and send messages, as the queues of HEFU_REDIS_URL ask, until interrupted.",
    ),
    "enrol.help": (
        "签发一次性登记码，标准输出只有登记码。",
        "Print a one-time enrolment code, alone on stdout.",
    ),
    "enrol.warning": ("注意：{warning}", "warning: {warning}"),
    "enrol.code": (
        "一次性登记码（编号 {number}），7 天内有效：",
        "one-time enrolment code, number {number}, valid for 7 days:",
    ),
    "enrol.replaced": ("先前未用的登记码 {number} 就此作废", "the code {number}, not used yet, has ended"),
    "enrol.several": (
        "一次存证须有 {count} 个签名：其余密钥的登记码，请逐个用 --depositor {depositor} 签发",
        "a deposit needs {count} signatures: issue a code for each further key with --depositor {depositor}",
    ),
    "enrol.which": (
        "请给出 --name 与 --uscc；已登记的主体只给出 --depositor（及 --role）",
        "give --name and --uscc, or --depositor (with --role) alone for one already known",
    ),
    "enrol.verification": (
        "请给出 --method 与 --verified-by：以何种方式、由何人核验身份；每份存证文件都会载明",
        "give --method and --verified-by: how the identity was verified, and by whom; every evidence file says so",
    ),
    "enrol.ask_method": (
        "身份的核验方式（每份存证文件都会载明）",
        "how the identity was verified (every evidence file says so)",
    ),
    "enrol.ask_verifier": ("核验人（单位或岗位）", "verified by (an organisation or a desk)"),
    "enrol.check_character": (
        "{error}；若营业执照上确是如此，请以 --another-check-character 说明原因",
        "{error}; if the licence has it so, give the reason with --another-check-character",
    ),
    "enrol.known": (
        (
            "该单位已登记为存证主体 {depositor}：重发登记码或增加密钥请用 --depositor {depositor}；"
            "确需另立主体，请以 --another-identity 说明原因"
        ),
        (
            "the organisation is known as depositor {depositor}: for a new code or a further key use"
            " --depositor {depositor}; if it must be another one, give the reason with --another-identity"
        ),
    ),
    "enrol.reason": ("原因须为一行文字，1 至 {limit} 个字符", "a reason is one line of 1 to {limit} characters"),
    "depositors.help": (
        "列出存证主体、其身份，以及密钥与存证的数目。",
        "List depositors, their identities, and the numbers of their keys and deposits.",
    ),
    "depositors.columns": (
        "主体|统一社会信用代码|签名数|密钥|存证|名称|核验时间|核验人|核验方式",
        "depositor|USCC|signatures|keys|deposits|name|verified at|verified by|method",
    ),
    "depositors.another_identity": ("另立主体的原因：{reason}", "another identity, because: {reason}"),
    "depositors.another_check_character": ("校验位不同的原因：{reason}", "another check character, because: {reason}"),
    "keys.help": (
        "列出存证主体的密钥，末列即 retire 所需的 --vkey。",
        "List the keys of depositors; the last column is the --vkey of retire.",
    ),
    "keys.columns": ("主体|名称|角色|状态|登记时间|密钥", "depositor|name|role|state|enrolled at|key"),
    "keys.in_force": ("有效", "in force"),
    "keys.ended": ("已停用", "ended"),
    "keys.reported": ("{state}，自 {time} 起失控", "{state}, compromised since {time}"),
    "codes.help": (
        "列出登记码的编号与状态，或作废一个；登记码本身不再显示。",
        "List the numbers and states of codes, or withdraw one; a code itself is never shown again.",
    ),
    "codes.columns": ("编号|主体|名称|角色|状态|有效至", "number|depositor|name|role|state|valid until"),
    "codes.open": ("未用", "open"),
    "codes.used": ("已用", "used"),
    "codes.expired": ("已失效", "expired"),
    "codes.withdrawn": ("登记码 {number} 已作废", "code {number} is withdrawn"),
    "codes.unknown": (
        "没有编号为 {number} 的登记码：hefu-service codes 列出全部编号",
        "there is no code of number {number}: `hefu-service codes` lists the numbers",
    ),
    "codes.is_used": (
        "此登记码已用过，无从作废；要停用它所登记的密钥，请用 hefu-service retire",
        "the code has been used; to end the key that it enrolled use `hefu-service retire`",
    ),
    "codes.is_expired": ("此登记码已失效", "the code has expired already"),
    "role.prepare": ("经办", "prepare"),
    "role.approve": ("审批", "approve"),
    "register.none": ("没有符合的", "none"),
    "retire.help": ("停用存证主体的密钥，自下一次存证起。", "End a depositor's key, from the next deposit on."),
    "retire.done": ("已停用", "retired"),
    "clock.help": (
        "声明时钟现已准确。\n\n服务不信任其时钟时须作此声明；在此之前不接受存证。声明前请先与可靠的时间核对。",
        (
            "Declare that the clock is right now.\n\nWhere the service does not believe its clock, deposits are refused"
            " until then. Compare it with a reliable source first."
        ),
    ),
    "clock.warning": ("注意：{warning}", "warning: {warning}"),
    "clock.silent": ("时间服务器 {server} 没有应答", "the time server {server} did not answer"),
    "clock.done": ("时间自此起算：{time}", "times start from {time}"),
    "upgrade.help": ("把数据库结构升级到本程序的版本。", "Bring the database's schema up to this program's."),
    "upgrade.done": ("数据库结构已是最新", "the schema is this program's"),
    "move.help": (
        (
            "把账本迁入另一个空数据库，并逐表核对。\n\n"
            "须先停止服务。中断后再次运行同一命令即可继续。迁出之后，原数据库不再受理，予以保留。"
        ),
        (
            "Move the ledger into another, empty database, and prove every table equal.\n\nThe service must be stopped."
            " After an interruption the same command goes on. The old database is kept, and refused from then on."
        ),
    ),
    "move.copied": ("复制 {table}：{done}/{total} 行", "copied {table}: {done} of {total} rows"),
    "move.compared": (
        "核对 {table}（两处）：{done}/{total} 行",
        "compared {table}, on both sides: {done} of {total} rows",
    ),
    "move.proof": ("一致：{table}，{rows} 行，{digest}", "equal: {table}, {rows} rows, {digest}"),
    "move.done": ("已迁移；今后请设置：", "moved; from now on set:"),
    "move.done_sqlite": (
        "已迁移；今后请不要设置 HEFU_DATABASE_URL",
        "moved; from now on leave HEFU_DATABASE_URL unset",
    ),
    "fsck.help": (
        "全面自检：所存的一切相互核对。\n\n发现问题时退出码为 1。",
        "Check everything that is stored against everything else.\n\nExit 1 if anything is wrong.",
    ),
    "fsck.repaired": ("已重写：{name}", "written anew: {name}"),
    "fsck.clean": ("无误", "clean"),
    "fsck.count": ("发现 {count} 处", "{count} finding(s)"),
    "fsck.line": ("{severity}：{where}：{finding}", "{severity}: {where}: {finding}"),
    "messages.help": (
        "列出未送达的消息及原因，最早的在前。",
        "List undelivered messages and why, oldest first.",
    ),
    "messages.more": ("… 尚有更多", "… and more"),
    "messages.none": ("全部已送达", "all are delivered"),
    "messages.line": (
        "{destination} {number} {time} {state}",
        "{destination} {number} {time} {state}",
    ),
    "messages.retried": (
        "{line}：{status}，已试 {count} 次，下次 {next}",
        "{line}: {status}, {count} times, next {next}",
    ),
    "messages.given up": ("已放弃", "given up"),
    "messages.waiting": ("等待发送", "waiting"),
    "export.help": (
        "把已公开的账本导出到文件夹。\n\n任何静态文件服务器都能提供它。",
        "Copy the published ledger to a directory.\n\nAny static file server can serve it.",
    ),
    "export.done": ("{size} 条 -> {out}", "{size} records -> {out}"),
    "main.failed": ("hefu-service：{error}", "hefu-service: {error}"),
    "main.stopped": ("hefu-service：已停止：{error}", "hefu-service: stopped: {error}"),
    "main.encoding": (
        "hefu-service：终端的编码是 {encoding}，文字可能被读成别的字而签入账本；请设 PYTHONUTF8=1 或改用 UTF-8 再运行",
        (
            "hefu-service: words are read as {encoding} here, and might be signed as others; "
            "set PYTHONUTF8=1 or a UTF-8 locale and run this again"
        ),
    ),
    "main.unexpected": ("hefu-service：意外错误 {kind}：{error}", "hefu-service: unexpected {kind}: {error}"),
}

# Words of click, longest first where one is part of another.
CLICK: Final[tuple[tuple[str, str], ...]] = (
    ("Usage: ", "用法："),
    ("[OPTIONS]", "[选项]"),
    ("COMMAND [ARGS]...", "命令 [参数]..."),
    ("Options:", "选项："),
    ("Commands:", "命令："),
    ("Show this message and exit.", "显示本说明并退出。"),
    ("Show the version and exit.", "显示版本并退出。"),
    ("[default: ", "[默认："),
    ("[default:", "[默认："),
    ("; required]", "；必填]"),
    ("[required]", "[必填]"),
    ("Error: Missing command.", "错误：缺少命令。"),
    ("Error: Missing option ", "错误：缺少选项 "),
    ("Error: No such command ", "错误：没有此命令 "),
    ("Error: No such option ", "错误：没有此选项 "),
    ("Error: Invalid value for ", "错误：取值无效 "),
    ("Error: Got unexpected extra arguments ", "错误：多余的参数 "),
    ("Error: Got unexpected extra argument ", "错误：多余的参数 "),
    ("Error: Option ", "错误：选项 "),
    ("Error: ", "错误："),
    ("Did you mean one of: ", "是否指 "),
    ("Did you mean ", "是否指 "),
    (" requires an argument.", " 需要一个值。"),
    (" does not take a value.", " 不带值。"),
    (" does not exist.", " 不存在。"),
    (" is a directory.", " 是文件夹。"),
    (" is not readable.", " 无法读取。"),
    (" is not one of ", " 不在其中："),
    (" is not in the range ", " 超出范围 "),
    (" is not a valid integer range.", " 不是整数。"),
    ("File '", "文件 '"),
    ("Try '", "请看 '"),
    ("' for help.", "'。"),
)
