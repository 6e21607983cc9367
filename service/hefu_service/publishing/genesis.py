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

    The log's own lines alone are kept, unchecked: genesis names it on the operator's word, for anyone to compare.
    """
    parsed = parse_note(note)
    before = parse_checkpoint(parsed.text).origin
    if before == origin:
        raise MalformedError(f"the predecessor is {origin!r} itself: a ledger that continues another has its own name")
    own = Note(parsed.text, tuple(line for line in parsed.signatures if line.name == before))
    data = format_note(own)
    if not own.signatures or len(data) > MAX_PREDECESSOR:
        raise MalformedError(
            f"the predecessor's checkpoint has no line of its own log, or above {MAX_PREDECESSOR} bytes"
        )
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
        longest_delay_ms=services.longest_delay_ms,
        number_prefix=services.number_prefix,
        origin=services.origin,
        recovery=recovery,
        predecessor=predecessor,
    )
