"""The process that verifies receipts for strangers: ``python -m hefu_service.outside.verifier_process CORE...``.

It is given a policy and a receipt and answers, one after the other, until its input ends, as it does with its parent.
It has no key, no database, no environment and no open file of the service.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

from hefu_ledger.errors import LedgerError
from hefu_service.intake.refusals import RefusedError
from hefu_service.receipts.verdict import receipt_verdict, wanted

READY: Final = b"ready"
WANTED: Final = b"w"  # with the records that the verdict may depend on, as JSON; they are sent then
VERDICT: Final = b"v"
REFUSED: Final = b"r"  # with the kind of the error and its text, in English and Chinese, as JSON
FAILED: Final = b"f"  # with the kind of the error alone: its text may hold anything
NICE: Final = 15  # a thirtieth of a depositor's share, where both want the processor


def main(cores: Sequence[str]) -> None:
    """Answer until the input ends. The processor's ``cores`` are those the service began with, not its one."""
    with suppress(OSError):
        os.nice(NICE)
    if cores:
        with suppress(OSError):
            os.sched_setaffinity(0, map(int, cores))
    asked, answers = Connection(os.dup(0), writable=False), Connection(os.dup(1), readable=False)
    os.dup2(2, 1)  # a library that prints would spoil the answers
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        answers.send_bytes(READY)
        while True:
            policy, receipt = asked.recv_bytes(), asked.recv_bytes()
            wants = answer(partial(_wants, receipt))
            answers.send_bytes(wants)
            if wants[:1] == WANTED:
                known = asked.recv_bytes()
                answers.send_bytes(answer(partial(_verdict, receipt, policy, known)))


def _wants(receipt: bytes) -> bytes:
    return WANTED + wanted(receipt)


def _verdict(receipt: bytes, policy: bytes, known: bytes) -> bytes:
    return VERDICT + receipt_verdict(receipt, policy, known)


def answer(make: Callable[[], bytes]) -> bytes:
    """The answer that ``make`` gives, a refusal or a failure, after a byte that tells which."""
    try:
        return make()
    except (LedgerError, RefusedError) as error:
        text = error.args[0] if error.args else ""
        return REFUSED + json.dumps([type(error).__name__, str(error), getattr(text, "zh", None)]).encode()
    except Exception as error:  # a defect: the next receipt is verified all the same
        return FAILED + type(error).__name__.encode()


if __name__ == "__main__":
    main(sys.argv[1:])
