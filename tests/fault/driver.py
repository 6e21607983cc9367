"""Accepts a few statements and settles them, step by step, telling each acknowledgement through a socket.

A program of its own, so that any of its system calls can be made to fail: ``driver.py DATA DEPOSITOR SOCKET LOG FLAG…``
has strace, with these flags, trace it into a log, from when everything is imported.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from tests.fault.ledger_data import accept
from tests.support.enrolling import make_statement
from tests.support.serving import ORIGIN

from hefu_ledger.names import depositor_key_name
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.jobs.tasks import settle
from hefu_service.ports.errors import PortError
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.wiring import open_services, recover

TRACED = b"traced?"
UNTRACED = "strace may not trace processes here"
REQUESTS = ((100,), (101, 102, 103), (104,))  # statements; each request is settled, and the second fills a tile
REFUSED = 2
_PR_SET_PTRACER = 0x59616D61


def main(data: Path, depositor: str, tell: socket.socket) -> None:
    """Do it all once."""
    signer = Ed25519Signer(depositor_key_name(ORIGIN, depositor), sha256(f"{depositor} ".encode()).digest())
    with open_services(data) as services:
        recover(services)
        for numbers in REQUESTS:
            for acknowledgement in accept(services, *(make_statement(signer, number) for number in numbers)).values():
                tell.send(acknowledgement)
            settle(services)


def be_traced(tell: socket.socket, log: Path, flags: list[str]) -> None:
    """Start strace on this process, and wait until it has seen a call: from now on it counts the same in each run."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_long(-1), 0, 0, 0)  # where only a parent may trace, a child too
    tracer = subprocess.Popen(["strace", "-f", "-y", "-o", log, *flags, "-p", f"{os.getpid()}"])
    while not log.exists() or not log.stat().st_size:
        if tracer.poll() is not None:
            sys.exit(UNTRACED)
        tell.send(TRACED)
        time.sleep(0.001)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[3])) as told:
        be_traced(told, Path(sys.argv[4]), sys.argv[5:])
        try:
            main(Path(sys.argv[1]), sys.argv[2], told)
        except (PortError, SealingStoppedError) as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.exit(REFUSED)
