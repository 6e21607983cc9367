"""Evidence files written again from the vault, to the last byte."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from hefu.atomic import PRIVATE, clear_away, make_private, publish, temporary_name
from hefu.blobs import Kept, opened
from hefu.disk import WRITE, reach
from hefu.errors import ClientError
from hefu.extract import evidence_of
from hefu.home import Reader
from hefu.index import Index
from hefu.language import say
from hefu.progress import progress_bar
from hefu_ledger.acceptance import parse_acceptance
from hefu_ledger.bundle import format_receipt_line, read_header, read_texts
from hefu_ledger.note import parse_note
from hefu_ledger.receipt import Receipt

_COPY: Final = 1 << 20


class Proven(NamedTuple):
    """A deposit in the vault, by its statement's id (hex), and its receipt, which was verified."""

    identity: str
    receipt: Receipt

    @property
    def nth(self) -> int:
        """The depositor's own running number of it."""
        return parse_acceptance(parse_note(self.receipt.acknowledgement.encode()).text).nth


class Rebuilt(NamedTuple):
    """The paths of the evidence, and of how many documents it is."""

    evidence: list[str]
    documents: int


def rebuild(reader: Reader, found: Sequence[Proven], out: str, index: Index, taken: Sequence[str] = ()) -> Rebuilt:
    """Write each deposit's evidence under its own name, a later one of that name below a folder of its number.

    ``taken``: names that are others' already. Durable on return; the index takes it in with ``catch_up``.
    """
    paths, documents, names = list[str](), 0, {name.casefold() for name in taken}
    with progress_bar("restore", len(found)) as progress:
        for item in sorted(found, key=lambda each: each.nth):
            with opened(reader.vault, item.identity, reader.recovery) as kept:
                name = kept.about.evidence
                final = f"{out}/{item.nth}/{name}" if name.casefold() in names else f"{out}/{name}"
                names.add(name.casefold())
                index.expect(final, base=kept.about.base)
                _write(final, kept, item.receipt)
                documents += kept.part.header.count
            paths.append(final)
            progress.done()
    return Rebuilt(paths, documents)


def _write(final: str, kept: Kept, receipt: Receipt) -> None:
    make_private(os.path.dirname(final))
    clear_away(final)  # before it is opened: it would cut short what has its name
    temporary = temporary_name(final)
    with open(os.open(reach(temporary), WRITE | os.O_TRUNC, PRIVATE), "wb") as file:
        for data in _evidence(kept, receipt):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        publish(temporary, final)
    except FileExistsError:
        same = _same(temporary, final)
        os.unlink(reach(temporary))
        if not same:
            raise ClientError(say("restore.in_the_way", path=final)) from None


def _evidence(kept: Kept, receipt: Receipt) -> Iterator[bytes]:
    if kept.about.evidence.endswith(".json"):
        header = read_header(kept.file)
        (texts,) = read_texts(kept.file, header.count)
        yield evidence_of(header, 0, texts, [], receipt)
        return
    left = kept.part.end
    while left:
        data = kept.file.read(min(_COPY, left))
        left -= len(data)
        yield data
    yield format_receipt_line(receipt)


def _same(one: str, other: str) -> bool:
    with open(reach(one), "rb") as first, open(reach(other), "rb") as second:
        return all(data == second.read(_COPY) for data in _chunks(first)) and not second.read(1)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(_COPY):
        yield data
