"""The union 合并 of two receipts of one deposit: how a depositor's evidence grows, and loses nothing that counts.

The depositor keeps a receipt and is offered another one. The offer is read by the depositor's own policy and
roots: parts that do not count are left out. The union is taken only where no step comes out weaker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hefu_ledger.deposit.receipt import MAX_PROOFS, MAX_RECORDS, MAX_TOKENS, Path, Proof, Receipt, in_order
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.records.bodies import Batch, Clock, Enrolment, Genesis, KeyEvent, LedgerKey
from hefu_ledger.tlog.note import MAX_SIGNATURES, Note, SignatureLine, format_note
from hefu_ledger.tlog.proof import TlogProof, format_proof
from hefu_ledger.verify import examine_receipt
from hefu_ledger.verify.carried import CarriedProof, CarriedRecord
from hefu_ledger.verify.case import Case, Trust
from hefu_ledger.verify.verdict import CANNOT, FAILED, NOTED, OK, UNCHECKED, Step

MAX_UNKNOWN: Final = 8  # lines of unknown keys below one note
_RANK: Final = {FAILED: 0, CANNOT: 1, UNCHECKED: 2, NOTED: 3, OK: 3}
_ASKED: Final = (11, 18)  # steps in which noted is weaker than ok: witnesses not asked for, no independent time


class Growth(NamedTuple):
    """The receipt to keep, and whether it differs from the one that was kept.

    ``doubt``: step 17 as it now is, where a record newly told puts a key that signed in doubt; the reader must be told.
    """

    receipt: Receipt
    changed: bool
    doubt: Step | None = None


class _Under:
    """Lines, paths and tokens of a union under one checkpoint."""

    def __init__(
        self, proof: CarriedProof, lines: list[SignatureLine], paths: dict[int, Path], tokens: list[bytes]
    ) -> None:
        self.proof = proof
        self.lines = lines
        self.paths = paths
        self.tokens = tokens
        self.counting_tokens = set(proof.good_tokens)


def first_receipt(offered: Receipt, trust: Trust) -> Receipt:
    """A receipt as a depositor keeps it at first: the union with nothing."""
    case, _ = examine_receipt(offered, trust)
    return _write(case, _kept_records(case), _offered_proofs(case), case.acknowledgement)


def unite(kept: Receipt, offered: Receipt, trust: Trust) -> Growth:
    """The union of a kept receipt with one that is offered.

    VerificationError where they are of two deposits (``receipts-differ``), where they show a fork (``fork``), or where
    the union would prove less (``union-weaker``): then both are kept as they are.
    """
    old, old_steps = examine_receipt(kept, trust)
    new, _ = examine_receipt(offered, trust)
    _check_same_deposit(old, new)
    records = {record.index: record for record in old.carried.records}
    for record in _kept_records(new):
        if records.setdefault(record.index, record).text != record.text:
            raise VerificationError(f"two records of index {record.index}", code="fork-records", index=record.index)
    proofs = _join_proofs(_all_proofs(old), _offered_proofs(new))
    acknowledgement = _join_lines(old.acknowledgement, new.acknowledgement.signatures)
    united = _write(old, records.values(), proofs, acknowledgement)
    if united == kept:
        return Growth(kept, changed=False)
    _, steps = examine_receipt(united, trust)
    return _judge(united, old_steps, steps)


def _judge(united: Receipt, before: list[Step], after: list[Step]) -> Growth:
    doubt = None
    for old, new in zip(before, after, strict=True):
        if not _weaker(old, new):
            continue
        if new.step == 17 and new.outcome == CANNOT:
            doubt = new
        elif new.step != 18 or doubt is None:  # 18 concludes nothing where 17 cannot
            raise VerificationError(
                f"step {new.step} would come out as {new.outcome}: {new.found}", code="union-weaker", step=new.step
            )
    return Growth(united, changed=True, doubt=doubt)


def _weaker(old: Step, new: Step) -> bool:
    if old.step in _ASKED and (old.outcome, new.outcome) == (OK, NOTED):
        return True
    return _RANK[new.outcome] < _RANK[old.outcome]


def _check_same_deposit(old: Case, new: Case) -> None:
    pairs = (
        (old.receipt.statement, new.receipt.statement),
        (old.acknowledgement.text, new.acknowledgement.text),
        (old.carried.batch.text, new.carried.batch.text),
        (old.receipt.batch_path, new.receipt.batch_path),
    )
    if any(kept != offered for kept, offered in pairs):
        raise VerificationError("the receipts are not of one deposit", code="receipts-differ")


def _kept_records(case: Case) -> list[CarriedRecord]:
    """The records that are taken of a receipt: of known types, and in the ledger by a proof that counts."""
    known = (Genesis, Enrolment, KeyEvent, LedgerKey, Batch, Clock)
    events = {id(event.carried) for event in case.events}
    found = []
    for record in case.carried.records:
        if record.event is not None and id(record) not in events:  # another depositor's
            continue
        leads = any(case.carried.leads(record, proof) for proof in case.carried.counting())
        if isinstance(record.record.body, known) and leads:
            found.append(record)
    return found


def _all_proofs(case: Case) -> list[_Under]:
    return [_under(case, proof, list(proof.note.signatures), proof.tokens) for proof in case.carried.proofs]


def _offered_proofs(case: Case) -> list[_Under]:
    """The proofs that count, without lines of known keys that fail and tokens of another imprint."""
    found = []
    for proof in case.carried.counting():
        lines = [line for line in proof.note.signatures if line not in proof.bad_lines]
        tokens = [token for token in proof.tokens if _is_over(token, proof)]
        found.append(_under(case, proof, lines, tokens))
    return found


def _under(case: Case, proof: CarriedProof, lines: list[SignatureLine], tokens: Iterable[bytes]) -> _Under:
    paths = {}
    for record in case.carried.records:
        path = case.carried.path(record, proof)
        if path is not None and case.carried.leads(record, proof):
            paths[record.index] = path
    return _Under(proof, lines, paths, list(tokens))


def _is_over(token: bytes, proof: CarriedProof) -> bool:
    """Whether a token is over this checkpoint, as far as its imprint says; one that cannot be read is left alone."""
    from hefu_ledger.timestamp.token import verify_token  # noqa: PLC0415  # x509 takes long to import

    try:
        verify_token(token, message=proof.note.text.encode(), roots=())
    except LedgerError as error:
        return error.code != "stamp-other"
    return True


def _join_proofs(old: list[_Under], new: list[_Under]) -> list[_Under]:
    found = {under.proof.note.text: under for under in old}
    for under in new:
        known = found.get(under.proof.note.text)
        if known is None:
            found[under.proof.note.text] = under
            continue
        good = known.proof.good_lines | under.proof.good_lines
        known.lines = _earliest([*known.lines, *under.lines], good)
        known.paths = under.paths | known.paths
        known.tokens = list(dict.fromkeys([*known.tokens, *under.tokens]))
        known.counting_tokens |= under.counting_tokens
    return list(found.values())


def _earliest(lines: list[SignatureLine], good: set[SignatureLine]) -> list[SignatureLine]:
    """Of several good lines of one key the earliest: cosignatures begin with their second, and others stay as kept."""
    chosen: dict[tuple[str, bytes], SignatureLine] = {}
    for line in lines:
        key = (line.name, line.key_id)
        if line in good and (key not in chosen or _second(line) < _second(chosen[key])):
            chosen[key] = line
    rest = [line for line in dict.fromkeys(lines) if line not in good and (line.name, line.key_id) not in chosen]
    return [*chosen.values(), *rest]


def _second(line: SignatureLine) -> int:
    """The second of a cosignature; 0 for a line that states none, so that the first of those stays."""
    return int.from_bytes(line.signature[:8], "big") if len(line.signature) > 64 else 0


def _join_lines(note: Note, more: Iterable[SignatureLine]) -> Note:
    """An acknowledgement with the lines of another one: one line of each key, the old first."""
    lines: dict[tuple[str, bytes], SignatureLine] = {}
    for line in (*note.signatures, *more):
        lines.setdefault((line.name, line.key_id), line)
    return Note(note.text, tuple(lines.values())[:MAX_UNKNOWN])


def _write(case: Case, records: Iterable[CarriedRecord], proofs: list[_Under], acknowledgement: Note) -> Receipt:
    chosen = _within_records(case, sorted(records, key=lambda record: record.index))
    indices = [record.index for record in chosen if record.index != case.carried.batch.index]
    ordered = sorted(_within_proofs(proofs), key=lambda under: (under.proof.checkpoint.size, under.proof.note.text))
    return Receipt(
        acknowledgement=format_note(in_order(acknowledgement, case.genesis.origin)).decode(),
        batch_path=case.receipt.batch_path,
        proofs=tuple(_proof(case, under, indices) for under in ordered),
        records=tuple(record.text for record in chosen),
        statement=case.receipt.statement,
    )


def _proof(case: Case, under: _Under, indices: list[int]) -> Proof:
    note = under.proof.note
    known = [line for line in under.lines if line in under.proof.good_lines]
    unknown = [line for line in under.lines if line not in under.proof.good_lines][:MAX_UNKNOWN]
    lines = [*known, *unknown][:MAX_SIGNATURES]
    signed = in_order(Note(note.text, tuple(lines)), case.genesis.origin)
    proof = TlogProof(case.carried.batch.index, under.proof.parsed.path, signed)
    counting = [token for token in under.tokens if token in under.counting_tokens]
    others = [token for token in under.tokens if token not in under.counting_tokens]
    return Proof(
        proof=format_proof(proof).decode(),
        paths=tuple(under.paths.get(index) for index in indices),
        tokens=tuple(sorted([*counting, *others][:MAX_TOKENS])),
    )


def _within_records(case: Case, records: list[CarriedRecord]) -> list[CarriedRecord]:
    """At most as many as a receipt holds: told records that are not the newest go first."""
    relied = {record.text for record in case.relied}
    newest = max((event for event in case.events), key=lambda event: event.body.event, default=None)
    keep = relied | ({newest.carried.text} if newest is not None else set())
    while len(records) > MAX_RECORDS:
        spare = next((record for record in records if record.text not in keep), None)
        if spare is None:
            break
        records.remove(spare)
    return records


def _within_proofs(proofs: list[_Under]) -> list[_Under]:
    """At most as many as a receipt holds: the first, the first witnessed, the first stamped and the newest stay."""
    ordered = sorted(proofs, key=lambda under: (under.proof.checkpoint.size, under.proof.note.text))
    witnessed = (under for under in ordered if under.proof.quorum_s is not None)
    stamped = (under for under in ordered if under.counting_tokens)
    keep = [ordered[0], next(witnessed, None), next(stamped, None), ordered[-1]]
    while len(ordered) > MAX_PROOFS:
        ordered.remove(next(under for under in ordered if all(under is not kept for kept in keep)))
    return ordered
