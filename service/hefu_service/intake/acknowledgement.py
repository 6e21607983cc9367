"""The acknowledgement 收讫回执: an acceptance that is durable, signed."""

from __future__ import annotations

from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.ports.rows import Deposit
from hefu_service.services import Services


def acknowledge(services: Services, deposit: Deposit) -> str:
    """Sign a stored deposit's acceptance; the same deposit always gives the same bytes."""
    return format_note(sign_note(deposit.acceptance, [services.acknowledger])).decode()
