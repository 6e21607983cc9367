"""``hefu verify --report``: one self-contained HTML page about a verification, to keep or to print on A4.

It loads nothing from elsewhere and runs no script. Every value is made plain (no controls) and escaped for HTML.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from hashlib import file_digest
from html import escape
from typing import Final, NamedTuple

from hefu.errors import ClientError
from hefu.evidence.verify import read_policy
from hefu.evidence.words import Row, Words, deciding
from hefu.files.atomic import PRIVATE, write_new
from hefu.files.platform import reach
from hefu.ui.escape import plain
from hefu.ui.language import both, languages, say
from hefu.version import __version__
from hefu_ledger.encoding import format_time
from hefu_ledger.language import LANGUAGES
from hefu_ledger.verify.sentences import local_time
from hefu_ledger.verify.verdict import CANNOT_TELL, NOT_PROVEN, PROVEN, TITLES, Step, Verdict

_HASH: Final = 64  # hex digits
_KINDS: Final = {PROVEN: "proven", NOT_PROVEN: "refuted", CANNOT_TELL: "open"}  # classes of the style


class Check(NamedTuple):
    """A verification: the paths as given, and its time (ms since 1970 UTC) by this computer's clock."""

    evidence: str
    document: str
    policy: str | None
    time: int


def write_report(path: str, verdict: Verdict, check: Check) -> None:
    """Write the page to a new file, readable by its owner alone. Durable on return. ClientError if the file exists."""
    page = report_page(verdict, check)
    try:
        write_new(path, page.encode("utf-8", "backslashreplace"), mode=PRIVATE)
    except FileExistsError:
        raise ClientError(say("verify.report_there", path=path)) from None


