"""Depositors enrolled by the real API, and statements signed beforehand, by a process for each core."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from multiprocessing import get_context

from tests.bench.engines import Engine
from tests.support.serving import ORIGIN, redeem

from hefu_ledger.deposit.statement import Statement, format_statement
from hefu_ledger.names import depositor_key_name
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.merkle import leaf_hash
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.intake.enrolment import issue_code
from hefu_service.wiring import open_services

DEPOSITORS = 8


def enrol(engine: Engine, count: int = DEPOSITORS) -> list[str]:
    """Enrol new depositors, a key each; the key's seed follows from the name."""
    with open_services(engine.data, engine.database) as services:
        codes = [
            issue_code(
                services,
                name="上海某某化妆品有限公司",
                uscc="91310120MA1HP00194",
                method="核验",
                verified_by="工作站",
                another_identity="bench",
            )
            for _ in range(count)
        ]
    for code in codes:
        signer = signer_of(code.partition(".")[0])
        status, answer = redeem(engine.ports[0], code, signer)
        if status not in (200, 201):
            raise RuntimeError(f"not enrolled: {status} {answer}")
    return [code.partition(".")[0] for code in codes]


def signer_of(depositor: str) -> Ed25519Signer:
    """A depositor's key."""
    return Ed25519Signer(depositor_key_name(ORIGIN, depositor), sha256(depositor.encode()).digest())


def statements(depositors: Sequence[str], count: int, *, first: int = 0, documents: int = 1) -> list[bytes]:
    """``count`` statements, of the depositors in turn; other numbers (``first`` on), other statements."""
    chunks = [range(first + start, first + min(start + 1000, count)) for start in range(0, count, 1000)]
    with ProcessPoolExecutor(os.cpu_count(), get_context("forkserver")) as pool:
        return [each for chunk in pool.map(partial(_sign, depositors, documents), chunks) for each in chunk]


def _sign(depositors: Sequence[str], documents: int, numbers: range) -> list[bytes]:
    signers = [(depositor, signer_of(depositor)) for depositor in depositors]
    made = []
    for number in numbers:
        depositor, signer = signers[number % len(signers)]
        said = Statement(documents, depositor, "file", ORIGIN, leaf_hash(sha256(b"%d" % number).digest()))
        made.append(format_note(sign_note(format_statement(said), [signer])))
    return made
