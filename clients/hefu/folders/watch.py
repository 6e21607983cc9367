"""``hefu watch``: a folder's new and changed documents are deposited, each round as one statement that names the last.

The rounds of a folder are a chain (``previous``), and each round's evidence is ``NAME.TIME.hefu.bundle``: it holds the
documents that were new then. By polling, which works on network drives too. Where several computers watch one folder,
each asks the vault before it deposits, and leaves out documents that another has deposited.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, NoReturn

from hefu.deposit.depositor import Deposited, deposit
from hefu.deposit.pending import discard, resume
from hefu.deposit.plan import plan
from hefu.deposit.refresh import Refreshed, refresh, unfinished
from hefu.errors import ClientError, FolderError, Problem, UnreachableError
from hefu.files.atomic import make_private
from hefu.files.names import stem
from hefu.files.scan import printable
from hefu.folders.status import Survey, list_folder, survey_files
from hefu.home.home import Home, load
from hefu.home.index import Index
from hefu.recovery.sync import learn
from hefu.service import Service
from hefu.ui.language import say

QUIET_S: Final = 30.0
_POLL_S: Final = 2.0
_REST: Final = 10  # looking at a folder of very many files may take a tenth of the time
_RETRY_S: Final = 60.0  # after a service that could not be reached, and between two looks for receipts

Stamp = tuple[int, int, int]  # size, mtime, ctime


class Round(NamedTuple):
    """One look at a folder. ``deposited``: None if there was nothing to deposit."""

    deposited: Deposited | None
    refreshed: Refreshed
    changed: int
    new: int
    intact: int
    read: int
    skipped: int
    left_out: tuple[Problem, ...]
    odd: tuple[Problem, ...] = ()  # links, pipes and the like, which are no documents


class Watch:
    """A folder that is watched; its evidence goes to ``out``, which must lie outside it, as must the home."""

    def __init__(self, home: Home, service: Service, index: Index, folder: str, out: str) -> None:
        """ClientError or FolderError if the folder cannot be deposited."""
        (self._target,) = plan([folder], out, home.path)
        if not self._target.is_folder:
            raise ClientError(say("watch.no_folder", folder=folder))
        self._home = home
        self._service = service
        self._index = index
        self._out = out
        make_private(out)

    def once(self, names: Sequence[str] | None = None, *, content: bool = False, wait: bool = False) -> Round:
        """Finish deposits on their way, then deposit new and changed documents: ``names``, or all of the folder."""
        self._home = load(self._home.path)  # its recovery words may have been replaced since the last round
        self._clear()
        refreshed = refresh(self._home, self._service, self._out)
        self._index.catch_up()
        problems, odd = list[Problem](), list[Problem]()
        if names is None:
            names, problems, _, odd = list_folder(self._target.path)
        found = self._less_known(survey_files(self._index, self._target.path, names, content=content))
        deposited = self._deposit(sorted(found.changed + found.new), wait=wait)
        left_out = (*problems, *found.unreadable, *(deposited.left_out if deposited else ()))
        counts = (len(found.changed), len(found.new), len(found.intact), found.read, found.skipped)
        return Round(deposited, refreshed, *counts, left_out, tuple(odd))

    def stamps(self) -> dict[str, Stamp]:
        """Size and times of every document now. UnreachableError if the folder is away, as network drives may be."""
        if not os.path.isdir(self._target.path):
            raise UnreachableError(say("watch.gone", folder=printable(self._target.path)))
        stamps = {}
        for name in list_folder(self._target.path).names:
            try:
                status = os.lstat(f"{self._target.path}/{name}")
            except OSError:
                continue  # gone since
            stamps[name] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return stamps

    def pending(self) -> bool:
        """Whether anything is on its way."""
        return bool(unfinished(self._out))

    def _less_known(self, found: Survey) -> Survey:
        """The survey without documents that another computer on the same folder has deposited meanwhile."""
        asked = [*found.changed, *found.new]
        if asked and self._home.config.upload:
            learn(self._home.reader, self._service, self._index)
        known = {name for name in asked if self._index.holds(found.digests[name])}
        changed, new = ([name for name in names if name not in known] for names in (found.changed, found.new))
        return found._replace(changed=changed, new=new, intact=[*found.intact, *sorted(known)])

    def _deposit(self, names: Sequence[str], *, wait: bool) -> Deposited | None:
        if not names:
            return None
        name, folder = stem(self._target.name), self._target.path
        final = _free(f"{self._out}/{name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        previous = self._index.last_statement(folder, f"{self._out}/{name}.")
        target = self._target._replace(final=final, only=tuple(names), previous=previous)
        self._index.expect(final, base=folder)
        try:
            (done,) = deposit(self._home, self._service, [target], out=self._out, wait=wait, skip_unreadable=True)
        except FolderError:  # every one of them changed or went while it was read: the next round sees them
            return None
        finally:
            self._index.catch_up()
        return done

    def _clear(self) -> None:
        """Remove rounds that were cut short before they were signed: nothing was sent, and this round sees them."""
        for target in unfinished(self._out):
            ours = target.is_folder and target.name.startswith(f"{stem(self._target.name)}.")
            if ours and not os.path.lexists(target.final) and resume(target, self._home) is None:
                discard(target)


class Quiet:
    """Tells which documents have come to rest: as they are now for ``seconds``, and not dealt with yet."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, tuple[Stamp, float]] = {}
        self._settled: dict[str, Stamp] = {}

    def ready(self, stamps: dict[str, Stamp], now_s: float) -> list[str]:
        """Look at a folder's stamps at the time ``now_s``."""
        for name, stamp in stamps.items():
            if name not in self._since or self._since[name][0] != stamp:
                self._since[name] = (stamp, now_s)
        for name in self._since.keys() - stamps.keys():
            del self._since[name]
            self._settled.pop(name, None)
        return [
            name
            for name, (stamp, since_s) in self._since.items()
            if self._settled.get(name) != stamp and now_s - since_s >= self._seconds
        ]

    def settle(self, names: Sequence[str]) -> None:
        """Note that these, as they were last seen, are dealt with."""
        self._settled |= {name: self._since[name][0] for name in names}


def watch(
    watched: Watch,
    *,
    quiet_s: float = QUIET_S,
    tell: Callable[[Round | UnreachableError], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Watch for ever. ``tell`` is called with each round, and with each failure to reach the service or the folder.

    An error that waiting does not cure ends it: a refusal, an alarm, a full disk.
    """
    quiet, not_before_s = Quiet(quiet_s), 0.0
    while True:
        begun_s = clock()
        try:
            ready = quiet.ready(watched.stamps(), begun_s)
            pause_s = max(_POLL_S, _REST * (clock() - begun_s))
            if (ready or watched.pending()) and begun_s >= not_before_s:
                tell(watched.once(ready))
                quiet.settle(ready)
                not_before_s = clock() + _RETRY_S if watched.pending() else 0.0
        except UnreachableError as error:
            tell(error)
            pause_s = _RETRY_S
        sleep(pause_s)


def _free(stem: str) -> str:
    """A name for evidence that is not taken."""
    number, path = 1, f"{stem}.hefu.bundle"
    while os.path.lexists(path) or os.path.lexists(f"{path}.part"):
        number += 1
        path = f"{stem}-{number}.hefu.bundle"
    return path
