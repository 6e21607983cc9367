"""A text that was deposited under other signature lines than those that the vault has it with.

Where two must sign, two approvers may each sign a copy of one statement. The service accepts one of them; its receipt
is as good for the other's documents, since the text, and with it the root over their commitments, is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, NamedTuple, cast

from hefu.deposit.answers import fetch_receipt
from hefu.deposit.verify import check_twin, take_receipt
from hefu.home.home import Reader
from hefu.service import Service
from hefu.vault.blobs import DEPOSIT, StoredDeposit, kind_of, opened
from hefu.vault.store import Vault
from hefu_ledger.deposit.bundle import format_statement_line
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import statement_id as id_of
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.note import parse_note

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
            receipt = take_receipt(twin.receipt, part, reader)
            _keep(reader.vault, kept, statement, part.end)
        reader.vault.keep_receipt(receipt)
        reader.vault.owe_deposit(twin.deposited)
        reader.vault.drop(twin.kept)
    return len(found)


def twins(reader: Reader, service: Service, deposited: Collection[str]) -> Iterator[Twin]:
    """Find statements that the ledger has, and the vault only under other lines."""
    lacking = sorted(each for each in deposited if not reader.vault.has(each))
    waiting = dict(_texts(reader.vault, frozenset(deposited))) if lacking else {}
    for statement_id in lacking if waiting else ():
        receipt = fetch_receipt(statement_id, service)
        kept = None if receipt is None else waiting.get(parse_note(receipt.statement.encode()).text)
        if receipt is not None and kept is not None:
            yield Twin(kept, statement_id, receipt)


def _texts(vault: Vault, deposited: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The texts, and ids, of the vault's deposits that are not on the ledger."""
    for name in vault.names():
        if "." not in name and name not in deposited:
            try:
                if kind_of(vault.read(name) or b"", vault.recovery) == DEPOSIT:
                    with opened(vault, name, vault.recovery) as kept:
                        yield parse_note(kept.part.statement).text, name
            except LedgerError:
                continue  # damage is reported where that file alone is checked


def _keep(vault: Vault, kept: StoredDeposit, statement: bytes, size: int) -> None:
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        file = cast("BinaryIO", spool)
        left = kept.part.end - len(format_statement_line(kept.part.statement))
        while left:
            data = kept.file.read(min(_COPY, left))
            left -= len(data)
            file.write(data)
        file.write(format_statement_line(statement))
        file.seek(0)
        vault.keep_deposit(id_of(statement).hex(), kept.about, file, size)
