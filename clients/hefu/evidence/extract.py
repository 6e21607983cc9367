"""``hefu extract``: cut single evidence files out of a bundle; each reveals only hashes of the other documents."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from hefu.errors import ClientError, UnreachableError
from hefu.evidence.bundle import decode, read_cards
from hefu.evidence.compare import add_name, name_of, read_end
from hefu.files.atomic import Batch, make_private
from hefu.files.names import spelt_out, stem
from hefu.files.platform import check_names, reach, shown_as, unfit, why
from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu_ledger.deposit.bundle import Header, Texts, read_header
from hefu_ledger.deposit.card import Sections
from hefu_ledger.deposit.evidence import Evidence, format_evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.errors import MalformedError
from hefu_ledger.section import Nonces, OpenedSection
from hefu_ledger.tlog.merkle import Tree, leaf_hash

SUFFIX = ".hefu.json"
_TOGETHER = 2000  # files that get their names at once


class _Contents(NamedTuple):
    header: Header
    tree: Tree
    receipt: Receipt
    names: frozenset[str]


def extract(bundle: str, out: str, wanted: Collection[str] = ()) -> list[str]:
    """Write ``NAME.hefu.json`` below ``out`` for each wanted document, or for all, and return the paths.

    Files that hold the same evidence already are left as they are; ClientError for any other file in the way.
    """
    check_names()
    contents = _read(bundle)
    unknown = sorted(set(wanted) - contents.names)
    if unknown:
        raise ClientError(say("extract.unknown", bundle=bundle, names=", ".join(map(repr, unknown))))
    cannot = [(name, unfit(name)) for name in sorted(wanted or contents.names) if unfit(name)]
    if cannot:
        raise ClientError("; ".join(say("extract.unfit", name=name, cause=cause) for name, cause in cannot))
    _check_clashes(frozenset(wanted) or contents.names)
    checked, count = set[str](), len(set(wanted)) or contents.header.count
    with Batch() as batch, progress_bar("extract", count) as progress:
        made = _Made(out, batch)
        for name, data in _cut(bundle, contents, wanted):
            path = f"{out}/{_place(name)}"
            _check_links(out, os.path.dirname(path), checked)
            made.add(path, data)
            progress.done()
        made.finish()
    if made.problems:
        raise UnreachableError("\n  ".join([say("extract.problems", count=len(made.problems)), *made.problems]))
    return made.paths


class _Made:
    """Evidence files that are written together; one that cannot be must not stop the others."""

    def __init__(self, out: str, batch: Batch) -> None:
        self._batch = batch
        self._waiting = 0
        self._folders = {out}
        self.paths: list[str] = []
        self.problems: list[str] = []

    def add(self, path: str, data: bytes) -> None:
        """Write a file, or find the same there. ClientError for any other file in the way."""
        try:
            folder = os.path.dirname(path)
            if folder not in self._folders or not os.path.isdir(reach(folder)):
                make_private(folder)
                self._folders.add(folder)
            if os.path.lexists(reach(path)):
                _check_same(path, data)
                self.paths.append(path)
                return
            self._batch.add(path, data)
        except OSError as error:
            self._fail(path, error)
            return
        self._waiting += 1
        if self._waiting == _TOGETHER:
            self.finish()

    def finish(self) -> None:
        """Give the files written so far their names."""
        self._waiting = 0
        for path, error in self._batch.publish():
            if error is None:
                self.paths.append(path)
                continue
            other = shown_as(reach(path)) if isinstance(error, FileExistsError) else None
            if other is not None:
                raise ClientError(say("extract.alike", path=path, other=other))
            self._fail(path, error)

    def _fail(self, path: str, error: OSError) -> None:
        self.problems.append(plain(f"{path}: {why(error)}"))


def cut_out(bundle: str, name: str) -> bytes:
    """The evidence of one document of a bundle. ClientError if the bundle has none of that name."""
    found = next(_cut(bundle, _read(bundle), (name,)), None)
    if found is None:
        raise ClientError(say("extract.unknown", bundle=bundle, names=repr(name)))
    return found[1]


def _place(name: str) -> str:
    """The evidence file of a document, below the folder for them."""
    *folders, last = name.split("/")
    return "/".join([*map(spelt_out, folders), stem(last) + SUFFIX])


def _check_links(out: str, folder: str, checked: set[str]) -> None:
    """Refuse a link in the place of a folder below ``out``: evidence would be written elsewhere."""
    while len(folder) > len(out) and folder not in checked:
        if os.path.islink(reach(folder)):
            raise ClientError(say("extract.link", path=folder))
        checked.add(folder)
        folder = os.path.dirname(folder)


def evidence_of(header: Header, index: int, texts: Texts, path: list[bytes], receipt: Receipt) -> bytes:
    """The evidence file of one document of a bundle, all its sections opened."""
    document, label, circumstances = (
        OpenedSection(nonce, text) for nonce, text in zip(Nonces(header.seed).of(index), decode(texts), strict=True)
    )
    sections: Sections = (document, label, circumstances)
    return format_evidence(Evidence(index, tuple(path), receipt, sections, header.identity))


def _read(bundle: str) -> _Contents:
    """Read a bundle through once, for the tree; the evidence is cut in a second pass."""
    with open(bundle, "rb") as file:
        header = read_header(file)
        leaves, names = bytearray(), set[str]()
        for texts, commitment in read_cards(file, header):
            leaves += leaf_hash(commitment)
            add_name(names, name_of(decode(texts)[1]))
        receipt = read_end(file)
    tree = Tree(bytes(leaves))
    _, statement = parse_signed_statement(receipt.statement.encode())
    if (statement.count, statement.root) != (tree.size, tree.root):
        raise MalformedError(f"{bundle}: its cards are not those of its statement", code="bundle-cards")
    return _Contents(header, tree, receipt, frozenset(names))


def _check_clashes(names: frozenset[str]) -> None:
    """Refuse two names where the evidence file of one stands where the other needs a folder."""
    for name in sorted(names):
        above = name
        while above := above.rpartition("/")[0]:
            if above.endswith(SUFFIX) and above.removesuffix(SUFFIX) in names:
                raise ClientError(say("extract.clash", name=name, other=above))


def _cut(bundle: str, contents: _Contents, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    header = contents.header
    with open(bundle, "rb") as file:
        read_header(file)
        for index, (texts, _) in enumerate(read_cards(file, header)):
            name = name_of(decode(texts)[1])
            if not wanted or name in wanted:
                yield name, evidence_of(header, index, texts, contents.tree.path(index), contents.receipt)


def _check_same(path: str, data: bytes) -> None:
    """Refuse, with a ClientError, any other file than this very evidence."""
    path = reach(path)
    other = shown_as(path)
    if other is not None:
        raise ClientError(say("extract.alike", path=path, other=other))
    with open(path, "rb") as file:
        if file.read(len(data) + 1) != data:
            raise ClientError(say("extract.other", path=path))
