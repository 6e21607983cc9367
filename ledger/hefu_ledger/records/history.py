"""All that came and ended in a ledger: the keys of one depositor, and the ledger's own, record by record.

Replay and the service feed it; a verifier of one receipt, which has not all records, uses ``fold`` alone.
"""

from __future__ import annotations

from hefu_ledger.errors import UnknownFormatError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import Enrolment, Genesis, LedgerKey
from hefu_ledger.records.fold import DepositorEvent, judge
from hefu_ledger.records.keyrequest import ADD, COMPROMISED
from hefu_ledger.records.ledger_fold import fold_ledger_key, keys_of_genesis
from hefu_ledger.records.possession import parse_signed_possession
from hefu_ledger.records.roster import NO_ROSTER, Roster
from hefu_ledger.tlog.ed25519 import check_prime_order
from hefu_ledger.tlog.keys import ED25519, VerifierKey


class DepositorHistory:
    """One depositor's events, of which each roster is checked."""

    def __init__(self, origin: str, depositor: str) -> None:
        self.origin = origin
        self.depositor = depositor
        self.name = depositor_key_name(origin, depositor)
        self.unjudged = 0  # events with lines of a key type unknown here: their rosters are taken as they state them
        self._steps: list[tuple[int, int, Roster]] = []  # (from_seq, event, roster) by event
        self._ever: list[VerifierKey] = []

    def take(self, body: DepositorEvent) -> None:
        """Take in the next record, in the ledger's order."""
        if body.event != len(self._steps):
            raise VerificationError(
                f"event of depositor {self.depositor}",
                code="event-order",
                expected=f"{len(self._steps)}",
                found=f"{body.event}",
            )
        self._check_key(body)
        try:
            judge(self.roster, body, origin=self.origin, depositor=self.depositor)
        except UnknownFormatError:
            self.unjudged += 1
        self._steps.append((body.from_seq, body.event, body.roster))

    @property
    def roster(self) -> Roster:
        """The roster that the last record leads to."""
        return self._steps[-1][2] if self._steps else NO_ROSTER

    def at(self, seq: int) -> tuple[int, Roster]:
        """The event and roster by which deposit ``seq`` is judged."""
        for from_seq, event, roster in reversed(self._steps):
            if from_seq <= seq:
                return event, roster
        raise VerificationError(
            f"depositor {self.depositor} had no key at deposit {seq}", code="no-key-in-force", depositor=self.depositor
        )

    def _check_key(self, body: DepositorEvent) -> None:
        """A key comes once; one that is reported, or ends, has come."""
        if isinstance(body, Enrolment):
            key = parse_signed_possession(body.possession.encode())[1].key
            if any(old.key_id == key.key_id or old.public == key.public for old in self._ever):
                raise VerificationError(
                    f"key {key.key_id.hex()} of depositor {self.depositor} was enrolled before",
                    code="key-twice",
                    key=key.key_id.hex(),
                )
            if key.type == ED25519:
                check_prime_order(key.public)
            self._ever.append(key)
        elif body.vkey not in self._ever:
            raise VerificationError(f"key record: there is no key in force to {body.action}", code="key-none")


class LedgerHistory:
    """The ledger's own keys, of which each record is checked."""

    def __init__(self, genesis: Genesis) -> None:
        self.origin = genesis.origin
        self.keys = keys_of_genesis(genesis)
        self._event = 0
        self._ever = {genesis.acknowledgement, genesis.log, genesis.log_mldsa44, genesis.recovery}
        for key in (genesis.acknowledgement, genesis.log, genesis.recovery):
            check_prime_order(key.public)

    def take(self, body: LedgerKey) -> None:
        """Take in the next record, in the ledger's order."""
        if body.event != self._event:
            raise VerificationError("event", code="event-order", expected=f"{self._event}", found=f"{body.event}")
        if body.action == ADD and body.vkey in self._ever:
            raise VerificationError("ledger-key record: the key was the ledger's before", code="ledger-key-add")
        if body.action == COMPROMISED and body.vkey not in self._ever:
            raise VerificationError("ledger-key record: never a key of the ledger", code="ledger-key-end")
        if fold_ledger_key(self.keys, body, origin=self.origin) != body.keys:
            raise VerificationError("ledger-key record: its keys are not what it leads to", code="roster-other")
        if body.action == ADD and body.vkey.type == ED25519:
            check_prime_order(body.vkey.public)
        self.keys = body.keys
        self._ever.add(body.vkey)
        self._event += 1
