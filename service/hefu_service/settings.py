"""The service's settings: from the environment (``HEFU_*``) and the command line, where a flag wins. Read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "HEFU_"


class SettingsError(Exception):
    """Settings that cannot be used; the text names every one of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the data lies, where to listen, and how fast to seal. Secrets are paths, never values."""

    data: Path  # the directory that `hefu-service init` makes
    host: str = "127.0.0.1"
    port: int = 8080
    window_ms: int = 1000  # how long a deposit may wait for others before its batch is sealed
    auditor_token_file: Path | None = None  # whoever shows this token may read acceptances and statements


def read_settings(environment: Mapping[str, str], **flags: object) -> Settings:
    """Read the settings; a flag that is None was not given.

    Raises SettingsError that names everything missing, unknown or of another kind, at once.
    """
    known = {field.name for field in fields(Settings)}
    problems = []
    values: dict[str, Any] = {}
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX):
            continue
        if name not in known:
            problems.append(f"{variable}: unknown")
            continue
        try:
            values[name] = _READERS[name](environment[variable])
        except ValueError as error:
            problems.append(f"{variable}: {error}")
    values |= {name: value for name, value in flags.items() if value is not None}
    if "data" not in values:
        problems.append(f"{PREFIX}DATA: missing (or --data DIR)")
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(**values)


def _text(value: str) -> str:
    if not value:
        raise ValueError("empty")
    return value


def _path(value: str) -> Path:
    return Path(_text(value))


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit()) or not low <= int(value[:12]) <= high:
            raise ValueError(f"not a whole number from {low} to {high}: {value!r}")
        return int(value)

    return read


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "data": _path,
    "host": _text,
    "port": _whole(1, 65535),
    "window_ms": _whole(1, 60_000),
    "auditor_token_file": _path,
}
