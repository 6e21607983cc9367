"""A receipt 入账证明: the public half of the evidence, all of which the ledger's service may show to anyone.

It carries exact texts and reads none of them: ``verify`` checks their contents, ``union`` joins two of one deposit.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, canonical, check_format, from_base64, from_hex, parse_canonical, to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.note import Note

FORMAT: Final = "hefu-receipt/v1"
MAX_RECEIPT: Final = 786_432  # bytes; leaves a card's 64 KiB and room for escapes within an evidence file's 1 MiB
MAX_PATH: Final = 63
MAX_PROOFS: Final = 8
MAX_TOKENS: Final = 8
MAX_TOKEN: Final = 16_384  # bytes
MIN_RECORDS: Final = 3
MAX_RECORDS: Final = 64
MAX_NOTE: Final = 65_536  # bytes of a proof with its checkpoint
_RECEIPT: Final = frozenset({"acknowledgement", "batch_path", "format", "proofs", "records", "statement"})
_PROOF: Final = frozenset({"paths", "proof", "tokens"})

Path = tuple[bytes, ...]


class Proof(NamedTuple):
    """That records of a receipt are under one checkpoint.

    ``proof`` is a c2sp.org/tlog-proof of the batch record; ``paths`` those of the other records, in order, None where
    there is none; ``tokens`` RFC 3161 tokens (DER) over the SHA-256 of the checkpoint's text, by their bytes.
    """

    proof: str
    paths: tuple[Path | None, ...]
    tokens: tuple[bytes, ...] = ()


class Receipt(NamedTuple):
    """All texts are exact.

    ``records``: genesis, the batch, the events of the depositor that the deposit relies on, and those told besides;
    by rising index. ``proofs``: by rising size of their checkpoints.
    """

    acknowledgement: str
    batch_path: Path
    proofs: tuple[Proof, ...]
    records: tuple[str, ...]
    statement: str


def in_order(note: Note, origin: str) -> Note:
    """A note of a receipt with its lines as they stand there: the log's first, then by name and key id."""
    lines = sorted(note.signatures, key=lambda line: (line.name != origin, line.name, line.key_id, line.signature))
    return Note(note.text, tuple(lines))


def format_receipt(receipt: Receipt) -> bytes:
    """Write a receipt's canonical JSON, without a final newline."""
    return canonical(receipt_value(receipt))


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt."""
    return parse_receipt_value(parse_canonical(data, limit=MAX_RECEIPT))


def receipt_value(receipt: Receipt) -> dict[str, Any]:
    """A receipt as a JSON value, as it also stands inside an evidence file."""
    return {
        "acknowledgement": receipt.acknowledgement,
        "batch_path": [node.hex() for node in receipt.batch_path],
        "format": FORMAT,
        "proofs": [_proof_value(proof) for proof in receipt.proofs],
        "records": list(receipt.records),
        "statement": receipt.statement,
    }


def parse_receipt_value(value: object) -> Receipt:
    """Read a receipt from its JSON value."""
    if isinstance(value, dict):
        check_format(value.get("format"), FORMAT)
    fields = Fields(value, "receipt", _RECEIPT)
    records = fields.items("records", low=MIN_RECORDS, high=MAX_RECORDS)
    if not all(isinstance(record, str) for record in records):
        raise MalformedError("receipt: records: each must be a text")
    return Receipt(
        acknowledgement=fields.text("acknowledgement", limit=MAX_NOTE),
        batch_path=fields.hashes("batch_path", high=MAX_PATH),
        proofs=tuple(_parse_proof(proof, len(records) - 1) for proof in fields.items("proofs", low=1, high=MAX_PROOFS)),
        records=tuple(records),
        statement=fields.text("statement", limit=MAX_NOTE),
    )


def _proof_value(proof: Proof) -> dict[str, Any]:
    return {
        "paths": [None if path is None else [node.hex() for node in path] for path in proof.paths],
        "proof": proof.proof,
        "tokens": [to_base64(token) for token in proof.tokens],
    }


def _parse_proof(value: object, count: int) -> Proof:
    fields = Fields(value, "proof", _PROOF)
    paths = fields.items("paths", low=count, high=count)
    tokens = tuple(_parse_token(token) for token in fields.items("tokens", high=MAX_TOKENS))
    if any(later <= earlier for earlier, later in pairwise(tokens)):
        raise MalformedError("proof: tokens stand by their bytes, each once")
    return Proof(proof=fields.text("proof", limit=MAX_NOTE), paths=tuple(map(_parse_path, paths)), tokens=tokens)


def _parse_path(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_PATH:
        raise MalformedError(f"proof: paths: each is null, or a list of at most {MAX_PATH} hashes")
    return tuple(map(from_hex, value))


def _parse_token(value: object) -> bytes:
    token = from_base64(value)
    if not 0 < len(token) <= MAX_TOKEN:
        raise MalformedError(f"proof: a token has at most {MAX_TOKEN} bytes")
    return token
