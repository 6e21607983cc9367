"""Every day: list, search, label, check, watch 日常."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "list.summary": ("列出存证，或某次存证的文件", "list deposits, or one's documents"),
    "list.examples": ("hefu list --home ~/.hefu", "hefu list --home ~/.hefu"),
    "list.deposit": ("存证编号或声明：列出其文件", "a deposit's number or statement: its documents"),
    "list.none": ("尚无存证", "nothing deposited yet"),
    "list.gone": ("（已不在原处）", " (not there any more)"),
    "list.in_vault": ("（仅在保管库：hefu vault sync --out）", "(in the vault alone: hefu vault sync --out)"),
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
    "check.gone": (
        "证据已不在原处：{count}（hefu vault sync --out DIR 可取回）",
        "evidence is not where it was written: {count} (hefu vault sync --out DIR brings it back)",
    ),
    "check.unplaced": (
        "有 {count} 次存证的原件位置已无从得知（索引曾丢失）：缺少的文件看不出来",
        "of {count} deposits it is not known where the documents were (the index was lost): missing ones do not show",
    ),
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
        "未存证：{count}（若可能已在别的电脑上存证，先运行 hefu vault sync；否则 hefu watch --once 或 hefu deposit）",
        (
            "not deposited: {count} (if another computer may have deposited it, hefu vault sync first; "
            "else hefu watch --once, or hefu deposit)"
        ),
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
    "check.stamped": (
        "{deposits} 份证据中，{count} 份有所信任机构的时间戳",
        "{count} of {deposits} pieces of evidence have a timestamp of a trusted authority",
    ),
    "check.copied": ("新存副本：{count}", "copied: {count}"),
    "check.waiting": (
        "{count} 次存证在途：hefu refresh；别的电脑的：hefu vault sync",
        "{count} deposits are on their way: hefu refresh; for another computer's, hefu vault sync",
    ),
    "keep.copy_changed": (
        "这份副本已不是存证时的内容；副本未被改动，请查明原因后移走",
        "this copy is no longer what was deposited; it was left as it is: find out why, and move it away",
    ),
    "keep.changed": ("对照之后又被改动，未另存", "it changed since it was checked, and was not copied"),
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
    "watch.odd": ("不是文件，略过：{count}", "skipped, being no files: {count}"),
    "watch.left_out": ("未存证：{count}（下一轮再看）", "left out: {count} (the next round looks again)"),
    "watch.no_folder": (
        "{folder} 不是文件夹；单个文件请用 hefu deposit",
        "{folder} is not a folder; deposit a single file with hefu deposit",
    ),
    "watch.gone": ("{folder} 现在不在；请接好所在的盘", "{folder} is not there now; connect its disk"),
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
}
