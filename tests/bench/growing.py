"""A ledger grown by millions of deposits, faster than by depositing and yet byte for byte what depositing would give.

Statements, acceptances, batch files, leaves, records, tiles and checkpoints are made by the service's own functions or
checked against them, and signed by real keys. What is left out is reading back: each byte is hashed once, when made.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import URL
from tests.bench.depositors import signer_of
from tests.bench.rows import rows

from hefu_ledger.deposit.acceptance import Acceptance, format_acceptance
from hefu_ledger.deposit.statement import Statement, format_statement
from hefu_ledger.encoding import to_base64
from hefu_ledger.records.bodies import Batch
from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.merkle import Frontier, consistency_path, leaf_hash
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.tlog.tiles import ENTRIES, WIDTH, format_bundle, tile_bytes, tiles_at
from hefu_service.outside.files import BatchFolder
from hefu_service.ports.rows import Deposit
from hefu_service.publishing.batch_tree import format_nodes
from hefu_service.sealing.appender import Chain
from hefu_service.sealing.batch import batch_root
from hefu_service.services import Services
from hefu_service.tiles import grown_nodes, published_nodes

BATCH = 10_000  # deposits
_GROUP = 50  # batches whose rows SQLite has in one transaction: identities are random, few large ones touch fewer pages
_AHEAD = 6  # batches that are made before they are wanted
_ZEROS = "0" * 64


@dataclass(frozen=True, slots=True)
class Ask:
    """What one batch shall hold: deposits of the depositors in turn, at one time."""

    data: Path
    origin: str
    depositors: Sequence[str]
    first: int
    count: int
    received_at: int  # ms
    anchor_by: int  # ms


@dataclass(frozen=True, slots=True)
class Made:
    """A batch whose private file is on disk."""

    ask: Ask
    deposits: list[Deposit]
    leaves: bytes
    root: bytes


def grow(services: Services, data: Path, url: URL, depositors: Sequence[str], count: int) -> Iterator[int]:
    """Deposit, seal and publish ``count`` in a ledger that has none; yields how many there are, now and then."""
    asked = (_ask(services, data, depositors, first, min(BATCH, count - first)) for first in range(0, count, BATCH))
    with rows(url) as table:
        group: list[Made] = []
        for made in _made(asked):
            table.insert(made.deposits)
            group.append(replace(made, deposits=made.deposits[-1:]))
            done = made.ask.first + made.ask.count
            if len(group) == _GROUP or done == count:
                table.commit()
                _seal(services, group)
                group.clear()
                yield done
        table.vacuum()


def _ask(services: Services, data: Path, depositors: Sequence[str], first: int, count: int) -> Ask:
    now = services.clock.now_ms()
    return Ask(data, services.origin, depositors, first, count, now, now + services.longest_delay_ms)


def _made(asked: Iterator[Ask]) -> Iterator[Made]:
    """Make batches in a process for each core, a few ahead, in order."""
    with ProcessPoolExecutor(os.cpu_count(), get_context("forkserver")) as pool:
        ahead: deque[Future[Made]] = deque()
        for ask in asked:
            ahead.append(pool.submit(_make, ask))
            if len(ahead) == _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _make(ask: Ask) -> Made:
    """Sign, accept, hash and keep a batch; its first deposit is checked against the functions that define it."""
    makers = [_Maker(ask, depositor) for depositor in ask.depositors]
    across = len(makers)
    deposits = [makers[seq % across].deposit(seq, seq // across) for seq in range(ask.first, ask.first + ask.count)]
    makers[ask.first % across].check(deposits[0])
    leaves = b"".join([leaf_hash(deposit.acceptance.encode()) for deposit in deposits])
    BatchFolder(ask.data / "batches").write(ask.first, deposits)
    return Made(ask, deposits, leaves, batch_root(leaves))


class _Maker:
    """One depositor's deposits, from patterns: formatting each by itself takes as long as signing it."""

    def __init__(self, ask: Ask, depositor: str) -> None:
        self._ask, self._depositor, self._signer = ask, depositor, signer_of(depositor)
        self._text = format_statement(self._statement(bytes(32))).replace(_ZEROS, "%s")
        self._line = f"\n\N{EM DASH} {self._signer.key.name} "
        pattern = format_acceptance(self._acceptance(bytes(32), seq=0, nth=0)).replace(_ZEROS, "%s")
        self._accepted = pattern.replace('"nth":0', '"nth":%d').replace('"seq":0', '"seq":%d')

    def deposit(self, seq: int, nth: int) -> Deposit:
        """Its deposit number ``nth``."""
        text = self._text % _root(seq).hex()
        signature = to_base64(self._signer.key.key_id + self._signer.sign(text.encode()))
        note = f"{text}{self._line}{signature}\n".encode()
        identity = sha256(note)
        acceptance = self._accepted % (nth, seq, identity.hexdigest())
        return Deposit(seq, self._depositor, nth, identity.digest(), note, acceptance)

    def check(self, deposit: Deposit) -> None:
        """Raise unless a deposit is what the ledger's own functions make."""
        signed = format_note(sign_note(format_statement(self._statement(_root(deposit.seq))), [self._signer]))
        accepted = self._acceptance(sha256(signed).digest(), seq=deposit.seq, nth=deposit.nth)
        if (deposit.statement, deposit.acceptance) != (signed, format_acceptance(accepted)):
            raise ValueError(f"deposit {deposit.seq} is not what it should be")

    def _statement(self, root: bytes) -> Statement:
        return Statement(1, self._depositor, "file", self._ask.origin, root)

    def _acceptance(self, statement: bytes, *, seq: int, nth: int) -> Acceptance:
        ask = self._ask
        return Acceptance(ask.anchor_by, self._depositor, 0, nth, ask.origin, ask.received_at, seq, statement)


