"""The union 合并 of two receipts of one deposit: how a depositor's evidence grows, and loses nothing that counts.

The depositor keeps a receipt and is offered another one. The offer is read by the depositor's own policy and
roots: parts that do not count are left out. The union is taken only where no step comes out weaker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hefu_ledger.deposit.receipt import (
    MAX_NOTE,
    MAX_PROOFS,
    MAX_RECEIPT,
    MAX_RECORDS,
    MAX_TOKENS,
    Path,
    Proof,
    Receipt,
    format_receipt,
    in_order,
)
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.records.bodies import Batch, Clock, Enrolment, Genesis, KeyEvent, LedgerKey
from hefu_ledger.tlog.note import MAX_SIGNATURES, Note, SignatureLine, format_note, judge_lines
from hefu_ledger.tlog.policy import quorum_time
from hefu_ledger.tlog.proof import TlogProof, format_proof
from hefu_ledger.verify import examine_receipt
from hefu_ledger.verify.carried import CarriedProof, CarriedRecord
from hefu_ledger.verify.case import Case, Trust
from hefu_ledger.verify.steps_time import acknowledgement_keys
from hefu_ledger.verify.verdict import CANNOT, FAILED, NOTED, OK, UNCHECKED, Step

MAX_UNKNOWN: Final = 8  # lines of unknown keys below one note
_PROOF_ROOM: Final = 4096  # bytes of a proof besides its checkpoint
_RANK: Final = {FAILED: 0, CANNOT: 1, UNCHECKED: 2, NOTED: 3, OK: 3}
_ASKED: Final = (11, 18)  # steps in which noted is weaker than ok: witnesses not asked for, no independent time


class Growth(NamedTuple):
    """The receipt to keep, and whether it differs from the one that was kept.

    ``doubt``: step 17 as it now is, where a record newly told puts a key that signed in doubt; the reader must be told.
    """

    receipt: Receipt
    changed: bool
    doubt: Step | None = None


class _Limits(NamedTuple):
    """How much a union holds of a kind; 0: as little as may be."""

    unknown: int = MAX_UNKNOWN
    idle_tokens: int = MAX_TOKENS
    records: int = MAX_RECORDS
    proofs: int = MAX_PROOFS


_USUAL: Final = _Limits()
_NARROWER: Final = (
    _Limits(0),
    _Limits(0, 0),
    _Limits(0, 0, 0),
    _Limits(0, 0, 0, 0),
)  # what goes first above MAX_RECEIPT


class _Under:
    """What a union holds under one checkpoint; ``idle``: lines and tokens that do not count, the old first."""

    def __init__(
        self, proof: CarriedProof, paths: dict[int, Path], idle: tuple[list[SignatureLine], list[bytes]]
    ) -> None:
        self.proof = proof
        self.paths = paths
        self.good_lines = _earliest(line for line in proof.note.signatures if line in proof.good_lines)
        self.good_tokens = [token for token in proof.tokens if token in proof.good_tokens]
        self.idle_lines, self.idle_tokens = idle
        self.witnessed = dict(proof.witnessed)

    def join(self, other: _Under) -> None:
        """Take in what another receipt has under the same checkpoint."""
        self.paths = other.paths | self.paths
        self.good_lines = _earliest([*self.good_lines, *other.good_lines])
        self.good_tokens = list(dict.fromkeys([*self.good_tokens, *other.good_tokens]))
        good = {(line.name, line.key_id) for line in self.good_lines}
        lines = dict.fromkeys([*self.idle_lines, *other.idle_lines])
        self.idle_lines = [line for line in lines if (line.name, line.key_id) not in good]
        self.idle_tokens = list(dict.fromkeys([*self.idle_tokens, *other.idle_tokens]))
        for name, second in other.witnessed.items():
            self.witnessed[name] = min(second, self.witnessed.get(name, second))


class _Pieces(NamedTuple):
    """All that a union is made of. ``keep``: texts of records that stay above any limit."""

    records: list[CarriedRecord]
    keep: set[str]
    proofs: list[_Under]
    acknowledgement: Note


def first_receipt(offered: Receipt, trust: Trust) -> Receipt:
    """A receipt as a depositor keeps it at first: the union with nothing. It stays as it is where no proof counts."""
    case, _ = examine_receipt(offered, trust)
    proofs = _offered_proofs(case)
    if not proofs:
        return offered
    acknowledgement = _write_note(case.acknowledgement.text, *_acknowledgement_lines(case))
    return _write(case, _Pieces(_kept_records(case), _lasting(case), proofs, acknowledgement), _USUAL)


def unite(kept: Receipt, offered: Receipt, trust: Trust) -> Growth:
    """The union of a kept receipt with one that is offered.

    VerificationError where they are of two deposits (``receipts-differ``), where they show a fork (``fork``,
    ``fork-records``), or where the union would prove less (``union-weaker``) or could not be read (``union-large``):
    then both are kept as they are.
    """
    old, old_steps = examine_receipt(kept, trust)
    new, _ = examine_receipt(offered, trust)
    _check_same_deposit(old, new)
    _check_one_ledger(old, new)
    united = _unite(old, new)
    if united == kept:
        return Growth(kept, changed=False)
    _, steps = examine_receipt(united, trust)
    return _judge(united, old_steps, steps)


def _unite(old: Case, new: Case) -> Receipt:
    records = _join_records(old, new)
    acknowledgement = _join_acknowledgements(old, new)
    attempts = [(False, _USUAL), (True, _USUAL), *((True, limits) for limits in _NARROWER)]
    for lean, limits in attempts:
        proofs = _join_proofs(_all_proofs(old), _offered_proofs(new, lean=lean))
        united = _write(old, _Pieces(records, _lasting(old, new), proofs, acknowledgement), limits)
        if len(format_receipt(united)) <= MAX_RECEIPT:
            return united
    raise VerificationError(f"the union has more than {MAX_RECEIPT} bytes", code="union-large", limit=MAX_RECEIPT)


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


def _check_one_ledger(old: Case, new: Case) -> None:
    roots: dict[int, bytes] = {}
    for proof in (*old.carried.counting(), *new.carried.counting()):
        size, root = proof.checkpoint.size, proof.checkpoint.root
        if roots.setdefault(size, root) != root:
            raise VerificationError(f"two roots of size {size}", code="fork", size=size)


def _kept_records(case: Case) -> list[CarriedRecord]:
    """What is taken of a receipt's records: of known types, and in the ledger by a proof that counts."""
    known = (Genesis, Enrolment, KeyEvent, LedgerKey, Batch, Clock)
    events = {id(event.carried) for event in case.events}
    found = []
    for record in case.carried.records:
        if record.event is not None and id(record) not in events:  # another depositor's
            continue
        if isinstance(record.record.body, known) and _is_in_ledger(case, record):
            found.append(record)
    return found


