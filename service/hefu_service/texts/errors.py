"""Errors of the data directory, its keys and files, the machine and the network; and the name of each kind."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # The Chinese of errors whose own words are English; they follow it.
    "kind.LedgerError": ("账本不接受", "the ledger refuses"),
    "kind.MalformedError": ("格式不符", "malformed"),
    "kind.VerificationError": ("内容自相矛盾", "contradiction"),
    "kind.PortError": ("环境故障", "failure of the machine"),
    "kind.StorageError": ("数据库或磁盘故障", "failure of database or disk"),
    "kind.ImmutableError": ("只写一次的文件已有不同内容", "a write-once file has other bytes"),
    "kind.ClockError": ("时钟异常", "wrong clock"),
    "kind.SignerError": ("签名程序拒绝签名", "the signer refuses"),
    "kind.RefusedError": ("请求被拒绝", "refused"),
    "kind.UnknownDepositorError": ("没有此存证主体", "unknown depositor"),
    "kind.KeyNotInForceError": ("密钥未登记或已失效", "key not in force"),
    "kind.ConflictError": ("与先前的请求冲突", "conflict"),
    "kind.SealingStoppedError": ("数据自相矛盾，停止封存", "contradicting data"),
    "kind.RolledBackError": ("数据库落后于检查点或与之不符", "the database is behind a checkpoint"),
    "data.not_empty": (
        "{data} 不是空文件夹：账本须建在自己的空文件夹中，且只建一次",
        "{data} is not empty: a ledger is begun once, in a directory of its own",
    ),
    "data.cannot_make": ("无法建立 {data}：{reason}", "cannot make {data}: {reason}"),
    "data.cannot_look": ("无法查看 {data}：{reason}", "cannot look into {data}: {reason}"),
    "data.no_ledger": (
        "{data} 中没有账本：请先运行 hefu-service init --data {data} --origin …",
        "{data} holds no ledger: run `hefu-service init --data {data} --origin …` first",
    ),
    "data.no_database": (
        "{data} 中没有数据库：若用 PostgreSQL，须以 HEFU_DATABASE_URL 指明",
        "{data} holds no database: if it is PostgreSQL's, HEFU_DATABASE_URL must name it",
    ),
    "data.other_keys": (
        "{keys} 中的密钥不是账本创世条目所载的密钥",
        "the keys in {keys} are not those of the ledger's genesis record",
    ),
    "data.begun": (
        "数据库中已有账本：账本须建在自己的数据库中，且只建一次",
        "the database holds a ledger already: a ledger is begun once, in a database of its own",
    ),
    "data.no_genesis": (
        (
            "数据库中没有创世条目。若账本在另一个数据库中，请核对 HEFU_DATABASE_URL；若迁移曾被中断，请再次运行同一条"
            " hefu-service move；若 hefu-service init 曾被中断，请用另一个空文件夹与空数据库重新建立，原有的予以保留"
        ),
        (
            "the database holds no genesis record. If the ledger is in another database, check HEFU_DATABASE_URL; if a"
            " move was interrupted, run the same `hefu-service move` again; if `hefu-service init` was interrupted,"
            " begin in another empty directory and database, and keep these"
        ),
    ),
    "move.gone": (
        "账本已从此数据库迁往 {place}：请设置 HEFU_DATABASE_URL={place}；此数据库予以保留，不再受理",
        (
            "the ledger has moved from this database to {place}: set HEFU_DATABASE_URL={place}; this one is kept and"
            " takes nothing any more"
        ),
    ),
    "move.gone_sqlite": (
        "账本已从此数据库迁往数据文件夹中的 SQLite：请不要设置 HEFU_DATABASE_URL；此数据库予以保留，不再受理",
        (
            "the ledger has moved from this database to SQLite in the data directory: leave HEFU_DATABASE_URL unset;"
            " this one is kept and takes nothing any more"
        ),
    ),
    "move.coming": (
        "账本正从 {place} 迁入此数据库，尚未完成：请以原来的设置再次运行同一条 hefu-service move",
        (
            "the ledger is on its way from {place} into this database, and not whole: run the same `hefu-service move`"
            " again with the settings of before"
        ),
    ),
    "move.needed": (
        (
            "{file} 中有本账本，而 HEFU_DATABASE_URL 指向另一个数据库。要迁入该数据库：请停止服务，取消此设置，"
            "运行 hefu-service move --to 网址；否则请取消此设置"
        ),
        (
            "{file} holds this ledger, and HEFU_DATABASE_URL names another database. To move there: stop the service,"
            " unset it, and run `hefu-service move --to URL`; otherwise unset it"
        ),
    ),
    "move.none": ("此数据库中没有账本可迁", "this database holds no ledger to move"),
    "move.same": ("账本已在该数据库中", "the ledger is in that database already"),
    "move.elsewhere": (
        "账本已不在此数据库中（另见 {place}）：请在账本所在的数据库上运行，或用原先所写的网址继续",
        (
            "the ledger is not here any more, or not yet (see {place}): run this on the database that has it, or go on"
            " with the URL as it was written before"
        ),
    ),
    "move.lost": (
        "账本早已迁入该数据库，而今其中没有它：请找回该数据库或其备份；此处的旧数据可能缺少此后的存证",
        (
            "the ledger moved into that database before, and is not in it now: find that database, or its backup; the"
            " old data here may lack deposits of after the move"
        ),
    ),
    "move.not_empty": (
        "迁入的数据库不是空的，未作任何改动：请另建一个空数据库",
        "the database to move into is not empty, and was left as it is: make another, empty one",
    ),
    "move.differs": (
        "表 {table} 的内容不一致（原 {there} 行，新 {here} 行）：原数据库仍然有效；请另建一个空数据库再迁",
        (
            "table {table} differs ({there} rows there, {here} here): the old database is still the ledger's; move into"
            " another, empty one"
        ),
    ),
    "data.secret": ("无法读取密文件 {path}", "cannot read the secret in {path}"),
    "clock.leapt": (
        "时钟向前跳了 {leap_ms} 毫秒；请校正，或用 hefu-service clock 声明其所示时间为准",
        "the clock leapt forward by {leap_ms} ms; set it right, or declare the time it shows with 'hefu-service clock'",
    ),
    "clock.early": (
        "时钟为 {now}，早于账本的最后时间 {last}；请校正，或用 hefu-service clock 声明其所示时间为准",
        (
            "the clock shows {now}, before the ledger's last time {last}; set it right, or declare the time it shows"
            " with 'hefu-service clock'"
        ),
    ),
    "clock.late": (
        "时钟为 {now}，距账本的最后时间 {last} 已逾 {days} 天；请校正，或用 hefu-service clock 声明其所示时间为准",
        (
            "the clock shows {now}, more than {days} days after the ledger's last time {last}; set it right, or declare"
            " the time it shows with 'hefu-service clock'"
        ),
    ),
    "clock.unreleased": (
        "时钟为 {now}，早于本程序的发布时间 {released}；请校正，或用 hefu-service clock 声明其所示时间为准",
        (
            "the clock shows {now}, before this program was released at {released}; set it right, or declare the time"
            " it shows with 'hefu-service clock'"
        ),
    ),
    "clock.server": (
        "时钟与时间服务器相差 {off_ms} 毫秒；请校正，或用 hefu-service clock 声明其所示时间为准",
        (
            "the clock is {off_ms} ms off a time server's; set it right, or declare the time it shows with"
            " 'hefu-service clock'"
        ),
    ),
    "file.immutable": (
        "{path} 已存在且内容不同；此类文件只写一次",
        "{path} exists with other bytes, and such a file is written only once",
    ),
    "file.make": ("无法建立 {path}：{reason}", "cannot make {path}: {reason}"),
    "file.write": ("无法写入 {path}：{reason}", "cannot write {path}: {reason}"),
    "file.read": ("无法读取 {path}：{reason}", "cannot read {path}: {reason}"),
    "file.list": ("无法列出 {path}：{reason}", "cannot list {path}: {reason}"),
    "file.remove": ("无法删除 {path}：{reason}", "cannot remove {path}: {reason}"),
    "file.lock": ("无法锁定 {path}：{reason}", "cannot lock {path}: {reason}"),
    "file.count": ("无法在 {path} 中计数：{reason}", "cannot count in {path}: {reason}"),
    "file.no_tile": (
        "缺少 {path}：其未满的分片须保留",
        "{path} is missing: its partial tiles must stay",
    ),
    "file.damaged": ("{path} 已损坏：{error}", "{path} is damaged: {error}"),
    "file.no_batch": ("缺少批次文件 {name}", "batch file {name} is missing"),
    "file.batch_lines": (
        "批次文件 {name} 已损坏：应有 {count} 行",
        "batch file {name} is damaged: it should hold {count} lines",
    ),
    "file.batch": ("批次文件 {name} 已损坏：{error}", "batch file {name} is damaged: {error}"),
    "lock.another": (
        "另一服务（进程 {holder}）正在使用 {data}：请先停止它",
        "another service, process {holder}, runs on {data}: stop it first",
    ),
    "lock.alone": (
        "须独占的服务正在使用 {data}：请先停止它",
        "a service that must be alone runs on {data}: stop it first",
    ),
    "signer.unreadable": ("无法读取密钥文件 {path}：{reason}", "cannot read key file {path}: {reason}"),
    "signer.open": (
        "密钥文件 {path} 他人可读（权限 {mode:04o}）：请更换密钥，或 chmod 600",
        "key file {path} is open to others (mode {mode:04o}): change the key, or `chmod 600` it",
    ),
    "signer.malformed": ("密钥文件 {path}：{error}", "key file {path}: {error}"),
    "signer.memory": (
        "签名程序的记忆 {path} 已损坏：{error}",
        "the signer's memory {path} is damaged: {error}",
    ),
    "signer.plain": (
        "{name!r} 只签其来源的普通检查点",
        "{name!r} signs only plain checkpoints of that origin",
    ),
    "signer.extends": (
        "{size} 条的检查点并非由上次所签的 {last} 条延续而来：{error}",
        "a checkpoint of size {size} does not extend the last one signed, of size {last}: {error}",
    ),
    "webhook.secret": (
        "webhook 密文须为 whsec_ 加 24 至 64 字节的 base64：openssl rand -base64 32",
        'the webhook secret must be "whsec_" and base64 of 24 to 64 bytes: openssl rand -base64 32',
    ),
    "serve.taken": (
        "无法监听 {place}：已有别的程序在此监听；请先停止它，或用 --port 另选端口",
        "cannot listen on {place}: Address already in use; stop the program that has it, or choose another --port",
    ),
    "serve.listen": ("无法监听 {place}：{reason}", "cannot listen on {place}: {reason}"),
    "serve.ended": (
        "应答进程自行结束；原因见其最后几行日志",
        "the process that answers ended by itself; its last lines say why",
    ),
    "serve.certificate": (
        "无法使用证书 {certificate} 与私钥 {key}；二者须为 PEM 文件，私钥与证书相配且未加密：{error}",
        (
            "cannot use the certificate {certificate} with the key {key}, which must be PEM files, the key of that"
            " certificate and not encrypted: {error}"
        ),
    ),
    "serve.token": ("无法读取口令文件 {path}：{error}", "cannot read the token file {path}: {error}"),
    "serve.short_token": (
        "{path} 中的口令至少须有 32 个字符：openssl rand -hex 32",
        "the token in {path} must have at least 32 characters: openssl rand -hex 32",
    ),
    "queue.task": (
        "队列 {queue} 中的 {name!r:.100} 不是本程序的任务：不予运行",
        "queue {queue} holds {name!r:.100}, which is no task of this program there: nothing is run",
    ),
    "outbox.record": (
        "存有 {size} 条的检查点，却没有条目 {last}",
        "a checkpoint of {size} records is kept, and record {last} is not",
    ),
}
