"""Bare work, to hold the service against: the same rows, database and signatures, and nothing around them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import URL
from tests.bench.depositors import signer_of
from tests.bench.rows import rows

from hefu_ledger.tlog.note import parse_note
from hefu_service.ports.rows import Deposit, Depositor
from hefu_service.store.sql import open_store

SECONDS = 1.0  # of each
_SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def per_second(work: Callable[[], int], seconds: float = SECONDS) -> float:
    """How much work is done in a second; each call tells how much it has done."""
    began, done = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < seconds:
        done += work()
    return done / took


def verify_and_sign(statements: Sequence[bytes]) -> Callable[[], int]:
    """Bare Ed25519 on one core: a statement's signature verified, a text of its length signed."""
    work = [_verifiable(statement) for statement in statements]

    def once() -> int:
        for key, signature, text in work:
            key.verify(signature, text)
            _SIGNER.sign(text)
        return len(work)

    return once


def grouped(url: URL, deposits: Sequence[Deposit], size: int) -> float:
    """Deposits a second of the least a service can do on one thread: verify ``size``, commit their rows, sign them."""
    groups = [deposits[start : start + size] for start in range(0, len(deposits), size)]
    works = [verify_and_sign([deposit.statement for deposit in group]) for group in groups]
    _add_depositors(url, deposits)
    began = time.perf_counter()
    with rows(url) as table:
        for group, work in zip(groups, works, strict=True):
            work()
            table.insert(group)
            table.commit()
    return len(deposits) / (time.perf_counter() - began)


def syncs(folder: Path) -> float:
    """How many times a second 4 KiB are written and reach the disk."""
    file = os.open(folder / "synced", os.O_WRONLY | os.O_CREAT)
    places = cycle(range(0, 1 << 20, 4096))

    def once() -> int:
        os.pwrite(file, bytes(4096), next(places))
        os.fdatasync(file)
        return 1

    try:
        return per_second(once)
    finally:
        os.close(file)


def hashed() -> float:
    """How many bytes a second hashlib takes: SHA-256, a MiB at a time."""
    data = bytes(1 << 20)
    return per_second(lambda: len(hashlib.sha256(data).digest()) and len(data))


def _verifiable(statement: bytes) -> tuple[Ed25519PublicKey, bytes, bytes]:
    note = parse_note(statement)
    line = note.signatures[0]
    public = signer_of(line.name.rpartition("/")[2]).key.public
    return Ed25519PublicKey.from_public_bytes(public), line.signature, note.text.encode()


def _add_depositors(url: URL, deposits: Sequence[Deposit]) -> None:
    with closing(open_store(url)) as store, store.intake() as intake:
        for name in sorted({deposit.depositor for deposit in deposits}):
            if intake.depositor(name) is None:
                intake.add_depositor(Depositor(name, bytes(32), "", 1))
