"""A small ledger made in memory from fixed seeds: every format at work, for tests of the pure core."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from hefu_ledger import section
from hefu_ledger.deposit import card
from hefu_ledger.deposit.acceptance import Acceptance, format_acceptance
from hefu_ledger.deposit.evidence import Evidence
from hefu_ledger.deposit.receipt import Proof, Receipt, in_order
from hefu_ledger.deposit.statement import Seen, Statement, format_statement, parse_statement, statement_id
from hefu_ledger.digest import Digests, digest_stream
from hefu_ledger.names import acknowledgement_key_name, depositor_key_name, recovery_key_name
from hefu_ledger.records.bodies import (
    OPERATOR,
    Batch,
    Enrolment,
    Genesis,
    KeyEvent,
    KnownBody,
    LedgerKey,
    LedgerKeys,
    record_type,
)
from hefu_ledger.records.fold import DepositorEvent, fold
from hefu_ledger.records.identity import Identity, format_identity
from hefu_ledger.records.keyrequest import ADD, KeyRequest, format_key_request
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.record import NO_RECORD, Record, format_record, record_hash
from hefu_ledger.records.role import PREPARE
from hefu_ledger.records.roster import NO_ROSTER, Roster, verifier_key
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import COSIGNATURE, Ed25519Signer, MLDSA44Signer
from hefu_ledger.tlog.note import Note, SignatureLine, cosign, format_note, sign_note
from hefu_ledger.tlog.policy import Group, Log, Policy, Witness
from hefu_ledger.tlog.proof import TlogProof, format_proof

ORIGIN = "log.example/fengxian"
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000


def signer(name: str, label: str, kind: int = 1) -> Ed25519Signer:
    """A signer whose seed is the SHA-256 of a label."""
    return Ed25519Signer(name, sha256(label.encode()).digest(), kind)


LOG = signer(ORIGIN, "log")
LOG_MLDSA44 = MLDSA44Signer(ORIGIN, sha256(b"log mldsa44").digest())
ACKNOWLEDGEMENT = signer(acknowledgement_key_name(ORIGIN), "acknowledgement")
RECOVERY = signer(recovery_key_name(ORIGIN), "recovery")
WITNESSES = [signer(f"witness.example/{n}", f"witness {n}", COSIGNATURE) for n in range(3)]
POLICY = Policy(logs=(Log(LOG.key), Log(LOG_MLDSA44.key)), witnesses=(), groups=(), quorum=None)
WITNESSED = Policy(
    logs=(Log(LOG.key), Log(LOG_MLDSA44.key)),
    witnesses=tuple(Witness(f"w{n}", witness.key) for n, witness in enumerate(WITNESSES)),
    groups=(Group("two", 2, ("w0", "w1", "w2")),),
    quorum="two",
)


@cache
def log_line(text: str) -> SignatureLine:
    """The log's ML-DSA line of a checkpoint, which is made once: signing again would give another one."""
    return cosign(text, LOG_MLDSA44, 0)


def depositor_signer(depositor: str, label: str = "") -> Ed25519Signer:
    """The signer of a depositor's key; another label, another key."""
    return signer(depositor_key_name(ORIGIN, depositor), f"depositor {depositor} {label}")


def opened_identity(depositor: str) -> section.OpenedSection:
    """A depositor's identity under its nonce."""
    identity = Identity("营业执照核验", f"上海{depositor}化妆品有限公司", "91310120MA1HP00194", START, "奉贤工作站")
    return section.OpenedSection(sha256(f"identity {depositor}".encode()).digest(), format_identity(identity))


@dataclass
class Deposit:
    """A deposit and its private half."""

    documents: dict[str, bytes]
    texts: list[tuple[bytes, bytes, bytes]]
    seed: bytes
    statement: Note
    acceptance: Acceptance

    @property
    def nonces(self) -> section.Nonces:
        return section.Nonces(self.seed)

    @property
    def tree(self) -> merkle.Tree:
        commitments = [card.commit(texts, self.nonces.of(i)) for i, texts in enumerate(self.texts)]
        return merkle.Tree(b"".join(map(merkle.leaf_hash, commitments)))


