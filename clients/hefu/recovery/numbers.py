"""The depositor's own running numbers ``nth``: a deposit that the service does not tell of leaves a gap in them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from hefu.deposit.answers import fetch_acknowledgement
from hefu.home.home import Reader
from hefu.service import Service
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.note import parse_note


def missing_numbers(reader: Reader, statement_ids: Iterable[str], service: Service | None) -> list[int]:
    """The numbers, from 1, of deposits before the last known one of which there is none among ``statement_ids``."""
    numbers = {number for each in statement_ids if (number := _number(reader, each, service)) is not None}
    return [number + 1 for number in range(max(numbers, default=-1)) if number not in numbers]


def _number(reader: Reader, statement_id: str, service: Service | None) -> int | None:
    acknowledgement: bytes | None = None
    with suppress(LedgerError):  # a damaged file, which others report
        receipt = reader.vault.receipt(statement_id)
        acknowledgement = None if receipt is None else receipt.acknowledgement.encode()
    if acknowledgement is None and service is not None:
        acknowledgement = fetch_acknowledgement(statement_id, service)
    with suppress(LedgerError):
        return None if acknowledgement is None else parse_acceptance(parse_note(acknowledgement).text).nth
    return None
