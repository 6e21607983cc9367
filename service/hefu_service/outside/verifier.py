"""Verification in a process of its own, of low priority: one receipt at a time, and each for a limited time.

The interpreter lock of this process belongs to depositors. The other process is begun with the first receipt, begun
anew where it has ended, and ends with this one.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from threading import Lock, Timer
from typing import Final

from hefu_ledger.errors import LedgerError, MalformedError
from hefu_service.intake.refusals import PrivateHalfError, RefusedError, VerifierBusyError
from hefu_service.outside import verifier_process
from hefu_service.ports.errors import PortError
from hefu_service.texts import Text, sentence

LOG: Final = logging.getLogger("hefu.verifier")
PATIENCE_S: Final = 2.0  # for a verdict
START_S: Final = 15.0  # for the process to begin
_REFUSALS: Final = {kind.__name__: kind for kind in (LedgerError, MalformedError, PrivateHalfError, RefusedError)}


class ProcessVerifier:
    """A ``Verifier``; ``patience_s`` is the time (s) for one receipt."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._one = Lock()
        self._child: _Child | None = None

    def check_free(self) -> None:
        """See the port."""
        if self._one.locked():
            raise VerifierBusyError(sentence("verify.busy"))

    def verdict(self, receipt: bytes, policy: bytes, known: Callable[[bytes], bytes]) -> bytes:
        """See the port."""
        if not self._one.acquire(blocking=False):
            raise VerifierBusyError(sentence("verify.busy"))
        try:
            answer = self._ask(receipt, policy, known)
        finally:
            self._one.release()
        return _read(answer)

    def close(self) -> None:
        """End the process; another verdict would begin one."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return None if self._child is None else self._child.process.pid

    def _ask(self, receipt: bytes, policy: bytes, known: Callable[[bytes], bytes]) -> bytes:
        try:
            child = self._running()
            with _limited(child.process, self._patience_s):
                child.asked.send_bytes(policy)
                child.asked.send_bytes(receipt)
                answer = child.answers.recv_bytes()
                if answer[:1] != verifier_process.WANTED:
                    return answer
                child.asked.send_bytes(known(answer[1:]))
                return child.answers.recv_bytes()
        except (EOFError, OSError):
            LOG.warning("verifying was ended: it took too long, or its process was killed")
            self.close()
            raise VerifierBusyError(sentence("verify.slow", seconds=self._patience_s)) from None

    def _running(self) -> _Child:
        if self._child is None or self._child.process.poll() is not None:
            self.close()
            child = self._child = _Child(self._cores)
            with _limited(child.process, START_S):
                child.answers.recv_bytes()
        return self._child


class _Child:
    """The other process and the two pipes to it."""

    def __init__(self, cores: list[int]) -> None:
        environment = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        command = [sys.executable, "-P", "-m", verifier_process.__name__, *map(str, cores)]
        # A group of its own: Ctrl-C is for this process, with which the other one ends.
        self.process = subprocess.Popen(  # noqa: S603 -- our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/", process_group=0
        )
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise PortError(sentence("verify.failed", reason="pipe"))
        self.asked = Connection(os.dup(stdin.fileno()), readable=False)
        self.answers = Connection(os.dup(stdout.fileno()), writable=False)
        stdin.close()
        stdout.close()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.asked.close()
        self.answers.close()


@contextmanager
def _limited(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill the process if this takes longer: both ends of its pipes break then."""
    end = Timer(seconds, process.kill)
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()
        end.join()


def _read(answer: bytes) -> bytes:
    kind, content = answer[:1], answer[1:]
    if kind == verifier_process.VERDICT:
        return content
    if kind == verifier_process.REFUSED:
        name, english, chinese = json.loads(content)
        raise _REFUSALS.get(name, LedgerError)(english if chinese is None else Text(english, chinese))
    raise PortError(sentence("verify.failed", reason=content.decode()))
