"""The jobs themselves; each may be repeated, interrupted, or run by several workers at once, without harm."""

from __future__ import annotations

import time
from contextlib import suppress

from hefu_service.ports import HeadMovedError
from hefu_service.sealing.publish import publish
from hefu_service.sealing.seal import seal_once
from hefu_service.services import Services


def settle(services: Services) -> None:
    """Seal and publish until nothing is owed."""
    owed = True
    while owed:
        # In turn, so that workers do not all do the same work; what keeps the ledger one is that its head is swapped.
        with services.batch_files.alone(), suppress(HeadMovedError):  # another was faster; there may be more to seal
            started = time.monotonic()
            owed = seal_once(services)
            if owed:
                services.watch.sealed(time.monotonic() - started)
        started = time.monotonic()
        if publish(services):
            services.watch.published(time.monotonic() - started)