def now() -> int:
    """The time of a check, in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def report_page(verdict: Verdict, check: Check) -> str:
    """The page; in both languages, unless one was chosen."""
    spoken = [Words(verdict, _name(check.document), each) for each in languages()]
    return _PAGE.format(
        language=languages()[0],
        title=escape(" ".join(_said("report.title"))),
        style=_STYLE,
        kind=_KINDS[verdict.verdict],
        word=escape(" ".join(words.word for words in spoken)),
        sentences=_lines("p", (words.sentence for words in spoken)),
        headline=_lines("p", (words.headline for words in spoken if words.headline)),
        alone="" if verdict.facts.get("independent", True) else " alone",
        pair="".join(_pair(step, spoken) for step in deciding(verdict)),
        facts=_table("report.facts", *(words.rows() for words in spoken)),
        compared=_table("report.compared", *(_compared(verdict, check, each) for each in languages())),
        means=_table("report.means", *(_means(check, each) for each in languages())),
        steps_title=escape(" ".join(_said("report.steps"))),
        steps="".join(_step(step, spoken) for step in verdict.steps),
        scope=_lines("p", _said("report.scope")),
        command=escape(_command(check)),
    )


def _pair(step: Step, spoken: list[Words]) -> str:
    """The details of a step as rows."""
    return "".join(_row(*rows) for rows in zip(*(words.details(step) for words in spoken), strict=True))


def _compared(verdict: Verdict, check: Check, language: str) -> Iterator[Row]:
    """The digests of the files themselves."""
    document = verdict.facts.get("document", {})
    for name, label in (("sha-256", "SHA-256"), ("sm3", "SM3"), ("size", _in(language, "report.size"))):
        if name in document:
            yield Row(label, f"{document[name]}")
    if "documents" in verdict.facts:
        yield Row(_in(language, "report.documents"), f"{verdict.facts['documents']}")
    yield Row(_in(language, "report.evidence"), plain(_name(check.evidence)), _sha256(check.evidence))


def _means(check: Check, language: str) -> Iterator[Row]:
    """The policy, the program and the time."""
    policy = read_policy(check.policy)
    if policy is None or check.policy is None:
        yield Row(_in(language, "report.policy"), _in(language, "report.no_policy"))
    else:
        yield Row(_in(language, "report.policy"), plain(_name(check.policy)), _sha256(check.policy))
        for log in policy.logs:
            yield Row(_in(language, "report.log_key"), log.key.fingerprint, plain(log.key.name))
    yield Row(_in(language, "report.tool"), f"hefu {__version__}")
    yield Row(_in(language, "report.time"), local_time(language, format_time(check.time)))


def _step(step: Step, spoken: list[Words]) -> str:
    titles = " ".join(TITLES[step.step][LANGUAGES.index(words.language)] for words in spoken)
    details = "".join(f"<small>{escape(row.label)}{_values([row.value])}</small>" for row in spoken[0].details(step))
    return (
        f'<tr class="{step.outcome}"><td>{step.step}</td><th>{escape(titles)}</th>'
        f"<td>{_lines('span', _said(f'report.{step.outcome}'))}</td>"
        f"<td>{_lines('span', (words.step(step) for words in spoken))}{details}</td></tr>\n"
    )


def _table(title: str, *columns: Iterable[Row]) -> str:
    """A table of rows; a text that is the same in both languages stands once."""
    rows = "".join(_row(*rows) for rows in zip(*columns, strict=True))
    return f"<h2>{escape(' '.join(_said(title)))}</h2>\n<table>\n{rows}</table>\n"


def _row(*rows: Row) -> str:
    labels, values, guarantors = (dict.fromkeys(filter(None, texts)) for texts in zip(*rows, strict=True))
    guarantor = f"<small>{escape(' '.join(guarantors))}</small>" if guarantors else ""
    return f"<tr><th>{escape(' '.join(labels))}</th><td>{_values(values)}{guarantor}</td></tr>\n"


def _values(values: Iterable[str]) -> str:
    """Values as lines; a hash in a narrow face, so that it fits one."""
    return "".join(_lines("code" if len(value) == _HASH else "span", [value]) for value in values)


def _lines(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)


def _said(key: str) -> list[str]:
    return [_in(each, key) for each in languages()]


def _in(language: str, key: str) -> str:
    return both(key)[LANGUAGES.index(language)]


def _name(path: str) -> str:
    return os.path.basename(os.path.normpath(path))


def _sha256(path: str) -> str:
    with open(reach(path), "rb") as file:
        return f"SHA-256 {file_digest(file, 'sha256').hexdigest()}"


def _command(check: Check) -> str:
    policy = f" --policy {check.policy}" if check.policy else ""
    return plain(f"hefu verify {check.evidence} {check.document}{policy}")


_STYLE: Final = """
@page { size: A4; margin: 16mm 15mm; }
* { box-sizing: border-box; }
body { max-width: 178mm; margin: 10mm auto; padding: 0 4mm; color: #1c2126; background: #fff;
  font: 10.5pt/1.5 "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
h1 { font-size: 13pt; font-weight: 500; margin: 0 0 5mm; color: #58616b; }
h2 { font-size: 10.5pt; margin: 7mm 0 1.5mm; color: #58616b; font-weight: 600; break-after: avoid; }
section { border: 1px solid; border-left-width: 5px; border-radius: 3px; padding: 4mm 5mm; }
section strong { font-size: 19pt; line-height: 1.3; }
section p { margin: 1mm 0 0; color: #1c2126; }
section .headline p { font-weight: 600; }
section .alone p { color: #8a5a00; }
section table { margin-top: 1mm; }
section td, section th { border: 0; padding-bottom: 0; color: #1c2126; }
section th { width: 30mm; }
.proven { color: #1b6e3c; border-color: #1b6e3c; background: #f4faf6; }
.refuted { color: #a32020; border-color: #a32020; background: #fdf5f5; }
.open { color: #8a5a00; border-color: #8a5a00; background: #fdf9f0; }
table { width: 100%; border-collapse: collapse; }
tr { break-inside: avoid; }
th, td { text-align: left; vertical-align: top; padding: 1.2mm 3mm 1.2mm 0; border-top: 1px solid #e3e6e9;
  overflow-wrap: anywhere; }
th { width: 52mm; font-weight: 400; color: #58616b; }
th span, td span { display: block; }
small { display: block; color: #58616b; font-size: 9pt; }
.steps { font-size: 9.5pt; }
.steps td:first-child { width: 9mm; text-align: right; color: #58616b; }
.steps th { width: 40mm; }
.steps td:nth-child(3) { width: 24mm; }
.ok td:nth-child(3) { color: #1b6e3c; }
.failed td:nth-child(3) { color: #a32020; font-weight: 600; }
.cannot td:nth-child(3), .noted td:nth-child(3) { color: #8a5a00; }
.unchecked td:nth-child(3) { color: #58616b; }
footer { margin-top: 7mm; font-size: 9pt; color: #58616b; break-inside: avoid; }
footer p { margin: 0; }
code { display: block; font: 8.5pt/1.7 "Noto Sans Mono CJK SC", Consolas, Menlo, monospace; overflow-wrap: anywhere; }
@media print { body { margin: 0; padding: 0; max-width: none; }
  section, tr { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""
_PAGE: Final = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<section class="{kind}">
<strong>{word}</strong>
{sentences}
<table>{pair}</table>
<div class="headline{alone}">{headline}</div>
</section>
{facts}{compared}{means}<h2>{steps_title}</h2>
<table class="steps">
{steps}</table>
<footer>{scope}
<code>{command}</code>
</footer>
</body>
</html>
"""
