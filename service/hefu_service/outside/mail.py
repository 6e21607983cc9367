"""Mail to the operator, by the office's own server (SMTP, RFC 5321)."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Final
from urllib.parse import unquote, urlsplit

from hefu_service.outside.deadline import Deadline, Exchanges
from hefu_service.ports.outbox import DeliveryError, Message

_TIMEOUT_S: Final = 10.0
LONGEST_S: Final = 20.0
_ALARMS: Final = {
    "promise-in-danger": "入账承诺将逾期 a promise is in danger",
    "sealing-late": "封存滞后 sealing is late",
    "ledger-stopped": "账本已停止 the ledger has stopped",
    "clock-not-believed": "时钟不可信 the clock is not believed",
    "disk-low": "磁盘空间不足 the disk is low",
}
_KINDS: Final = {"alarm.raised": "告警 alarm", "alarm.cleared": "恢复 all clear"}


_PORTS: Final = {"smtp": 25, "starttls": 587, "smtps": 465}


def mail_server(url: str, password: str | None) -> MailServer:
    """Read the URL of a mail server, as the settings have it."""
    parts = urlsplit(url)
    user = None if parts.username is None else unquote(parts.username)
    return MailServer(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme], user, password)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over: ``scheme`` smtp (in the clear), starttls (which must succeed) or smtps."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class MailSender:
    """Meets ``ports.Sender``. The system's certificates are trusted."""

    def __init__(self, server: MailServer, *, sender: str, receiver: str) -> None:
        self._server = server
        self._sender = sender
        self._receiver = receiver
        self._certificates = ssl.create_default_context()
        self._exchanges = Exchanges()

    def send(self, message: Message) -> None:
        """See the port; sent again, it has the same Message-ID."""
        try:
            self._exchanges.within(LONGEST_S, partial(self._hand_over, self._mail(message)))
        except smtplib.SMTPException as error:
            raise DeliveryError(_state(error)) from None
        except ssl.SSLError:
            raise DeliveryError("TLS: not the mail server's certificate") from None
        except TimeoutError:
            raise DeliveryError("no answer in time") from None
        except OSError:
            raise DeliveryError("cannot connect") from None

    def _hand_over(self, mail: EmailMessage, deadline: Deadline) -> None:
        server = self._server
        smtp = _Connection(server, deadline, self._certificates, own_name=self._sender.rpartition("@")[2])
        try:
            if server.scheme == "starttls":
                smtp.starttls(context=self._certificates)
            if server.user is not None:
                smtp.login(server.user, server.password or "")
            smtp.send_message(mail)
            with suppress(smtplib.SMTPException, OSError):  # the server has taken the message already
                smtp.quit()
        finally:
            smtp.close()

    def _mail(self, message: Message) -> EmailMessage:
        said = json.loads(message.body)
        figures = said["data"]
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, self._receiver
        mail["Subject"] = _subject(said["type"], figures)
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.made_at // 1000, UTC))
        mail["Message-ID"] = f"<{message.id}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic reply
        lines = [f"{name}: {figures[name]}" for name in sorted(figures)]
        mail.set_content("\n".join([mail["Subject"], "", *lines, f"time: {said['timestamp']}", ""]), cte="base64")
        return mail


class _Connection(smtplib.SMTP):
    """A connection that the deadline cuts, and that begins with TLS where the scheme says so."""

    def __init__(self, server: MailServer, deadline: Deadline, certificates: ssl.SSLContext, *, own_name: str) -> None:
        self._deadline = deadline
        self._at_once = certificates if server.scheme == "smtps" else None
        try:
            # Without a name of its own it would ask the network for one.
            super().__init__(server.host, server.port, local_hostname=own_name, timeout=_TIMEOUT_S)
        except BaseException:
            self.close()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """The connection that ``smtplib`` uses."""
        found = socket.create_connection((host, port), timeout)
        self._deadline.watch(found)
        return found if self._at_once is None else self._at_once.wrap_socket(found, server_hostname=host)


def _subject(kind: str, figures: dict[str, object]) -> str:
    return f"[合符 Hefu] {_KINDS.get(kind, kind)}: {_ALARMS.get(str(figures.get('alarm')), '')} ({figures['origin']})"


def _state(error: smtplib.SMTPException) -> str:
    """The reply's code alone: its text may hold addresses."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"SMTP {next(iter(error.recipients.values()))[0]}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    return f"SMTP: {type(error).__name__.removeprefix('SMTP')}"
