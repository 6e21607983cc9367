"""A text that was deposited under other signature lines than those that the vault has it with.

Where two must sign, two approvers may each sign a copy of one statement. The service accepts one of them; its receipt
is as good for the other's documents, since the text, and with it the root over their commitments, is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, NamedTuple, cast

from hefu.acknowledgement import verify_answer
from hefu.blobs import DEPOSIT, Kept, kind_of, opened
from hefu.bundles import Part
from hefu.errors import RefusedError
from hefu.home import Reader
from hefu.http import Service
from hefu.vault import Vault
from hefu_ledger.bundle import format_statement_line
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.note import parse_note
from hefu_ledger.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.statement import statement_id
from hefu_ledger.verify import Folder

_IN_MEMORY: Final = 16 << 20  # bytes
_COPY: Final = 1 << 20


class Twin(NamedTuple):
    """``kept``: the id (hex) that the vault has; ``deposited``: the one of the same text that the ledger has."""

    kept: str
    deposited: str
    receipt: Receipt


def adopt(reader: Reader, service: Service, deposited: Collection[str]) -> int:
    """Let the vault have, under its own id, each of the ``deposited`` whose text it has under another; how many.

    Durable on return. VerificationError for a receipt that does not prove the deposit; the vault stays as it is then.
    """
    found = list(twins(reader, service, deposited))
    for twin in found:
        with opened(reader.vault, twin.kept, reader.recovery) as kept:
            statement = twin.receipt.statement.encode()
            part = check_twin(twin.receipt, kept.part, reader)
            _keep(reader.vault, kept, statement, part.end)
        reader.vault.keep_receipt(twin.receipt)
        reader.vault.owe_deposit(twin.deposited)
        reader.vault.drop(twin.kept)
    return len(found)


def twins(reader: Reader, service: Service, deposited: Collection[str]) -> Iterator[Twin]:
    """Find what the ledger has of a text, and the vault only under other lines."""
    lacking = sorted(each for each in deposited if not reader.vault.has(each))
    waiting = dict(_texts(reader.vault, frozenset(deposited))) if lacking else {}
    for identity in lacking if waiting else ():
        receipt = fetch_receipt(identity, service)
        kept = None if receipt is None else waiting.get(parse_note(receipt.statement.encode()).text)
        if receipt is not None and kept is not None:
            yield Twin(kept, identity, receipt)


def check_twin(receipt: Receipt, part: Part, reader: Reader) -> Part:
    """Check that a receipt proves a deposit, though perhaps under other lines; the part with those of the receipt."""
    statement = receipt.statement.encode()
    if parse_note(statement).text != parse_note(part.statement).text:
        raise VerificationError("receipt: it is of another statement")
    end = part.end - len(format_statement_line(part.statement)) + len(format_statement_line(statement))
    part = part._replace(statement=statement, end=end)
    check_receipt(receipt, part, reader)
    return part


def check_receipt(receipt: Receipt, part: Part, reader: Reader) -> None:
    """Check that a receipt proves the deposit of this part, or raise what ``verify_answer`` does."""
    owners = frozenset({(reader.config.origin, reader.config.depositor)})
    folder = Folder(part.header.count, part.root, owners)
    acknowledgement = receipt.acknowledgement.encode()
    verify_answer(receipt, folder, statement=part.statement, acknowledgement=acknowledgement, home=reader)


def fetch_receipt(identity: str, service: Service) -> Receipt | None:
    """A receipt from the service; None while there is none, or if the statement was never deposited.

    VerificationError for that of another statement: whoever believed it would give up the private half of that one.
    """
    try:
        answer = service.get(f"/v1/deposits/{identity}/receipt", limit=MAX_RECEIPT)
    except RefusedError as error:
        if error.status != 404:
            raise
        return None
    receipt = parse_receipt(answer.body) if answer.status == 200 else None
    if receipt is not None and statement_id(receipt.statement.encode()).hex() != identity:
        raise VerificationError("receipt: it is of another statement")
    return receipt


def _texts(vault: Vault, deposited: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The texts, and ids, of the vault's deposits that are not on the ledger."""
    for name in vault.names():
        if "." not in name and name not in deposited:
            try:
                if kind_of(vault.read(name) or b"", vault.recovery) == DEPOSIT:
                    with opened(vault, name, vault.recovery) as kept:
                        yield parse_note(kept.part.statement).text, name
            except LedgerError:
                continue  # for whoever looks at it alone


def _keep(vault: Vault, kept: Kept, statement: bytes, size: int) -> None:
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        file = cast("BinaryIO", spool)
        left = kept.part.end - len(format_statement_line(kept.part.statement))
        while left:
            data = kept.file.read(min(_COPY, left))
            left -= len(data)
            file.write(data)
        file.write(format_statement_line(statement))
        file.seek(0)
        vault.keep_deposit(statement_id(statement).hex(), kept.about, file, size)
