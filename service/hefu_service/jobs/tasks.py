"""The jobs themselves; each may be repeated, interrupted, or run by several workers at once, without harm."""

from __future__ import annotations

import time
from contextlib import suppress

from hefu_service.ports.errors import HeadMovedError
from hefu_service.ports.rows import IntakeHead
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import seal_once
from hefu_service.services import Services


def settle(services: Services) -> None:
    """Seal and publish the work that is owed now.

    A deposit accepted meanwhile waits for the end of its own window: taken along at once, it would keep a busy service
    sealing without end, a few deposits a record.
    """
    with services.store.view() as view:
        until = view.intake_head()
    owed = True
    while owed:
        # In turn, so that workers do not all do the same work; the swap of its head keeps the ledger one.
        with services.batch_files.alone(), suppress(HeadMovedError):  # another was faster; there may be more to seal
            started = time.monotonic()
            owed = seal_once(services)
            if owed:
                services.observer.sealed(time.monotonic() - started)
        owed = owed and not _reaches(services, until)  # before publishing: another worker publishes its own batch
        started = time.monotonic()
        if publish(services):
            services.observer.published(time.monotonic() - started)


def _reaches(services: Services, until: IntakeHead) -> bool:
    with services.store.view() as view:
        head = view.ledger_head()
    return head.entries >= until.next_seq and head.events >= until.next_event
