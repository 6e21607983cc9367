"""The log's key signs only what extends the last checkpoint it signed, whatever the database says."""

from __future__ import annotations

import os
import stat
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keyfile import format_key
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer, VerifierKey
from hefu_ledger.tlog.merkle import Tree, consistency_path, leaf_hash
from hefu_ledger.tlog.note import Note, SignatureLine, Verified, format_note, parse_note, sign_note, verify_note
from hefu_service.outside.signer import FileSigner, create_key, create_mldsa44_key, read_key, read_mldsa44_key
from hefu_service.ports.errors import ImmutableError, PortError, SignerError, StorageError
from hefu_service.ports.world import CheckpointSigner

ORIGIN = "log.example/ledger"
SEED = bytes(range(32))
QUANTUM = MLDSA44Signer(ORIGIN, SEED)
LEAVES = b"".join(leaf_hash(b"%d" % number) for number in range(20))
OTHER_LEAVES = b"".join(leaf_hash(b"other %d" % number) for number in range(20))
TREE = Tree(LEAVES)


def at(size: int, leaves: bytes = LEAVES) -> Checkpoint:
    return Checkpoint(ORIGIN, size, Tree(leaves[: 32 * size]).root)


def path(old_size: int, new_size: int) -> list[bytes]:
    return consistency_path(old_size, new_size, TREE.node)


@pytest.fixture
def signer(tmp_path: Path) -> CheckpointSigner:
    return FileSigner(Ed25519Signer(ORIGIN, SEED), QUANTUM, tmp_path / "signer")


def memory(tmp_path: Path) -> bytes:
    return (tmp_path / "signer/checkpoint").read_bytes()


def signed(note: Note, signer: CheckpointSigner) -> Checkpoint:
    verified, unknown = verify_note(note, [signer.key_mldsa44, signer.key])
    expected = [Verified(signer.key, None), Verified(signer.key_mldsa44, 0)]  # the older type first, and no time
    assert (verified, unknown) == (expected, [])
    return parse_checkpoint(parse_note(format_note(note)).text)


# --- the signer's memory ---


def test_what_extends_the_last_checkpoint_is_signed_and_remembered(signer: CheckpointSigner, tmp_path: Path) -> None:
    assert signer.last() is None
    assert signed(signer.sign(at(1), []), signer) == at(1)
    for old_size, new_size in ((1, 2), (2, 3), (3, 3), (3, 8), (8, 20)):
        assert signed(signer.sign(at(new_size), path(old_size, new_size)), signer) == at(new_size)
        reopened = FileSigner(Ed25519Signer(ORIGIN, SEED), QUANTUM, tmp_path / "signer")
        assert signer.last() == reopened.last() == at(new_size)


def test_no_checkpoint_is_signed_twice(signer: CheckpointSigner, tmp_path: Path) -> None:
    first = signer.sign(at(3), [])
    reopened = FileSigner(Ed25519Signer(ORIGIN, SEED), QUANTUM, tmp_path / "signer")
    assert signer.sign(at(3), []) == reopened.sign(at(3), []) == first
    assert memory(tmp_path) == format_note(first)


def test_the_lines_that_the_store_has_are_given_and_remembered(signer: CheckpointSigner, tmp_path: Path) -> None:
    elsewhere = FileSigner(Ed25519Signer(ORIGIN, SEED), QUANTUM, tmp_path / "elsewhere")
    kept = elsewhere.sign(at(3), [])
    strange = SignatureLine("w.example", b"1234", b"a line of a witness")
    more = kept._replace(signatures=(strange, *kept.signatures[::-1], strange))
    assert signer.sign(at(3), [], more) == signer.sign(at(3), []) == kept
    assert memory(tmp_path) == format_note(kept)
    assert signed(signer.sign(at(8), path(3, 8), more), signer) == at(8)


@pytest.mark.parametrize("left", [slice(0, 1), slice(1, 2)])
def test_lines_that_are_not_both_there_or_do_not_verify_are_made(
    signer: CheckpointSigner, tmp_path: Path, left: slice
) -> None:
    elsewhere = FileSigner(Ed25519Signer(ORIGIN, SEED), QUANTUM, tmp_path / "elsewhere")
    kept = elsewhere.sign(at(3), [])
    bad = tuple(line._replace(signature=bytes(len(line.signature))) for line in kept.signatures)
    for lines in (kept.signatures[left], (*kept.signatures[left], *bad[::-1][left])):
        made = signer.sign(at(3), [], kept._replace(signatures=lines))
        assert signed(made, signer) == at(3)
        assert made != kept
    other = kept._replace(text=format_checkpoint(at(4)))
    assert signed(signer.sign(at(5), path(3, 5), other), signer) == at(5)


def test_anything_extends_an_empty_log(signer: CheckpointSigner) -> None:
    signer.sign(at(0), [])
    assert signed(signer.sign(at(3), []), signer) == at(3)


@pytest.mark.parametrize(
    ("checkpoint", "consistency"),
    [
        (at(4), path(4, 5)),
        (at(4), []),
        (at(0), []),
        (at(5, OTHER_LEAVES), []),
        (at(8, OTHER_LEAVES), path(5, 8)),
        (at(8), []),
        (at(8), path(5, 9)),
        (at(8), [*path(5, 8), bytes(32)]),
        (Checkpoint("log.example/other", 8, at(8).root), path(5, 8)),
        (Checkpoint(ORIGIN, 8, at(8).root, ("extension",)), path(5, 8)),
    ],
    ids=[
        "smaller",
        "smaller without a proof",
        "empty",
        "another root of the same size",
        "another tree",
        "no proof",
        "another proof",
        "longer proof",
        "another origin",
        "an extension line",
    ],
)
def test_what_does_not_extend_it_is_not_signed_nor_remembered(
    signer: CheckpointSigner, tmp_path: Path, checkpoint: Checkpoint, consistency: list[bytes]
) -> None:
    signer.sign(at(5), [])
    before = memory(tmp_path)
    with pytest.raises(SignerError):
        signer.sign(checkpoint, consistency)
    assert memory(tmp_path) == before


