"""No orphans: a process whose parent has ended ends too, because nothing else would stop it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

LOG: Final = logging.getLogger("hefu.parent")
_LOOK_S: Final = 0.5


def end_with(parent: int, end: Callable[[], object]) -> None:
    """Call ``end``, from a thread, when the process ``parent`` is our parent no longer."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        LOG.error("the parent process has died; stopping")
        end()

    threading.Thread(target=watch, name="parent", daemon=True).start()
