"""A depositor's keys as the ledger has them: every record is found under one signed checkpoint, every roster folded."""

from __future__ import annotations

from typing import NamedTuple

from hefu.errors import UnreachableError
from hefu.home.home import Home, Reader
from hefu.monitor.checkpoint import Sight, verify_checkpoint
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.encoding import Fields, from_hex
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.history import DepositorHistory
from hefu_ledger.records.keyrequest import COMPROMISED
from hefu_ledger.records.possession import parse_signed_possession
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.roster import Roster, key_bytes
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.policy import Policy

_MEMBERS = frozenset({"checkpoint", "depositor", "paths", "pending", "records", "roster"})
_MOST = 100_000  # records of one depositor
_MOST_BYTES = 1 << 28


class OnLedger(NamedTuple):
    """Genesis and a depositor's records, under one signed checkpoint; ``pending`` events are not in it yet."""

    records: tuple[bytes, ...]
    sight: Sight
    pending: int


class Member(NamedTuple):
    """A key that a depositor has or had. ``event``: that added it; ``word``: on whose word it rests (see ``Roster``).

    ``state``: in force, retired or compromised; ``since`` (ms) belongs to a compromise.
    """

    key: VerifierKey
    role: str
    event: int
    word: int
    state: str
    since: int | None = None


class Keys(NamedTuple):
    """A depositor's keys: all that there were, and the roster of those in force after ``event``."""

    event: int
    roster: Roster
    members: tuple[Member, ...]

    def in_force(self, key: VerifierKey) -> bool:
        """Whether a key may sign the next deposit."""
        return self.roster.find(key_bytes(key)) is not None

    def member(self, key: VerifierKey) -> Member | None:
        """A key's place here, or None."""
        return next((member for member in self.members if member.key == key), None)


def read_keys(reader: Reader, service: Service) -> Keys:
    """The depositor's keys as the ledger has them now."""
    found = fetch_enrolment(service, reader.policy, reader.config.depositor)
    return fold_keys(found.records[1:], reader.config.origin, reader.config.depositor)


def newest_event(service: Service, reader: Reader | Home) -> int:
    """The number of the depositor's last event on the ledger, as the service says it; nothing is verified."""
    answer = service.get(f"/v1/enrolments/{reader.config.depositor}", limit=_MOST_BYTES).json("enrolment")
    return len(Fields(answer, "enrolment", _MEMBERS, frozenset(answer)).items("records", high=_MOST)) - 2


def fetch_enrolment(service: Service, policy: Policy, depositor: str) -> OnLedger:
    """Read a depositor's records and check that each is on the ledger at the place it says."""
    answer = service.get(f"/v1/enrolments/{depositor}", limit=_MOST_BYTES).json("enrolment")
    fields = Fields(answer, "enrolment", _MEMBERS, frozenset(answer))
    texts, paths = fields.items("records", high=_MOST), fields.items("paths", high=_MOST)
    records = tuple(str(text).encode() for text in texts)
    if not records or len(records) != len(paths):
        raise UnreachableError(say("enrolment.proofs"))
    sight = verify_checkpoint(parse_note(fields.text("checkpoint", limit=65_536).encode()), policy)
    for data, path in zip(records, paths, strict=True):
        _verify_record(data, path, sight)
    return OnLedger(records, sight, fields.whole("pending"))


def fold_keys(records: tuple[bytes, ...], origin: str, depositor: str) -> Keys:
    """The keys of a depositor, from its records in the ledger's order."""
    history = DepositorHistory(origin, depositor)
    members: dict[VerifierKey, Member] = {}
    event = -1
    for data in records:
        body = parse_record(data).body
        if not isinstance(body, Enrolment | KeyEvent):
            raise MalformedError("enrolment: a record that is no event of the depositor")
        history.take(body)
        event = body.event
        _note(members, body)
    return Keys(event, history.roster, tuple(members.values()))


def _note(members: dict[VerifierKey, Member], body: Enrolment | KeyEvent) -> None:
    if isinstance(body, Enrolment):
        _, possession = parse_signed_possession(body.possession.encode())
        word = body.roster.keys[-1].word
        members[possession.key] = Member(possession.key, possession.role, body.event, word, "in force")
        return
    known = members[body.vkey]
    since = body.roster.reported_since(key_bytes(body.vkey))
    reported = body.action == COMPROMISED or known.state == COMPROMISED
    members[body.vkey] = known._replace(state=COMPROMISED if reported else "retired", since=since)


def _verify_record(data: bytes, path: object, sight: Sight) -> None:
    if not isinstance(path, list) or len(path) > 63:
        raise MalformedError("enrolment: paths: each is a list of at most 63 hashes")
    verify_inclusion(
        leaf_hash=leaf_hash(data),
        index=parse_record(data).index,
        size=sight.checkpoint.size,
        path=tuple(map(from_hex, path)),
        root=sight.checkpoint.root,
    )


def key_name(reader: Reader) -> str:
    """The name that every key of the depositor carries."""
    return depositor_key_name(reader.config.origin, reader.config.depositor)
