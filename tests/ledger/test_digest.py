"""SHA-256 and SM3 of a document in one pass, from any kind of binary file."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefu_ledger import digest
from hefu_ledger.digest import Digests, digest_stream

# GB/T 32905-2016 appendix A gives SM3 of "abc" and of "abcd" 16 times; FIPS 180-2 gives SHA-256 of "abc";
# sha256sum gives the other two.
PUBLISHED = {
    b"abc": (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    ),
    b"abcd" * 16: (
        "625b41490b883891943c5fa54ad45d7c900b9b6e91e159334e320b1f5215a209",
        "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
    ),
    b"": (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
    ),
}

SMALL, LARGE = 1 << 14, 1 << 18  # the buffers
SIZES = [0, 1, SMALL - 1, SMALL, SMALL + 1, SMALL + LARGE - 1, SMALL + LARGE, SMALL + LARGE + 1, 3 * LARGE + 5]


def document(size: int) -> bytes:
    return hashlib.shake_128(size.to_bytes(4, "big")).digest(size)


def expected(data: bytes) -> Digests:
    return Digests(hashlib.sha256(data).digest(), hashlib.new("sm3", data).digest(), len(data))


class Slow:
    """A file that gives at most ``step`` bytes at a time, as pipes and sockets do."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step, self.largest = data, step, 0

    def readinto(self, buffer: bytearray) -> int | None:
        self.largest = max(self.largest, len(buffer))
        part, self.data = self.data[: min(self.step, len(buffer))], self.data[min(self.step, len(buffer)) :]
        buffer[: len(part)] = part
        return len(part)


class Stalling(Slow):
    """A non-blocking file: once its data is used up it says that more may come."""

    def readinto(self, buffer: bytearray) -> int | None:
        return super().readinto(buffer) or None


@pytest.mark.parametrize(("data", "digests"), PUBLISHED.items())
def test_the_published_vectors_hold(data: bytes, digests: tuple[str, str]) -> None:
    sha256, sm3, size = digest_stream(io.BytesIO(data))
    assert sm3 is not None
    assert (sha256.hex(), sm3.hex(), size) == (*digests, len(data))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_has_hashlibs_digests(tmp_path: Path, size: int) -> None:
    path = tmp_path / "document"
    path.write_bytes(document(size))
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        assert digest_stream(buffered) == digest_stream(raw) == expected(document(size))


@pytest.mark.parametrize("step", [1, 7, SMALL - 1, SMALL, LARGE])
def test_short_reads_are_not_the_end(step: int) -> None:
    data = document(5 * step if step < LARGE else 2 * LARGE)
    assert digest_stream(Slow(data, step)) == expected(data)


def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as source:
        with os.fdopen(writing, "wb") as sink:
            sink.write(document(20_000))
        assert digest_stream(source) == expected(document(20_000))


def test_hashing_begins_where_the_file_stands() -> None:
    file = io.BytesIO(document(100_000))
    file.seek(60_000)
    assert digest_stream(file) == expected(document(100_000)[60_000:])
    assert digest_stream(file) == expected(b"")


@pytest.mark.parametrize("data", [b"", b"the first half"])
def test_a_file_with_nothing_to_give_yet_is_not_at_its_end(data: bytes) -> None:
    with pytest.raises(BlockingIOError, match="blocking mode"):
        digest_stream(Stalling(data, 100))


def test_memory_does_not_grow_with_the_document() -> None:
    file = Slow(document(5 * LARGE), 5 * LARGE)
    digest_stream(file)
    assert file.largest == LARGE


def test_a_small_document_is_not_given_a_large_buffer() -> None:
    file = Slow(document(SMALL - 1), LARGE)
    digest_stream(file)
    assert file.largest == SMALL


def test_documents_hashed_at_the_same_time_do_not_mix() -> None:
    inner: list[Digests] = []

    class Interrupted(Slow):
        def readinto(self, buffer: bytearray) -> int | None:
            count = super().readinto(buffer)
            inner.append(digest_stream(io.BytesIO(document(1000))))
            return count

    assert digest_stream(Interrupted(document(5000), 900)) == expected(document(5000))
    assert set(inner) == {expected(document(1000))}


@given(st.binary(max_size=2000), st.integers(1, 700))
def test_any_document_in_any_pieces_has_hashlibs_digests(data: bytes, step: int) -> None:
    assert digest_stream(Slow(data, step)) == expected(data)


def test_without_sm3_a_document_has_sha_256_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", refuse)
    spec = importlib.util.find_spec(digest.__name__)
    assert spec is not None
    assert spec.loader is not None
    poorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(poorer)
    assert tuple(poorer.digest_stream(io.BytesIO(b"abc"))) == (hashlib.sha256(b"abc").digest(), None, 3)
