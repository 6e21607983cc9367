"""``hefu deposit``: from documents to evidence, safe to interrupt anywhere and to run again.

::

    (nothing) ── cards and statement, synced ──▶ FINAL.part ── sent ──▶ FINAL.ack beside it ── receipt ──▶ FINAL

A statement is durable before it is sent, and sent again byte for byte until it is answered: none is deposited twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from hefu.deposit.answers import Acknowledged, Answers, ServiceAnswers
from hefu.deposit.approve import approved_beside, is_approved, take_over
from hefu.deposit.clocks import difference_s, now_ms
from hefu.deposit.pending import discard, finish, resume, write
from hefu.deposit.plan import Target, documents
from hefu.deposit.verify import check_event, check_twin, verify_acknowledgement, verify_answer
from hefu.errors import AlarmError, ClientError, FolderError, Problem, RefusedError, UnreachableError
from hefu.evidence.bundle import Part
from hefu.evidence.verify import is_bundle, verify
from hefu.files.atomic import PUBLIC, make_private, replace
from hefu.files.document import UnreadableError
from hefu.files.platform import lock_folder
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.service import Service
from hefu.ui.language import say
from hefu.vault.blobs import About
from hefu_ledger.deposit.acceptance import Acceptance
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED, KNOWN, PREPARED, UNAPPROVED
from hefu_ledger.deposit.statement import Seen
from hefu_ledger.deposit.statement import statement_id as id_of
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError
from hefu_ledger.number import format_number
from hefu_ledger.verify import FolderComparison
from hefu_ledger.verify.case import Trust
from hefu_ledger.verify.union import first_receipt
from hefu_ledger.verify.verdict import PROVEN, why_not

_FORBIDDEN = 403
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0


class Deposited(NamedTuple):
    """One PATH's deposit. ``state``: one of ``hefu_ledger.deposit.state``.

    Without the service's answer, one that is ``prepared`` or ``unapproved`` has no number and no time of receipt.
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
    clock_difference_s: int | None = None  # the service's clock minus ours; None below five minutes, or unknown


class SomeFailedError(ClientError):
    """Of several deposits ``failed`` could not go on, by path; the others are ``done`` all the same."""

    def __init__(self, done: list[Deposited], failed: Sequence[tuple[str, Exception]]) -> None:
        lines = [say("deposit.failed", path=printable(path), error=error) for path, error in failed]
        super().__init__("\n".join(lines))
        self.done = done
        self.failed = failed


class Pending(NamedTuple):
    """A deposit that is acknowledged, and not on the ledger yet.

    ``statement_id``: hex SHA-256 of the statement that the ledger will have: that of the part, or of a colleague's copy
    of the same text, which was deposited first.
    """

    target: Target
    part: Part
    acknowledgement: bytes
    acceptance: Acceptance
    statement_id: str
    left_out: tuple[Problem, ...] = ()
    unsent: str = ""
    clock_difference_s: int | None = None  # as of Deposited
    compare: bool = False  # whether its evidence, once complete, must be held against the documents as they are now

    @property
    def is_own(self) -> bool:
        """Whether it is the part's own statement that was deposited."""
        return self.statement_id == id_of(self.part.statement).hex()


def deposit(
    home: Home, service: Service, targets: Sequence[Target], *, out: str, wait: bool, skip_unreadable: bool = False
) -> list[Deposited]:
    """Deposit each target, a file or a folder, and write its evidence below ``out`` once the ledger has it.

    Without ``wait`` a deposit that is not on the ledger yet stays ``accepted``; the same call later finishes it. All
    deposits are sent before the first is waited for.
    """
    home.send_owed(service)
    pause = service.sleep if wait else None
    return deposit_with(ServiceAnswers(service), home, targets, out=out, pause=pause, skip_unreadable=skip_unreadable)


def deposit_with(
    answers: Answers,
    home: Home,
    targets: Sequence[Target],
    *,
    out: str,
    pause: Callable[[float], None] | None = None,
    skip_unreadable: bool = False,
) -> list[Deposited]:
    """Bring each target as far as the answers allow. ``pause`` (seconds): wait for receipts with it; None: do not.

    SomeFailedError where one of several could not go on, after the others.
    """
    make_private(out)
    with alone(out):
        depositor, begun, failed = Depositor(home, answers, skip_unreadable=skip_unreadable), [], []
        for target in targets:
            try:
                begun.append(depositor.begin(target))
            except (UnreachableError, AlarmError):
                raise
            except (ClientError, LedgerError) as error:  # one that cannot be deposited must not hold up the others
                failed.append((target.path, error))
        done = [item if isinstance(item, Deposited) else depositor.end(item, pause) for item in begun]
    if len(targets) == 1 and failed:
        raise failed[0][1]
    if failed:
        raise SomeFailedError(done, failed)
    return done