def digests(data: bytes) -> Digests:
    return digest_stream(io.BytesIO(data))


@dataclass
class SampleLedger:
    """The service's half, without a service."""

    records: list[bytes] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    covered: int = 0
    now: int = START
    batches: dict[int, tuple[int, int]] = field(default_factory=dict)  # record index -> first_seq, count
    steps: dict[str, list[tuple[int, Roster]]] = field(default_factory=dict)  # depositor -> (from_seq, roster) by event
    places: dict[tuple[str, int], int] = field(default_factory=dict)  # depositor, event -> record index

    def append(self, body: KnownBody, entries: int | None = None) -> int:
        prev = record_hash(self.records[-1]) if self.records else NO_RECORD
        covered = self.covered if entries is None else entries
        record = Record(covered, len(self.records), prev, self.now, record_type(body), body)
        self.records.append(format_record(record))
        return len(self.records) - 1

    def begin(self, longest_delay_ms: int = DAY) -> int:
        return self.append(
            Genesis(
                acknowledgement=ACKNOWLEDGEMENT.key,
                log=LOG.key,
                log_mldsa44=LOG_MLDSA44.key,
                longest_delay_ms=longest_delay_ms,
                number_prefix="FX",
                origin=ORIGIN,
                recovery=RECOVERY.key,
            )
        )

    def roster(self, depositor: str) -> Roster:
        """The roster after the depositor's last event."""
        steps = self.steps.get(depositor)
        return steps[-1][1] if steps else NO_ROSTER

    def event(self, depositor: str, body: DepositorEvent, roster: Roster | None = None) -> int:
        """Append an event with the roster that it leads to, or with another, false one."""
        steps = self.steps.setdefault(depositor, [])
        body = body._replace(event=len(steps))
        after = fold(self.roster(depositor), body, origin=ORIGIN, depositor=depositor) if roster is None else roster
        body = body._replace(roster=after)
        index = self.append(body)
        self.places[depositor, body.event] = index
        steps.append((body.from_seq, after))
        return index

    def enrol(
        self,
        depositor: str,
        label: str = "",
        required: int = 1,
        earlier: Ed25519Signer | list[Ed25519Signer] | None = None,
        *,
        role: str = PREPARE,
        identity: bytes | None = None,
        roster: Roster | None = None,
    ) -> int:
        new = depositor_signer(depositor, label)
        vouchers = [] if earlier is None else earlier if isinstance(earlier, list) else [earlier]
        commitment = section.close(opened_identity(depositor)) if identity is None else identity
        possession = Possession(depositor, commitment, ORIGIN, self.now, required, new.key, role)
        note = format_note(sign_note(format_possession(possession), [new, *vouchers])).decode()
        return self.event(depositor, Enrolment(0, len(self.deposits), note, NO_ROSTER), roster)

    def end_key(
        self,
        depositor: str,
        label: str = "",
        *,
        by: list[Ed25519Signer] | None = None,
        since: int | None = None,
        reason: str = "left the company",
        from_seq: int | None = None,
        roster: Roster | None = None,
    ) -> int:
        """Retire a key, or report it where ``since`` is given; by the operator's word where no signer is given."""
        key = depositor_signer(depositor, label).key
        action = "retire" if since is None else "compromised"
        request = format_key_request(KeyRequest(action, reason, self.now, key, since))
        word = OPERATOR if by is None else format_note(sign_note(request, by)).decode()
        start = len(self.deposits) if from_seq is None else from_seq
        return self.event(depositor, KeyEvent(action, word, 0, start, reason, NO_ROSTER, key, since), roster)

    def ledger_key(
        self,
        key: Ed25519Signer,
        *,
        action: str = ADD,
        since: int | None = None,
        recovery: Ed25519Signer = RECOVERY,
        event: int = 0,
    ) -> int:
        """Add a key that acknowledges, or end a key of the log; by the recovery key, or by one that says it is it."""
        request = format_key_request(KeyRequest(action, "yearly", self.now, key.key, since))
        by = format_note(sign_note(request, [recovery, key] if action == ADD else [recovery])).decode()
        keys = LedgerKeys((ACKNOWLEDGEMENT.key,), (LOG.key,), (LOG_MLDSA44.key,), recovery.key)
        if action == ADD:
            keys = keys._replace(acknowledgement=(ACKNOWLEDGEMENT.key, key.key))
        return self.append(LedgerKey(action, by, event, len(self.deposits), keys, "yearly", key.key, since))

    def event_at(self, depositor: str, seq: int) -> int:
        """The depositor's last event in force at a deposit; 0 where there is none, for tests of ghosts."""
        steps = self.steps.get(depositor, [])
        return max((event for event, (from_seq, _) in enumerate(steps) if from_seq <= seq), default=0)

    def deposit(
        self,
        depositor: str,
        documents: dict[str, bytes],
        *,
        signers: list[Ed25519Signer] | None = None,
        seen: Seen | None = None,
        nth: int | None = None,
        delay: int = DAY,
    ) -> Deposit:
        seq = len(self.deposits)
        seed = sha256(f"seed {seq}".encode()).digest()
        texts = [self._texts(depositor, name, data) for name, data in documents.items()]
        deposit = Deposit(
            documents, texts, seed, Note("\n", ()), Acceptance(0, depositor, 0, 0, ORIGIN, 0, 0, bytes(32))
        )
        statement = Statement(len(texts), depositor, "file", ORIGIN, deposit.tree.root, seen=seen)
        deposit.statement = sign_note(format_statement(statement), signers or [depositor_signer(depositor)])
        before = sum(other.acceptance.depositor == depositor for other in self.deposits)
        self.now += 10
        deposit.acceptance = Acceptance(
            anchor_by=self.now + delay,
            depositor=depositor,
            event=self.event_at(depositor, seq),
            nth=before if nth is None else nth,
            origin=ORIGIN,
            received_at=self.now,
            seq=seq,
            statement=statement_id(deposit.statement),
        )
        self.deposits.append(deposit)
        return deposit

    @staticmethod
    def _texts(depositor: str, name: str, data: bytes) -> tuple[bytes, bytes, bytes]:
        found = digests(data)
        document = card.Document(ORIGIN, depositor, found.sha256, found.sm3, found.size)
        circumstances = card.section_text("circumstances", {"source": {"tool": "hefu", "tool_version": "1"}})
        return card.document_text(document), card.label_text(name), circumstances

    def batch_tree(self, first: int, count: int) -> merkle.Tree:
        texts = [format_acceptance(deposit.acceptance) for deposit in self.deposits[first : first + count]]
        return merkle.Tree(b"".join(merkle.leaf_hash(text.encode()) for text in texts))

    def seal(self, count: int | None = None) -> int:
        first = self.covered
        count = len(self.deposits) - first if count is None else count
        self.covered += count
        self.now += 1000
        tree = self.batch_tree(first, count)
        index = self.append(Batch(count, first, {"sha-256": tree.root}))
        self.batches[index] = (first, count)
        return index

    def tree(self, size: int | None = None) -> merkle.Tree:
        return merkle.Tree(b"".join(map(merkle.leaf_hash, self.records[:size])))

    def checkpoint(self, size: int | None = None, cosigners: list[Ed25519Signer] | None = None) -> Note:
        size = len(self.records) if size is None else size
        text = format_checkpoint(Checkpoint(ORIGIN, size, self.tree(size).root))
        note = sign_note(text, [LOG])
        lines = [log_line(text)]
        lines += [cosign(text, witness, self.now // 1000 + n) for n, witness in enumerate(cosigners or [])]
        return Note(text, (*note.signatures, *lines))

    def leaves(self, index: int) -> bytes:
        first, count = self.batches[index]
        texts = [format_acceptance(deposit.acceptance) for deposit in self.deposits[first : first + count]]
        return b"".join(merkle.leaf_hash(text.encode()) for text in texts)

    def entries(self, index: int) -> list[tuple[str, bytes]]:
        first, count = self.batches[index]
        return [
            (format_acceptance(deposit.acceptance), format_note(deposit.statement))
            for deposit in self.deposits[first : first + count]
        ]

    def batch_of(self, seq: int) -> int:
        """The index of the batch record that covers a deposit."""
        return next(i for i, (first, count) in self.batches.items() if first <= seq < first + count)

    def relied(self, seq: int) -> list[int]:
        """The indices of the depositor's events that deposit ``seq`` relies on."""
        deposit = self.deposits[seq]
        depositor, last = deposit.acceptance.depositor, deposit.acceptance.event
        wanted = set(range(last + 1))
        if last >= 8:
            roster = self.steps[depositor][last][1]
            ids = {line.key_id for line in deposit.statement.signatures}
            name = depositor_key_name(ORIGIN, depositor)
            signers = [key for key in roster.keys if verifier_key(name, key.key).key_id in ids]
            wanted = {last, roster.enrolment, *(key.since for key in signers)}
        return sorted(self.places[depositor, event] for event in wanted)

    def receipt(
        self,
        seq: int,
        relied: list[int] | None = None,
        checkpoints: list[Note] | None = None,
        *,
        told: Sequence[int] = (),
    ) -> Receipt:
        """A receipt for deposit ``seq``: the events it relies on, or other records, and those that are told."""
        batch = self.batch_of(seq)
        first, count = self.batches[batch]
        indices = sorted({0, *(self.relied(seq) if relied is None else relied), batch, *told})
        proofs = [self.proof(batch, indices, note) for note in checkpoints or [self.checkpoint()]]
        deposit = self.deposits[seq]
        acknowledgement = sign_note(format_acceptance(deposit.acceptance), [ACKNOWLEDGEMENT])
        return Receipt(
            acknowledgement=format_note(acknowledgement).decode(),
            batch_path=tuple(self.batch_tree(first, count).path(seq - first)),
            proofs=tuple(proofs),
            records=tuple(self.records[index].decode() for index in indices),
            statement=format_note(deposit.statement).decode(),
        )

    def proof(self, batch: int, indices: list[int], note: Note) -> Proof:
        """The proof of some records under a checkpoint, without a path where it is too small."""
        size = parse_checkpoint(note.text).size
        tree = self.tree(size)
        path = tuple(tree.path(batch))
        paths = [tuple(tree.path(index)) if index < size else None for index in indices if index != batch]
        return Proof(format_proof(TlogProof(batch, path, in_order(note, ORIGIN))).decode(), tuple(paths))

    def evidence(self, seq: int, index: int, receipt: Receipt) -> Evidence:
        deposit = self.deposits[seq]
        nonces, texts = deposit.nonces.of(index), deposit.texts[index]
        document, label, circumstances = (
            section.OpenedSection(nonce, text.decode()) for nonce, text in zip(nonces, texts, strict=True)
        )
        return Evidence(
            index=index,
            path=tuple(deposit.tree.path(index)),
            receipt=receipt,
            sections=(document, label, circumstances),
            identity=opened_identity(parse_statement(deposit.statement.text).depositor),
        )


def sample() -> SampleLedger:
    """Two depositors, three deposits in two batches; deposit 1 is acme's folder of five documents."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.enrol("beta")
    ledger.deposit("acme", {"formula.txt": b"aqua, glycerin"})
    ledger.deposit("acme", {f"配方/{n}.txt": b"formula %d" % n for n in range(5)})
    ledger.seal()
    ledger.deposit("beta", {"list.csv": b"customers"})
    ledger.seal()
    return ledger