def _is_in_ledger(case: Case, record: CarriedRecord) -> bool:
    return any(case.carried.leads(record, proof) for proof in case.carried.counting())


def _join_records(old: Case, new: Case) -> list[CarriedRecord]:
    records = {record.index: record for record in old.carried.records}
    for record in _kept_records(new):
        known = records.setdefault(record.index, record)
        if known.text == record.text:
            continue
        if _is_in_ledger(old, known):
            raise VerificationError(f"two records of index {record.index}", code="fork-records", index=record.index)
        records[record.index] = record  # the one that was kept is in no ledger
    return list(records.values())


def _all_proofs(case: Case) -> list[_Under]:
    found = []
    for proof in case.carried.proofs:
        lines = [line for line in proof.note.signatures if line not in proof.good_lines]
        tokens = [token for token in proof.tokens if token not in proof.good_tokens]
        found.append(_Under(proof, _paths(case, proof), (lines, tokens)))
    return found


def _offered_proofs(case: Case, *, lean: bool = False) -> list[_Under]:
    """The proofs that count and lead to all that is relied on, without known keys' failing lines and strange tokens.

    ``lean``: without any line or token that does not count.
    """
    found = []
    for proof in case.carried.counting():
        if not all(case.carried.leads(record, proof) for record in (case.carried.batch, *case.relied)):
            continue
        lines = [line for line in proof.note.signatures if line not in proof.bad_lines | proof.good_lines]
        tokens = [token for token in proof.tokens if token not in proof.good_tokens and _is_over(token, proof)]
        found.append(_Under(proof, _paths(case, proof), ([], []) if lean else (lines, tokens)))
    return found


def _paths(case: Case, proof: CarriedProof) -> dict[int, Path]:
    paths = {}
    for record in case.carried.records:
        path = case.carried.path(record, proof)
        if path is not None and case.carried.leads(record, proof):
            paths[record.index] = path
    return paths


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
        known = found.setdefault(under.proof.note.text, under)
        if known is not under:
            known.join(under)
    return list(found.values())


def _earliest(lines: Iterable[SignatureLine]) -> list[SignatureLine]:
    """Of several good lines of one key the earliest: cosignatures begin with their second, and others stay as kept."""
    chosen: dict[tuple[str, bytes], SignatureLine] = {}
    for line in lines:
        key = (line.name, line.key_id)
        if key not in chosen or _second(line) < _second(chosen[key]):
            chosen[key] = line
    return list(chosen.values())


