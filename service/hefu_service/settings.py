"""The service's settings: from the environment (``HEFU_*``) and the command line, where a flag wins. Read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from hefu_ledger.language import CHINESE, LANGUAGES, SETTING
from hefu_service.services import VAULT_QUOTA
from hefu_service.texts import Text, joined, said, sentence

PREFIX: Final = "HEFU_"
_RESEMBLING: Final = 0.7  # of difflib: HEFU_PROT is HEFU_PORT misspelt, HEFU_SERVICE_HOST is another program's


class SettingsError(Exception):
    """Settings that cannot be used; the text names every one of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the data lies, where to listen, and how fast to seal. Secrets are paths, never values."""

    data: Path  # the directory that `hefu-service init` makes
    host: str = "127.0.0.1"  # an IP address
    port: int = 8080
    window_ms: int = 1000  # how long a deposit may wait for others before its batch is sealed
    auditor_token_file: Path | None = None  # its token admits to acceptances and statements
    database_url: str | None = None  # postgresql://…, without a password; None: SQLite, in the data directory
    vault_quota_bytes: int = VAULT_QUOTA  # of a vault; all of a depositor hold twice that
    rate: int = 120_000  # deposits a minute of one depositor
    daily_quota: int | None = None  # deposits a day of one depositor; None: as many as it likes
    idle_days: int = 35  # the longest time without a deposit: a clock that is later at the start is not believed
    ntp: tuple[str, ...] = ()  # time servers, host or host:port, with which the clock is compared at the start
    metrics_token_file: Path | None = None  # its token admits to /metrics from elsewhere than this machine
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

    Raises SettingsError that names everything missing, misspelt or of another kind, at once. A HEFU_ name that
    resembles none of these settings is another program's, and is left alone.
    """
    given = sorted((name, value) for name, value in environment.items() if name in _NAMES)
    given += [(_flag(name), str(value)) for name, value in flags.items() if value is not None]  # last, so that they win
    problems = [*_misspelt(environment), *_unspoken(environment)]
    values: dict[str, Any] = {}
    for label, value in given:
        try:
            values[_NAMES[label]] = _READERS[_NAMES[label]](value)
        except ValueError as error:
            problems.append(_problem(label, said(error)))
    if "data" not in {_NAMES[label] for label, _ in given}:
        problems.append(_problem(f"{PREFIX}DATA", sentence("settings.data")))
    problems += _apart(values)
    if problems:
        raise SettingsError(joined(problems))
    return Settings(**values)


def _misspelt(environment: Mapping[str, str]) -> Iterator[Text]:
    own = [*(name for name in _NAMES if name.startswith(PREFIX)), SETTING]
    for name in sorted(name for name in environment if name.startswith(PREFIX) and name not in own):
        from difflib import get_close_matches  # noqa: PLC0415 -- only where a name is unknown

        bare = [each.removeprefix(PREFIX) for each in own]
        for near in get_close_matches(name.removeprefix(PREFIX).upper(), bare, 1, _RESEMBLING):
            yield _problem(name, sentence("settings.unknown", near=f"{PREFIX}{near}"))


def _unspoken(environment: Mapping[str, str]) -> list[Text]:
    spoken = environment.get(SETTING, CHINESE) in LANGUAGES
    return [] if spoken else [_problem(SETTING, sentence("settings.language"))]


def _problem(name: str, problem: Text) -> Text:
    return sentence("settings.problem", name=name, problem=problem)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _path(value: str) -> Path:
    if not value:
        raise ValueError(sentence("settings.empty"))
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError(sentence("settings.tilde")) from None


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(sentence("settings.address", value=value)) from None


def read_database(value: str) -> str | None:
    """A database as ``move --to`` names it: a URL as of the setting, or None for SQLite. ValueError with the fault."""
    return None if value == "sqlite" else _server(value)


