"""An evidence file 证据文件 ``NAME.hefu.json``: everything about one document but the document itself. Private.

Canonical JSON of at most 1 MiB, without a final newline.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hefu_ledger.deposit.card import SECTIONS, Sections, check_card
from hefu_ledger.deposit.receipt import MAX_PATH, Receipt, parse_receipt_value, receipt_value
from hefu_ledger.deposit.statement import MAX_COUNT
from hefu_ledger.encoding import Fields, canonical, check_format, parse_canonical
from hefu_ledger.section import OpenedSection, Section, parse_opened, parse_section_value, section_value

FORMAT: Final = "hefu-evidence/v1"
MAX_EVIDENCE: Final = 1_048_576  # bytes
_REQUIRED: Final = frozenset({"format", "index", "path", "receipt", "sections"})
_OPTIONAL: Final = frozenset({"identity"})


class Evidence(NamedTuple):
    """One document's evidence: its place in the deposit, the way to the deposit's root, and the receipt."""

    index: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    path: tuple[bytes, ...]
    receipt: Receipt
    sections: Sections
    identity: OpenedSection | None = None


def format_evidence(evidence: Evidence) -> bytes:
    """Write an evidence file."""
    members: dict[str, Any] = {
        "format": FORMAT,
        "index": evidence.index,
        "path": [node.hex() for node in evidence.path],
        "receipt": receipt_value(evidence.receipt),
        "sections": {name: section_value(section) for name, section in zip(SECTIONS, evidence.sections, strict=True)},
    }
    return canonical(members if evidence.identity is None else members | {"identity": section_value(evidence.identity)})


def parse_evidence(data: bytes) -> Evidence:
    """Read an evidence file; nothing in it is verified."""
    value = parse_canonical(data, limit=MAX_EVIDENCE)
    if isinstance(value, dict):
        check_format(value.get("format"), FORMAT)
    fields = Fields(value, "evidence", _REQUIRED, _OPTIONAL)
    sections = Fields(fields.raw("sections"), "sections", frozenset(SECTIONS))
    document, label, circumstances = (parse_section_value(sections.raw(name), name) for name in SECTIONS)
    check_card((_text(document), _text(label), _text(circumstances)))
    return Evidence(
        index=fields.whole("index", high=MAX_COUNT - 1),
        path=fields.hashes("path", high=MAX_PATH),
        receipt=parse_receipt_value(fields.raw("receipt")),
        sections=(document, label, circumstances),
        identity=parse_opened(fields.raw("identity"), "identity") if fields.has("identity") else None,
    )


def _text(section: Section) -> bytes:
    return section.text.encode() if isinstance(section, OpenedSection) else b""
