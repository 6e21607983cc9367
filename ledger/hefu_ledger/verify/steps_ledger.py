"""The steps about trust and the ledger: 1, 7 to 11 and 19."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hefu_ledger.deposit.acceptance import check_not_after
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.encoding import MAX_TIME_MS, format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.number import format_number
from hefu_ledger.records.bodies import Clock
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import judge_lines
from hefu_ledger.tlog.policy import Policy, quorum_time
from hefu_ledger.verify.carried import CarriedProof, CarriedRecord
from hefu_ledger.verify.case import CONFIRMED, OWN, Case, Note, NotReachedError, StepFinding, finding, noted
from hefu_ledger.verify.relied import relied_on
from hefu_ledger.verify.verdict import CANNOT, NOTED, OK, UNCHECKED

SKEW_MS: Final = 60_000  # how far a witness's or stamp's clock may be behind the service's


def trust(case: Case) -> StepFinding:
    """1: everything is parsed; where the policy came from."""
    key = case.genesis.log
    case.facts |= {"log_fingerprint": key.fingerprint, "origin": case.genesis.origin}
    if case.policy is None:
        found = f"log key fingerprint {key.fingerprint}"
        return finding(CANNOT, "trust-missing", found, fingerprint=key.fingerprint)
    case.facts["policy_source"] = case.source
    if case.source == OWN:
        return finding(NOTED, "trust-own", case.genesis.origin, fingerprint=key.fingerprint)
    return finding(OK, "trust-confirmed" if case.source == CONFIRMED else "trust-outside", case.genesis.origin)


def acceptance(case: Case) -> StepFinding:
    """7: the acceptance names this statement, its depositor and ledger, and came in time; the deposit number."""
    acceptance, statement = case.acceptance, case.statement
    expected = (statement.origin, statement.depositor, statement_id(case.statement_note).hex())
    found = (acceptance.origin, acceptance.depositor, acceptance.statement.hex())
    if found != expected:
        raise VerificationError(
            "the acceptance is of another statement",
            code="acceptance-other",
            expected=" ".join(expected),
            found=" ".join(found),
        )
    check_not_after(statement, acceptance)
    number = format_number(case.genesis.number_prefix, acceptance.seq)
    case.facts |= {"number": number, "nth": acceptance.nth, "statement": acceptance.statement.hex()}
    return finding(OK, "accepted", number, number=number, nth=acceptance.nth + 1)


def batch(case: Case) -> StepFinding:
    """8: the batch covers the deposit, and its path leads from the acceptance to its root."""
    batch, record, seq = case.carried.batch_body, case.carried.batch.record, case.acceptance.seq
    if not batch.first_seq <= seq < batch.first_seq + batch.count:
        held = f"{batch.first_seq} to {batch.first_seq + batch.count - 1}"
        raise VerificationError("the batch covers other deposits", code="batch-other", expected=held, found=f"{seq}")
    if record.entries != batch.first_seq + batch.count:
        covered = f"{batch.first_seq + batch.count}"
        raise VerificationError("entries", code="record-entries", expected=covered, found=f"{record.entries}")
    verify_inclusion(
        leaf_hash=leaf_hash(case.acknowledgement.text.encode()),
        index=seq - batch.first_seq,
        size=batch.count,
        path=case.receipt.batch_path,
        root=batch.roots["sha-256"],
    )
    return finding(OK, "batch-holds", f"record {record.index}", record=record.index, count=batch.count)


def entries(case: Case) -> StepFinding:
    """9: each record relied on stands where it says, in order, and leads to the root of each checkpoint that counts."""
    case.relied = relied_on(case)
    indices = [record.index for record in case.relied]
    if indices[0] != 0 or any(later <= earlier for earlier, later in pairwise(indices)):
        raise VerificationError(f"the records' places {indices} do not rise from 0", code="record-places")
    _check_counts(case)
    proofs = case.carried.counting()
    for proof in proofs:
        if proof.parsed.index != case.carried.batch.index:
            raise VerificationError(
                "the proof's place",
                code="proof-place",
                expected=f"{case.carried.batch.index}",
                found=f"{proof.parsed.index}",
            )
        for record in case.relied:
            case.carried.verify_path(record, proof)
    roots: dict[int, bytes] = {}
    for proof in proofs:
        size, root = proof.checkpoint.size, proof.checkpoint.root
        if roots.setdefault(size, root) != root:
            raise VerificationError(f"two roots of size {size}", code="fork", size=size)
    case.carried.compare_reading()
    case.facts["record"] = case.carried.batch.index
    found = ", ".join(map(str, indices))
    if not proofs:
        raise NotReachedError
    return finding(OK, "records-under", found, records=len(indices), checkpoints=len(proofs))


def _check_counts(case: Case) -> None:
    """Along the records relied on ``entries``, ``from_seq`` and ``event`` rise, and none is dated after the deposit."""
    entries, from_seq, event = 0, 0, -1
    first_seq = case.carried.batch_body.first_seq
    for carried in case.relied:
        record, body = carried.record, carried.event
        limit = record.entries if carried is case.carried.batch else first_seq
        if not entries <= record.entries <= limit:
            held = f"{entries} to {limit}"
            raise VerificationError("entries", code="record-entries", expected=held, found=f"{record.entries}")
        entries = record.entries
        starts = getattr(record.body, "from_seq", None)
        if starts is not None and not max(from_seq, record.entries) <= starts <= case.acceptance.seq:
            held = f"{max(from_seq, record.entries)} to {case.acceptance.seq}"
            raise VerificationError("from_seq", code="from-seq", expected=held, found=f"{starts}")
        from_seq = from_seq if starts is None else starts
        if body is not None:
            if body.event <= event:
                raise VerificationError("event", code="event-order", expected=f"above {event}", found=f"{body.event}")
            event = body.event


def checkpoint(case: Case) -> StepFinding:
    """10: which proofs count: of genesis's origin, without extension lines, signed by a log key of the policy."""
    if case.policy is None:
        return finding(CANNOT, "checkpoint-no-policy")
    origin = case.genesis.origin
    logs = [log.key for log in case.policy.logs if log.key.name == origin]
    notes: list[Note] = list(case.carried.aside)
    case.carried.aside.clear()
    good: set[VerifierKey] = set()
    for proof in case.carried.proofs:
        lines = judge_lines(proof.note, logs)
        signed = {line.key for line in lines.good}
        proof.good_lines = {line.line for line in lines.good}
        proof.bad_lines = set(lines.failed)
        notes += [("line-failed", {"name": line.name}) for line in lines.failed]
        reason = _why_not(proof, origin, signed)
        if reason is None:
            proof.counts = True
            good |= signed
        else:
            notes.append((reason, {"size": proof.checkpoint.size}))
    if not good:
        fingerprint = case.genesis.log.fingerprint
        return noted(finding(CANNOT, "checkpoint-untrusted", origin, fingerprint=fingerprint), notes)
    case.log_keys = good
    notes += _keys_apart(case, logs, good)
    size = max(proof.checkpoint.size for proof in case.carried.counting())
    unknown = sum(_unknown_lines(proof, case.policy) for proof in case.carried.counting())
    case.facts |= {"checkpoint_size": size, "unknown_signatures": unknown}
    if unknown:
        notes.append(("lines-unknown", {"count": unknown}))
    return noted(finding(OK, "checkpoint-signed", f"size {size}", origin=origin, size=size), notes)


