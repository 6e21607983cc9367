"""Commands that die in the middle, without a chance to tidy up, or whose network or disk ends there.

Run as a program this is an interpreter that has everything imported and forks for each command: to start one for each
would take most of the tests' time.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

ROOT = Path(__file__).resolve().parents[2]
DIE, CUT, FULL = "die", "cut", "full"
DIED = 77
MOST_CALLS = 4000  # more than any command makes: one that is asked for more never ends well


class Forker:
    """Runs commands, each in a process of its own."""

    def __enter__(self) -> Self:
        places = os.pathsep.join(str(ROOT / name) for name in (".", "ledger", "clients"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clients.dying"],
            env=environment | {"PYTHONPATH": places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._said = ""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, how: str, calls: int, *words: object, piece: int | None = None) -> int:
        """Run ``hefu`` until, after some calls that leave the process, it dies (DIED), or its network or disk ends.

        The exit code. ``piece``: the size in bytes in which the vault cuts deposits.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert calls < MOST_CALLS, self._said
        order = [how, calls, piece, [str(word) for word in words]]
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code, self._said = json.loads(self._process.stdout.readline())
        assert code >= 0, (code, self._said)
        assert "Traceback" not in self._said, self._said
        return int(code)

    def dies(self, calls: int, *words: object, piece: int | None = None) -> bool:
        """Run ``hefu`` until it dies before one of its calls, or ends well; whether it died."""
        code = self.run(DIE, calls, *words, piece=piece)
        assert code in (0, DIED)
        return code == DIED


def doom(how: str, calls: int) -> None:  # noqa: C901 -- one list of what leaves a process
    """Let this process meet its end after some calls."""
    import httpx  # noqa: PLC0415 -- the tests' process needs none of it

    from hefu.service import Service  # noqa: PLC0415 -- the same

    def end() -> NoReturn:
        if how == DIE:
            os._exit(DIED)
        if how == CUT:
            raise httpx.ConnectError("the network is cut")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    left = itertools.count(calls, -1)

    def doomed(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **options: Any) -> Any:
            if next(left) <= 0:
                end()
            return real(*values, **options)

        return call

    def doomed_after(real: Callable[..., Any]) -> Callable[..., Any]:
        done = doomed(lambda result: result)
        return lambda *values, **options: done(real(*values, **options))

    if how == DIE:
        vars(os)["truncate"] = doomed_after(os.truncate)  # what is being written is empty now
        vars(os)["open"] = doomed_after(os.open)
    names = {DIE: ("fsync", "link", "unlink", "replace", "truncate"), CUT: (), FULL: ("fsync", "link", "replace")}
    for name in names[how]:
        setattr(os, name, doomed(getattr(os, name)))
    if how != FULL:  # before the request is made, and before its answer is used
        once = doomed_after(doomed(Service._ask_once))
        setattr(Service, "_ask_once", lambda *values: once(*values))  # noqa: B010 -- mypy refuses to assign to a method


def _run(how: str, calls: int, piece: int | None, words: list[str], output: int) -> NoReturn:
    """Be the process of one command."""
    code: object = 1
    try:
        import hefu.vault.blobs  # noqa: PLC0415 -- only in the process that dies
        from hefu.cli.main import main  # noqa: PLC0415 -- only in the process that dies

        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        if piece is not None:
            vars(hefu.vault.blobs)["PIECE"] = piece
        doom(how, calls)
        main(words)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _serve() -> None:
    time.sleep = lambda _: None  # before anyone takes it: a network that is cut is asked again without pauses
    for module in ("cli.commands.deposit", "cli.commands.folders", "cli.commands.vault", "recovery.restore", "client"):
        __import__(f"hefu.{module}")
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                how, calls, piece, words = json.loads(line)
                _run(how, calls, piece, words, output.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
        sys.stdout.write(json.dumps([code, said]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