class Depositor:
    """Brings deposits on their way, one step at a time, and takes up those that are; use it ``alone``.

    The same steps with a network and without: only the source of the answers differs.
    """

    def __init__(self, home: Home, answers: Answers, *, skip_unreadable: bool = False) -> None:
        self._home = home
        self._answers = answers
        self._skip_unreadable = skip_unreadable

    def begin(self, target: Target) -> Pending | Deposited:
        """Have the deposit acknowledged, unless its evidence is there already."""
        part = resume(target, self._home)
        if part is not None:
            return self._go_on(target, part, resumed=True, compare=target.only is None)
        if os.path.lexists(target.final):
            known = verified(target, self._home)
            discard(target)  # it may have died after its evidence got its name
            return known
        if self._home.config.signatures > 1:  # else the service's refusal tells soon enough
            self._answers.check_key(self._home)
        part, left_out = describe(target, self._home, self._seen, skip_unreadable=self._skip_unreadable)
        return self._go_on(target, part, resumed=False)._replace(left_out=left_out)

    def resume(self, target: Target, part: Part, pause: Callable[[float], None] | None) -> Deposited:
        """Go on with a deposit that lies ready; its documents are not looked at."""
        item = self._go_on(target, part, resumed=True)
        return item if isinstance(item, Deposited) else self.end(item, pause)

    def end(self, item: Pending, pause: Callable[[float], None] | None) -> Deposited:
        """Turn the receipt into evidence, if the ledger has it, or once it has."""
        receipt = self._receipt(item, pause)
        if receipt is None:
            return accepted(item, self._home)
        part = item.part
        if not item.is_own:
            part = take_twin(item.target, part, receipt, self._home)
            item = item._replace(unsent=self._answers.hand_over(self._home, item.statement_id))
        done = complete(item.target, part, receipt, item.acknowledgement, self._home)
        if item.compare:  # the documents may have changed since they were described
            verified(item.target, self._home)
        return done._replace(left_out=item.left_out, unsent=item.unsent, clock_difference_s=item.clock_difference_s)

    def _seen(self) -> Seen | None:
        return self._answers.seen(self._home)

    def _go_on(self, target: Target, part: Part, *, resumed: bool, compare: bool = False) -> Pending | Deposited:
        ready = self._ready(target, part)
        item = ready if isinstance(ready, Deposited) else self._send(target, ready, resumed=resumed)
        return item if isinstance(item, Deposited) else item._replace(compare=compare)

    def _ready(self, target: Target, part: Part) -> Part | Deposited:
        """The deposit with every signature it needs; if one is lacking, the statement to sign lies beside it."""
        if is_approved(part, self._home):
            return part
        beside = approved_beside(target, part)
        statement = self._answers.approved(part.statement, beside, self._home, target.statement)
        if statement is not None:
            return part if statement == part.statement else take_over(target, part, statement)
        if beside is None:
            replace(target.statement, part.statement, mode=PUBLIC)
            return _unsent(target, part, UNAPPROVED, part.statement)
        return _unsent(target, part, PREPARED, beside)  # taken over once the service has answered it

    def _send(self, target: Target, part: Part, *, resumed: bool) -> Pending | Deposited:
        """Have a deposit acknowledged that lies ready; one that is refused stays as it is: no key signed a refusal."""
        keep_private_half(target, part, self._home)
        noted, sent_ms = self._is_noted(target), now_ms()
        try:
            answer = self._answers.post(part.statement)
        except RefusedError as error:
            answer = self._refused(target, part, error)
        if answer is None:
            return self._prepared(target, part, noted=noted)
        acceptance = verify_acknowledgement(answer.acknowledgement, statement_id=answer.statement_id, home=self._home)
        if answer.statement_id == id_of(part.statement).hex():
            check_event(acceptance, self._home.config)
        replace(target.acknowledgement, answer.acknowledgement)
        with suppress(FileNotFoundError):
            os.unlink(target.refused)
        item = Pending(target, part, answer.acknowledgement, acceptance, answer.statement_id)
        first_ms = sent_ms if item.is_own and not resumed else None
        apart_s = difference_s(acceptance.received_at, sent_ms=first_ms, answered_ms=now_ms())
        item = item._replace(clock_difference_s=apart_s)
        if not item.is_own:  # a colleague's copy is handed over once its receipt has shown that it is one
            return item
        return item._replace(unsent=self._answers.hand_over(self._home, item.statement_id, noted=noted))

    def _is_noted(self, target: Target) -> bool:
        """Whether an earlier run wrote a file that follows handing over; a statement to approve is written before."""
        prepared = self._home.config.signatures == 1 and os.path.lexists(target.statement)
        return prepared or os.path.lexists(target.acknowledgement)

    def _prepared(self, target: Target, part: Part, *, noted: bool) -> Deposited:
        """Leave a statement beside its part, to be carried to a computer with a network."""
        self._answers.hand_over(self._home, id_of(part.statement).hex(), noted=noted)
        replace(target.statement, part.statement, mode=PUBLIC)
        return _unsent(target, part, PREPARED, part.statement)

    def _refused(self, target: Target, part: Part, error: RefusedError) -> Acknowledged:
        """Ask whether the service has the deposit all the same, as after an answer of a filter before it.

        Raises ``error`` where it has not, with the words kept beside the part.
        """
        answer = self._answers.known(part.statement)
        if answer is not None:
            return answer
        if not error.again:
            replace(target.refused, f"{error}\n".encode())
        if error.status == _FORBIDDEN:
            self._answers.check_key(self._home)
        raise error

    def _receipt(self, item: Pending, pause: Callable[[float], None] | None) -> Receipt | None:
        """Wait as long as the service promised, counted by no clock that can be wrong."""
        pause_s, begun_s = _FIRST_PAUSE_S, time.monotonic()
        promised_s = (item.acceptance.anchor_by - item.acceptance.received_at) / 1000
        while True:
            receipt = self._answers.receipt(item.statement_id)
            if receipt is not None or pause is None:
                return receipt
            if time.monotonic() - begun_s > promised_s:
                by, kept = format_time(item.acceptance.anchor_by), item.target.acknowledgement
                raise UnreachableError(say("deposit.late", by=by, kept=kept))
            pause(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def describe(
    target: Target, home: Home, seen: Callable[[], Seen | None], *, skip_unreadable: bool
) -> tuple[Part, tuple[Problem, ...]]:
    """Write and sign a deposit, with the files left out. ``seen`` is called once the documents are found."""
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
            names = [name for name in names if printable(target.place(name)) not in bad]


def keep_private_half(target: Target, part: Part, home: Home) -> None:
    """Have the vault hold a deposit before its statement is sent. Durable on return."""
    about = About(os.path.basename(target.final), printable(os.path.abspath(target.path)))
    with open(target.part, "rb") as file:
        home.vault.keep_deposit(id_of(part.statement).hex(), about, file, part.end)


def take_twin(target: Target, part: Part, receipt: Receipt, home: Home) -> Part:
    """Give a part the statement of a receipt of the same text, once that is verified. Durable on return.

    VerificationError if the receipt does not prove this deposit; nothing has changed then.
    """
    mine = id_of(part.statement).hex()
    statement = check_twin(receipt, part, home.reader).statement
    if statement == part.statement:
        return part  # no twin at all: its private half stays
    part = take_over(target, part, statement)
    keep_private_half(target, part, home)
    home.vault.drop(mine)
    return part


def _unsent(target: Target, part: Part, state: str, statement: bytes) -> Deposited:
    return Deposited(target.path, target.final, state, part.header.count, "", id_of(statement).hex(), "")


def accepted(item: Pending, home: Home) -> Deposited:
    """A deposit that is acknowledged, and not on the ledger yet."""
    return Deposited(
        path=item.target.path,
        evidence=item.target.final,
        state=ACCEPTED,
        documents=item.part.header.count,
        number=format_number(home.genesis.number_prefix, item.acceptance.seq),
        statement=item.statement_id,
        received_at=format_time(item.acceptance.received_at),
        left_out=item.left_out,
        unsent=item.unsent,
        clock_difference_s=item.clock_difference_s,
    )


def complete(target: Target, part: Part, receipt: Receipt, acknowledgement: bytes, home: Home) -> Deposited:
    """Make evidence of a deposit on its way, once its receipt is verified. Durable on return."""
    owners = frozenset({(home.config.origin, home.config.depositor)})
    folder = FolderComparison(part.header.count, part.root, owners)
    receipt = first_receipt(receipt, Trust(home.policy))
    verdict = verify_answer(receipt, folder, statement=part.statement, acknowledgement=acknowledgement, home=home)
    home.vault.keep_receipt(receipt)
    finish(target, part, receipt)
    return _from_facts(target, ANCHORED, verdict.facts)


def verified(target: Target, home: Home) -> Deposited:
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
    said = say("deposit.other", evidence=target.final, path=printable(target.path), reason=reason)
    if target.is_folder:
        said += say("deposit.other_folder", path=printable(target.path), out=os.path.dirname(target.final))
    return ClientError(said)


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
