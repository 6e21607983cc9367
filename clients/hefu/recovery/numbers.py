"""The depositor's own running numbers ``nth``: a deposit that the service does not tell of leaves a gap in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from hefu.deposit.answers import fetch_acknowledgement
from hefu.deposit.verify import verify_acknowledgement
from hefu.home.home import Reader
from hefu.service import Service
from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.note import parse_note


class Numbers(NamedTuple):
    """``last``: the largest running number known, from 1; 0 for none. ``gaps``: first and last of those not known."""

    last: int
    gaps: list[tuple[int, int]]

    def missing(self) -> Iterator[str]:
        """Each gap as people write it: 3, or 5–9."""
        yield from (f"{first}" if first == last else f"{first}–{last}" for first, last in self.gaps)


def running_numbers(reader: Reader, statement_ids: Iterable[str], service: Service | None) -> Numbers:
    """The numbers of these deposits (hex statement ids), and the gaps before the last of them.

    Without a service a deposit without a receipt has a number that is not known: there is no gap that those could fill.
    """
    found = [_number(reader, each, service) for each in statement_ids]
    known = [0, *sorted({number for number in found if number is not None})]
    gaps = [(before + 1, after - 1) for before, after in pairwise(known) if after > before + 1]
    unknown = found.count(None) if service is None else 0
    return Numbers(known[-1], gaps if sum(last - first + 1 for first, last in gaps) > unknown else [])


def _number(reader: Reader, statement_id: str, service: Service | None) -> int | None:
    """The number of a deposit, by a receipt, which was verified when it was kept, or by a signed answer."""
    with suppress(LedgerError):  # a damaged file, which others report, or an answer that no key signed
        receipt = reader.vault.receipt(statement_id)
        if receipt is not None:
            return parse_acceptance(parse_note(receipt.acknowledgement.encode()).text).nth + 1
    with suppress(LedgerError):
        return None if service is None else _answered(reader, statement_id, service)
    return None


def _answered(reader: Reader, statement_id: str, service: Service) -> int | None:
    acknowledgement = fetch_acknowledgement(statement_id, service)
    if acknowledgement is None:
        return None
    acceptance: Acceptance = verify_acknowledgement(acknowledgement, statement_id=statement_id, home=reader)
    return acceptance.nth + 1
