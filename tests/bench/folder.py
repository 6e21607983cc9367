"""A folder of 100,000 small documents hashed and committed to, against opening and hashing the same files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Result, rate, seconds
from tests.bench.prepared import keep, prepare

COUNT = 100_000


def folder_documents(scratch: Path) -> Iterator[Result]:
    """Everything the client does before the network: cards, commitments, the bundle on disk, fsynced."""
    documents = scratch / "documents"
    for number in range(COUNT):
        if number % 1000 == 0:
            (documents / f"{number // 1000:03d}").mkdir(parents=True)
        (documents / f"{number // 1000:03d}" / f"{number}.txt").write_bytes(b"document %d\n" % number * 40)
    paths = [str(path) for path in sorted(documents.rglob("*.txt"))]
    seconds(lambda: bare(paths), best_of=1)  # both find the files in the page cache
    ours = seconds(lambda: prepare(documents, scratch), best_of=2)
    baseline = seconds(lambda: bare(paths), best_of=2)
    what = "open and hashlib.file_digest, SHA-256 and SM3"
    yield rate("folder_documents", COUNT, ours, baseline, "documents/s", what)
    prepared = prepare(documents, scratch)
    vault = seconds(lambda: keep(prepared), best_of=2)
    yield rate("folder_with_vault", COUNT, ours + vault, baseline, "documents/s", f"{what} (with the local vault)")


def bare(paths: list[str]) -> None:
    """The least that hashing these files twice can take in Python."""
    for path in paths:
        for algorithm in ("sha256", "sm3"):
            with open(path, "rb") as file:  # noqa: PTH123 -- a Path each would be the slower baseline
                hashlib.file_digest(file, algorithm)
