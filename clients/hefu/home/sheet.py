"""The recovery sheet 恢复单: one page to print, keep away from the computer, and then delete the file of."""

from __future__ import annotations

import os
import time
from html import escape
from typing import Final, NamedTuple

from hefu.files.atomic import replace, sync_folder
from hefu.home import home
from hefu.home.settings import NEW
from hefu.ui.language import both
from hefu.vault.secret import Recovery, Sheet, format_sheet_text, format_words

SHEET: Final = "recovery.html"
_STYLE: Final = (
    "body{font:11pt/1.5 sans-serif;max-width:44em;margin:2em auto}h1{font-size:18pt;margin:0}"
    "ol{columns:3;font:13pt/1.9 monospace;padding-left:2.5em}dl{display:grid;grid-template-columns:14em 1fr}"
    "dd{margin:0;overflow-wrap:anywhere}svg{display:block;margin:1em auto}p{margin:.3em 0}"
)
_PARAGRAPHS: Final = ("what", "keep", "restore")
_FIRST, _NEXT, _LAST = "<ol><li>", "</li><li>", "</li></ol>"  # around and between words


class Particulars(NamedTuple):
    """The text of a sheet beside its words; ``fingerprints``: of the log keys, ``date`` as YYYY-MM-DD."""

    name: str
    fingerprints: tuple[str, ...]
    date: str


def format_sheet(sheet: Sheet, particulars: Particulars) -> bytes:
    """Write the page: HTML that needs nothing from anywhere, the QR code inside it."""
    import segno  # needed once in a home's life

    code = segno.make(format_sheet_text(sheet), error="m", micro=False).svg_inline(scale=3)
    lines = "".join(f"<p>{escape(line)}</p>" for name in _PARAGRAPHS for line in both(f"sheet.{name}"))
    members = {
        "name": particulars.name,
        "depositor": sheet.depositor,
        "origin": sheet.origin,
        "server": sheet.server,
        "fingerprint": " ".join(particulars.fingerprints),
        "date": particulars.date,
    }
    rows = "".join(f"<dt>{_both(name)}</dt><dd>{escape(value)}</dd>" for name, value in members.items())
    page = (
        f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>{_both("title")}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{_both('title')}</h1>{lines}"
        f"{_FIRST}{_NEXT.join(format_words(sheet.recovery).split())}{_LAST}<dl>{rows}</dl>{code}</body></html>\n"
    )
    return page.encode()


def words_on(page: bytes) -> str:
    """The words that a sheet shows; empty for a page that is none of ours, or no longer as it was written."""
    _, _, rest = page.decode("utf-8", "replace").partition(_FIRST)
    words = rest.partition(_LAST)[0].split(_NEXT)
    return " ".join(words) if all(word.isalpha() for word in words) else ""


def _both(name: str) -> str:
    """Chinese and English: the reader of a sheet may know either."""
    return escape(" ".join(both(f"sheet.{name}")))


def write_sheet(path: str, sheet: Sheet, *, name: str, fingerprints: tuple[str, ...]) -> tuple[str, str]:
    """Write the recovery sheet of a secret that was made here: the words and the file; empty for one that was not."""
    if home.read(path, home.VAULT_KEY + NEW) is None:
        return "", ""
    return format_words(sheet.recovery), make_sheet(path, sheet, name=name, fingerprints=fingerprints)


def make_sheet(path: str, sheet: Sheet, *, name: str, fingerprints: tuple[str, ...]) -> str:
    """Write a recovery sheet, and give its file. Durable on return."""
    date = time.strftime("%Y-%m-%d")
    replace(f"{path}/{SHEET}", format_sheet(sheet, Particulars(name, fingerprints, date)))
    return f"{path}/{SHEET}"


def remove_old_sheet(path: str, recovery: Recovery) -> str:
    """Remove a sheet of other words than these, which open the vault no more; its file if there was one. Durable."""
    sheet = f"{path}/{SHEET}"
    page = home.read(path, SHEET)
    if page is None or words_on(page) in ("", format_words(recovery)):
        return ""
    os.unlink(sheet)
    sync_folder(sheet)
    return sheet