def test_the_memory_is_synced_before_anyone_has_the_note(
    signer: CheckpointSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[Path, bytes]] = []
    remembered = tmp_path / "signer/checkpoint"

    def watch(file: int) -> None:
        data = memory(tmp_path) if remembered.exists() else b""
        synced.append((Path(f"/proc/self/fd/{file}").readlink(), data))

    monkeypatch.setattr(os, "fsync", watch)
    note = signer.sign(at(1), [])
    monkeypatch.undo()
    assert synced[-1] == (tmp_path / "signer", format_note(note))  # the directory last, with the note under its name
    assert signer.last() == at(1)


def test_a_memory_that_cannot_be_written_means_no_note_is_given(
    signer: CheckpointSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="No space left"):
        signer.sign(at(1), [])


def test_signers_that_share_a_folder_share_their_memory(signer: CheckpointSigner, tmp_path: Path) -> None:
    other = FileSigner(Ed25519Signer(ORIGIN, SEED), QUANTUM, tmp_path / "signer")
    signer.sign(at(5), [])
    with pytest.raises(SignerError):
        other.sign(at(5, OTHER_LEAVES), [])
    other.sign(at(8), path(5, 8))
    with pytest.raises(SignerError):
        signer.sign(at(7), path(5, 7))


ONE = sign_note(format_checkpoint(at(5)), [Ed25519Signer(ORIGIN, SEED)])
STRANGE = [format_note(ONE), "text\n\n— a AAAAAAA=\n".encode()]


@pytest.mark.parametrize(
    "damage",
    [b"", b"log.example/ledger\n5\n", b"\xff", format_checkpoint(at(5)).encode(), *STRANGE],
)
def test_a_damaged_memory_is_an_error_and_no_memory_lost(
    signer: CheckpointSigner, tmp_path: Path, damage: bytes
) -> None:
    signer.sign(at(5), [])
    (tmp_path / "signer/checkpoint").write_bytes(damage)
    with pytest.raises(StorageError, match=r"signer's memory .* is damaged"):
        signer.sign(at(8), path(5, 8))
    assert memory(tmp_path) == damage


@pytest.mark.parametrize("line", [0, 1])
def test_a_line_of_the_memory_that_went_wrong_is_damage_too(
    signer: CheckpointSigner, tmp_path: Path, line: int
) -> None:
    note = signer.sign(at(5), [])
    lines = list(note.signatures)
    lines[line] = lines[line]._replace(signature=lines[line].signature[:-1] + b"\0")
    (tmp_path / "signer/checkpoint").write_bytes(format_note(note._replace(signatures=tuple(lines))))
    with pytest.raises(StorageError, match=r"signer's memory .* is damaged"):
        signer.last()


# --- key files ---


@pytest.mark.parametrize(
    ("create", "read", "other"),
    [(create_key, read_key, read_mldsa44_key), (create_mldsa44_key, read_mldsa44_key, read_key)],
    ids=["Ed25519", "ML-DSA-44"],
)
def test_a_key_file_is_new_and_its_owners_alone(
    tmp_path: Path,
    create: Callable[[Path, str], VerifierKey],
    read: Callable[[Path], Ed25519Signer | MLDSA44Signer],
    other: Callable[[Path], object],
) -> None:
    umask = os.umask(0)
    try:
        key = create(tmp_path / "keys/log.key", ORIGIN)
    finally:
        os.umask(umask)
    file = tmp_path / "keys/log.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read(file).key == key
    assert key.name == ORIGIN
    assert create(tmp_path / "keys/other.key", ORIGIN) != key
    with pytest.raises(ImmutableError):
        create(file, ORIGIN)
    assert read(file).key == key
    with pytest.raises(PortError, match="not a key file"):
        other(file)
    assert [entry.name for entry in (tmp_path / "keys/.unfinished").iterdir()] == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path / "log.key", ORIGIN)
    (tmp_path / "log.key").chmod(mode)
    with pytest.raises(PortError, match=f"open to others.*{mode:04o}.*chmod 600"):
        read_key(tmp_path / "log.key")


def test_a_key_file_that_is_missing_or_damaged_is_an_error_that_shows_nothing(tmp_path: Path) -> None:
    file = tmp_path / "log.key"
    with pytest.raises(StorageError, match="No such file"):
        read_key(file)
    file.touch(mode=0o600)
    good = format_key(ORIGIN, SEED)
    file.write_bytes(good[:-6] + b"\n")
    with pytest.raises(PortError, match="not a key file") as caught:
        read_key(file)
    assert good.decode().split("+", 4)[4][4:16] not in "".join(traceback.format_exception(caught.value))


def test_openssl_verifies_what_the_signer_signed(signer: CheckpointSigner, tmp_path: Path) -> None:
    note = signer.sign(at(1), [])
    spki = bytes.fromhex("302a300506032b6570032100") + signer.key.public
    for name, data in (("key", spki), ("text", note.text.encode()), ("signature", note.signatures[0].signature)):
        (tmp_path / name).write_bytes(data)
    command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile signature"
    result = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True)
    assert b"Verified Successfully" in result.stdout
