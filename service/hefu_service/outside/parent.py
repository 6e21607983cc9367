"""A process and its parent: one that answers ends with its server; the programs outlive the shell that began them."""

from __future__ import annotations

import logging
import os
import signal
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


def outlive_shell() -> None:
    """Let the end of the terminal that began a program be no end of it; its children inherit that. SIGTERM ends it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
