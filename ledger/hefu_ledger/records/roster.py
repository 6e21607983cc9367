"""The roster 密钥名册 of one depositor: its keys in force, and those ever reported, as an event leads to it.

A roster is a value that enrolment and key records carry. ``fold`` computes the next one; here are its form and the
rules that one roster alone must keep.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, from_hex
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.role import PREPARE, read_role, role_member
from hefu_ledger.tlog.keys import VerifierKey

MAX_KEYS: Final = 16  # in force at once
MAX_NAMED: Final = 300  # keys in force and keys reported, together
MAX_SIGNATURES: Final = 16  # that a statement may need
_ROSTER: Final = frozenset({"enrolment", "identity", "keys", "reported", "signatures_required"})
_KEY: Final = frozenset({"from", "key", "word"})
_REPORT: Final = frozenset({"key", "since"})


class RosterKey(NamedTuple):
    """A key in force. ``key``: its type byte and public key.

    ``since``: the event that added it, ``from`` in the format. ``word``: the event on the operator's word for which its
    chain of vouchers rests; 0 is the depositor's first enrolment.
    """

    since: int
    key: bytes
    word: int
    role: str = PREPARE


class Report(NamedTuple):
    """A key that was reported as compromised 失控, in force or not, and the earliest ``since`` (ms) of its reports."""

    key: bytes
    since: int


class Roster(NamedTuple):
    """The keys of a depositor after an event.

    ``enrolment``: event of the last enrolment, whose possession says ``identity`` (a commitment, 32 bytes) and
    ``signatures_required`` (1 to 16). ``keys``: by rising ``since``. ``reported``: by rising ``key``.
    """

    enrolment: int
    identity: bytes
    keys: tuple[RosterKey, ...]
    reported: tuple[Report, ...]
    signatures_required: int

    def find(self, key: bytes) -> RosterKey | None:
        """The key in force of these bytes, or None."""
        return next((known for known in self.keys if known.key == key), None)

    def reported_since(self, key: bytes) -> int | None:
        """Since when (ms) a key may have been in other hands, or None."""
        return next((report.since for report in self.reported if report.key == key), None)

    def roles(self) -> set[str]:
        """The roles of the keys in force."""
        return {key.role for key in self.keys}

    def verifier_keys(self, name: str) -> list[VerifierKey]:
        """The keys in force as verifier keys of ``name``, in the roster's order."""
        return [verifier_key(name, key.key) for key in self.keys]


NO_ROSTER: Final = Roster(0, b"", (), (), 1)  # before the first event


def key_bytes(key: VerifierKey) -> bytes:
    """A key as rosters have it: its type byte and public key."""
    return bytes((key.type,)) + key.public


def verifier_key(name: str, key: bytes) -> VerifierKey:
    """The reverse of ``key_bytes``, for the depositor's name."""
    return VerifierKey(name, key[0], key[1:])


def roster_value(roster: Roster) -> dict[str, Any]:
    """A roster as a JSON value."""
    return {
        "enrolment": roster.enrolment,
        "identity": roster.identity.hex(),
        "keys": [
            {"from": key.since, "key": key.key.hex(), "word": key.word, **role_member(key.role)} for key in roster.keys
        ],
        "reported": [{"key": report.key.hex(), "since": format_time(report.since)} for report in roster.reported],
        "signatures_required": roster.signatures_required,
    }


def parse_roster_value(value: object, *, event: int) -> Roster:
    """Read the roster that event ``event`` leads to."""
    fields = Fields(value, "roster", _ROSTER)
    roster = Roster(
        enrolment=fields.whole("enrolment", high=event),
        identity=fields.hash("identity"),
        keys=tuple(_parse_key(key, event) for key in fields.items("keys", high=MAX_KEYS)),
        reported=tuple(_parse_report(report) for report in fields.items("reported", high=MAX_NAMED)),
        signatures_required=fields.whole("signatures_required", low=1, high=MAX_SIGNATURES),
    )
    _check_order(roster)
    return roster


def _parse_key(value: object, event: int) -> RosterKey:
    fields = Fields(value, "roster key", _KEY, frozenset({"role"}))
    since = fields.whole("from", high=event)
    return RosterKey(since, _parse_bytes(fields), fields.whole("word", high=since), read_role(fields))


def _parse_report(value: object) -> Report:
    fields = Fields(value, "report", _REPORT)
    return Report(_parse_bytes(fields), fields.time("since"))


def _parse_bytes(fields: Fields) -> bytes:
    text = fields.text("key", limit=8192)
    if len(text) < 4:
        raise MalformedError("roster: key: not a type byte and a public key in hex")
    return from_hex(text, size=len(text) // 2)


def _check_order(roster: Roster) -> None:
    rising = all(earlier.since < later.since for earlier, later in pairwise(roster.keys))
    if not rising or len({key.key for key in roster.keys}) != len(roster.keys):
        raise MalformedError("roster: keys stand by rising 'from', each once")
    if any(later.key <= earlier.key for earlier, later in pairwise(roster.reported)):
        raise MalformedError("roster: reported stands by rising 'key', each once")
    if len(roster.keys) + len(roster.reported) > MAX_NAMED:
        raise MalformedError(f"roster: at most {MAX_NAMED} keys in force and reported together")