def _why_not(proof: CarriedProof, origin: str, signed: set[VerifierKey]) -> str | None:
    if proof.checkpoint.origin != origin:
        return "proof-origin"
    if proof.checkpoint.extensions:
        return "proof-extensions"
    return None if signed else "proof-unsigned"


def _keys_apart(case: Case, logs: list[VerifierKey], good: set[VerifierKey]) -> list[Note]:
    """Keys of genesis that the policy lacks, and keys of the policy that signed none of the checkpoints."""
    own = (case.genesis.log, case.genesis.log_mldsa44)
    notes: list[Note] = [("genesis-key-unlisted", {"key": key.key_id.hex()}) for key in own if key not in logs]
    return notes + [("log-key-silent", {"key": key.key_id.hex()}) for key in logs if key not in good]


def _unknown_lines(proof: CarriedProof, policy: Policy) -> int:
    keys = [*(log.key for log in policy.logs), *(witness.key for witness in policy.witnesses)]
    return len(judge_lines(proof.note, keys).unknown)


def witnesses(case: Case) -> StepFinding:
    """11: the cosignatures that count, and the quorum of the policy."""
    policy = case.policy
    if policy is None or not case.carried.counting():
        raise NotReachedError
    notes: list[Note] = []
    for proof in case.carried.counting():
        proof.witnessed = _witnessed(case, proof, notes)
        proof.quorum_s = quorum_time(policy, proof.witnessed)
    seen = [proof.witnessed for proof in case.carried.counting()]
    names = sorted({name for times in seen for name in times})
    case.facts["witnessed"] = {
        name: format_time(1000 * min(times[name] for times in seen if name in times)) for name in names
    }
    if policy.quorum is None:
        return noted(finding(NOTED, "witnesses-unasked"), notes)
    quorum = [proof.quorum_s for proof in case.carried.counting() if proof.quorum_s is not None]
    if not quorum:
        return noted(finding(CANNOT, "quorum-missed", ", ".join(names), names=names), notes)
    case.narrow(end_of_second(min(quorum)), "not-later-witnesses")
    return noted(finding(OK, "quorum-met", ", ".join(names), names=names), notes)


