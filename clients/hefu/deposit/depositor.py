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

from hefu.deposit.answers import (
    check_twin,
    earlier_statement,
    fetch_acknowledgement,
    verify_acknowledgement,
    verify_answer,
)
from hefu.deposit.approve import approved_beside, check_approval, is_approved, take_over
from hefu.deposit.pending import discard, finish, resume, write
from hefu.deposit.plan import Target, documents, plan
from hefu.errors import ClientError, FolderError, Problem, RefusedError, UnreachableError
from hefu.evidence.bundle import Part
from hefu.evidence.verify import is_bundle, verify
from hefu.files.atomic import PUBLIC, make_private, replace
from hefu.files.document import UnreadableError
from hefu.files.platform import lock_folder
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.keys.members import check_in_force
from hefu.monitor.checkpoint import look
from hefu.monitor.fetcher import open_source
from hefu.service import TEXT, Service
from hefu.ui.language import say
from hefu.vault.blobs import About
from hefu_ledger.deposit.acceptance import Acceptance
from hefu_ledger.deposit.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.deposit.statement import Seen, statement_id
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError
from hefu_ledger.number import format_number
from hefu_ledger.verify import FolderComparison
from hefu_ledger.verify.verdict import PROVEN, why_not

PREPARED = "prepared"
UNAPPROVED = "unapproved"
ACCEPTED = "accepted"
ANCHORED = "anchored"
KNOWN = "already deposited"
_FORBIDDEN = 403
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
    """A deposit that the service has acknowledged. ``earlier``: the id (hex) of the statement under which its text was
    deposited before, signed by others of the firm; empty if it is deposited as it is.
    """

    target: Target
    part: Part
    acknowledgement: bytes
    acceptance: Acceptance
    left_out: tuple[Problem, ...] = ()
    unsent: str = ""
    earlier: str = ""
    compare: bool = False  # whether its evidence, once complete, must be held against the documents as they are now


def deposit(
    home: Home,
    service: Service,
    paths: Sequence[str],
    *,
    out: str,
    wait: bool,
    skip_unreadable: bool = False,
    ignore: bool = True,
) -> list[Deposited]:
    """Deposit each path, a file or a folder, and write its evidence below ``out`` once the ledger has it.

    Without ``wait`` what is not on the ledger yet stays ``accepted``; the same call later finishes it. All deposits
    are sent before the first is waited for.
    """
    targets = plan(paths, out, home.path, ignore=ignore)
    return deposit_targets(home, service, targets, out=out, wait=wait, skip_unreadable=skip_unreadable)


def deposit_targets(
    home: Home, service: Service, targets: Sequence[Target], *, out: str, wait: bool, skip_unreadable: bool = False
) -> list[Deposited]:
    """Deposit what was planned; see ``deposit``."""
    make_private(out)
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
        self._key_checked = False

    def begin(self, target: Target) -> Open | Deposited:
        """Have the service acknowledge the deposit, unless its evidence is there already."""
        part, left_out = resume(target, self._home), tuple[Problem, ...]()
        resumed = part is not None
        if part is None:
            if os.path.lexists(target.final):
                known = _known(target, self._home)
                discard(target)  # it may have died after its evidence got its name
                return known
            if self._home.config.signatures > 1:  # else the service tells soon enough
                self._check_key()
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
            self._check_key()
            return unapproved(target, part)
        check_approval(statement, self._home, self._service, target.statement)
        return take_over(target, part, statement)

    def send(self, target: Target, part: Part, *, resumed: bool = True) -> Open:
        """Have the service acknowledge a deposit that lies ready; one that is refused at once is not kept."""
        keep_private_half(target, part, self._home)
        identity = statement_id(part.statement).hex()
        try:
            answer = self._service.post("/v1/deposits", part.statement, TEXT)
        except RefusedError as error:
            earlier = earlier_statement(error)
            if earlier:
                return self._open_earlier(target, part, earlier)
            if not (resumed or error.again):  # an earlier attempt may have had a better answer
                self._home.vault.drop(identity)
                discard(target)
            if error.status == _FORBIDDEN:
                self._check_key()
            raise
        acceptance = verify_acknowledgement(answer.body, identity=bytes.fromhex(identity), home=self._home)
        replace(target.acknowledgement, answer.body)
        return Open(target, part, answer.body, acceptance, unsent=self._hand_over(identity))

    def end(self, item: Open, *, wait: bool) -> Deposited:
        """Turn the receipt into evidence, if the ledger has it, or once it has."""
        data = self._receipt(item, wait=wait)
        if data is None:
            return accepted(item, self._home)
        part, receipt = item.part, parse_receipt(data)
        if item.earlier:
            part = take_twin(item.target, part, receipt, self._home)
            item = item._replace(unsent=self._hand_over(item.earlier))
        done = complete(item.target, part, receipt, item.acknowledgement, self._home)
        if item.compare:  # the documents may have changed since they were described
            _known(item.target, self._home)
        return done._replace(left_out=item.left_out, unsent=item.unsent)

    def _check_key(self) -> None:
        """Say so where this home's own key has ended: nobody's approval helps then."""
        if not self._key_checked:
            check_in_force(self._home, self._service)
        self._key_checked = True

    @cached_property
    def _seen(self) -> Seen:
        """The newest checkpoint, which must contain the one seen last; the statement will name it."""
        sight = look(open_source(f"{self._service.url}/ledger"), self._home.policy, seen=self._home.seen)
        self._home.remember(sight.note)
        return Seen(sight.checkpoint.root, sight.checkpoint.size)

    def _open_earlier(self, target: Target, part: Part, earlier: str) -> Open:
        """Go on with what a colleague deposited of the same text: its receipt will tell whether it is."""
        acknowledgement = fetch_acknowledgement(earlier, self._service)
        if acknowledgement is None:
            raise UnreachableError(say("service.malformed", what="deposit", error=earlier))
        acceptance = verify_acknowledgement(acknowledgement, identity=bytes.fromhex(earlier), home=self._home)
        replace(target.acknowledgement, acknowledgement)
        return Open(target, part, acknowledgement, acceptance, earlier=earlier)

    def _hand_over(self, identity: str) -> str:
        """Give a deposit's private half to the service, if it is to hold it; the reason if it does not take it now."""
        if not self._home.config.upload:
            return ""
        return self._home.vault.send_deposit(identity, self._home.remote(self._service))

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
    found = documents(target, skip_unreadable=skip_unreadable)
    names = found.names
    left_out = [*found.problems, *(Problem(name, say("ignore.rule")) for name in found.ignored)]
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


def take_twin(target: Target, part: Part, receipt: Receipt, home: Home) -> Part:
    """Have what lies ready carry the statement of a receipt of the same text, once that is verified. Durable on return.

    VerificationError if the receipt does not prove this deposit; nothing has changed then.
    """
    mine = statement_id(part.statement).hex()
    statement = check_twin(receipt, part, home.reader).statement
    if statement == part.statement:
        return part  # no twin at all, whatever the service says: its private half stays
    part = take_over(target, part, statement)
    keep_private_half(target, part, home)
    home.vault.drop(mine)
    return part


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
    folder = FolderComparison(part.header.count, part.root, owners)
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
        raise _other(target, str(why_not(verdict)))
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
    return item.earlier or statement_id(item.part.statement).hex()


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
