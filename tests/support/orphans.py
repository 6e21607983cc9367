"""No orphans: a guardian process ends the servers of a test run that was killed, as no fixture is torn down then."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

# A pidfd names one process for ever, while a process number may be given to another one.
# The parent is looked at too: a forked child of the run may hold the pipe open after the run's death.
_GUARDIAN = """
import os, select, signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
parent, held = os.getppid(), {}

def alive(handle):
    return not select.select([handle], [], [], 0)[0]

def end(pid):
    if os.getpgid(pid) == pid:
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)

said = b""
while os.getppid() == parent:
    if not select.select([0], [], [], 0.5)[0]:
        continue
    more = os.read(0, 4096)
    if not more:
        break
    *pids, said = (said + more).split(b"\\n")
    for pid in map(int, pids):
        for old in [old for old, handle in held.items() if not alive(handle)]:
            os.close(held.pop(old))
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if pid in held:
            os.close(held[pid])
        held[pid] = handle
for pid, handle in held.items():
    try:
        if alive(handle):
            end(pid)
    except ProcessLookupError:
        pass
"""


def end_with_run(pid: int) -> None:
    """Kill the process ``pid``, and its group if it leads one, within 1 s of the death of this process (Linux)."""
    if hasattr(os, "pidfd_open"):
        os.write(_guardian(os.getpid()), b"%d\n" % pid)


@cache
def _guardian(_run: int) -> int:
    """Start a process's guardian; the end of the pipe that it reads."""
    theirs, ours = os.pipe()
    command = [sys.executable, "-I", "-S", "-c", _GUARDIAN]
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(theirs)
    process.returncode = 0  # it outlives this process, so that nothing waits for it
    return ours
