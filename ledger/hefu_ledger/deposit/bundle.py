"""A bundle 证据集 ``NAME.hefu.bundle``: the evidence of a whole folder, as lines that are read and written as a stream.

::

    {"count":N,"format":"hefu-bundle/v1","identity":{…}?,"seed":"…"}
    document, label and circumstances section of document 0     three lines a document
    …
    "the statement, a JSON string"
    {the receipt}

Each line is canonical JSON and ends in a newline. The seed opens every section: a bundle is as
private as the documents. ``hefu extract`` cuts single evidence files from it, which reveal nothing of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from hefu_ledger.deposit.card import check_card
from hefu_ledger.deposit.receipt import MAX_NOTE, MAX_RECEIPT, Receipt, parse_receipt, receipt_value
from hefu_ledger.deposit.statement import MAX_COUNT, MAX_STATEMENT
from hefu_ledger.encoding import Fields, canonical, check_format, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.section import MAX_CARD, OpenedSection, parse_opened, section_value

FORMAT: Final = "hefu-bundle/v1"
_REQUIRED: Final = frozenset({"count", "format", "seed"})
_OPTIONAL: Final = frozenset({"identity"})
_MAX_HEADER: Final = 8192  # bytes

Texts = tuple[bytes, bytes, bytes]


class Header(NamedTuple):
    """``seed``: the 32 random bytes that every nonce of the deposit derives from."""

    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    seed: bytes
    identity: OpenedSection | None = None


def format_header(header: Header) -> bytes:
    """Write a bundle's first line."""
    members: dict[str, Any] = {"count": header.count, "format": FORMAT, "seed": header.seed.hex()}
    if header.identity is not None:
        members["identity"] = section_value(header.identity)
    return canonical(members) + b"\n"


def format_texts(texts: Texts) -> bytes:
    """Write the three lines of a document."""
    return b"%b\n%b\n%b\n" % texts


def format_statement_line(statement: bytes) -> bytes:
    """Write the line of the signed statement (a whole note)."""
    return canonical(statement.decode()) + b"\n"


def format_receipt_line(receipt: Receipt) -> bytes:
    """Write a bundle's last line."""
    return canonical(receipt_value(receipt)) + b"\n"


def read_header(file: BinaryIO) -> Header:
    """Read a bundle's first line; the file then stands at the first document."""
    value = parse_canonical(_line(file, _MAX_HEADER, "header"), limit=_MAX_HEADER)
    if isinstance(value, dict):
        check_format(value.get("format"), FORMAT)
    fields = Fields(value, "bundle", _REQUIRED, _OPTIONAL)
    return Header(
        count=fields.whole("count", low=1, high=MAX_COUNT),
        seed=fields.hash("seed"),
        identity=parse_opened(fields.raw("identity"), "identity") if fields.has("identity") else None,
    )


def read_texts(file: BinaryIO, count: int) -> Iterator[Texts]:
    """Read ``count`` documents' section texts, which are not looked into; MalformedError above 64 KiB a card."""
    for index in range(count):
        texts = (
            _line(file, MAX_CARD, f"document {index}"),
            _line(file, MAX_CARD, f"label {index}"),
            _line(file, MAX_CARD, f"circumstances {index}"),
        )
        check_card(texts)
        yield texts


def read_statement(file: BinaryIO) -> bytes:
    """Read the signed statement (a whole note); the file then stands at the receipt."""
    value = parse_canonical(_line(file, 2 * MAX_STATEMENT, "statement"), limit=2 * MAX_STATEMENT)
    if not isinstance(value, str) or len(value) > MAX_NOTE:
        raise MalformedError("bundle: the statement's line is not a JSON string")
    return value.encode()


def read_receipt(file: BinaryIO) -> Receipt:
    """Read the receipt and make sure that nothing follows."""
    receipt = parse_receipt(_line(file, MAX_RECEIPT, "receipt"))
    if file.read(1):
        raise MalformedError("bundle: something follows the receipt, which must be the last line", code="bundle-longer")
    return receipt


def _line(file: BinaryIO, limit: int, what: str) -> bytes:
    line = file.readline(limit + 1)
    if not line.endswith(b"\n"):
        if len(line) > limit:
            raise MalformedError(f"bundle: {what}: longer than {limit} bytes", code="too-long", limit=limit)
        raise MalformedError(f"bundle: {what}: cut short", code="bundle-cut")
    return line[:-1]
