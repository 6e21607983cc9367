"""The client for programs: the same as the command line, with typed answers.

    with Client("home") as client:
        for done in client.deposit(["contract.pdf"], out="evidence", wait=True):
            print(done.number, done.evidence)
    verdict = verify("evidence/contract.pdf.hefu.json", "contract.pdf", policy=read_policy("policy.txt"))

Errors: ``hefu.errors.ClientError`` and its subclasses for what is refused or unreachable,
``hefu_ledger.errors.LedgerError`` for what does not prove what it should, OSError for disks.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from hefu.deposit.depositor import Deposited, deposit
from hefu.deposit.plan import expected
from hefu.evidence.extract import extract
from hefu.evidence.inspect import inspect
from hefu.evidence.verify import read_policy, verify
from hefu.home.home import load
from hefu.home.settings import Keeping
from hefu.keys.enrol import Enrolled, enrol
from hefu.monitor.fetcher import open_source
from hefu.monitor.replay import audit
from hefu.service import Service
from hefu_ledger.records.identity import PREPARE

__all__ = [
    "Client",
    "Deposited",
    "Enrolled",
    "audit",
    "enrol_home",
    "extract",
    "inspect",
    "open_source",
    "read_policy",
    "verify",
]


class Client:
    """A depositor, as its home folder describes it."""

    def __init__(self, home: str, *, server: str | None = None) -> None:
        """``server``: another address than the one in the home folder."""
        self._home = load(home)
        self._service = Service(server or self._home.config.server)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the service."""
        self._service.close()

    @property
    def depositor(self) -> str:
        """The depositor's id 存证主体代号."""
        return self._home.config.depositor

    def deposit(
        self,
        paths: Sequence[str],
        *,
        out: str,
        wait: bool = True,
        skip_unreadable: bool = False,
        ignore: bool = True,
    ) -> list[Deposited]:
        """Deposit files and folders; see ``hefu.deposit.depositor.deposit``."""
        with expected(self._home, paths, out):
            return deposit(
                self._home, self._service, paths, out=out, wait=wait, skip_unreadable=skip_unreadable, ignore=ignore
            )


def enrol_home(home: str, *, server: str, code: str, keeping: Keeping | None = None, role: str = PREPARE) -> Enrolled:
    """Make ``home`` the home of the depositor whose one-time code this is; see ``hefu.keys.enrol.enrol``."""
    with Service(server) as service:
        return enrol(home, service, code, keeping or Keeping(), role=role)
