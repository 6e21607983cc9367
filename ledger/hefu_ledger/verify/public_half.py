"""The steps that need nothing private: 1, 6 to 12 and 14 to 19."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.encoding import MAX_TIME_MS, format_time
from hefu_ledger.errors import UnknownAuthorityError, UnknownFormatError, VerificationError
from hefu_ledger.number import format_number
from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import verify_note
from hefu_ledger.tlog.policy import quorum_time
from hefu_ledger.verify.case import Case, NotReachedError, StepFinding, finding
from hefu_ledger.verify.verdict import CANNOT, NOTED, OK, UNCHECKED

SKEW_MS: Final = 60_000  # how far a witness's or stamp's clock may be behind the service's


def trust(case: Case) -> StepFinding:
    """1: everything is parsed; the policy came from outside."""
    key = case.genesis.log
    case.facts |= {"log_fingerprint": key.fingerprint, "origin": case.genesis.origin}
    if case.policy is None:
        found = f"log key fingerprint {key.fingerprint}"
        return finding(CANNOT, "trust-missing", found, fingerprint=key.fingerprint)
    return finding(OK, "trust-outside", case.genesis.origin)


def signatures(case: Case) -> StepFinding:
    """6: statement kind and origin; lines and enrolled keys match one to one, and are enough."""
    statement = case.statement
    if statement.origin != case.genesis.origin:
        raise VerificationError(
            "the statement's ledger", code="ledger-other", expected=case.genesis.origin, found=statement.origin
        )
    case.facts |= {"depositor": statement.depositor, "kind": statement.kind, "count": statement.count}
    case.signers = case.roster.verify_statement(case.statement_note, case.acceptance.seq)
    names = ", ".join(key.key_id.hex() for key in case.signers)
    return finding(OK, "statement-signed", names, kind=statement.kind, count=len(case.signers))


def acceptance(case: Case) -> StepFinding:
    """7: the acceptance names this statement, its depositor and ledger; the deposit number."""
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
    number = format_number(case.genesis.number_prefix, acceptance.seq)
    case.facts |= {"number": number, "nth": acceptance.nth, "statement": acceptance.statement.hex()}
    return finding(OK, "accepted", number, number=number, nth=acceptance.nth + 1)


def batch(case: Case) -> StepFinding:
    """8: the batch covers the deposit, and its path leads from the acceptance to its root."""
    batch, record, seq = case.batch, case.records[-1], case.acceptance.seq
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
    """9: each record, at its index, leads to the root of each checkpoint."""
    indices = [record.index for record in case.records]
    if indices[0] != 0 or any(later <= earlier for earlier, later in pairwise(indices)):
        raise VerificationError(f"the records' places {indices} do not rise from 0", code="record-places")
    for (proof, checkpoint), carried in zip(case.proofs, case.receipt.proofs, strict=True):
        if proof.index != indices[-1]:
            raise VerificationError(
                "the proof's place", code="proof-place", expected=f"{indices[-1]}", found=f"{proof.index}"
            )
        for index, text, path in zip(indices, case.receipt.records, (*carried.paths, proof.path), strict=True):
            leaf = leaf_hash(text.encode())
            verify_inclusion(leaf_hash=leaf, index=index, size=checkpoint.size, path=path, root=checkpoint.root)
    case.facts["record"] = indices[-1]
    found = ", ".join(map(str, indices))
    return finding(OK, "records-under", found, records=len(indices), checkpoints=len(case.proofs))


def checkpoint(case: Case) -> StepFinding:
    """10: one origin throughout, no extension lines, a log key of the policy."""
    if case.policy is None:
        return finding(CANNOT, "checkpoint-no-policy")
    logs = [log.key for log in case.policy.logs]
    witnesses = {witness.key: witness.name for witness in case.policy.witnesses}
    unknown = 0
    for proof, checkpoint in case.proofs:
        _check_head(checkpoint, case.genesis.origin)
        verified, strangers = verify_note(proof.checkpoint, [*logs, *witnesses])
        unknown += len(strangers)
        if not any(line.key in logs and line.key.name == checkpoint.origin for line in verified):
            return finding(CANNOT, "checkpoint-untrusted", checkpoint.origin, fingerprint=case.genesis.log.fingerprint)
        times = {
            witnesses[line.key]: line.time_s for line in verified if line.key in witnesses and line.time_s is not None
        }
        if max(times.values(), default=0) > MAX_TIME_MS // 1000:
            raise VerificationError(
                "a witness states a time after the year 9999 (are its seconds milliseconds?)", code="cosignature-time"
            )
        case.witnessed.append(times)
    if case.genesis.log not in logs:
        raise VerificationError("the genesis record names another log key than the policy trusts", code="genesis-key")
    size = max(checkpoint.size for _, checkpoint in case.proofs)
    case.facts |= {"checkpoint_size": size, "unknown_signatures": unknown}
    values = {"origin": case.genesis.origin, "size": size}
    if unknown:
        return finding(NOTED, "checkpoint-signed-unknown", f"size {size}", **values, unknown=unknown)
    return finding(OK, "checkpoint-signed", f"size {size}", **values)


def _check_head(checkpoint: Checkpoint, origin: str) -> None:
    if checkpoint.origin != origin:
        raise VerificationError(
            "the checkpoint's origin", code="ledger-other", expected=origin, found=checkpoint.origin
        )
    if checkpoint.extensions:
        raise VerificationError(
            "the checkpoint carries extension lines, which mean nothing here", code="checkpoint-extensions"
        )


def witnesses(case: Case) -> StepFinding:
    """11: cosignatures, and the quorum of the policy."""
    if case.policy is None or len(case.witnessed) < len(case.proofs):
        raise NotReachedError
    names = sorted({name for times in case.witnessed for name in times})
    case.facts["witnessed"] = {
        name: format_time(1000 * min(times[name] for times in case.witnessed if name in times)) for name in names
    }
    if case.policy.quorum is None:
        return finding(NOTED, "witnesses-unasked")
    quorum = [time for times in case.witnessed if (time := quorum_time(case.policy, times)) is not None]
    if not quorum:
        return finding(CANNOT, "quorum-missed", ", ".join(names), names=names)
    case.narrow(1000 * min(quorum) + 999, "not-later-witnesses")
    return finding(OK, "quorum-met", ", ".join(names), names=names)


def enrolment(case: Case) -> StepFinding:
    """12: the keys of step 6 were enrolled before, by their holder, on whose word."""
    case.check_roster()
    if not case.signers:
        raise NotReachedError
    relied = [member for member in case.roster.members if member.key in case.signers]
    on_word = [member for member in relied if not member.vouched]
    case.leave("key-events")
    found = ", ".join(member.key.key_id.hex() for member in relied)
    if on_word:
        return finding(NOTED, "enrolled-operator", found, count=len(on_word))
    return finding(OK, "enrolled-vouched", found)


def acknowledgement(case: Case) -> StepFinding:
    """14: signed by the key of genesis; a delay within the promise; the promise kept or not, and on whose word.

    Run after 15: whether it was kept, a witness or stamp may know better than the operator.
    """
    acceptance, genesis = case.acceptance, case.genesis
    verified, unknown = verify_note(case.acknowledgement, [genesis.acknowledgement])
    if unknown or not verified:
        raise VerificationError(
            "the acknowledgement is not signed by the key of genesis, and by it alone", code="acknowledgement-key"
        )
    if not acceptance.received_at <= acceptance.anchor_by <= acceptance.received_at + genesis.longest_delay_ms:
        raise VerificationError(
            "the promised delay",
            code="delay-long",
            expected=f"at most {genesis.longest_delay_ms} ms",
            found=f"{acceptance.anchor_by - acceptance.received_at} ms",
        )
    received, by = format_time(acceptance.received_at), format_time(acceptance.anchor_by)
    case.facts |= {
        "received_at": received,
        "anchor_by": by,
        "promise_kept": case.batch.sealed_at <= acceptance.anchor_by,
    }
    if not case.facts["promise_kept"]:
        return finding(NOTED, "promise-broken", received, by=by)
    if case.independent is not None and case.independent[0] > acceptance.anchor_by:
        first = format_time(case.independent[0])
        return finding(NOTED, "promise-unwitnessed", received, received=received, by=by, first=first)
    return finding(OK, "promise-kept", received, received=received)


def stamps(case: Case) -> StepFinding:
    """15: RFC 3161 tokens over the checkpoints, each at its own time."""
    tokens = [
        (token, proof.checkpoint.text)
        for (proof, _), carried in zip(case.proofs, case.receipt.proofs, strict=True)
        for token in carried.tokens
    ]
    if not tokens:
        return finding(UNCHECKED, "stamps-none")
    if not case.roots:
        case.leave("stamps-rootless", count=len(tokens))
        return finding(UNCHECKED, "stamps-no-root", f"{len(tokens)} tokens")
    for token, text in tokens:
        _stamp(case, token, text.encode())
    case.facts["stamped"] = {who: format_time(time) for time, _, who in case.stamps}
    names = [who for _, _, who in case.stamps]
    values = {"count": len(names), "names": names}
    strange = len(tokens) - len(names)
    if strange:
        code = "stamps-some" if names else "stamps-strange"
        return finding(NOTED, code, ", ".join(names), **values, strange=strange)
    return finding(OK, "stamps-hold", ", ".join(names), **values)


def _stamp(case: Case, token: bytes, text: bytes) -> None:
    """Check one token; a strange authority's, or one in a form not known here, is neither for nor against."""
    from hefu_ledger.timestamp.token import verify_token  # noqa: PLC0415  # x509 takes long to import

    try:
        stamp = verify_token(token, message=text, roots=case.roots)
    except (UnknownAuthorityError, UnknownFormatError) as error:
        case.leave("stamp-unchecked", error=[error.code, error.values])
        return
    case.stamps.append((stamp.gen_time_ms, stamp.accuracy_ms, stamp.signer))
    not_later = stamp.gen_time_ms + stamp.accuracy_ms
    case.narrow(not_later, "not-later-authority", stamp.signer)


