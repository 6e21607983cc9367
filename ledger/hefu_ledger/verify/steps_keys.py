"""The steps about the depositor's keys: 6, 12 and 17."""

from __future__ import annotations

from itertools import combinations
from typing import Final, NamedTuple

from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.records.bodies import OPERATOR, Clock, Enrolment, KeyEvent, LedgerKey
from hefu_ledger.records.fold import judge, judge_alone, requested_at
from hefu_ledger.records.keyrequest import COMPROMISED
from hefu_ledger.records.ledger_fold import is_asked_for
from hefu_ledger.records.possession import parse_signed_possession
from hefu_ledger.records.roster import NO_ROSTER, Roster, RosterKey, key_bytes
from hefu_ledger.records.signatures import verify_statement
from hefu_ledger.verify.carried import CarriedRecord, DepositorRecord
from hefu_ledger.verify.case import OWN, Case, Note, NotReachedError, StepFinding, finding, noted
from hefu_ledger.verify.relied import pick, relied_events
from hefu_ledger.verify.verdict import CANNOT, NOTED, OK

LATE_MS: Final = 30 * 86_400_000  # between the making of a note and its record


class Doubt(NamedTuple):
    """A key that was reported: since when (ms), its id, and the code of the sentence that says who reported it."""

    since: int
    key: str
    by: str


def signatures(case: Case) -> StepFinding:
    """6: the statement's origin; its lines are by keys in force, and enough."""
    statement = case.statement
    if statement.origin != case.genesis.origin:
        raise VerificationError(
            "the statement's ledger", code="ledger-other", expected=case.genesis.origin, found=statement.origin
        )
    case.facts |= {"depositor": statement.depositor, "kind": statement.kind, "count": statement.count}
    if statement.previous is not None:
        case.facts["previous"] = statement.previous.hex()
    judging, notes = _judging(case)
    case.signers = verify_statement(case.statement_note, judging.body.roster, case.name)
    case.judging = judging
    lines = ", ".join(line.key_id.hex() for line in case.statement_note.signatures)
    return noted(finding(OK, "statement-signed", lines, kind=statement.kind, count=len(case.signers)), notes)


def _judging(case: Case) -> tuple[DepositorRecord, list[Note]]:
    """The event of the acceptance, or a later one that the ledger shows to have been in force."""
    named = case.acceptance.event
    later = [record for record in case.events if record.body.event > named and _in_force(case, record)]
    if later:
        highest = max(later, key=lambda record: record.body.event)
        return highest, [("event-wrong", {"event": named, "later": highest.body.event})]
    record = pick(case, named)
    if record is None:
        raise MalformedError(
            f"the record of event {named} of the depositor is not carried", code="event-missing", events=f"{named}"
        )
    return record, []


def _in_force(case: Case, record: DepositorRecord) -> bool:
    before = record.carried.index < case.carried.batch.index
    return before and record.body.from_seq <= case.acceptance.seq and case.is_told(record.carried)


def enrolment(case: Case) -> StepFinding:
    """12: the keys of step 6 came by enrolments that their holders signed; on whose word."""
    judging, relied = case.need_judging(), relied_events(case)
    whole = [record.body.event for record in relied] == list(range(judging.body.event + 1))
    _check_rosters(case, relied, whole=whole)
    for earlier, later in combinations(relied, 2):
        check_pair(earlier, later)
    _check_identity(judging.body.roster, relied)
    for signer in case.signers:
        _check_admission(signer, relied)
    notes: list[Note] = [] if whole else [("rosters-alone", {"event": judging.body.event})]
    notes += [note for signer in case.signers for note in _word(signer, whole=whole)]
    notes += [note for record in relied for note in _late(record)]
    record = judging.record
    found = finding(
        OK,
        "enrolled",
        f"event {judging.body.event}, record {record.index}",
        event=judging.body.event,
        record=record.index,
        time=format_time(record.recorded_at),
    )
    return noted(found, notes)


def _check_rosters(case: Case, relied: list[DepositorRecord], *, whole: bool) -> None:
    origin, depositor = case.statement.origin, case.statement.depositor
    before = NO_ROSTER
    for record in relied:
        if whole:
            judge(before, record.body, origin=origin, depositor=depositor)
            before = record.body.roster
        else:
            judge_alone(record.body, origin=origin, depositor=depositor)


def check_pair(earlier: DepositorRecord, later: DepositorRecord) -> None:
    """Of two events of a depositor, the later roster has no key from before that the earlier one lacks."""
    event = earlier.body.event
    for key in later.body.roster.keys:
        if key.since <= event and key not in earlier.body.roster.keys:
            raise VerificationError(
                f"event {later.body.event}: its roster has a key from before event {event} that was not there",
                code="roster-nowhere",
                event=later.body.event,
            )


def _check_identity(roster: Roster, relied: list[DepositorRecord]) -> None:
    """The last enrolment's note says the identity and the number of signatures that the roster has."""
    body = next(record.body for record in relied if record.body.event == roster.enrolment)
    if not isinstance(body, Enrolment):
        raise VerificationError(f"event {roster.enrolment} is no enrolment", code="roster-other")
    _, possession = parse_signed_possession(body.possession.encode())
    said = (possession.identity, possession.signatures_required)
    if said != (roster.identity, roster.signatures_required):
        raise VerificationError("its possession says another identity or number of signatures", code="roster-identity")


def _check_admission(signer: RosterKey, relied: list[DepositorRecord]) -> None:
    body = next(record.body for record in relied if record.body.event == signer.since)
    if isinstance(body, Enrolment):
        _, possession = parse_signed_possession(body.possession.encode())
        if (key_bytes(possession.key), possession.role) == (signer.key, signer.role):
            return
    raise VerificationError(f"event {signer.since} did not add the key that signed", code="roster-other")


