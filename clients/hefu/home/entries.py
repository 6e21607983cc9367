"""The index's entries: a deposit, and a document."""

from __future__ import annotations

import os
from typing import Any, Final, NamedTuple
from unicodedata import normalize

from hefu_ledger.deposit.state import ACCEPTED, ANCHORED, PREPARED, UNFINISHED
from hefu_ledger.encoding import format_time

ENTRY: Final = "id, statement, number, anchored, received_at, documents, evidence, base, previous"
DOCUMENT: Final = "name, size, sha256, path, position, statement, number, received_at, evidence"
KEPT: Final = b"vault/"  # how the evidence of a deposit begins that the vault alone has
_STATES: Final = (ANCHORED, ACCEPTED, PREPARED)


class Entry(NamedTuple):
    """A deposit. ``state``: unfinished, prepared, accepted or anchored; texts are empty until they are known, and
    ``evidence`` where the vault alone has it.
    """

    id: int
    statement: str  # hex SHA-256
    number: str
    state: str
    received_at: str
    documents: int
    evidence: str
    folder: str  # that its names are relative to
    previous: str
    label: str
    gone: bool = False  # whether the evidence is not where it was written


class Document(NamedTuple):
    """A deposited document. ``path``: of the original when it was deposited; empty if that is not known any more.

    ``evidence`` is empty where the vault alone has it.
    """

    name: str
    size: int
    sha256: str  # hex
    path: str
    position: int
    statement: str
    number: str
    received_at: str
    evidence: str
    label: str


def folded(text: str) -> str:
    """A text as it is searched for: full-width letters are like narrow ones, capitals like small ones."""
    return normalize("NFKC", text).casefold()


def as_number(text: str) -> str:
    """A text as deposit numbers are written: narrow capitals."""
    return normalize("NFKC", text).strip().upper()


def entry_of(row: tuple[Any, ...], labels: dict[str, str]) -> Entry:
    """Make an entry of a row with the columns ``ENTRY``."""
    number, statement, deposit_no, anchored, received_at, documents, evidence, base, previous = row
    states = (bool(anchored), deposit_no is not None, statement is not None)
    state = next((name for name, holds in zip(_STATES, states, strict=True) if holds), UNFINISHED)
    hexadecimal = statement.hex() if statement else ""
    return Entry(
        id=number,
        statement=hexadecimal,
        number=deposit_no or "",
        state=state,
        received_at=format_time(received_at) if received_at is not None else "",
        documents=documents or 0,
        evidence=_evidence(evidence),
        folder=os.fsdecode(base or b""),
        previous=previous.hex() if previous else "",
        label=labels.get(hexadecimal, ""),
    )


def document_of(row: tuple[Any, ...], labels: dict[str, str]) -> Document:
    """Make a document of a row with the columns ``DOCUMENT``."""
    name, size, sha256, path, position, statement, number, received_at, evidence = row
    hexadecimal = statement.hex() if statement else ""
    return Document(
        name=name,
        size=size,
        sha256=sha256.hex(),
        path=os.fsdecode(path or b""),
        position=position,
        statement=hexadecimal,
        number=number or "",
        received_at=format_time(received_at) if received_at is not None else "",
        evidence=_evidence(evidence),
        label=labels.get(f"{hexadecimal}/{position}", ""),
    )


def _evidence(path: bytes) -> str:
    return "" if path.startswith(KEPT) else os.fsdecode(path)
