"""The client's errors, and the exit code each ends in: 2 for refused input, 3 for a world that failed.

Findings about evidence are ``hefu_ledger.errors.VerificationError`` (exit 1) and ``MalformedError`` (3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hefu.ui.escape import plain
from hefu.ui.language import say

NOT_PROVEN = 1
REFUSED = 2
CANNOT_TELL = 3
INTERRUPTED = 130


class Problem(NamedTuple):
    """A path that cannot be deposited as it is, printable, and why."""

    path: str
    cause: str


class ClientError(Exception):
    """Anything the client refuses; the text names the mistake and the right form."""

    exit_code = REFUSED


class FolderError(ClientError):
    """Files that cannot be deposited or read; each is named with its cause, and nothing was written."""

    def __init__(self, problems: Sequence[Problem], *, advice: str = "") -> None:
        """``advice``: the way out, if there is one for all of them."""
        said = say("folder.problem" if len(problems) == 1 else "folder.problems", count=len(problems))
        lines = [said, *(plain(f"{path}: {cause}") for path, cause in problems), *([advice] if advice else [])]
        super().__init__("\n  ".join(lines))
        self.problems = tuple(problems)


class RefusedError(ClientError):
    """The service understood and said no; asking again will not help.

    ``kind``: the last part of the problem's ``type``, such as ``conflict``; empty where the answer is no problem of the
    service's own. ``again``: whether it was asked before and its answer lost, by which it may have said yes.
    """

    def __init__(self, status: int, title: str, detail: str, *, kind: str = "", again: bool = False) -> None:
        key = "service.refused" if detail else "service.refused_bare"
        super().__init__(say(key, status=status, title=title, detail=detail))
        self.status = status
        self.title = title
        self.detail = detail
        self.kind = kind
        self.again = again


class ClosedError(RefusedError):
    """The vault was closed when the recovery words were replaced; those of the newest sheet are needed."""

    def __init__(self, error: RefusedError) -> None:
        super().__init__(error.status, error.title, error.detail, kind=error.kind)
        self.args = (say("vault.closed"),)


class UnreachableError(ClientError):
    """The service, a disk or a source could not be reached, or did not answer in its protocol."""

    exit_code = CANNOT_TELL


class AlarmError(ClientError):
    """Two signed checkpoints of a ledger, and the later does not contain the earlier. Keep both: they are the proof."""

    exit_code = NOT_PROVEN

    def __init__(self, message: str, *, remembered: str, found: str) -> None:
        super().__init__(message)
        self.remembered = remembered  # both are whole notes
        self.found = found
