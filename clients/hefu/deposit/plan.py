"""The plan of a deposit: its documents, and where their evidence will lie. Mistakes are found before any is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from hefu.errors import ClientError, FolderError, Problem
from hefu.files.ignore import scan_documents
from hefu.files.names import stem
from hefu.files.platform import check_names, reach, why
from hefu.files.scan import Found, kind_of, printable, scan
from hefu.home.home import Home
from hefu.home.index import Index
from hefu.ui.language import say
from hefu_ledger.deposit.statement import MAX_COUNT

PART: Final = ".part"
STATEMENT: Final = ".statement"
ACKNOWLEDGEMENT: Final = ".ack"
RECEIPT: Final = ".receipt"
REFUSED: Final = ".refused"
FILE: Final = "file"  # the kind of a deposit of documents


class Target(NamedTuple):
    """One PATH, a file or a folder; ``final`` is its evidence.

    ``only``: the documents of a folder to take, None for all of them. ``ignore``: whether the rules of
    ``files.ignore`` leave files of a folder out; a file that is named by itself is always taken. ``previous``: the id
    (32 bytes) of the statement that this one goes on from. ``kind``: of the statement. ``elsewhere``: documents that do
    not lie in the folder, by name and path.
    """

    path: str
    name: str
    is_folder: bool
    final: str
    only: tuple[str, ...] | None = None
    previous: bytes | None = None
    ignore: bool = True
    kind: str = FILE
    elsewhere: tuple[tuple[str, str], ...] = ()

    @property
    def part(self) -> str:
        """The unfinished bundle: private, complete once its statement is written, sent only then."""
        return self.final + PART

    @property
    def acknowledgement(self) -> str:
        """The service's promise, kept until it is part of the evidence."""
        return self.final + ACKNOWLEDGEMENT

    @property
    def statement(self) -> str:
        """The signed statement alone, which may be carried to a computer with a network: it reveals nothing."""
        return self.final + STATEMENT

    @property
    def refused(self) -> str:
        """The words of the last refusal, until a later answer."""
        return self.final + REFUSED

    @property
    def folder(self) -> str:
        """The folder that names in the bundle are relative to."""
        return self.path if self.is_folder else os.path.dirname(self.path) or "."

    def place(self, name: str) -> str:
        """Where a document lies."""
        return dict(self.elsewhere).get(name, f"{self.folder}/{name}")

    def documents(self) -> Found:
        """The documents to deposit."""
        if self.only is not None:
            return Found(list(self.only), [])
        if not self.is_folder:
            return Found([self.name], [])
        return scan_documents(self.path) if self.ignore else scan(self.path)


def plan(paths: Sequence[str], out: str, home: str, *, ignore: bool = True) -> list[Target]:
    """Find out each path's kind. FolderError names all that cannot be deposited, ClientError two that would collide."""
    check_names()
    problems: list[Problem] = []
    targets: list[Target] = []
    for path in paths:
        try:
            targets.append(_target(path, out)._replace(ignore=ignore))
        except OSError as error:
            problems.append(Problem(printable(path), why(error)))
        except ValueError as error:
            problems.append(Problem(printable(path), str(error)))
    if problems:
        raise FolderError(problems)
    _check_collisions(targets)
    _check_inside(targets, {"--out": out, "--home": home})
    return targets


def documents(target: Target, *, skip_unreadable: bool) -> Found:
    """The documents of a target. FolderError where something in it is none, unless that is to be left out."""
    found = target.documents()
    if found.problems and not skip_unreadable:
        raise FolderError(found.problems, advice=say("folder.skip"))
    if not 0 < len(found.names) <= MAX_COUNT:
        path = printable(target.path)
        raise ClientError(say("folder.count", path=path, count=len(found.names), most=MAX_COUNT))
    return found


def _target(path: str, out: str) -> Target:
    mode = os.lstat(reach(path.rstrip("/") or "/")).st_mode
    name = os.path.basename(os.path.abspath(path))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(kind_of(mode))
    if not name:
        raise ValueError(say("folder.nameless"))
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(say("folder.not_utf8")) from None
    is_folder = stat.S_ISDIR(mode)
    return Target(path, name, is_folder, f"{out}/{stem(name)}.hefu.{'bundle' if is_folder else 'json'}")


def _check_collisions(targets: Sequence[Target]) -> None:
    paths: dict[str, str] = {}
    for target in targets:
        other = paths.get(target.final)
        if other is not None:
            one, another = printable(other), printable(target.path)
            raise ClientError(say("folder.collide", one=one, other=another, evidence=target.final))
        paths[target.final] = target.path


def _check_inside(targets: Sequence[Target], ours: dict[str, str]) -> None:
    """Refuse evidence and homes inside a folder that is being deposited: they would be written while it is read."""
    for target in targets:
        for option, path in ours.items():
            if target.is_folder:
                check_outside(target.path, option, path)


def check_outside(folder: str, option: str, path: str) -> None:
    """Refuse, with a ClientError, to write inside a folder that is being read."""
    if _holds(os.path.realpath(folder), os.path.realpath(path)):
        raise ClientError(say("folder.inside", option=option, path=path, folder=printable(folder)))


def _holds(folder: str, path: str) -> bool:
    """Whether an absolute path is a folder, or lies in it, as the system compares names."""
    folder, path = os.path.normcase(folder), os.path.normcase(path)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@contextmanager
def expected(home: Home, targets: Sequence[Target]) -> Iterator[None]:
    """Take the evidence of targets that are deposited in the block into the home's index, also if the block fails."""
    with Index(home.path) as index:
        for target in targets:
            index.expect(target.final, base=target.folder)
        try:
            yield
        finally:
            index.catch_up()
