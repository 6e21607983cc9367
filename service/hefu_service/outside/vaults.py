"""Depositors' vaults as files: ``<depositor>/<name>-<SHA-256>``, opaque and written once."""

# ruff: noqa: D102 -- the protocols carry the contracts; implementations repeat nothing
from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from hefu_service.outside.durable import DurableFolder


class VaultFolder:
    """See ``ports.VaultFiles``.

    The SHA-256 is in the name because an upload that was never recorded may leave its file behind, and the one that is
    recorded in its stead, encrypted again, has other bytes.
    """

    def __init__(self, root: Path) -> None:
        self._folder = DurableFolder(root, mode=0o400)

    def write(self, depositor: str, name: str, data: bytes) -> None:
        self._folder.create(_path(depositor, name, sha256(data).digest()), data)

    def read(self, depositor: str, name: str, digest: bytes) -> bytes | None:
        return self._folder.read(_path(depositor, name, digest))


def _path(depositor: str, name: str, digest: bytes) -> str:
    return f"{depositor}/{name}-{digest.hex()}"
