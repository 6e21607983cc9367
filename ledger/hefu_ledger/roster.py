"""Who may sign for a depositor at which deposit: the fold of enrolment and key records 密钥名册.

A key counts from its record's ``from_seq`` on, until that of its retirement or compromise: an acceptance made before
a retirement is never judged by it.
"""

from __future__ import annotations

from typing import NamedTuple

from hefu_ledger.errors import VerificationError
from hefu_ledger.identity import parse_signed_possession, verify_possession
from hefu_ledger.keyrequest import verify_key_event
from hefu_ledger.keys import VerifierKey
from hefu_ledger.names import depositor_key_name
from hefu_ledger.note import Note, verify_note
from hefu_ledger.record import Enrolment, KeyEvent


class Member(NamedTuple):
    """A key of a depositor and the deposits it may sign: ``from_seq`` up to, not including, ``until_seq``."""

    key: VerifierKey
    from_seq: int
    vouched: bool  # by an earlier key of the depositor; else it stands on the operator's word
    until_seq: int | None = None
    compromised_since: int | None = None  # ms


class Roster:
    """One depositor's keys; feed it the depositor's records in the ledger's order."""

    def __init__(self, origin: str, depositor: str) -> None:
        self.origin = origin
        self.depositor = depositor
        self.members: list[Member] = []
        self._required: list[tuple[int, int]] = []  # (from_seq, signatures required from there on)
        self.identity = b""  # commitment of the latest enrolment, 32 bytes

    def enrol(self, body: Enrolment) -> None:
        """Take in an enrolment record, having verified its possession note."""
        note, possession = parse_signed_possession(body.possession.encode())
        if (possession.origin, possession.depositor) != (self.origin, self.depositor):
            raise VerificationError(
                "enrolment: possession",
                expected=f"{self.origin} {self.depositor}",
                found=f"{possession.origin} {possession.depositor}",
            )
        vouched = verify_possession(note, possession, earlier=self.keys_at(body.from_seq))
        self._add(possession.key, body.from_seq, vouched=vouched)
        self._required.append((body.from_seq, body.signatures_required))
        self.identity = body.identity

    def change(self, body: KeyEvent) -> None:
        """Take in a key record, having verified on whose word it stands."""
        if body.vkey.name != depositor_key_name(self.origin, self.depositor) or not self.members:
            raise VerificationError(f"key record: {body.vkey.name!r:.200} names no enrolled depositor")
        vouched = verify_key_event(body, enrolled=self.keys_at(body.from_seq))
        if body.action == "add":
            self._add(body.vkey, body.from_seq, vouched=vouched)
            return
        for place, member in enumerate(self.members):
            if member.key == body.vkey and (member.until_seq is None or body.action == "compromised"):
                until = body.from_seq if member.until_seq is None else member.until_seq
                since = [time for time in (member.compromised_since, body.since) if time is not None]
                # The earliest time stays: no later record may narrow what an earlier one has put in doubt.
                self.members[place] = member._replace(until_seq=until, compromised_since=min(since, default=None))
                return
        raise VerificationError(f"key record: there is no key in force to {body.action}")

    def keys_at(self, seq: int) -> list[VerifierKey]:
        """The keys that may sign the deposit ``seq``."""
        return [
            member.key
            for member in self.members
            if member.from_seq <= seq and (member.until_seq is None or seq < member.until_seq)
        ]

    def required_at(self, seq: int) -> int:
        """How many signatures a statement needs at ``seq``."""
        return next((required for from_seq, required in reversed(self._required) if from_seq <= seq), 1)

    def verify_statement(self, note: Note, seq: int) -> list[VerifierKey]:
        """Check that a statement's lines and the depositor's keys at ``seq`` match one to one, and are enough.

        Returns the keys that signed. An unknown line is refused: it would change the statement's identity.
        """
        keys = self.keys_at(seq)
        if not keys:
            raise VerificationError(f"statement: depositor {self.depositor} has no key in force at deposit {seq}")
        verified, unknown = verify_note(note, keys)
        if unknown:
            line = unknown[0]
            raise VerificationError(
                f"statement: signed by {line.name!r:.200} key {line.key_id.hex()}, unknown, retired or another's"
            )
        if len(verified) < self.required_at(seq):
            raise VerificationError(
                "statement: signatures", expected=f"{self.required_at(seq)}", found=f"{len(verified)}"
            )
        return [line.key for line in verified]

    def _add(self, key: VerifierKey, from_seq: int, *, vouched: bool) -> None:
        if any(member.key.key_id == key.key_id or member.key.public == key.public for member in self.members):
            raise VerificationError(f"key {key.key_id.hex()} of depositor {self.depositor} was enrolled before")
        self.members.append(Member(key, from_seq, vouched))
