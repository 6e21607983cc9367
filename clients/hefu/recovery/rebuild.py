"""Evidence files written again from the vault, to the last byte."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from hefu.deposit.verify import check_receipt
from hefu.errors import ClientError
from hefu.evidence.extract import evidence_of
from hefu.files.atomic import PRIVATE, clear_away, make_private, publish, temporary_name
from hefu.files.platform import WRITE, reach
from hefu.home.home import Reader
from hefu.home.index import Index
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu.vault.blobs import StoredDeposit, opened
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.bundle import format_receipt_line, read_header, read_receipt, read_texts
from hefu_ledger.deposit.evidence import MAX_EVIDENCE, parse_evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.note import parse_note

_COPY: Final = 1 << 20


class Proven(NamedTuple):
    """A deposit in the vault, by its statement's id (hex), and its receipt, which was verified."""

    statement_id: str
    receipt: Receipt

    @property
    def nth(self) -> int:
        """The depositor's own running number of it."""
        return parse_acceptance(parse_note(self.receipt.acknowledgement.encode()).text).nth


class Rebuilt(NamedTuple):
    """The paths of the evidence, of how many documents it is, and the paths where something else is, which stays."""

    evidence: list[str]
    documents: int
    in_the_way: list[str]


def rebuild(
    reader: Reader,
    found: Sequence[Proven],
    out: str,
    index: Index,
    taken: Sequence[str] = (),
    places: Mapping[str, Sequence[str]] | None = None,
) -> Rebuilt:
    """Write each deposit's evidence under its own name, a later one of that name below a folder of its number.

    ``taken``: names that are others' already; ``places``: where evidence lay before, by its statement's id (hex), of
    which those under other names are left alone: what was cut out of it to be shown must not become all of it.
    Durable on return; the index takes it in with ``catch_up``.
    """
    done, names = Rebuilt([], 0, []), {name.casefold() for name in taken}
    with progress_bar("restore", len(found)) as progress:
        for item in sorted(found, key=lambda each: each.nth):
            with opened(reader.vault, item.statement_id, reader.recovery) as kept:
                name = kept.about.evidence
                final = f"{out}/{item.nth}/{name}" if name.casefold() in names else f"{out}/{name}"
                before = (places or {}).get(item.statement_id, ())
                final = next((path for path in before if os.path.basename(path) == name), final)
                names.add(name.casefold())
                if os.path.lexists(reach(final)) and not _is_there(final, kept, item.receipt):
                    done.in_the_way.append(final)
                else:
                    index.expect(final, base=kept.about.base)
                    _write(final, kept, item.receipt)
                    done.evidence.append(final)
                    done = done._replace(documents=done.documents + kept.part.header.count)
            progress.done()
    return done


def is_evidence_of(path: str, kept: StoredDeposit, reader: Reader) -> bool:
    """Whether a file is, byte for byte, the one that ``rebuild`` writes with the receipt that is in the file.

    That may have gained timestamps which the vault's receipt lacks.
    """
    if not os.path.isfile(reach(path)):  # a pipe would be waited for
        return False
    try:
        receipt = _receipt_in(path, kept)
        check_receipt(receipt, kept.part, reader)
    except LedgerError:
        return False
    return _holds(path, _evidence(kept, receipt))


def _is_there(final: str, kept: StoredDeposit, receipt: Receipt) -> bool:
    start = kept.file.tell()
    same = _holds(final, _evidence(kept, receipt))
    kept.file.seek(start)
    return same


def _write(final: str, kept: StoredDeposit, receipt: Receipt) -> None:
    make_private(os.path.dirname(final))
    clear_away(final)  # before it is opened: it would cut short the file of its name
    if os.path.lexists(reach(final)):
        return  # this very evidence
    temporary = temporary_name(final)
    with open(os.open(reach(temporary), WRITE | os.O_TRUNC, PRIVATE), "wb") as file:
        for data in _evidence(kept, receipt):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        publish(temporary, final)
    except FileExistsError:
        os.unlink(reach(temporary))
        raise ClientError(say("deposit.appeared", evidence=final)) from None


def _evidence(kept: StoredDeposit, receipt: Receipt) -> Iterator[bytes]:
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


def _receipt_in(path: str, kept: StoredDeposit) -> Receipt:
    with open(reach(path), "rb") as file:
        if kept.about.evidence.endswith(".json"):
            return parse_evidence(file.read(MAX_EVIDENCE + 1)).receipt
        file.seek(kept.part.end)
        return read_receipt(file)


def _holds(path: str, contents: Iterator[bytes]) -> bool:
    if not os.path.isfile(reach(path)):
        return False
    with open(reach(path), "rb") as file:
        return all(data == file.read(len(data)) for data in contents) and not file.read(1)
