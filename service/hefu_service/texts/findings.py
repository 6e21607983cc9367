"""Findings of ``hefu-service fsck``, and the parts that it checks."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "severity.error": ("错误", "error"),
    "severity.warning": ("警告", "warning"),
    "part.checkpoint": ("检查点", "checkpoint"),
    "part.seen": ("所见检查点", "seen"),
    "part.replay": ("重放", "replay"),
    "part.events": ("事件", "events"),
    "part.deposits": ("存证", "deposits"),
    "part.tiles": ("公开分片", "tiles"),
    "part.batches": ("批次", "batches"),
    "part.vaults": ("保管库", "vaults"),
    "found.missing": ("缺失", "missing"),
    "found.unreadable": ("无法读取：{error}", "cannot be read: {error}"),
    "found.other": ("与数据库不符", "not what the database holds"),
    "found.other_blob": ("不是存入时的字节", "not the bytes that were put there"),
    "found.of_path": ("{path}：{fault}", "{path}: {fault}"),
    "found.fewer": (
        "存有 {size} 条的检查点，而条目没有这么多",
        "a checkpoint of {size} records is kept, there are fewer",
    ),
    "found.head": (
        "数据库所载的末端（{size} 条）不是条目的末端",
        "the head of {size} records is not where the records end",
    ),
    "found.late": ("{count} 次存证的封存晚于承诺", "{count} deposits were sealed later than promised"),
    "found.seen_lost": (
        "所见的检查点有 {size} 条，多于数据库的 {found} 条：数据库丢失了条目",
        "the checkpoint of {size} records that was seen has more than the database's {found}: it has lost records",
    ),
    "found.seen_other": (
        "所见的 {size} 条的检查点与数据库的条目不同：存在两份历史",
        (
            "the checkpoint of {size} records that was seen is of other records than the database's:"
            " there are two histories"
        ),
    ),
    "found.event_numbers": ("事件的编号不是 0 至 {last}", "the events are not numbered from 0 to {last}"),
    "found.event": ("事件 {event} 与条目 {record} 不符", "event {event} is not what record {record} says"),
    "found.deposit_missing": ("存证 {seq} 已接收，现缺失", "deposit {seq} was accepted and is missing"),
    "found.deposits_beyond": (
        "接收末端 {end} 之后还有存证",
        "there are deposits beyond the intake head at {end}",
    ),
    "found.overdue": (
        "存证 {seq} 尚未封存，已过承诺的时限",
        "deposit {seq} is not sealed, and was promised to be by now",
    ),
    "found.batch_file": (
        "条目 {record} 的批次文件与存证不符",
        "the batch file of record {record} differs from the deposits",
    ),
    "found.leaves": ("条目 {record} 的叶：{fault}", "leaves of record {record}: {fault}"),
    "found.nodes": ("条目 {record} 的节点：{fault}", "nodes of record {record}: {fault}"),
    "found.blob": ("{depositor} 的 {name}：{fault}", "{name} of {depositor}: {fault}"),
    "found.checkpoint_size": (
        "{size} 条的检查点被存作更大的检查点",
        "a checkpoint of {size} records is kept as a larger one",
    ),
    "found.row": (
        "条目 {record} 存放在不属于它的存证或主体之下",
        "record {record} is stored under another deposit or depositor than it is about",
    ),
}
