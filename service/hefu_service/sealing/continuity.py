"""The published and the signed checkpoint against the database: a ledger must never fall behind itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hefu_ledger.errors import VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.merkle import Frontier
from hefu_ledger.tlog.note import parse_note, verify_note
from hefu_service.ports.rows import LedgerHead
from hefu_service.ports.store import View
from hefu_service.sealing.stops import RolledBackError, SealingStoppedError
from hefu_service.services import Services
from hefu_service.texts import Text, sentence


def read_checkpoint(note: bytes, *, keys: Sequence[VerifierKey], origin: str) -> Checkpoint:
    """Read a checkpoint of our own; MalformedError or VerificationError unless each of ``keys`` signed it."""
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    verified, _ = verify_note(parsed, keys)
    if len(verified) < len(keys) or checkpoint.origin != origin:
        raise VerificationError(sentence("past.not_ours", origin=checkpoint.origin, key=origin))
    return checkpoint


@dataclass(frozen=True, slots=True)
class Past:
    """The checkpoints shown to the world: the published one, and the last one signed."""

    published: Checkpoint | None
    signed: Checkpoint | None


def check_past(services: Services) -> tuple[Past, LedgerHead]:
    """Read the past and then the head of the ledger, which must not have fallen behind it.

    Raises RolledBackError if a checkpoint was published or signed that is ahead of the database, or beside it.
    """
    past = _past(services)
    with services.store.view() as view:  # after the past was read: other workers move both forward
        head = view.ledger_head()
    _check_all(past, head, services.origin)
    return past, head


def check_connection(services: Services, view: View) -> None:
    """Raise RolledBackError if the database of this view has fallen behind the past, as after a failover."""
    _check_all(_past(services), view.ledger_head(), services.origin)


def _past(services: Services) -> Past:
    return Past(published_checkpoint(services), services.signer.last())


def _check_all(past: Past, head: LedgerHead, origin: str) -> None:
    if past.published is not None:
        _check(sentence("past.published"), past.published, head, origin)
    if past.signed is not None:
        _check(sentence("past.signed"), past.signed, head, origin)


def published_checkpoint(services: Services) -> Checkpoint | None:
    """The checkpoint that is published, if any is; VerificationError if it is not ours."""
    note = services.files.read_checkpoint()
    return None if note is None else read_checkpoint(note, keys=services.log_keys, origin=services.origin)


def _check(done: Text, checkpoint: Checkpoint, head: LedgerHead, origin: str) -> None:
    if checkpoint.origin != origin:
        raise SealingStoppedError(sentence("past.origin", done=done, found=checkpoint.origin, origin=origin))
    if checkpoint.size > head.size:
        raise RolledBackError(sentence("past.behind", done=done, size=checkpoint.size, stored=head.size))
    if checkpoint.size == head.size and checkpoint.root != Frontier(head.size, head.frontier).root():
        raise RolledBackError(sentence("past.beside", done=done, size=checkpoint.size))
