"""A statement's text is deposited once: signed by others it would be a second deposit of the same documents.

A text can be signed in two ways only where a depositor has, or had, more than one key. For a depositor with a single
key nothing is looked up or stored; when its second key comes, the texts of its earlier deposits are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from hefu_ledger.number import format_number
from hefu_ledger.tlog.note import parse_note
from hefu_service.intake.deposits import Signed
from hefu_service.intake.refusals import ConflictError
from hefu_service.ports.rows import Deposit
from hefu_service.ports.store import Intake
from hefu_service.texts import sentence

_MOST_EARLIER: Final = 10_000  # of a depositor: the lock is held meanwhile, 0.2 s


class Texts:
    """The texts of a group's new statements, under the intake lock.

    ``signed``: those of depositors that ever had more than one key; every other statement is passed by.
    """

    def __init__(self, intake: Intake, number_prefix: str, signed: Sequence[Signed]) -> None:
        self._intake = intake
        self._number_prefix = number_prefix
        self._hashes = {each.id: _hash(each.note.text) for each in signed}
        self._deposited = dict(intake.known_texts(sorted({*self._hashes.values()}))) if signed else {}
        self._fresh: dict[bytes, int] = {}

    def check(self, statement_id: bytes, before: Sequence[bytes]) -> None:
        """Raise ConflictError if the text was deposited under other lines, or stands so among ``before`` (ids)."""
        text = self._hashes.get(statement_id)
        if text is None:
            return
        deposited = self._deposited.get(text)
        if deposited is not None:
            number = format_number(self._number_prefix, deposited.seq)
            raise ConflictError(sentence("deposit.text", statement=deposited.statement_id.hex(), number=number))
        for other in before:
            if other != statement_id and self._hashes.get(other) == text:
                raise ConflictError(sentence("deposit.text_twice", statement=other.hex()))

    def accept(self, deposit: Deposit) -> None:
        """Remember an accepted statement's text, if the depositor has had more than one key."""
        text = self._hashes.get(deposit.statement_id)
        if text is not None:
            self._deposited[text] = deposit
            self._fresh[text] = deposit.seq

    def write(self) -> None:
        """Store the new texts, if there are any; after the deposits themselves."""
        if self._fresh:
            self._intake.add_texts(self._fresh)


def keep_earlier(intake: Intake, depositor: str) -> None:
    """Keep the texts of a depositor's last 10,000 deposits, which it made with its only key; as the second comes.

    MUST be called once: a text that is kept already is refused.
    """
    deposits = intake.latest_of(depositor, _MOST_EARLIER)
    # Newest first, so that of two with one text the earlier stays.
    intake.add_texts({_hash(parse_note(deposit.statement).text): deposit.seq for deposit in deposits})


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()
