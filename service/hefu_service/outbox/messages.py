"""A message's contents: a type, a time, numbers and states. No name, and nothing that was deposited."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hefu_ledger.encoding import canonical, format_time
from hefu_service.ports.outbox import Message, Outbox, Outlet

WEBHOOK: Final = "webhook"
MAIL: Final = "mail"

PUBLISHED: Final = "checkpoint.published"
RAISED: Final = "alarm.raised"
CLEARED: Final = "alarm.cleared"

Figures = Mapping[str, int | str]
"""Numbers, times and states."""


def add_message(outbox: Outbox, outlet: Outlet, kind: str, figures: Figures, *, now_ms: int) -> Outlet:
    """Add a message to a locked destination; returns where that stands now."""
    body = canonical({"data": dict(figures), "timestamp": format_time(now_ms), "type": kind})
    number = outlet.next_message
    outbox.add_message(Message(outlet.destination, number, secrets.token_hex(16), now_ms, body))
    moved = replace(outlet, next_message=number + 1)
    outbox.put_outlet(moved)
    return moved
