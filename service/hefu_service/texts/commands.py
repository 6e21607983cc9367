"""The help of each command, and its output."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "program.help": (
        (
            "合符：运行存证账本服务。\n\n\b\n"
            "hefu-service init  --data DIR --origin log.example/fengxian\n"
            "hefu-service serve --data DIR --port 8080\n"
            "hefu-service enrol --data DIR --name '上海某某化妆品有限公司' --uscc 91310120MA1HP00194"
        ),
        (
            "Hefu: run an evidence ledger.\n\n\b\n"
            "hefu-service init  --data DIR --origin log.example/fengxian\n"
            "hefu-service serve --data DIR --port 8080\n"
            "hefu-service enrol --data DIR --name 'Shanghai Cosmetics' --uscc 91310120MA1HP00194"
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
    "enrol.code": ("一次性登记码，7 天内有效：", "one-time enrolment code, valid for 7 days:"),
    "enrol.which": (
        "请给出 --name 与 --uscc；已登记的主体则给出 --depositor",
        "give --name and --uscc, or --depositor for one already known",
    ),
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
