"""The first record of a ledger."""

from __future__ import annotations

from hefu_ledger.keys import VerifierKey
from hefu_ledger.record import Genesis
from hefu_service.sealing.chain import Chain
from hefu_service.sealing.publish import publish
from hefu_service.services import Services


def begin_ledger(services: Services, *, recovery: VerifierKey, predecessor: str | None = None) -> None:
    """Write the genesis record and publish the first checkpoint, of size 1.

    ``predecessor``: the last checkpoint (a whole note) of a ledger that this one continues. ValueError if the ledger
    has begun; if only publishing failed, ``publish`` again.
    """
    with services.store.view() as view:
        head = view.ledger_head()
    if head.size:
        raise ValueError(f"the ledger has begun: it has {head.size} records")
    chain = Chain(head)
    chain.add("genesis", _genesis(services, recovery, predecessor))
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