def _root(seq: int) -> bytes:
    return leaf_hash(sha256(b"grown %d" % seq).digest())


def _seal(services: Services, group: Sequence[Made]) -> None:
    """Move the intake's head, then record and publish each batch under a checkpoint of its own."""
    last = group[-1].ask
    with services.store.intake() as intake:
        head = intake.intake_head()
        intake.move_intake(replace(head, next_seq=last.first + last.count, last_received_at=last.received_at))
    for made in group:
        _record(services, made)


def _record(services: Services, made: Made) -> None:
    with services.store.view() as view:
        old = view.ledger_head()
    chain = Chain(old, now_ms=services.clock.now_ms())
    chain.add(Batch(made.ask.count, made.ask.first, {"sha-256": made.root}))
    services.store.append(old, chain.head, chain.records)
    services.files.write_nodes(old.size, format_nodes(made.leaves))
    services.files.write_leaves(old.size, made.leaves)
    _publish(services, old.size, chain.records[0].data)


def _publish(services: Services, old_size: int, record: bytes) -> None:
    """As ``sealing.publish`` does, of one record, without reading its deposits again."""
    files, size = services.files, old_size + 1
    node = grown_nodes(published_nodes(files, old_size), old_size, [leaf_hash(record)])
    with services.store.view() as view:
        for tile in tiles_at(size, old_size):
            if tile.level == ENTRIES:
                entries = [stored.data for stored in view.records(tile.index * WIDTH, tile.width)]
            files.write_tile(tile, format_bundle(entries) if tile.level == ENTRIES else tile_bytes(tile, node))
        head = view.ledger_head()
    for tile in tiles_at(size, old_size):
        if tile.width == WIDTH:
            files.drop_partials(tile)
    checkpoint = Checkpoint(services.origin, size, Frontier(size, head.frontier).root())
    note = format_note(services.signer.sign(checkpoint, consistency_path(old_size, size, published_nodes(files, size))))
    files.write_checkpoint(note)
    services.store.add_checkpoint(size, note)
