"""Errors of the world behind the ports; their texts are for the operator."""

from __future__ import annotations


class PortError(Exception):
    """A database, disk, clock or signer has failed; the text is for the operator."""


class StorageError(PortError):
    """The database or disk failed. ``unknown`` tells that a commit may or may not have happened."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class DamagedError(StorageError):
    """A published file is damaged or gone: nothing is proven by it. The text names no path, for anyone to see."""


class HeadMovedError(PortError):
    """Another worker sealed first: nothing was written."""


class ImmutableError(PortError):
    """A write-once file exists with other bytes: the ledger's past and present disagree."""


class ClockError(PortError):
    """The clock leapt or went back: nothing is accepted until an operator has declared a correction."""


class SignerError(PortError):
    """The signer remembers a checkpoint that the one to sign does not extend: nothing was signed."""
