"""The steps about times: 14 to 16 and 18."""

from __future__ import annotations

from typing import Any

from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.names import acknowledgement_key_name
from hefu_ledger.records.bodies import LedgerKey
from hefu_ledger.records.keyrequest import ADD
from hefu_ledger.records.ledger_fold import is_asked_for
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import judge_lines
from hefu_ledger.verify.carried import CarriedProof, CarriedRecord
from hefu_ledger.verify.case import Case, Note, StepFinding, finding, noted
from hefu_ledger.verify.steps_ledger import is_early
from hefu_ledger.verify.verdict import NOTED, OK, UNCHECKED


def acknowledgement(case: Case) -> StepFinding:
    """14: a line of an acknowledgement key; a delay within the promise; the promise kept or not, and on whose word.

    Run after 15: whether it was kept, a witness or stamp may know better than the operator.
    """
    notes = _acknowledged(case)
    acceptance, genesis = case.acceptance, case.genesis
    if not acceptance.received_at <= acceptance.anchor_by <= acceptance.received_at + genesis.longest_delay_ms:
        raise VerificationError(
            "the promised delay",
            code="delay-long",
            expected=f"at most {genesis.longest_delay_ms} ms",
            found=f"{acceptance.anchor_by - acceptance.received_at} ms",
        )
    received, by = format_time(acceptance.received_at), format_time(acceptance.anchor_by)
    case.facts |= {"received_at": received, "anchor_by": by, "promise_kept": case.sealed_at <= acceptance.anchor_by}
    if not case.facts["promise_kept"]:
        return noted(finding(NOTED, "promise-broken", received, by=by), notes)
    if case.independent is not None and case.independent[0] > acceptance.anchor_by:
        first = format_time(case.independent[0])
        return noted(finding(NOTED, "promise-unwitnessed", received, received=received, by=by, first=first), notes)
    return noted(finding(OK, "promise-kept", received, received=received), notes)


def _acknowledged(case: Case) -> list[Note]:
    """Check the acknowledgement's lines, each by itself; notes of those by unknown keys."""
    keys = acknowledgement_keys(case)
    lines = judge_lines(case.acknowledgement, keys)
    if not lines.good and lines.failed:
        line = lines.failed[0]
        raise VerificationError(
            f"signature of {line.name} (key {line.key_id.hex()}) does not verify",
            code="signature-invalid",
            name=line.name,
            key=line.key_id.hex(),
        )
    if not lines.good:
        raise MalformedError("the acknowledgement has no line of a key of the ledger", code="acknowledgement-key")
    by = [record for line in lines.good if (record := keys[line.key]) is not None]
    if len(by) == len(lines.good):  # no key of genesis has signed
        case.acknowledged_by = next(filter(case.carried.leads_everywhere, by), by[0])
    others = len(lines.failed) + len(lines.unknown)
    return [("lines-unknown", {"count": others})] if others else []


def acknowledgement_keys(case: Case) -> dict[VerifierKey, CarriedRecord | None]:
    """The keys that may sign acknowledgements, and the ledger-key record that added each; None: genesis.

    Of several records about one key it is the first that is in the ledger: another one was planted.
    """
    keys: dict[VerifierKey, CarriedRecord | None] = {case.genesis.acknowledgement: None}
    name = acknowledgement_key_name(case.genesis.origin)
    for record in case.carried.all_records():
        body = record.record.body
        if not isinstance(body, LedgerKey) or body.action != ADD or body.vkey.name != name:
            continue
        if record.index < case.carried.batch.index and body.from_seq <= case.acceptance.seq:
            if not is_asked_for(body):
                continue
            known = keys.setdefault(body.vkey, record)
            if known is not None and not case.carried.leads_everywhere(known):
                keys[body.vkey] = record
    return keys


def stamps(case: Case) -> StepFinding:
    """15: RFC 3161 tokens over the checkpoints, each at its own time; one that does not count is noted."""
    tokens = [(token, proof) for proof in case.carried.counting() for token in proof.tokens]
    if not tokens:
        return finding(UNCHECKED, "stamps-none")
    if not case.roots:
        case.leave("stamps-rootless", count=len(tokens))
        return finding(UNCHECKED, "stamps-no-root", f"{len(tokens)} tokens")
    notes: list[Note] = []
    for token, proof in tokens:
        _stamp(case, token, proof, notes)
    case.facts["stamped"] = {who: format_time(time) for time, who in sorted(case.stamps, reverse=True)}
    names = [who for _, who in case.stamps]
    if not names:
        return noted(finding(NOTED, "stamps-strange", "", strange=len(tokens)), notes)
    if not case.has_quorum:
        for time, who in case.stamps:
            case.narrow(time, "not-later-authority", who)
    return noted(finding(OK, "stamps-hold", ", ".join(names), count=len(names), names=names), notes)


def _stamp(case: Case, token: bytes, proof: CarriedProof, notes: list[Note]) -> None:
    """Check one token, and take its time where it counts."""
    from hefu_ledger.timestamp.token import verify_token  # noqa: PLC0415  # x509 takes long to import

    try:
        stamp = verify_token(token, message=proof.note.text.encode(), roots=case.roots)
    except LedgerError as error:
        notes.append(("stamp-unchecked", {"error": [error.code, error.values]}))
        return
    time = stamp.gen_time_ms + stamp.accuracy_ms
    if is_early(case, time):
        notes.append(("stamp-early", {"name": stamp.signer, "time": format_time(time)}))
    else:
        case.stamps.append((time, stamp.signer))
        proof.good_tokens.add(token)


def times(case: Case) -> StepFinding:
    """16: received before it was sealed; nothing seen before it was there."""
    sealed, received = case.sealed_at, case.acceptance.received_at
    case.facts["sealed_at"] = format_time(sealed)
    if received > sealed:
        raise VerificationError(
            "received after it was sealed",
            code="received-late",
            expected=format_time(sealed),
            found=format_time(received),
        )
    seen, index = case.statement.seen, case.carried.batch.index
    if seen is not None and seen.size > index:
        raise VerificationError(
            "the statement had seen", code="seen-future", expected=f"at most {index}", found=f"{seen.size}"
        )
    return finding(OK, "order-holds", f"{format_time(received)} <= {format_time(sealed)}")


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
    values: dict[str, Any] = {"time": text, **({"name": name} if name else {})}
    return finding(NOTED if case.independent is None else OK, code, text, **values)