def _server(value: str) -> str:
    scheme, password = _parts(value)
    if password:
        raise ValueError(sentence("settings.database_password"))
    if scheme != "postgresql":
        raise ValueError(sentence("settings.database"))
    return value


def _redis(value: str) -> str:
    scheme, password = _parts(value)
    if password:
        raise ValueError(sentence("settings.redis_password"))
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError(sentence("settings.redis"))
    return value


def _parts(value: str) -> tuple[str, bool]:
    """A URL's scheme, and whether it holds a password."""
    try:
        url = urlsplit(value)
        return url.scheme, url.password is not None or "password" in parse_qs(url.query, keep_blank_values=True)
    except ValueError:
        raise ValueError(sentence("settings.url")) from None  # nothing of it is shown: a password might be


def _apart(values: Mapping[str, Any]) -> Iterator[Text]:
    """Name the settings that are missing beside others that need them."""
    if "redis_url" in values and "database_url" not in values:
        yield _problem(f"{PREFIX}REDIS_URL", sentence("settings.server", server=f"{PREFIX}DATABASE_URL"))
    yield from _apart_messages(values)
    if ("tls_cert_file" in values) != ("tls_key_file" in values):
        yield _problem(f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE", sentence("settings.certificate"))


def _apart_messages(values: Mapping[str, Any]) -> list[Text]:
    together = [("webhook_url", "webhook_secret_file"), ("smtp_url", "mail_from", "mail_to")]
    if "@" in values.get("smtp_url", "") or "smtp_password_file" in values:
        together.append(("smtp_url", "smtp_password_file"))
    return [
        _problem(f"{PREFIX}{name.upper()}", sentence("settings.together", other=f"{PREFIX}{names[0].upper()}"))
        for names in together
        for name in names
        if name not in values and any(other in values for other in names)
    ]


def _webhook(value: str) -> str:
    scheme, _ = _parts(value)
    url = urlsplit(value)
    if "@" in url.netloc:
        raise ValueError(sentence("settings.webhook_user"))
    allowed = scheme == "https" or (scheme == "http" and _is_loopback(url.hostname or ""))
    if not url.hostname or not _port(url) or not allowed:
        raise ValueError(sentence("settings.webhook"))
    return value


def _smtp(value: str) -> str:
    scheme, password = _parts(value)
    url = urlsplit(value)
    if password:
        raise ValueError(sentence("settings.mail_password", setting=f"{PREFIX}SMTP_PASSWORD_FILE"))
    if scheme not in ("smtp", "smtps", "starttls") or not url.hostname or url.path.strip("/") or not _port(url):
        raise ValueError(sentence("settings.mail_server"))
    if scheme == "smtp" and url.username is not None:
        raise ValueError(sentence("settings.mail_clear"))
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
        raise ValueError(sentence("settings.mailbox"))
    return value


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(each.strip()) for each in value.split(","))
    except ValueError:
        raise ValueError(sentence("settings.networks", value=value)) from None


def _time_servers(value: str) -> tuple[str, ...]:
    servers = tuple(each.strip() for each in value.split(","))
    if not all(_is_server(server) for server in servers):
        raise ValueError(sentence("settings.time_servers", value=value))
    return servers


def _is_server(server: str) -> bool:
    try:
        url = urlsplit(f"//{server}")
        return bool(url.hostname) and _port(url) and url.netloc == server and "@" not in server
    except ValueError:
        return False


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit()) or not low <= int(value[:12]) <= high:
            raise ValueError(sentence("settings.number", low=low, high=high, value=value))
        return int(value)

    return read


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "data": _path,
    "host": _address,
    "port": _whole(1, 65535),
    "window_ms": _whole(1, 60_000),
    "auditor_token_file": _path,
    "metrics_token_file": _path,
    "vault_quota_bytes": _whole(0, 10**12 - 1),
    "rate": _whole(1, 10**9),
    "daily_quota": _whole(1, 10**9),
    "idle_days": _whole(1, 36_500),
    "ntp": _time_servers,
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
