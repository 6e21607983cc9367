"""A batch's Merkle root, computed twice by programs that share no code: RFC 6962 by merkletools and by our own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from hashlib import sha256

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import Batch
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.merkle import leaf_hash, root_of_leaves
from hefu_service.ports.rows import Deposit, StoredRecord
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.texts import sentence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a sha3 module that this Python has built in
    import merkletools


class _NodeHash:
    """The node hash for merkletools, with the prefix of RFC 6962, which merkletools itself does not add."""

    __slots__ = ("_digest",)

    def __init__(self, children: bytes) -> None:
        self._digest = sha256(b"\x01" + children).digest()

    def digest(self) -> bytes:
        return self._digest


def batch_body(record: StoredRecord) -> Batch:
    """Read a batch record; SealingStoppedError if it is stored as one and is none."""
    body = parse_record(record.data).body
    if not isinstance(body, Batch):
        raise SealingStoppedError(sentence("seal.no_batch", index=record.index))
    return body


def leaf_hashes(deposits: Sequence[Deposit], *, first_seq: int, origin: str) -> bytes:
    """Hash the deposits read back, having checked that each acceptance is of its statement and in its place.

    Gives 32 bytes a deposit, contiguous. Raises SealingStoppedError naming the first deposit that is not as accepted.
    """
    for seq, deposit in enumerate(deposits, first_seq):
        _check_deposit(deposit, seq, origin)
    return b"".join([leaf_hash(deposit.acceptance.encode()) for deposit in deposits])


def batch_root(leaves: bytes) -> bytes:
    """The root (32 bytes) over contiguous leaf hashes, at least one; SealingStoppedError unless two opinions agree."""
    ours, theirs = root_of_leaves(leaves), second_opinion(leaves)
    if ours != theirs:
        raise SealingStoppedError(sentence("seal.roots", ours=ours.hex(), theirs=theirs.hex()))
    return ours


def second_opinion(leaves: bytes) -> bytes:
    """The root (32 bytes) that merkletools finds."""
    tree = merkletools.MerkleTools("sha256")
    tree.hash_function = _NodeHash
    tree.add_leaf([leaves[start : start + 32].hex() for start in range(0, len(leaves), 32)])
    tree.make_tree()
    return bytes.fromhex(tree.get_merkle_root())


def _check_deposit(deposit: Deposit, seq: int, origin: str) -> None:
    try:
        acceptance = parse_acceptance(deposit.acceptance)
    except MalformedError as error:
        raise SealingStoppedError(sentence("seal.acceptance", seq=seq, error=error)) from error
    found = statement_id(deposit.statement)  # the statement itself was checked when it came
    accepted = (acceptance.seq, acceptance.nth, acceptance.origin, acceptance.depositor, acceptance.statement)
    row = (deposit.seq, deposit.nth, origin, deposit.depositor, deposit.statement_id)
    if not accepted == row == (seq, deposit.nth, origin, deposit.depositor, found):
        raise SealingStoppedError(sentence("seal.place", seq=seq))
