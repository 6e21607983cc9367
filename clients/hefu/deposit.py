"""``hefu deposit``: from documents to evidence, safe to interrupt anywhere and to run again.

::

    (nothing) ── cards and statement, synced ──▶ FINAL.part ── sent ──▶ FINAL.ack beside it ── receipt ──▶ FINAL

What is sent was durable before, and is sent again byte for byte until it is answered, so nothing is deposited twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

from hefu.acknowledgement import verify_acknowledgement, verify_answer
from hefu.approval import approved_beside, check_approval, is_approved, take_over
from hefu.atomic import PUBLIC, replace
from hefu.blobs import About
from hefu.bundles import Part
from hefu.disk import lock_folder
from hefu.document import UnreadableError
from hefu.errors import ClientError, FolderError, Problem, RefusedError, UnreachableError
from hefu.home import Home
from hefu.http import TEXT, Service
from hefu.language import say
from hefu.plan import Target, documents, plan
from hefu.scan import printable
from hefu.sight import look
from hefu.source import open_source
from hefu.unfinished import discard, finish, resume, write
from hefu.verifying import is_bundle, verify
from hefu_ledger.acceptance import Acceptance
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError
from hefu_ledger.number import format_number
from hefu_ledger.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.statement import Seen, statement_id
from hefu_ledger.verdict import CANNOT, FAILED, PROVEN
from hefu_ledger.verify import Folder

PREPARED = "prepared"
UNAPPROVED = "unapproved"
ACCEPTED = "accepted"
ANCHORED = "anchored"
KNOWN = "already deposited"
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0


class Deposited(NamedTuple):
    """One PATH's deposit; ``state``: ``accepted`` (its evidence is to come), ``anchored`` or ``already deposited``.

    One made without a network is ``prepared``: signed, and neither numbered nor received yet; one that is
    ``unapproved`` lacks a colleague's signature, and nobody has heard of it.
    """

    path: str
    evidence: str
    state: str
    documents: int
    number: str
    statement: str  # hex SHA-256 of the signed statement
    received_at: str
    left_out: tuple[Problem, ...] = ()
    unsent: str = ""  # why the service's vault does not hold the private half yet; empty when it does, or is not to


class Open(NamedTuple):
    """A deposit that the service has acknowledged."""

    target: Target
    part: Part
    acknowledgement: bytes
    acceptance: Acceptance
    left_out: tuple[Problem, ...] = ()
    unsent: str = ""
    compare: bool = False  # whether its evidence, once complete, must be held against the documents as they are now


def deposit(
    home: Home, service: Service, paths: Sequence[str], *, out: str, wait: bool, skip_unreadable: bool = False
) -> list[Deposited]:
    """Deposit each path, a file or a folder, and write its evidence below ``out`` once the ledger has it.

    Without ``wait`` what is not on the ledger yet stays ``accepted``; the same call later finishes it. All deposits
    are sent before the first is waited for.
    """
    targets = plan(paths, out, home.path)
    return deposit_targets(home, service, targets, out=out, wait=wait, skip_unreadable=skip_unreadable)


def deposit_targets(
    home: Home, service: Service, targets: Sequence[Target], *, out: str, wait: bool, skip_unreadable: bool = False
) -> list[Deposited]:
    """Deposit what was planned; see ``deposit``."""
    os.makedirs(out, exist_ok=True)
    with alone(out):
        depositor = Depositor(home, service, skip_unreadable=skip_unreadable)
        home.send_owed(service)
        begun = [depositor.begin(target) for target in targets]
        return [item if isinstance(item, Deposited) else depositor.end(item, wait=wait) for item in begun]


class Depositor:
    """Brings deposits on their way, one step at a time, and takes up those that are; use it ``alone``."""

    def __init__(self, home: Home, service: Service, *, skip_unreadable: bool = False) -> None:
        self._home = home
        self._service = service
        self._skip_unreadable = skip_unreadable

    def begin(self, target: Target) -> Open | Deposited:
        """Have the service acknowledge the deposit, unless its evidence is there already."""
        part, left_out = resume(target, self._home), tuple[Problem, ...]()
        resumed = part is not None
        if part is None:
            if os.path.lexists(target.final):
                known = _known(target, self._home)
                discard(target)  # it may have died after its evidence got its name
                return known
            part, left_out = describe(target, self._home, lambda: self._seen, skip_unreadable=self._skip_unreadable)
        ready = self.ready(target, part)
        if isinstance(ready, Deposited):
            return ready._replace(left_out=left_out)
        item = self.send(target, ready, resumed=resumed)
        return item._replace(left_out=left_out, compare=resumed and target.only is None)

    def ready(self, target: Target, part: Part) -> Part | Deposited:
        """The deposit with every signature it needs; where one is lacking, what to do about that lies beside it."""
        if is_approved(part, self._home):
            return part
        statement = approved_beside(target, part)
        if statement is None:
            return unapproved(target, part)
        check_approval(statement, self._home, self._service, target.statement)
        return take_over(target, part, statement)

    def send(self, target: Target, part: Part, *, resumed: bool = True) -> Open:
        """Have the service acknowledge a deposit that lies ready; one that is refused at once is not kept."""
        keep_private_half(target, part, self._home)
        identity = statement_id(part.statement).hex()
        try:
            answer = self._service.post("/v1/deposits", part.statement, TEXT)
        except RefusedError:
            if not resumed:  # an earlier run may have had a better answer
                self._home.vault.drop(identity)
                discard(target)
            raise
        acceptance = verify_acknowledgement(answer.body, statement=part.statement, home=self._home)
        replace(target.acknowledgement, answer.body)
        vault, config = self._home.vault, self._home.config
        unsent = vault.send_deposit(identity, self._home.remote(self._service)) if config.upload else ""
        return Open(target, part, answer.body, acceptance, unsent=unsent)

    def end(self, item: Open, *, wait: bool) -> Deposited:
        """Turn the receipt into evidence, if the ledger has it, or once it has."""
        data = self._receipt(item, wait=wait)
        if data is None:
            return accepted(item, self._home)
        done = complete(item.target, item.part, parse_receipt(data), item.acknowledgement, self._home)
        if item.compare:  # the documents may have changed since they were described
            _known(item.target, self._home)
        return done._replace(left_out=item.left_out, unsent=item.unsent)

    @cached_property
    def _seen(self) -> Seen:
        """The newest checkpoint, which must contain the one seen last; the statement will name it."""
        sight = look(open_source(f"{self._service.url}/ledger"), self._home.policy, seen=self._home.seen)
        self._home.remember(sight.note)
        return Seen(sight.checkpoint.root, sight.checkpoint.size)

    def _receipt(self, item: Open, *, wait: bool) -> bytes | None:
        pause_s = _FIRST_PAUSE_S
        while True:
            answer = self._service.get(f"/v1/deposits/{_id(item)}/receipt", limit=MAX_RECEIPT)
            if answer.status == 200:
                return answer.body
            if not wait:
                return None
            if time.time() * 1000 > item.acceptance.anchor_by:
                by, kept = format_time(item.acceptance.anchor_by), item.target.acknowledgement
                raise UnreachableError(say("deposit.late", by=by, kept=kept))
            self._service.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def describe(
    target: Target, home: Home, seen: Callable[[], Seen | None], *, skip_unreadable: bool
) -> tuple[Part, tuple[Problem, ...]]:
    """Write and sign a deposit, with what had to be left out. ``seen`` is asked once the documents are found."""
    names, left_out = documents(target, skip_unreadable=skip_unreadable)
    while True:
        try:
            return write(target, names, home, seen()), tuple(left_out)
        except FolderError as error:  # found only in reading
            if not skip_unreadable or len(error.problems) == len(names):
                raise
            left_out += error.problems
            bad = {problem.path for problem in error.problems}
            names = [name for name in names if f"{target.folder}/{name}" not in bad]


def keep_private_half(target: Target, part: Part, home: Home) -> None:
    """Have the vault hold what lies ready, before anyone hears of it. Durable on return."""
    about = About(os.path.basename(target.final), printable(os.path.abspath(target.path)))
    with open(target.part, "rb") as file:
        home.vault.keep_deposit(statement_id(part.statement).hex(), about, file, part.end)


def unapproved(target: Target, part: Part) -> Deposited:
    """Leave a statement to be carried to whoever approves it, and tell so."""
    replace(target.statement, part.statement, mode=PUBLIC)
    identity = statement_id(part.statement).hex()
    return Deposited(target.path, target.final, UNAPPROVED, part.header.count, "", identity, "")


def accepted(item: Open, home: Home) -> Deposited:
    """What is known of a deposit that is not on the ledger yet."""
    return Deposited(
        path=item.target.path,
        evidence=item.target.final,
        state=ACCEPTED,
        documents=item.part.header.count,
        number=format_number(home.genesis.number_prefix, item.acceptance.seq),
        statement=_id(item),
        received_at=format_time(item.acceptance.received_at),
        left_out=item.left_out,
        unsent=item.unsent,
    )


def complete(target: Target, part: Part, receipt: Receipt, acknowledgement: bytes, home: Home) -> Deposited:
    """Make evidence of a deposit on its way, once its receipt is verified. Durable on return."""
    owners = frozenset({(home.config.origin, home.config.depositor)})
    folder = Folder(part.header.count, part.root, owners)
    verdict = verify_answer(receipt, folder, statement=part.statement, acknowledgement=acknowledgement, home=home)
    home.vault.keep_receipt(receipt)
    finish(target, part, receipt)
    return _from_facts(target, ANCHORED, verdict.facts)


def _known(target: Target, home: Home) -> Deposited:
    """The evidence that is there, if it is of these very documents; ClientError if it is of anything else."""
    if is_bundle(target.final) != target.is_folder:
        raise _other(target, "it is not the evidence of a " + ("folder" if target.is_folder else "file"))
    try:
        verdict = verify(target.final, target.path, policy=home.policy)
    except UnreadableError as error:
        raise FolderError([error.problem]) from None
    except LedgerError as error:
        raise _other(target, str(error)) from None
    if verdict.verdict != PROVEN:
        raise _other(target, "; ".join(step.en for step in verdict.steps if step.outcome in (FAILED, CANNOT)))
    if verdict.facts["depositor"] != home.config.depositor:
        raise _other(target, f"it is a deposit of {verdict.facts['depositor']}")
    return _from_facts(target, KNOWN, verdict.facts)


def _other(target: Target, reason: str) -> ClientError:
    return ClientError(say("deposit.other", evidence=target.final, path=printable(target.path), reason=reason))


def _from_facts(target: Target, state: str, facts: dict[str, Any]) -> Deposited:
    return Deposited(
        path=target.path,
        evidence=target.final,
        state=state,
        documents=facts["count"],
        number=facts["number"],
        statement=facts["statement"],
        received_at=facts["received_at"],
    )


def _id(item: Open) -> str:
    return statement_id(item.part.statement).hex()


@contextmanager
def alone(out: str) -> Iterator[None]:
    """One deposit into a folder at a time: two would take each other's unfinished work for a crash's."""
    try:
        descriptor = lock_folder(out)
    except BlockingIOError:
        raise UnreachableError(say("deposit.busy", out=out)) from None
    try:
        yield
    finally:
        os.close(descriptor)
