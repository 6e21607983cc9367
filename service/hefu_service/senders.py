"""Composition of what messages are sent by, from the settings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from hefu_service.outbox.messages import MAIL, WEBHOOK
from hefu_service.outbox.ports import Sender
from hefu_service.outside.disk import is_low
from hefu_service.ports import PortError
from hefu_service.services import Services
from hefu_service.settings import Settings


def telling(services: Services, settings: Settings) -> Services:
    """The same services, which tell whom the settings name; PortError where a secret cannot be read."""
    return replace(services, senders=make_senders(settings), disk_low=partial(is_low, settings.data))


def make_senders(settings: Settings) -> dict[str, Sender]:
    """A sender for each destination that is set."""
    senders: dict[str, Sender] = {}
    if settings.webhook_url is not None and settings.webhook_secret_file is not None:
        from hefu_service.outside.webhook import (  # noqa: PLC0415 -- httpx is slow to import, and not always needed
            WebhookSender,
            parse_secret,
        )

        senders[WEBHOOK] = WebhookSender(settings.webhook_url, parse_secret(_secret(settings.webhook_secret_file)))
    if settings.smtp_url is not None and settings.mail_from is not None and settings.mail_to is not None:
        from hefu_service.outside.mail import MailSender, mail_server  # noqa: PLC0415 -- the same

        password = None if settings.smtp_password_file is None else _secret(settings.smtp_password_file)
        server = mail_server(settings.smtp_url, password)
        senders[MAIL] = MailSender(server, sender=settings.mail_from, receiver=settings.mail_to)
    return senders


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        raise PortError(f"cannot read the secret in {path}") from None