def _word(signer: RosterKey, *, whole: bool) -> list[Note]:
    """On whose word a signer's chain of vouchers rests; without the whole chain that is the ledger's statement."""
    if signer.word:
        return [("word-operator", {"event": signer.word})]
    return [] if whole or not signer.since else [("word-stated", {"event": signer.since})]


def _late(record: DepositorRecord) -> list[Note]:
    made = requested_at(record.body)
    if made is None or record.record.recorded_at <= made + LATE_MS:
        return []
    return [("note-late", {"event": record.body.event, "time": format_time(made)})]


def compromise(case: Case) -> StepFinding:
    """17: a key that was reported as compromised needs an independent time from before; how far was looked."""
    if case.judging is None or not case.signers:
        raise NotReachedError
    notes: list[Note] = []
    counting = _counting(case, case.judging, notes)
    notes += _others_aside(case, case.judging)
    newest = max(counting, key=lambda record: record.body.event)
    doubts = [*_signers_in_doubt(case, counting), *_log_keys_in_doubt(case)]
    record = newest.record
    values = {"event": newest.body.event, "record": record.index, "time": format_time(record.recorded_at)}
    case.facts["keys_known_to"] = values
    if doubts:
        first = min(doubts)
        since = format_time(first.since)
        if case.independent is None or case.independent[0] >= first.since:
            found = finding(CANNOT, "compromised", first.key, key=first.key, since=since, by=[first.by, {}])
        else:
            found = finding(NOTED, "compromised-later", first.key, key=first.key, since=since, by=[first.by, {}])
        return noted(found, notes)
    if case.carried.reading is not None:
        outcome = NOTED if case.source == OWN else OK  # the reading of the service is its own word
        return noted(finding(outcome, "compromise-read", "", size=case.carried.reading.size, **values), notes)
    return noted(finding(NOTED, "compromise-none", f"event {newest.body.event}", **values), notes)


def _counting(case: Case, judging: DepositorRecord, notes: list[Note]) -> list[DepositorRecord]:
    """The event that judges, and those told after it that count; the others stand aside."""
    found = [judging]
    for told in case.events:
        if told.body.event <= judging.body.event:
            continue
        reason = _why_aside(case, judging, told)
        if reason is None:
            found.append(told)
        else:
            notes.append((reason, {"index": told.carried.index}))
    return found


def _others_aside(case: Case, judging: DepositorRecord) -> list[Note]:
    """Notes about the records that are neither relied on nor later events, where they do not count."""
    carried = case.carried
    ours = {id(record) for record in (carried.records[0], carried.batch, judging.carried, *case.relied)}
    ours |= {id(event.carried) for event in case.events if event.body.event > judging.body.event}
    notes: list[Note] = []
    for record in carried.records:
        body = record.record.body
        if id(record) in ours or (record.event is not None and not _is_about(case, record)):
            continue
        if body is None:
            notes.append(("aside-unknown", {"index": record.index}))
        elif not carried.is_told(record, quorum=case.has_quorum and not isinstance(body, Clock)):
            notes.append(("aside-unproven", {"index": record.index}))
    return notes


def _is_about(case: Case, record: CarriedRecord) -> bool:
    return any(event.carried is record for event in case.events)


def _why_aside(case: Case, judging: DepositorRecord, told: DepositorRecord) -> str | None:
    if not case.is_told(told.carried):
        return "aside-unproven"
    record, batch = told.record, case.carried.batch.record
    after = record.index > batch.index
    in_order = record.entries >= batch.entries if after else record.entries <= case.carried.batch_body.first_seq
    if not in_order or told.body.from_seq < record.entries:
        return "aside-broken"
    try:
        judge_alone(told.body, origin=case.statement.origin, depositor=case.statement.depositor)
    except UnknownFormatError:
        pass  # a key of another type has signed; the ledger states the roster all the same
    except LedgerError:
        return "aside-broken"
    try:
        check_pair(judging, told)
    except LedgerError:
        return "aside-broken"
    return None


def _signers_in_doubt(case: Case, counting: list[DepositorRecord]) -> list[Doubt]:
    """The signers that an event reports. Nothing leaves ``reported``: an event without it hides none before it."""
    found = []
    for signer, key in zip(case.signers, case.signer_keys(), strict=True):
        reports = [record.body.roster.reported_since(signer.key) for record in counting]
        since = min((report for report in reports if report is not None), default=None)
        if since is not None:
            found.append(Doubt(since, key.key_id.hex(), _reporter(case, signer)))
    return found


def _reporter(case: Case, signer: RosterKey) -> str:
    """Who reported a key, where that record is carried and counts."""
    for record in case.events:
        body = record.body
        if not isinstance(body, KeyEvent) or body.action != COMPROMISED or key_bytes(body.vkey) != signer.key:
            continue
        if case.is_told(record.carried):
            return "reported-operator" if body.by == OPERATOR else "reported-owner"
    return "reported-unknown"


def _log_keys_in_doubt(case: Case) -> list[Doubt]:
    """Where no witness is asked for, the log's own line is all that there is: a reported log key is like a signer."""
    if case.has_quorum:
        return []
    found = []
    for record in case.carried.all_records():
        body = record.record.body
        if (
            isinstance(body, LedgerKey)
            and body.since is not None
            and body.vkey in case.log_keys
            and case.is_told(record)
            and is_asked_for(body)
        ):
            found.append(Doubt(body.since, body.vkey.key_id.hex(), "reported-log"))
    return found