def _witnessed(case: Case, proof: CarriedProof, notes: list[Note]) -> dict[str, int]:
    """Of each witness the earliest second that counts; lines that do not count are noted."""
    times: dict[str, int] = {}
    if case.policy is None:
        return times
    names = {witness.key: witness.name for witness in case.policy.witnesses}
    lines = judge_lines(proof.note, names)
    for good in lines.good:
        name, second = names[good.key], good.time_s or 0
        if not 0 < second <= MAX_TIME_MS // 1000:
            notes.append(("line-invalid", {"name": name}))
        elif is_early(case, end_of_second(second)):
            notes.append(("line-early", {"name": name}))
        else:
            times[name] = min(second, times.get(name, second))
            proof.good_lines.add(good.line)
    proof.bad_lines |= set(lines.failed)
    notes += [("line-invalid", {"name": line.name}) for line in lines.failed]
    return times


def is_early(case: Case, time: int) -> bool:
    """Whether an outside time (ms) is before the batch was sealed, by more than a clock may be slow.

    A ``clock`` record after the batch, in the ledger, may say that the service's own clock was ahead.
    """
    if time >= case.sealed_at - SKEW_MS:
        return False
    return not any(_sets_back(case, record) for record in case.carried.all_records())


def _sets_back(case: Case, carried: CarriedRecord) -> bool:
    body = carried.record.body
    return (
        isinstance(body, Clock)
        and carried.index > case.carried.batch.index
        and body.not_before < case.sealed_at
        and case.carried.is_told(carried, quorum=False)
    )


def end_of_second(second: int) -> int:
    """The last millisecond of a POSIX second."""
    return 1000 * second + 999


def not_checked(case: Case) -> StepFinding:
    """19: the matters on which a verdict is silent."""
    since = () if case.carried.reading is not None else ("ledger-since",)
    always = (*since, "completeness", "nth-scope", "truth", "ownership")
    items = [*map(list, case.unchecked), *([code, {}] for code in always)]
    return finding(UNCHECKED, "not-checked", ", ".join(str(code) for code, _ in items), items=items)
