"""The service's settings: from the environment (``HEFU_*``) and the command line, where a flag wins. Read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

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
    vault_quota_bytes: int = VAULT_QUOTA  # of each depositor
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
    "database_url": _server,
    "redis_url": _redis,
}
_NAMES: Final = {label: name for name in _READERS for label in (f"{PREFIX}{name.upper()}", _flag(name))}
