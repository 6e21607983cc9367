"""How much room a disk has left."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_ENOUGH: Final = 20 << 30  # bytes, however large the disk is


def is_low(folder: Path) -> bool:
    """Whether less than a twentieth of the folder's disk, and less than 20 GiB, is free."""
    usage = shutil.disk_usage(folder)
    return usage.free < min(usage.total // 20, _ENOUGH)
