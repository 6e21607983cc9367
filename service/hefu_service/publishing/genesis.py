"""The first record of a ledger."""

from __future__ import annotations

from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import MAX_PREDECESSOR, Genesis
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note, format_note, parse_note
from hefu_service.publishing.publish import publish
from hefu_service.sealing.appender import Chain
from hefu_service.services import Services


def read_predecessor(note: bytes, *, origin: str) -> str:
    """Read the last checkpoint of a ledger that ``origin`` is to continue; MalformedError if it cannot be one.

    Of its lines those in its origin's name stay; witnesses' are left out. They are not checked: the genesis record
    names it on the operator's word, for anyone to compare.
    """
    parsed = parse_note(note)
    former = parse_checkpoint(parsed.text).origin
    if former == origin:
        raise MalformedError(f"the predecessor is {origin!r} itself: a ledger that continues another has its own name")
    own = tuple(line for line in parsed.signatures if line.name == former)
    if not own:
        raise MalformedError(f"the predecessor has no line in the name of {former!r:.200}, its own ledger")
    data = format_note(Note(parsed.text, own))
    if len(data) > MAX_PREDECESSOR:
        raise MalformedError(f"the predecessor is of {len(data)} bytes, at most {MAX_PREDECESSOR} allowed")
    return data.decode()


def begin_ledger(services: Services, *, recovery: VerifierKey, predecessor: str | None = None) -> None:
    """Write the genesis record and publish the first checkpoint, of size 1.

    ``predecessor``: the last checkpoint (a whole note) of a ledger that this one continues. ValueError if the ledger
    has begun; if only publishing failed, ``publish`` again.
    """
    with services.store.view() as view:
        head = view.ledger_head()
    if head.size:
        raise ValueError(f"the ledger has begun: it has {head.size} records")
    chain = Chain(head, now_ms=services.clock.now_ms())
    chain.add(_genesis(services, recovery, predecessor))
    services.store.append(head, chain.head, chain.records)
    publish(services)


def _genesis(services: Services, recovery: VerifierKey, predecessor: str | None) -> Genesis:
    return Genesis(
        acknowledgement=services.acknowledger.key,
        log=services.signer.key,
        log_mldsa44=services.signer.key_mldsa44,
        longest_delay_ms=services.longest_delay_ms,
        number_prefix=services.number_prefix,
        origin=services.origin,
        recovery=recovery,
        predecessor=predecessor,
    )
