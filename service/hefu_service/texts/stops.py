"""Contradictions that stop the ledger, and refusals of deposits."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "seal.no_batch": ("条目 {index} 按批次存储，却不是批次", "record {index} is stored as a batch and is none"),
    "seal.roots": (
        "批次根的两种计算结果不同：{ours}，而 merkletools 得 {theirs}；不予封存",
        "two computations of a batch's root differ: {ours}, and {theirs} by merkletools; nothing is sealed",
    ),
    "seal.acceptance": (
        "存证 {seq}：无法读取所存的受理：{error}",
        "deposit {seq}: its stored acceptance cannot be read: {error}",
    ),
    "seal.place": (
        "存证 {seq}：其受理、声明与位置不相符",
        "deposit {seq}: its acceptance, its statement and its place do not agree",
    ),
    "seal.no_record": ("库中没有条目 {index}", "record {index} is not stored"),
    "seal.unknown": (
        "事项 {number} 的类型 {kind!r} 是本版本所不认识的：请用建立它的版本运行",
        "event {number} is of type {kind!r}, unknown to this version: run the version that made it",
    ),
    "seal.no_genesis": (
        "账本没有创世条目；请用 hefu-service init 建立",
        "the ledger has no genesis record; begin it with 'hefu-service init'",
    ),
    "seal.owed": (
        "自 {first} 起应有 {count} 次存证待封存，却存有 {found} 次",
        "{count} deposits are owed from {first} on, {found} are stored",
    ),
    "past.published": ("公布", "published"),
    "past.signed": ("签名", "signed"),
    "past.not_ours": (
        "检查点属于 {origin!r:.200}，未经 {key} 签名",
        "a checkpoint of {origin!r:.200} that {key} has not signed",
    ),
    "past.origin": (
        "上次{done}的检查点属于 {found!r}，不属于 {origin!r}",
        "the checkpoint last {done} is of {found!r}, not of {origin!r}",
    ),
    "past.behind": (
        "已{done} {size} 条的检查点，而数据库只有 {stored} 条：如恢复了旧备份，条目已丢失；此账本不能继续",
        (
            "a checkpoint of {size} records was {done}, the database has {stored}: it has lost records,"
            " as after restoring a backup; this ledger cannot go on"
        ),
    ),
    "past.beside": (
        "已{done}的 {size} 条的检查点与数据库中的条目不符；此账本不能继续",
        (
            "the checkpoint of {size} records that was {done} is of other records than the database's;"
            " this ledger cannot go on"
        ),
    ),
    "publish.deposits": (
        "条目 {index} 的存证不再得出其所载的根",
        "the deposits of record {index} no longer lead to the root it holds",
    ),
    "publish.record": ("条目 {index} 已不是当初公布的条目", "record {index} is no longer the one that was published"),
    "publish.tiles": (
        "{size} 条的分片得出根 {published}，数据库得出 {committed}；不予签名",
        ("the tiles of {size} records lead to the root {published}, the database to {committed}; nothing is signed"),
    ),
    "repair.checkpoint": (
        "数据库的 {size} 条不能得出已公布的检查点",
        "the database's {size} records do not lead to the published checkpoint",
    ),
    "export.private": (
        "此文件夹中的导出含有不公开的声明：请导出到别处，或加 --statements",
        "this directory holds an export with statements, which are private: export to another, or with --statements",
    ),
    "export.nothing": ("尚未公布检查点", "no checkpoint is published yet"),
    "export.leaves": ("批次 {index} 的叶", "leaves of batch {index}"),
    "export.entries": ("批次 {index} 的声明", "entries of batch {index}"),
    "export.behind": (
        ("已公布 {size} 条，库中只有 {found} 条：这是落后的备库，或条目已丢失；请稍后再导出，或从主库导出"),
        (
            "the database has {found} of {size} published records: a standby that is behind, or records were lost;"
            " export again later, or from the primary"
        ),
    ),
    "publish.fewer": (
        "库中原有 {size} 条，现在更少；不予签名",
        "the database had {size} records and has fewer now; nothing is signed",
    ),
    "export.missing": (
        "{name}不在其公布之处：请运行 hefu-service fsck",
        "{name} is not where it was published: run `hefu-service fsck`",
    ),
    "clock.behind": (
        "时钟比上一次存证晚了 {behind_ms} 毫秒；请校正，或用 hefu-service clock 声明其所示时间为准",
        (
            "the clock is {behind_ms} ms behind the last deposit; set it right, or declare the"
            " time it shows with 'hefu-service clock'"
        ),
    ),
    "deposit.seen": (
        "声明所见的 {size} 条的账本并非本账本，或已不是：请与他人比对检查点，这可能证明账本分叉",
        (
            "the statement has seen a ledger of {size} records that this one is not, or not any more:"
            " compare your checkpoint with others, it may prove a fork"
        ),
    ),
    "deposit.tiles": (
        "已公布的分片不能得出检查点：请运行 hefu-service fsck：{error}",
        "published tiles do not lead to the checkpoint: run `hefu-service fsck`: {error}",
    ),
    "deposit.origin": (
        "声明属于账本 {found!r}，而这里是 {origin!r}",
        "the statement is for the ledger {found!r}, this is {origin!r}",
    ),
    "deposit.unknown": ("此处没有登记存证主体 {depositor!r}", "no depositor {depositor!r} is enrolled here"),
    "deposit.key": (
        "{name!r:.200} 的密钥 {key} 未登记、已停用或属于他人",
        "key {key} of {name!r:.200} is unknown, retired or not the depositor's",
    ),
    "deposit.count": (
        "一次请求含 1 至 {limit} 份声明，而不是 {count} 份",
        "a request has 1 to {limit} statements, not {count}",
    ),
    "deposit.text": (
        "此内容已以另外的签名行存证：声明 {statement}，存证 {number}；其回执与入账证明同样属于贵方",
        (
            "this text was deposited already, under other signature lines: statement"
            " {statement}, deposit {number}; its acknowledgement and receipt are yours as well"
        ),
    ),
    "deposit.text_twice": (
        "此内容在同一请求中还有另外的签名行：声明 {statement}",
        "the request holds this text under other signature lines too, as statement {statement}",
    ),
    "deposit.busy": ("等待的存证过多；未作存储", "too many deposits wait already; nothing was stored"),
}
