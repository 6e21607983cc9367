"""The recovery sheet 恢复单: one page to print, keep away from the computer, and then delete the file of."""

from __future__ import annotations

from html import escape
from typing import Final, NamedTuple

from hefu.recovery import Sheet, format_sheet_text, format_words

_STYLE: Final = (
    "body{font:11pt/1.5 sans-serif;max-width:44em;margin:2em auto}h1{font-size:18pt;margin:0}"
    "ol{columns:3;font:13pt/1.9 monospace;padding-left:2.5em}dl{display:grid;grid-template-columns:14em 1fr}"
    "dd{margin:0;overflow-wrap:anywhere}svg{display:block;margin:1em auto}p{margin:.3em 0}"
)
_TEXT: Final = """\
凭此恢复单，即使所有电脑毁损，也能从服务端或本地保管库的密文中取回全部存证资料。它不能用来存证或签名。
With this sheet every deposit's private half comes back from the encrypted copies, though every computer be lost. \
It cannot sign or deposit.
持有者可以读到全部文件名与摘要：请打印后与电脑分开、保密存放，然后删除本文件。任何人（包括运营者）都不能补发。
Whoever holds it can read every file name and digest: print it, keep it locked away from the computer, then delete \
this file. Nobody, the operator included, can issue it again.
恢复：在新电脑上安装 hefu，运行 hefu vault restore --home DIR --words - --server URL --out DIR，输入 24 个词。
To restore: install hefu, run the command above and type the 24 words; the QR code holds words and server.
"""


class Particulars(NamedTuple):
    """What a sheet says beside its words; ``fingerprints``: of the log keys, ``date`` as YYYY-MM-DD."""

    name: str
    fingerprints: tuple[str, ...]
    date: str


def format_sheet(sheet: Sheet, particulars: Particulars) -> bytes:
    """Write the page: HTML that needs nothing from anywhere, the QR code inside it."""
    import segno  # noqa: PLC0415  # needed once in a home's life

    code = segno.make(format_sheet_text(sheet), error="m", micro=False).svg_inline(scale=3)
    words = "".join(f"<li>{word}</li>" for word in format_words(sheet.recovery).split())
    lines = "".join(f"<p>{escape(line)}</p>" for line in _TEXT.splitlines())
    members = {
        "单位 organisation": particulars.name,
        "存证主体代号 depositor": sheet.depositor,
        "账本 ledger": sheet.origin,
        "服务 server": sheet.server,
        "账本公钥指纹 log key, sha256": " ".join(particulars.fingerprints),
        "日期 date": particulars.date,
    }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in members.items())
    page = (
        '<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>合符恢复单 Hefu recovery sheet</title>'
        f"<style>{_STYLE}</style></head><body><h1>合符恢复单 Hefu recovery sheet</h1>{lines}"
        f"<ol>{words}</ol><dl>{rows}</dl>{code}</body></html>\n"
    )
    return page.encode()
