"""The check of statements, before they wait for the intake lock.

Depositors' keys and roots of the published ledger are cached, so that most statements need no query. A stale cache
can refuse too much, and then the check queries the database; or it accepts a key that has ended since, and then the
committer's check under the lock refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hefu_ledger.deposit.statement import Statement, parse_signed_statement, statement_id
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.signatures import verify_statement
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.merkle import consistency_path, root_of, verify_consistency
from hefu_ledger.tlog.note import Note, parse_note
from hefu_service.intake.keys import Keys, keys_of
from hefu_service.intake.refusals import (
    KeyNotInForceError,
    OneOfManyError,
    RefusedError,
    SignatureRefusedError,
    TooLateError,
    UnknownDepositorError,
    WrongLedgerError,
)
from hefu_service.ports.errors import DamagedError
from hefu_service.ports.files import LedgerFiles
from hefu_service.ports.store import View
from hefu_service.services import Services
from hefu_service.texts import sentence
from hefu_service.tiles import published_nodes

MAX_STATEMENTS: Final = 64  # of one request
MAX_BYTES: Final = 4096  # of a statement: sixteen lines by keys of type 01 need no more (FORMAT.md 13 allows more)
_REMEMBERED: Final = 4096  # depositors


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement as received, and parsed; its signatures are not checked."""

    data: bytes
    id: bytes  # 32 bytes
    note: Note
    statement: Statement


@dataclass(frozen=True, slots=True)
class KeyState:
    """A depositor's keys, as of the first ``next_event`` events."""

    next_event: int
    keys: Keys


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """A checked statement and the keys it was checked by; ``key_state`` is None for one that was deposited before."""

    signed: Signed
    key_state: KeyState | None


class Gate:
    """Checks statements; may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._key_states: dict[str, KeyState] = {}
        self._roots: dict[int, bytes | None] = {}

    def check(self, data: bytes) -> CheckedStatement:
        """Check a statement; MalformedError or a RefusedError that names the cause."""
        signed = read_statement(data, self._services.origin)
        key_state = self._key_states.get(signed.statement.depositor)
        if key_state is not None and self._acceptable(signed, key_state):
            return CheckedStatement(signed, key_state)
        with self._services.store.view() as view:
            if view.known([signed.id]):
                return CheckedStatement(signed, None)
            key_state = self._look(view, signed.statement.depositor)
        check_signatures(signed, key_state.keys)
        self._check_seen(signed.statement)
        return CheckedStatement(signed, key_state)

    def check_again(self, view: View, checked: CheckedStatement, next_event: int) -> Keys:
        """Check by the keys as of the first ``next_event`` events; RefusedError if they do not allow the statement."""
        keys = self.key_state_now(view, checked, next_event).keys
        if checked.key_state is None or checked.key_state.keys is not keys:
            check_signatures(checked.signed, keys)
        return keys

    def key_state_now(self, view: View, checked: CheckedStatement, next_event: int) -> KeyState:
        """The depositor's keys as of the first ``next_event`` events."""
        depositor = checked.signed.statement.depositor
        for key_state in (checked.key_state, self._key_states.get(depositor)):
            if key_state is not None and key_state.next_event == next_event:
                return key_state
        return self._look(view, depositor)

    def _acceptable(self, signed: Signed, key_state: KeyState) -> bool:
        try:
            check_signatures(signed, key_state.keys)
            self._check_seen(signed.statement)
        except RefusedError:
            return False
        return True

    def _look(self, view: View, depositor: str) -> KeyState:
        keys = keys_of(view, depositor)
        key_state = KeyState(view.intake_head().next_event, keys)
        if len(self._key_states) >= _REMEMBERED:
            self._key_states.clear()
        if keys.event >= 0:  # unknown depositors must not fill the memory
            self._key_states[depositor] = key_state
        return key_state

    def _check_seen(self, statement: Statement) -> None:
        """Refuse a statement whose ``seen`` is not of the published ledger: a full replay would report it."""
        seen = statement.seen
        if seen is not None and self._root_at(seen.size) != seen.root:
            raise WrongLedgerError(sentence("deposit.seen", size=seen.size))

    def _root_at(self, size: int) -> bytes | None:
        """The published ledger's root (32 bytes) at ``size``; None while it is shorter."""
        root = self._roots.get(size)
        if root is None:
            root = published_root(self._services.files, size)
            if len(self._roots) >= _REMEMBERED:
                self._roots.clear()
            if root is not None:
                self._roots[size] = root
        return root


def published_root(files: LedgerFiles, size: int) -> bytes | None:
    """Compute the published ledger's root (32 bytes) at ``size`` from its tiles; None if it is not that long yet.

    DamagedError if the tiles do not lead from it to the published checkpoint: damage here is no fork.
    """
    note = files.read_checkpoint()
    published = None if note is None else parse_checkpoint(parse_note(note).text)
    if published is None or size > published.size:
        return None

    node = published_nodes(files, published.size)
    try:
        root, path = root_of(size, node), consistency_path(size, published.size, node)
        verify_consistency(old_size=size, old_root=root, new_size=published.size, new_root=published.root, path=path)
    except LedgerError as error:  # our damage: the statement is neither malformed nor of a fork
        raise DamagedError(sentence("deposit.tiles", error=error)) from None
    return root


def read_statement(data: bytes, origin: str) -> Signed:
    """Read a statement for the ledger ``origin``."""
    if len(data) > MAX_BYTES:
        raise MalformedError(f"note of {len(data)} bytes, at most {MAX_BYTES} allowed")
    note, statement = parse_signed_statement(data)
    if statement.origin != origin:
        raise WrongLedgerError(sentence("deposit.origin", found=statement.origin, origin=origin))
    return Signed(data, statement_id(data), note, statement)


def check_signatures(signed: Signed, keys: Keys) -> None:
    """Check that a statement's lines and the keys in force now match one to one, and are as many as required."""
    if keys.event < 0:
        raise UnknownDepositorError(sentence("deposit.unknown", depositor=signed.statement.depositor))
    statement = signed.statement
    name = depositor_key_name(statement.origin, statement.depositor)
    in_force = {(key.name, key.key_id) for key in keys.roster.verifier_keys(name)}
    for line in signed.note.signatures:
        if (line.name, line.key_id) not in in_force:
            raise KeyNotInForceError(sentence("deposit.key", key=line.key_id.hex(), name=line.name))
    try:
        verify_statement(signed.note, keys.roster, name)
    except VerificationError as error:
        raise SignatureRefusedError(str(error)) from error


def check_time(statement: Statement, received_at: int) -> None:
    """Refuse a statement that comes after the time (ms) up to which its depositor wanted it received."""
    if statement.not_after is not None and received_at > statement.not_after:
        raise TooLateError(f"the statement was to be received by {format_time(statement.not_after)}; sign a new one")


def check_all(gate: Gate, statements: Sequence[bytes]) -> list[CheckedStatement]:
    """Check the statements (1 to 64) of one request; of more than one, OneOfManyError names the first that fails."""
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        raise MalformedError(sentence("deposit.count", limit=MAX_STATEMENTS, count=len(statements)))
    checked = []
    for index, data in enumerate(statements):
        try:
            checked.append(gate.check(data))
        except (LedgerError, RefusedError) as error:
            if len(statements) == 1:
                raise
            raise OneOfManyError(index) from error
    return checked
