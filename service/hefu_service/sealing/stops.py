"""What stops the ledger: no retry helps, and a person must look."""

from __future__ import annotations


class SealingStoppedError(Exception):
    """What is about to be sealed or published contradicts itself: nothing more is, until the cause is found."""


class RolledBackError(SealingStoppedError):
    """The database is behind what was published or signed, or differs from it, as after restoring a backup.

    To go on would sign a second history. This ledger ends here; a new one may name its last checkpoint.
    """
