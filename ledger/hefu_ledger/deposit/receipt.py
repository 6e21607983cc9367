"""A receipt 入账证明: the public half of the evidence, all of which the ledger's service may show to anyone.

It carries exact texts and reads none of them: ``verify`` checks their contents.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, canonical, check_format, from_base64, from_hex, parse_canonical, to_base64
from hefu_ledger.errors import MalformedError

FORMAT: Final = "hefu-receipt/v1"
MAX_RECEIPT: Final = 786_432  # bytes; leaves a card's 64 KiB and room for escapes within an evidence file's 1 MiB
MAX_PATH: Final = 63
MAX_PROOFS: Final = 16
MAX_TOKENS: Final = 16
MAX_TOKEN: Final = 16_384  # bytes
MAX_RECORDS: Final = 64
MAX_NOTE: Final = 32_768  # bytes of a proof with its checkpoint
_RECEIPT: Final = frozenset({"acknowledgement", "batch_path", "format", "proofs", "records", "statement"})
_PROOF: Final = frozenset({"paths", "proof", "tokens"})


class Proof(NamedTuple):
    """That all records of a receipt are under one checkpoint.

    ``proof`` is a c2sp.org/tlog-proof of the batch record; ``paths`` those of the records before it, in order;
    ``tokens`` RFC 3161 tokens (DER) over the SHA-256 of the checkpoint's text.
    """

    proof: str
    paths: tuple[tuple[bytes, ...], ...]
    tokens: tuple[bytes, ...] = ()


class Receipt(NamedTuple):
    """``records``: genesis, each enrolment and key record relied on, then the batch; all texts exact."""

    acknowledgement: str
    batch_path: tuple[bytes, ...]
    proofs: tuple[Proof, ...]
    records: tuple[str, ...]
    statement: str


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
    records = fields.items("records", low=2, high=MAX_RECORDS)
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
        "paths": [[node.hex() for node in path] for path in proof.paths],
        "proof": proof.proof,
        "tokens": [to_base64(token) for token in proof.tokens],
    }


def _parse_proof(value: object, count: int) -> Proof:
    fields = Fields(value, "proof", _PROOF)
    paths = fields.items("paths", low=count, high=count)
    return Proof(
        proof=fields.text("proof", limit=MAX_NOTE),
        paths=tuple(_parse_path(path) for path in paths),
        tokens=tuple(_parse_token(token) for token in fields.items("tokens", high=MAX_TOKENS)),
    )


def _parse_path(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PATH:
        raise MalformedError(f"proof: paths: each is a list of at most {MAX_PATH} hashes")
    return tuple(map(from_hex, value))


def _parse_token(value: object) -> bytes:
    token = from_base64(value)
    if not 0 < len(token) <= MAX_TOKEN:
        raise MalformedError(f"proof: a token has at most {MAX_TOKEN} bytes")
    return token