def _second(line: SignatureLine) -> int:
    """The second of a cosignature; 0 for a line that states none, so that the first of those stays."""
    return int.from_bytes(line.signature[:8], "big") if len(line.signature) > 64 else 0


def _acknowledgement_lines(case: Case) -> tuple[list[SignatureLine], list[SignatureLine]]:
    """An acknowledgement's good lines, and those of keys that are unknown here."""
    lines = judge_lines(case.acknowledgement, acknowledgement_keys(case))
    return [line.line for line in lines.good], list(lines.unknown)


def _join_acknowledgements(old: Case, new: Case) -> Note:
    good, unknown = _acknowledgement_lines(old)
    more_good, more_unknown = _acknowledgement_lines(new)
    return _write_note(old.acknowledgement.text, _earliest([*good, *more_good]), [*unknown, *more_unknown])


def _write_note(
    text: str, good: Iterable[SignatureLine], unknown: Iterable[SignatureLine], most: int = MAX_UNKNOWN
) -> Note:
    """A note with its good lines, and of the others the first that it has room for."""
    chosen = list(good)[:MAX_SIGNATURES]
    room = min(most, MAX_SIGNATURES - len(chosen))
    for line in [line for line in dict.fromkeys(unknown) if line not in chosen][:room]:
        if len(format_note(Note(text, (*chosen, line)))) <= MAX_NOTE - _PROOF_ROOM:
            chosen.append(line)
    return Note(text, tuple(chosen))


def _write(case: Case, pieces: _Pieces, limits: _Limits) -> Receipt:
    chosen = _within_records(pieces, limits.records)
    proofs = _within_proofs(case, pieces.proofs, limits.proofs)
    indices = [record.index for record in chosen if record.index != case.carried.batch.index]
    return Receipt(
        acknowledgement=format_note(in_order(pieces.acknowledgement, case.genesis.origin)).decode(),
        batch_path=case.receipt.batch_path,
        proofs=tuple(_proof(case, under, indices, limits) for under in proofs),
        records=tuple(record.text for record in chosen),
        statement=case.receipt.statement,
    )


def _proof(case: Case, under: _Under, indices: list[int], limits: _Limits) -> Proof:
    note = _write_note(under.proof.note.text, under.good_lines, under.idle_lines, limits.unknown)
    proof = TlogProof(case.carried.batch.index, under.proof.parsed.path, in_order(note, case.genesis.origin))
    return Proof(
        proof=format_proof(proof).decode(),
        paths=tuple(under.paths.get(index) for index in indices),
        tokens=tuple(sorted([*under.good_tokens, *under.idle_tokens[: limits.idle_tokens]][:MAX_TOKENS])),
    )


def _lasting(*cases: Case) -> set[str]:
    """The texts of the records relied on, and of the depositor's newest event."""
    relied = {record.text for case in cases for record in case.relied}
    events = [event for case in cases for event in case.events if _is_in_ledger(case, event.carried)]
    newest = max(events, key=lambda event: event.body.event, default=None)
    return relied if newest is None else relied | {newest.carried.text}


def _within_records(pieces: _Pieces, limit: int) -> list[CarriedRecord]:
    """At most so many where that can be, by index: told records that are not the newest go."""
    records = sorted(pieces.records, key=lambda record: record.index)
    spare = [record for record in records if record.text not in pieces.keep]
    gone = {record.text for record in spare[: max(0, len(records) - limit)]}
    return [record for record in records if record.text not in gone]


def _within_proofs(case: Case, proofs: list[_Under], limit: int) -> list[_Under]:
    """At most so many where that can be: the first, the first witnessed, the first stamped and the newest stay."""
    ordered = sorted(proofs, key=lambda under: (under.proof.checkpoint.size, under.proof.note.text))
    counting = [under for under in ordered if under.proof.counts] or ordered
    witnessed = (under for under in counting if _has_quorum(case, under))
    stamped = (under for under in counting if under.good_tokens)
    keep = [counting[0], next(witnessed, None), next(stamped, None), counting[-1]]
    spare = [under for under in ordered if all(under is not kept for kept in keep)]
    spare.sort(key=lambda under: under.proof.counts)  # stable: those that do not count go first
    gone = spare[: max(0, len(ordered) - limit)]
    return [under for under in ordered if all(under is not other for other in gone)]


def _has_quorum(case: Case, under: _Under) -> bool:
    return case.policy is not None and quorum_time(case.policy, under.witnessed) is not None
