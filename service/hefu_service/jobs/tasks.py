"""The jobs themselves; each may be repeated, interrupted, or run by several workers at once, without harm."""

from __future__ import annotations

from contextlib import suppress

from hefu_service.ports import HeadMovedError
from hefu_service.sealing.publish import publish
from hefu_service.sealing.seal import seal_once
from hefu_service.services import Services


def settle(services: Services) -> None:
    """Seal and publish until nothing is owed."""
    owed = True
    while owed:
        with suppress(HeadMovedError):  # another worker was faster; there may be more to seal
            owed = seal_once(services)
        publish(services)
