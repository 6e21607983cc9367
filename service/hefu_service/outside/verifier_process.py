"""The process that verifies receipts for strangers: ``python -m hefu_service.outside.verifier_process CORE...``.

It is given a policy and a receipt and answers, one after the other, until its input ends, as it does with its parent.
It has no key, no database, no environment and no open file of the service.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from hefu_ledger.errors import LedgerError
from hefu_service.intake.refusals import RefusedError
from hefu_service.receipts.verdict import receipt_verdict

READY: Final = b"ready"
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
            answers.send_bytes(answer(policy=asked.recv_bytes(), receipt=asked.recv_bytes()))


def answer(*, policy: bytes, receipt: bytes) -> bytes:
    """The verdict, a refusal or a failure, after a byte that tells which."""
    try:
        return VERDICT + receipt_verdict(receipt, policy)
    except (LedgerError, RefusedError) as error:
        text = error.args[0] if error.args else ""
        return REFUSED + json.dumps([type(error).__name__, str(error), getattr(text, "zh", None)]).encode()
    except Exception as error:  # a defect: the next receipt is verified all the same
        return FAILED + type(error).__name__.encode()


if __name__ == "__main__":
    main(sys.argv[1:])
