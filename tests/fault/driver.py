"""Accepts a few statements and settles them, step by step, telling each acknowledgement through a socket.

A program of its own, so that any of its system calls can be made to fail: ``driver.py DATA DEPOSITOR SOCKET``.
"""

from __future__ import annotations

import socket
import sys
from hashlib import sha256
from pathlib import Path

from hefu_ledger.keys import Ed25519Signer
from hefu_ledger.names import depositor_key_name
from hefu_service.jobs.tasks import settle
from hefu_service.ports import PortError
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.wiring import open_services, recover
from tests.enrolling import make_statement
from tests.fault.ledger_data import accept
from tests.serving import ORIGIN

BEGUN = b"begun"
REQUESTS = ((100,), (101, 102, 103), (104,))  # statements; each request is settled, and the second fills a tile
REFUSED = 2


def main(data: Path, depositor: str, tell: socket.socket) -> None:
    """Do it all once."""
    signer = Ed25519Signer(depositor_key_name(ORIGIN, depositor), sha256(f"{depositor} ".encode()).digest())
    tell.send(BEGUN)
    with open_services(data) as services:
        recover(services)
        for numbers in REQUESTS:
            for acknowledgement in accept(services, *(make_statement(signer, number) for number in numbers)).values():
                tell.send(acknowledgement)
            settle(services)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[3])) as told:
        try:
            main(Path(sys.argv[1]), sys.argv[2], told)
        except (PortError, SealingStoppedError) as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.exit(REFUSED)
