"""Errors that stop the ledger: no retry helps, and a person must look."""

from __future__ import annotations


class SealingStoppedError(Exception):
    """The data to seal or publish contradict themselves; nothing is sealed or published until the cause is found."""


class RolledBackError(SealingStoppedError):
    """The database is behind a published or signed checkpoint, or differs from it, as after restoring a backup.

    To go on would sign a second history. This ledger ends here; a new one may name its last checkpoint.
    """