def times(case: Case) -> StepFinding:
    """16: received, sealed, witnessed and stamped in this order; nothing seen before it was there."""
    sealed, received = case.batch.sealed_at, case.acceptance.received_at
    case.facts["sealed_at"] = format_time(sealed)
    if received > sealed:
        raise VerificationError(
            "received after it was sealed",
            code="received-late",
            expected=format_time(sealed),
            found=format_time(received),
        )
    outside = [1000 * time + 999 for times in case.witnessed for time in times.values()]
    outside += [time + accuracy for time, accuracy, _ in case.stamps]
    for time in outside:
        if time < sealed - SKEW_MS:
            raise VerificationError(
                "witnessed or stamped before it was sealed",
                code="witnessed-early",
                expected=format_time(sealed),
                found=format_time(time),
            )
    seen = case.statement.seen
    if seen is not None and seen.size > case.records[-1].index:
        raise VerificationError(
            "the statement had seen",
            code="seen-future",
            expected=f"at most {case.records[-1].index}",
            found=f"{seen.size}",
        )
    return finding(OK, "order-holds", f"{format_time(received)} <= {format_time(sealed)}")


def compromise(case: Case) -> StepFinding:
    """17: a key that was compromised needs an independent time from before."""
    if not case.signers:
        raise NotReachedError
    since, key_id = min(
        (
            (member.compromised_since, member.key.key_id.hex())
            for member in case.roster.members
            if member.key in case.signers and member.compromised_since is not None
        ),
        default=(None, ""),
    )
    if since is None:
        return finding(OK, "compromise-none")
    if case.independent is None or case.independent[0] >= since:
        return finding(CANNOT, "compromised", key_id, since=format_time(since))
    return finding(NOTED, "compromised-later", key_id)


def headline(case: Case) -> StepFinding:
    """18: not later than when, and who vouches for it 不晚于 T，由 X 保证; no time where nothing is proven."""
    if not case.sound:
        return finding(UNCHECKED, "not-concluded")
    time, code, name = case.independent or (case.acceptance.received_at, "not-later-operator", "")
    text = format_time(time)
    vouched_by = {"not-later-witnesses": "the witnesses", "not-later-authority": f"the authority {name}"}
    case.facts |= {
        "not_later_than": text,
        "vouched_by": vouched_by.get(code, "the operator's word alone"),
        "independent": case.independent is not None,
    }
    if case.independent is None:
        case.leave("time-independent")
    outcome = NOTED if case.independent is None else OK
    return finding(outcome, code, text, time=text, **({"name": name} if name else {}))


def not_checked(case: Case) -> StepFinding:
    """19: the matters on which a verdict is silent."""
    always = ("ledger-since", "completeness", "truth", "ownership")
    items = [*map(list, case.unchecked), *([code, {}] for code in always)]
    return finding(UNCHECKED, "not-checked", ", ".join(str(code) for code, _ in items), items=items)
