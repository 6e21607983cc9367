"""The service's settings: from the environment (``HEFU_*``) and the command line, where a flag wins. Read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from hefu_service.services import VAULT_QUOTA

PREFIX: Final = "HEFU_"
# Those of the client, hefu, which may run beside this: set for it, they are no mistake here.
CLIENT_SETTINGS: Final = frozenset({"HEFU_HOME", "HEFU_SERVER", "HEFU_POLICY", "HEFU_LANG"})


class SettingsError(Exception):
    """Settings that cannot be used; the text names every one of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the data lies, where to listen, and how fast to seal. Secrets are paths, never values."""

    data: Path  # the directory that `hefu-service init` makes
    host: str = "127.0.0.1"  # an IP address
    port: int = 8080
    window_ms: int = 1000  # how long a deposit may wait for others before its batch is sealed
    auditor_token_file: Path | None = None  # whoever shows this token may read acceptances and statements
    database_url: str | None = None  # postgresql://…, without a password; None: SQLite, in the data directory
    vault_quota_bytes: int = VAULT_QUOTA  # of a vault, and half of what a depositor's open ones may hold together
    rate: int = 120_000  # deposits a minute of one depositor
    daily_quota: int | None = None  # deposits a day of one depositor; None: as many as it likes
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()  # whose X-Forwarded-For is believed
    tls_cert_file: Path | None = None  # PEM, its chain after it; with its key `serve` speaks TLS itself
    tls_key_file: Path | None = None  # PEM, not encrypted
    webhook_url: str | None = None  # https://…, to which each published checkpoint and each alarm is posted
    webhook_secret_file: Path | None = None  # whsec_…, with which they are signed
    smtp_url: str | None = None  # smtps://, starttls:// or smtp:// [user@]host[:port]: alarms are mailed there
    smtp_password_file: Path | None = None  # of that user
    mail_from: str | None = None  # one address
    mail_to: str | None = None  # one address, the operator's
    redis_url: str | None = None  # of the queue that workers seal from, without a password; None: `serve` seals itself


def read_settings(environment: Mapping[str, str], **flags: object) -> Settings:
    """Read the settings; a flag that is None was not given.

    Raises SettingsError that names everything missing, unknown or of another kind, at once.
    """
    given = sorted((name, text) for name, text in environment.items() if _ours(name))
    given += [(_flag(name), str(value)) for name, value in flags.items() if value is not None]  # last, so that they win
    problems = [f"{label}: unknown" for label, _ in given if label not in _NAMES]
    values: dict[str, Any] = {}
    for label, text in given:
        name = _NAMES.get(label)
        try:
            values |= {name: _READERS[name](text)} if name else {}
        except ValueError as error:
            problems.append(f"{label}: {error}")
    if "data" not in {_NAMES.get(label) for label, _ in given}:
        problems.append(f"{PREFIX}DATA: missing (or --data DIR)")
    if "redis_url" in values and "database_url" not in values:
        problems.append(f"{PREFIX}REDIS_URL: several processes need a database server: set {PREFIX}DATABASE_URL too")
    problems += _apart(values)
    if ("tls_cert_file" in values) != ("tls_key_file" in values):
        problems.append(f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE: a certificate and its key go together")
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(**values)


def _ours(name: str) -> bool:
    return name.startswith(PREFIX) and name not in CLIENT_SETTINGS


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _path(value: str) -> Path:
    if not value:
        raise ValueError("empty")
    return Path(value)


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"not an IP address such as 127.0.0.1, 0.0.0.0 or ::1: {value!r:.40}") from None


def _server(value: str) -> str:
    scheme, password = _parts(value)
    if password:
        raise ValueError("holds a password, whose place is a password file (PGPASSFILE, or ~/.pgpass)")
    if scheme != "postgresql":
        raise ValueError("not the URL of a PostgreSQL database, such as postgresql://hefu@db.example/hefu")
    return value


def _redis(value: str) -> str:
    scheme, password = _parts(value)
    if password:
        raise ValueError("holds a password, which others can see: let only this service reach its Redis, by a socket")
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError("not the URL of a Redis, such as unix:///run/redis/hefu.sock or redis://127.0.0.1:6379/0")
    return value


def _parts(value: str) -> tuple[str, bool]:
    """A URL's scheme, and whether it holds a password."""
    try:
        url = urlsplit(value)
        return url.scheme, url.password is not None or "password" in parse_qs(url.query, keep_blank_values=True)
    except ValueError:
        raise ValueError("not a URL") from None  # nothing of it is shown: a password might be


def _apart(values: Mapping[str, Any]) -> list[str]:
    """What is missing of the settings that messages need together."""
    together = [("webhook_url", "webhook_secret_file"), ("smtp_url", "mail_from", "mail_to")]
    if "@" in values.get("smtp_url", "") or "smtp_password_file" in values:
        together.append(("smtp_url", "smtp_password_file"))
    return [
        f"{PREFIX}{name.upper()}: missing, and needed with {PREFIX}{names[0].upper()}"
        for names in together
        for name in names
        if name not in values and any(other in values for other in names)
    ]


def _webhook(value: str) -> str:
    scheme, _ = _parts(value)
    url = urlsplit(value)
    if "@" in url.netloc:
        raise ValueError("holds a user or password, which others can see: requests are signed instead")
    allowed = scheme == "https" or (scheme == "http" and _is_loopback(url.hostname or ""))
    if not url.hostname or not _port(url) or not allowed:
        raise ValueError("not an https:// URL (http:// is for this machine alone)")
    return value


def _smtp(value: str) -> str:
    scheme, password = _parts(value)
    url = urlsplit(value)
    if password:
        raise ValueError(f"holds a password, whose place is the file of {PREFIX}SMTP_PASSWORD_FILE")
    if scheme not in ("smtp", "smtps", "starttls") or not url.hostname or url.path.strip("/") or not _port(url):
        raise ValueError("not a mail server's URL, such as smtps://hefu@mail.example or starttls://mail.example:587")
    if scheme == "smtp" and url.username is not None:
        raise ValueError("would send a password in the clear: use smtps:// or starttls://")
    return value


def _port(url: SplitResult) -> bool:
    try:
        return url.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mailbox(value: str) -> str:
    user, _, domain = value.rpartition("@")
    if not (user and domain and value.isascii() and value.isprintable()) or set(value) & set(' <>,;:"()\\[]'):
        raise ValueError("not one mail address such as hefu@office.example")
    return value


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(each.strip()) for each in value.split(","))
    except ValueError:
        raise ValueError(
            f"not IP addresses or networks such as 10.0.0.5,10.1.0.0/16, between commas: {value!r:.80}"
        ) from None


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit()) or not low <= int(value[:12]) <= high:
            raise ValueError(f"not a whole number from {low} to {high}: {value!r:.40}")
        return int(value)

    return read


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "data": _path,
    "host": _address,
    "port": _whole(1, 65535),
    "window_ms": _whole(1, 60_000),
    "auditor_token_file": _path,
    "vault_quota_bytes": _whole(0, 10**12 - 1),
    "rate": _whole(1, 10**9),
    "daily_quota": _whole(1, 10**9),
    "trusted_proxies": _networks,
    "tls_cert_file": _path,
    "tls_key_file": _path,
    "webhook_url": _webhook,
    "webhook_secret_file": _path,
    "smtp_url": _smtp,
    "smtp_password_file": _path,
    "mail_from": _mailbox,
    "mail_to": _mailbox,
    "database_url": _server,
    "redis_url": _redis,
}
_NAMES: Final = {label: name for name in _READERS for label in (f"{PREFIX}{name.upper()}", _flag(name))}
