"""Proofs with their checkpoint: one spelling, strict bounds, nothing verified."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.encoding import to_base64
from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import SignatureLine, format_note, sign_note
from hefu_ledger.tlog.proof import MAX_PROOF, TlogProof, format_proof, parse_proof

SIGNER = Ed25519Signer("log.example", bytes(32))
CHECKPOINT = sign_note(format_checkpoint(Checkpoint("log.example", 109482, sha256(b"root").digest())), [SIGNER])
PATH = tuple(sha256(bytes((number,))).digest() for number in range(5))
PROOF = TlogProof(73894, PATH, CHECKPOINT)
DATA = format_proof(PROOF)

proofs = st.builds(
    TlogProof,
    st.integers(0, 2**53 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.just(CHECKPOINT),
    st.none() | st.binary(min_size=1, max_size=200),
)


def written(*lines: str) -> bytes:
    return "\n".join(lines).encode() + b"\n\n" + format_note(CHECKPOINT)


def test_a_proof_is_written_as_the_specification_draws_it() -> None:
    data = format_proof(TlogProof(7, PATH[:2], CHECKPOINT, b"extra data"))
    assert data == (
        b"c2sp.org/tlog-proof@v1\nextra ZXh0cmEgZGF0YQ==\nindex 7\n"
        b"bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\nS/USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo=\n\n"
        + format_note(CHECKPOINT)
    )


@given(proofs)
def test_every_proof_reads_back(proof: TlogProof) -> None:
    assert parse_proof(format_proof(proof)) == proof


@given(st.integers(0, len(DATA)), st.binary(max_size=2), st.integers(0, 2))
def test_changed_bytes_are_refused_or_mean_something_else(at: int, new: bytes, cut: int) -> None:
    changed = DATA[:at] + new + DATA[at + cut :]
    try:
        proof = parse_proof(changed)
    except LedgerError:
        return
    assert format_proof(proof) == changed
    assert (proof == PROOF) == (changed == DATA)


def test_the_only_leaf_of_a_tree_needs_no_path() -> None:
    assert parse_proof(written("c2sp.org/tlog-proof@v1", "index 0")) == TlogProof(0, (), CHECKPOINT)


def test_sixty_three_hashes_are_read_and_sixty_four_refused() -> None:
    lines = ["c2sp.org/tlog-proof@v1", "index 0", *[to_base64(bytes(32))] * 63]
    assert len(parse_proof(written(*lines)).path) == 63
    with pytest.raises(MalformedError, match="63"):
        parse_proof(written(*lines, lines[-1]))
    with pytest.raises(MalformedError, match="63"):
        format_proof(TlogProof(0, (bytes(32),) * 64, CHECKPOINT))


def test_a_proof_of_128_kib_is_read_and_one_byte_more_refused() -> None:
    room = MAX_PROOF - len(written("c2sp.org/tlog-proof@v1", "extra ", "index 1"))
    lines = ("c2sp.org/tlog-proof@v1", f"extra {'A' * (room - room % 4)}", f"index {10 ** (room % 4)}")
    assert len(written(*lines)) == MAX_PROOF == 128 * 1024
    assert parse_proof(written(*lines)).extra == bytes((room - room % 4) // 4 * 3)
    with pytest.raises(MalformedError, match="proof of 131073 bytes"):
        parse_proof(written(*lines, ""))


@pytest.mark.parametrize(
    "header", ["c2sp.org/tlog-proof@v2", "c2sp.org/tlog-proof", " c2sp.org/tlog-proof@v1", "", "index 0"]
)
def test_another_version_is_unknown_rather_than_wrong(header: str) -> None:
    with pytest.raises(UnknownFormatError):
        parse_proof(written(header or "x", "index 0"))


@every_case("index", ["", "+42", "042", " 42", "42 ", "-1", "4_2", str(2**53)])
def test_an_index_that_is_not_a_plain_decimal_is_refused(index: str) -> None:
    with pytest.raises(MalformedError):
        parse_proof(written("c2sp.org/tlog-proof@v1", f"index {index}"))


HASH = to_base64(bytes(32))


@every_case(
    ("defect", "data"),
    [
        ("empty", b""),
        ("header alone", b"c2sp.org/tlog-proof@v1\n"),
        ("no index", written("c2sp.org/tlog-proof@v1")),
        ("no index but a hash", written("c2sp.org/tlog-proof@v1", HASH)),
        ("extra and no index", written("c2sp.org/tlog-proof@v1", "extra AA==")),
        ("extra after the index", written("c2sp.org/tlog-proof@v1", "index 0", "extra AA==")),
        ("extra twice", written("c2sp.org/tlog-proof@v1", "extra AA==", "extra AA==", "index 0")),
        ("empty extra", written("c2sp.org/tlog-proof@v1", "extra ", "index 0")),
        ("extra without base64", written("c2sp.org/tlog-proof@v1", "extra", "index 0")),
        ("extra not canonical", written("c2sp.org/tlog-proof@v1", "extra AB==", "index 0")),
        ("index in capitals", written("c2sp.org/tlog-proof@v1", "INDEX 0")),
        ("tab after index", written("c2sp.org/tlog-proof@v1", "index\t0")),
        ("index twice", written("c2sp.org/tlog-proof@v1", "index 0", "index 0")),
        ("hash of 31 bytes", written("c2sp.org/tlog-proof@v1", "index 0", to_base64(bytes(31)))),
        ("hash of 33 bytes", written("c2sp.org/tlog-proof@v1", "index 0", to_base64(bytes(33)))),
        ("hash in hex", written("c2sp.org/tlog-proof@v1", "index 0", "00" * 32)),
        ("hash with a space", written("c2sp.org/tlog-proof@v1", "index 0", HASH + " ")),
        ("carriage returns", DATA.replace(b"\n", b"\r\n")),
        ("carriage return after the index", DATA.replace(b"73894\n", b"73894\r\n")),
        ("not UTF-8", b"\xff" + DATA),
        ("not ASCII", DATA.replace(b"73894", "\uff17".encode())),
        ("no blank line before the checkpoint", DATA.replace(b"\n\nlog", b"\nlog")),
        ("two blank lines before the checkpoint", DATA.replace(b"\n\nlog", b"\n\n\nlog")),
        ("no checkpoint", DATA[: DATA.index(b"\n\n") + 2]),
        ("checkpoint without signature", DATA[: DATA.rindex(b"\n\n") + 2]),
        ("bytes after the checkpoint", DATA + b"\n"),
        ("last line feed missing", DATA[:-1]),
        ("another note for checkpoint", DATA[: DATA.index(b"\n\n") + 2] + format_note(sign_note("text\n", [SIGNER]))),
    ],
)
def test_a_malformed_proof_is_refused(defect: str, data: bytes) -> None:
    assert data != DATA, defect
    with pytest.raises(MalformedError):
        parse_proof(data)


def test_what_the_format_cannot_carry_is_not_written() -> None:
    for proof in (
        PROOF._replace(index=-1),
        PROOF._replace(index=2**53),
        PROOF._replace(path=(bytes(31),)),
        PROOF._replace(extra=b""),
        PROOF._replace(checkpoint=sign_note("text\n", [SIGNER])),
        PROOF._replace(checkpoint=CHECKPOINT._replace(signatures=())),
        PROOF._replace(checkpoint=CHECKPOINT._replace(signatures=(SignatureLine("n", bytes(5), bytes(5)),))),
    ):
        with pytest.raises(MalformedError):
            format_proof(proof)
