"""Names of modules that tests write as strings: a module that has moved fails its tests loudly."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def module(name: str) -> str:
    """Return the name of a module; LookupError if there is no such module."""
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise LookupError(f"no module {name}: it has moved, or its library is not installed")
    return name


def modules(*names: str) -> set[str]:
    """Return the names of modules; LookupError names each that is missing."""
    missing = []
    for name in names:
        try:
            module(name)
        except LookupError:
            missing.append(name)
    if missing:
        raise LookupError(f"no modules {', '.join(missing)}: moved, or not installed")
    return set(names)


def source(name: str) -> Path:
    """Return the file of a module."""
    found = find_spec(module(name))
    if found is None or found.origin is None:
        raise LookupError(f"{name} has no source")
    return Path(found.origin)
