"""Who may sign for a depositor at which deposit: the fold of enrolment and key records 密钥名册.

A key counts from its record's ``from_seq`` on, until that of its retirement or compromise: an acceptance made before
a retirement is never judged by it.
"""

from __future__ import annotations

from typing import NamedTuple

from hefu_ledger.errors import VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.identity import APPROVE, PREPARE, parse_signed_possession, verify_possession
from hefu_ledger.records.keyrequest import verify_key_event
from hefu_ledger.records.record import Enrolment, KeyEvent
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note, verify_note


class Member(NamedTuple):
    """A key of a depositor and the deposits it may sign: ``from_seq`` up to, not including, ``until_seq``."""

    key: VerifierKey
    from_seq: int
    vouched: bool  # by an earlier key that may; else it stands on the operator's word
    identity: bytes  # the commitment (32 bytes) of the enrolment it came with, or was added under
    until_seq: int | None = None
    compromised_since: int | None = None  # ms
    role: str = PREPARE


class Roster:
    """One depositor's keys; feed it the depositor's records in the ledger's order."""

    def __init__(self, origin: str, depositor: str) -> None:
        self.origin = origin
        self.depositor = depositor
        self.members: list[Member] = []
        self._required: list[tuple[int, int]] = []  # (from_seq, signatures required from there on)
        self._identity = b""  # commitment of the latest enrolment, 32 bytes

    def enrol(self, body: Enrolment) -> None:
        """Take in an enrolment record, having verified its possession note."""
        note, possession = parse_signed_possession(body.possession.encode())
        if (possession.origin, possession.depositor) != (self.origin, self.depositor):
            raise VerificationError(
                "enrolment: possession",
                code="enrolment-other",
                expected=f"{self.origin} {self.depositor}",
                found=f"{possession.origin} {possession.depositor}",
            )
        earlier, approvers = self.keys_at(body.from_seq), self.keys_at(body.from_seq, role=APPROVE)
        vouched = verify_possession(note, possession, earlier=earlier, approvers=approvers)
        self._add(Member(possession.key, body.from_seq, vouched, body.identity, role=possession.role))
        if self._identity not in (b"", body.identity) and not vouched:
            # Else an operator could give a firm's depositor id another firm's name.
            raise VerificationError(
                "enrolment: another identity, and no earlier key of the depositor vouches for it",
                code="enrolment-unvouched",
            )
        self._identity = body.identity
        self._required.append((body.from_seq, body.signatures_required))

    def change(self, body: KeyEvent) -> None:
        """Take in a key record, having verified on whose word it stands."""
        if body.vkey.name != depositor_key_name(self.origin, self.depositor) or not self.members:
            raise VerificationError(
                f"key record: {body.vkey.name!r:.200} names no enrolled depositor", code="key-unenrolled"
            )
        enrolled, approvers = self.keys_at(body.from_seq), self.keys_at(body.from_seq, role=APPROVE)
        vouched = verify_key_event(body, enrolled=enrolled, approvers=approvers)
        if body.action == "add":
            if not vouched:  # the operator's way to add a key is an enrolment, which its holder signs
                raise VerificationError(
                    "key record: a key is added by a key of the depositor, or by an enrolment", code="key-unvouched"
                )
            self._add(Member(body.vkey, body.from_seq, vouched, self._identity, role=body.role))
            return
        for place, member in enumerate(self.members):
            if member.key == body.vkey and (member.until_seq is None or body.action == "compromised"):
                until = body.from_seq if member.until_seq is None else member.until_seq
                since = [time for time in (member.compromised_since, body.since) if time is not None]
                # The earliest time stays: no later record may narrow the doubt of an earlier one.
                self.members[place] = member._replace(until_seq=until, compromised_since=min(since, default=None))
                return
        raise VerificationError(f"key record: there is no key in force to {body.action}", code="key-none")

    def keys_at(self, seq: int, *, role: str | None = None) -> list[VerifierKey]:
        """The keys that may sign the deposit ``seq``; of one role alone, if one is given."""
        return [
            member.key
            for member in self.members
            if member.from_seq <= seq
            and (member.until_seq is None or seq < member.until_seq)
            and role in (None, member.role)
        ]

    def identity_of(self, key: VerifierKey) -> bytes:
        """The identity commitment (32 bytes) under which a key of the depositor was enrolled."""
        return next(member.identity for member in self.members if member.key == key)

    def required_at(self, seq: int) -> int:
        """How many signatures a statement needs at ``seq``."""
        return next((required for from_seq, required in reversed(self._required) if from_seq <= seq), 1)

    def verify_statement(self, note: Note, seq: int) -> list[VerifierKey]:
        """Check that a statement's lines and the depositor's keys at ``seq`` match one to one, and are enough.

        Where two or more must sign, each role that a key in force has must be among them: the key that prepares does
        not approve. Returns the keys that signed. An unknown line is refused: it would change the statement's id.
        """
        keys = self.keys_at(seq)
        if not keys:
            raise VerificationError(
                f"statement: depositor {self.depositor} has no key in force at deposit {seq}",
                code="no-key-in-force",
                depositor=self.depositor,
            )
        verified, unknown = verify_note(note, keys)
        if unknown:
            line = unknown[0]
            raise VerificationError(
                f"statement: signed by {line.name!r:.200} key {line.key_id.hex()}, unknown, retired or another's",
                code="key-strange",
                name=line.name[:200],
                key=line.key_id.hex(),
            )
        if len(verified) < self.required_at(seq):
            raise VerificationError(
                "statement: signatures",
                code="signatures-few",
                expected=f"{self.required_at(seq)}",
                found=f"{len(verified)}",
            )
        signers = [line.key for line in verified]
        for role in (PREPARE, APPROVE) if self.required_at(seq) > 1 else ():
            able = self.keys_at(seq, role=role)
            if able and not any(key in able for key in signers):
                raise VerificationError(
                    f"statement: signatures: none of them by a key of the role {role}", code=f"unsigned-by-{role}"
                )
        return signers

    def _add(self, new: Member) -> None:
        key = new.key
        if any(member.key.key_id == key.key_id or member.key.public == key.public for member in self.members):
            raise VerificationError(
                f"key {key.key_id.hex()} of depositor {self.depositor} was enrolled before",
                code="key-twice",
                key=key.key_id.hex(),
            )
        self.members.append(new)
