"""A bundle beside its folder: each card against its document, each document against the cards."""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

from hefu.evidence.bundle import decode, read_cards
from hefu.files.document import UnreadableError, digest_document
from hefu.files.ignore import built_in
from hefu.files.names import spelling, spellings
from hefu.files.scan import Found, scan
from hefu.ui.progress import Progress, progress_bar
from hefu_ledger.deposit.bundle import Header, Texts, read_header, read_receipt, read_statement
from hefu_ledger.deposit.card import Document, parse_document, parse_section, verify_digests
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.merkle import leaf_hash, root_of_leaves
from hefu_ledger.verify import FolderComparison


class Comparison(NamedTuple):
    """A bundle's header and receipt, and the comparison of its cards with the folder."""

    header: Header
    folder: FolderComparison
    receipt: Receipt


class _Findings:
    """The findings collected while the cards are read in their order."""

    def __init__(self, folder: str, found: Found, *, single: bool = False) -> None:
        """``single``: ``folder`` is the path of the only document."""
        self._folder = folder
        self._single = single
        self._found = found
        self._odd = {path.rstrip("/"): cause for path, cause in found.problems}
        self._absent: list[tuple[str, Document]] = []  # perhaps there under another spelling
        self._respelt: set[str] = set()
        self.leaves = bytearray()
        self.owners: set[tuple[str, str]] = set()
        self.wrong: list[tuple[str, str]] = []
        self.missing: list[str] = []
        self.names: set[str] = set()

    def take(self, texts: Texts, commitment: bytes, progress: Progress) -> None:
        document, label, circumstances = decode(texts)
        card = parse_document(document)
        name = name_of(label)
        parse_section("circumstances", circumstances)
        self.leaves += leaf_hash(commitment)
        self.owners.add((card.origin, card.depositor))
        add_name(self.names, name)
        above = self._above(name)
        if above:
            self.missing.append(f"{name} ({above})")
            return
        self._compare(name, card, name, progress)

    def finish(self, progress: Progress) -> None:
        """Look for absent documents under another spelling: a Mac writes é as two characters, others as one."""
        present = spellings(name for name in self._found.names if name not in self.names)
        for name, card in self._absent:
            spelt = present.pop(spelling(name), "")
            if spelt:
                self._respelt.add(spelt)
                self._compare(name, card, spelt, progress)
            else:
                self.missing.append(name)

    def _compare(self, name: str, card: Document, spelt: str, progress: Progress) -> None:
        try:
            path = self._folder if self._single else f"{self._folder}/{spelt}"
            verify_digests(card, **digest_document(path, progress.read)._asdict())
        except UnreadableError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                self.missing.append(f"{name} ({error.problem.cause})")
            elif name.isascii() or spelt != name:
                self.missing.append(name)
            else:
                self._absent.append((name, card))
        except VerificationError as error:
            self.wrong.append((name, str(error)))

    def compared(self, header: Header) -> FolderComparison:
        """All findings together."""
        return FolderComparison(
            header.count,
            root_of_leaves(bytes(self.leaves)),
            frozenset(self.owners),
            tuple(self.wrong),
            tuple(self.missing),
            *self.uncovered(),
        )

    def uncovered(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Files of the folder that the bundle does not name, readable or not; then those that are never deposited.

        Only the built-in rules count: a ``.hefuignore`` comes with the folder, and could hide a document in it.
        """
        names = [*self._found.names, *(problem.path for problem in self._found.problems)]
        left = [name for name in names if name not in self.names and name not in self._respelt]
        return tuple(name for name in left if not built_in(name)), tuple(filter(built_in, left))

    def _above(self, name: str) -> str:
        """The reason why a folder above a document is none, such as being a link; empty if there is no reason."""
        while name := name.rpartition("/")[0]:
            if name in self._odd:
                return self._odd[name]
        return ""


def compare(bundle: str, folder: str) -> Comparison:
    """Read both through; MalformedError if the bundle is none. Nothing about the ledger is verified yet."""
    if not os.path.isdir(folder):
        raise MalformedError(
            f"{folder} is not a folder; a bundle is verified against the folder that was deposited",
            code="bundle-folder",
            path=folder,
        )
    findings = _Findings(folder, scan(folder))
    with open(bundle, "rb") as file:
        header = read_header(file)
        with progress_bar(os.path.basename(bundle), header.count) as progress:
            for texts, commitment in read_cards(file, header):
                findings.take(texts, commitment, progress)
                progress.done()
            findings.finish(progress)
        receipt = read_end(file)
    return Comparison(header, findings.compared(header), receipt)


def compare_cards(bundle: BinaryIO, path: str) -> FolderComparison:
    """Hold the cards of an unfinished deposit against the documents at ``path``, a folder or its only document.

    The root is computed from the cards; the statement has still to be held against it.
    """
    single = not os.path.isdir(path)
    findings = _Findings(path, Found([], []) if single else scan(path), single=single)
    header = read_header(bundle)
    with progress_bar(os.path.basename(path), header.count) as progress:
        for texts, commitment in read_cards(bundle, header):
            findings.take(texts, commitment, progress)
            progress.done()
        findings.finish(progress)
    return findings.compared(header)


def name_of(label: str) -> str:
    """A document's name in its folder, from its label section."""
    name = parse_section("label", label).get("name")
    if not isinstance(name, str):
        raise MalformedError(
            "bundle: a document has no name, so it cannot be found in a folder", code="bundle-nameless"
        )
    return name


def add_name(names: set[str], name: str) -> None:
    """Take note of a document's name; MalformedError if another document of the bundle has it."""
    if name in names:
        raise MalformedError(f"bundle: two documents are named {name!r:.80}", code="bundle-names", name=name[:80])
    names.add(name)


def read_end(file: BinaryIO) -> Receipt:
    """Read a bundle's last two lines, which carry the same statement."""
    statement = read_statement(file)
    receipt = read_receipt(file)
    if receipt.statement.encode() != statement:
        raise MalformedError("bundle: its receipt is of another statement", code="bundle-receipt")
    return receipt
