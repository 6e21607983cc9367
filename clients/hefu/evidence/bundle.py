"""Bundles as this client writes, resumes and reads them: a stream of cards, so that a million fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from hefu.errors import FolderError
from hefu.files.document import UnreadableError, digest_document
from hefu.ui.progress import Progress
from hefu.version import __version__
from hefu_ledger.deposit.bundle import Header, Texts, format_texts, read_header, read_statement, read_texts
from hefu_ledger.deposit.card import Document, commit, document_text, label_text, section_text
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.errors import MalformedError
from hefu_ledger.section import Nonces
from hefu_ledger.tlog.merkle import leaf_hash, root_of_leaves

CIRCUMSTANCES: Final = section_text("circumstances", {"source": {"tool": "hefu", "tool_version": __version__}})


class Owner(NamedTuple):
    """The owner of cards: a ledger's origin and a depositor of it."""

    origin: str
    depositor: str


class Part(NamedTuple):
    """A bundle whose statement is written, and perhaps sent; ``end`` is the offset at which its receipt belongs."""

    header: Header
    root: bytes
    statement: bytes
    end: int


def write_cards(
    file: BinaryIO,
    place: Callable[[str], str],
    names: Sequence[str],
    *,
    owner: Owner,
    seed: bytes,
    progress: Progress,
) -> bytes:
    """Hash and describe the document at each name's ``place``; the root (32 bytes) over their commitments.

    FolderError names every document that could not be read whole and at rest; the file is then useless.
    """
    nonces = Nonces(seed)
    leaves = bytearray()
    problems = []
    for index, name in enumerate(names):
        try:
            digests = digest_document(place(name), progress.read)
        except UnreadableError as error:
            problems.append(error.problem)
            continue
        texts = (document_text(Document(owner.origin, owner.depositor, *digests)), label_text(name), CIRCUMSTANCES)
        leaves += leaf_hash(commit(texts, nonces.of(index)))
        file.write(format_texts(texts))
        progress.done()
    if problems:
        raise FolderError(problems)
    return root_of_leaves(bytes(leaves))


def read_cards(file: BinaryIO, header: Header) -> Iterator[tuple[Texts, bytes]]:
    """Read each document's section texts with the commitment (32 bytes) that follows from them."""
    nonces = Nonces(header.seed)
    for index, texts in enumerate(read_texts(file, header.count)):
        yield texts, commit(texts, nonces.of(index))


def decode(texts: Texts) -> tuple[str, str, str]:
    """The section texts of a document as text."""
    try:
        return texts[0].decode(), texts[1].decode(), texts[2].decode()
    except UnicodeDecodeError:
        raise MalformedError("bundle: a section is not UTF-8", code="not-json") from None


def read_part(file: BinaryIO) -> Part:
    """Read an unfinished bundle; MalformedError unless all of it is there up to its statement.

    The rest of the file, such as a receipt that was cut short, is not read: it can be fetched again.
    """
    header = read_header(file)
    root = root_of_leaves(b"".join([leaf_hash(commitment) for _, commitment in read_cards(file, header)]))
    data = read_statement(file)
    _, statement = parse_signed_statement(data)
    if (statement.count, statement.root) != (header.count, root):
        raise MalformedError("bundle: its statement is about other cards", code="bundle-cards")
    return Part(header, root, data, file.tell())
