"""A small ledger made in memory from fixed seeds: every format at work, for tests of the pure core."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from hashlib import sha256

from hefu_ledger import section
from hefu_ledger.deposit import card
from hefu_ledger.deposit.acceptance import Acceptance, format_acceptance
from hefu_ledger.deposit.evidence import Evidence
from hefu_ledger.deposit.receipt import Proof, Receipt
from hefu_ledger.deposit.statement import Seen, Statement, format_statement, parse_statement, statement_id
from hefu_ledger.digest import Digests, digest_stream
from hefu_ledger.names import acknowledgement_key_name, depositor_key_name, recovery_key_name
from hefu_ledger.records.identity import Identity, Possession, format_identity, format_possession
from hefu_ledger.records.record import (
    NO_RECORD,
    Batch,
    Body,
    Clock,
    Enrolment,
    Genesis,
    KeyEvent,
    Record,
    format_record,
    record_hash,
)
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.keys import COSIGNATURE, Ed25519Signer, MLDSA44Signer
from hefu_ledger.tlog.note import Note, cosign, format_note, sign_note
from hefu_ledger.tlog.policy import Group, Log, Policy, Witness
from hefu_ledger.tlog.proof import TlogProof, format_proof

ORIGIN = "log.example/fengxian"
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000
_TYPES = {Genesis: "genesis", Enrolment: "enrolment", KeyEvent: "key", Batch: "batch", Clock: "clock"}


def signer(name: str, label: str, kind: int = 1) -> Ed25519Signer:
    """A signer whose seed is the SHA-256 of a label."""
    return Ed25519Signer(name, sha256(label.encode()).digest(), kind)


LOG = signer(ORIGIN, "log")
LOG_MLDSA44 = MLDSA44Signer(ORIGIN, sha256(b"log mldsa44").digest())
ACKNOWLEDGEMENT = signer(acknowledgement_key_name(ORIGIN), "acknowledgement")
RECOVERY = signer(recovery_key_name(ORIGIN), "recovery")
WITNESSES = [signer(f"witness.example/{n}", f"witness {n}", COSIGNATURE) for n in range(3)]
POLICY = Policy(logs=(Log(LOG.key),), witnesses=(), groups=(), quorum=None)
WITNESSED = Policy(
    logs=(Log(LOG.key),),
    witnesses=tuple(Witness(f"w{n}", witness.key) for n, witness in enumerate(WITNESSES)),
    groups=(Group("two", 2, ("w0", "w1", "w2")),),
    quorum="two",
)


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

    def append(self, body: Body, entries: int | None = None) -> int:
        prev = record_hash(self.records[-1]) if self.records else NO_RECORD
        kind = _TYPES[type(body)]
        covered = self.covered if entries is None else entries
        self.records.append(format_record(Record(covered, len(self.records), prev, kind, body)))
        return len(self.records) - 1

    def begin(self, longest_delay_ms: int = DAY) -> int:
        return self.append(
            Genesis(
                acknowledgement=ACKNOWLEDGEMENT.key,
                log=LOG.key,
                longest_delay_ms=longest_delay_ms,
                number_prefix="FX",
                origin=ORIGIN,
                recovery=RECOVERY.key,
            )
        )

    def enrol(self, depositor: str, label: str = "", required: int = 1, earlier: Ed25519Signer | None = None) -> int:
        new = depositor_signer(depositor, label)
        text = format_possession(Possession(depositor, ORIGIN, new.key))
        note = format_note(sign_note(text, [new] if earlier is None else [new, earlier])).decode()
        return self.append(Enrolment(len(self.deposits), section.close(opened_identity(depositor)), note, required))

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
        deposit = Deposit(documents, texts, seed, Note("\n", ()), Acceptance(0, depositor, 0, ORIGIN, 0, 0, bytes(32)))
        statement = Statement(len(texts), depositor, "file", ORIGIN, deposit.tree.root, seen=seen)
        deposit.statement = sign_note(format_statement(statement), signers or [depositor_signer(depositor)])
        before = sum(other.acceptance.depositor == depositor for other in self.deposits)
        self.now += 10
        deposit.acceptance = Acceptance(
            anchor_by=self.now + delay,
            depositor=depositor,
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
        index = self.append(Batch(count, first, {"sha-256": tree.root}, self.now))
        self.batches[index] = (first, count)
        return index

    def tree(self, size: int | None = None) -> merkle.Tree:
        return merkle.Tree(b"".join(map(merkle.leaf_hash, self.records[:size])))

    def checkpoint(self, size: int | None = None, cosigners: list[Ed25519Signer] | None = None) -> Note:
        size = len(self.records) if size is None else size
        text = format_checkpoint(Checkpoint(ORIGIN, size, self.tree(size).root))
        note = sign_note(text, [LOG])
        lines = [cosign(text, witness, self.now // 1000 + n) for n, witness in enumerate(cosigners or [])]
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

    def receipt(self, seq: int, relied: list[int], checkpoints: list[Note] | None = None) -> Receipt:
        """A receipt for deposit ``seq`` that relies on the records ``relied`` besides genesis and batch."""
        batch = next(i for i, (first, count) in self.batches.items() if first <= seq < first + count)
        first, count = self.batches[batch]
        indices = [0, *relied, batch]
        tree = self.tree()
        paths = tuple(tuple(tree.path(index)) for index in indices)
        proofs = tuple(
            Proof(format_proof(TlogProof(batch, paths[-1], note)).decode(), paths[:-1])
            for note in checkpoints or [self.checkpoint()]
        )
        deposit = self.deposits[seq]
        acknowledgement = sign_note(format_acceptance(deposit.acceptance), [ACKNOWLEDGEMENT])
        return Receipt(
            acknowledgement=format_note(acknowledgement).decode(),
            batch_path=tuple(self.batch_tree(first, count).path(seq - first)),
            proofs=proofs,
            records=tuple(self.records[index].decode() for index in indices),
            statement=format_note(deposit.statement).decode(),
        )

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
