"""The public files of a ledger, read from a service's ``/ledger`` or from a folder that it exported.

Nothing read here is believed; ``checkpoint`` and ``replay`` check it against signed checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, Protocol

from hefu.errors import RefusedError, UnreachableError
from hefu.ui.language import say
from hefu_ledger.encoding import parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import MAX_BATCH
from hefu_ledger.tlog.tiles import WIDTH, Tile, parse_bundle

CHECKPOINT: Final = "checkpoint"
_LEDGER: Final = "/ledger"  # below a service's address, and below its data folder
MAX_CHECKPOINT: Final = 65_536  # bytes
_MAX_BUNDLE: Final = WIDTH * (2 + 0xFFFF)
_MAX_ENTRY: Final = 16_384  # bytes of a line: an acceptance and a statement


class Source(Protocol):
    """A tree of files."""

    def read(self, path: str, limit: int) -> bytes | None:
        """A file of at most ``limit`` bytes, or None if there is none (MalformedError for a longer one)."""

    @property
    def private(self) -> bool:
        """Acceptances and statements are given out too."""

    def lines(self, path: str) -> Iterator[bytes]:
        """A private file line by line."""


class ExportedLedger:
    """An exported ledger in a folder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, path: str, limit: int) -> bytes | None:
        """Read a file."""
        try:
            with open(f"{self._path}/{path}", "rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        if len(data) > limit:
            raise MalformedError(f"{path} is longer than {limit} bytes", code="file-length", path=path)
        return data

    @property
    def private(self) -> bool:
        """The export was made with statements; if any are there, all must be."""
        batches = f"{self._path}/batches"
        names = os.listdir(batches) if os.path.isdir(batches) else []
        return any(os.path.exists(f"{batches}/{name}/entries") for name in names)

    def lines(self, path: str) -> Iterator[bytes]:
        """Read a file's lines."""
        try:
            file = open(f"{self._path}/{path}", "rb")  # noqa: SIM115  # closed below
        except FileNotFoundError:
            raise MalformedError(
                f"{path} is missing, while other batches have theirs: export again with --statements",
                code="entries-missing",
                path=path,
            ) from None
        with file:
            while line := file.readline(_MAX_ENTRY + 1):
                yield line


class Web:
    """A ledger behind a URL such as ``https://ledger.example/ledger``: its public half."""

    private = False

    def __init__(self, url: str, *, insecure_http: bool = False) -> None:
        from hefu.service import Service  # an exported folder needs no HTTP

        self._service = Service(url, insecure_http=insecure_http)
        self._below = ""

    def read(self, path: str, limit: int) -> bytes | None:
        """Fetch a file. At a service's own address the ledger is looked for below it too."""
        data = self._get(f"{self._below}/{path}", limit)
        if data is None and path == CHECKPOINT and not self._below:
            data = self._get(f"{_LEDGER}/{path}", limit)
            self._below = "" if data is None else _LEDGER
        return data

    def _get(self, path: str, limit: int) -> bytes | None:
        try:
            return self._service.get(path, limit=limit).body
        except RefusedError as error:
            if error.status in (404, 410):
                return None
            raise

    def lines(self, path: str) -> Iterator[bytes]:
        """Never called, since nothing private is given out."""
        raise NotImplementedError(path)


def open_source(text: str, *, insecure_http: bool = False) -> Source:
    """Tell a URL from a folder. UnreachableError where there is none."""
    if text.lower().startswith(("http://", "https://")):
        return Web(text, insecure_http=insecure_http)
    if not os.path.isdir(text):
        raise UnreachableError(say("folder.none", folder=text))
    own = os.path.exists(f"{text}/{CHECKPOINT}")
    return ExportedLedger(text if own or not os.path.exists(f"{text}{_LEDGER}/{CHECKPOINT}") else f"{text}{_LEDGER}")


def read_checkpoint(source: Source) -> bytes:
    """The ledger's newest checkpoint, a signed note."""
    return _need(source, CHECKPOINT, MAX_CHECKPOINT)


def read_hashes(source: Source, tile: Tile) -> bytes:
    """The hashes of a tile, from the full tile where the partial one has been cleared away."""
    data = source.read(tile.path, 32 * WIDTH)
    if data is None and tile.width < WIDTH:
        data = _need(source, tile._replace(width=WIDTH).path, 32 * WIDTH)[: 32 * tile.width]
    if data is None or len(data) != 32 * tile.width:
        raise (
            _missing(tile.path)
            if data is None
            else MalformedError(f"{tile.path} has {len(data)} bytes", code="file-length", path=tile.path)
        )
    return data


def read_records(source: Source, tile: Tile) -> list[bytes]:
    """The records of an entry bundle, from the full one where the partial one has been cleared away."""
    data = source.read(tile.path, _MAX_BUNDLE)
    if data is None and tile.width < WIDTH:
        return parse_bundle(_need(source, tile._replace(width=WIDTH).path, _MAX_BUNDLE), WIDTH)[: tile.width]
    if data is None:
        raise _missing(tile.path)
    return parse_bundle(data, tile.width)


def read_leaves(source: Source, index: int, count: int) -> bytes:
    """The leaf hashes of the batch that record ``index`` seals."""
    return _need(source, f"batches/{index}/leaves", 32 * min(count, MAX_BATCH))


def read_entries(source: Source, index: int) -> Iterator[tuple[str, bytes]]:
    """Acceptance texts and statements of the batch that record ``index`` seals."""
    return map(_parse_entry, source.lines(f"batches/{index}/entries"))


def _parse_entry(line: bytes) -> tuple[str, bytes]:
    value = parse_canonical(line.removesuffix(b"\n"), limit=_MAX_ENTRY)
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value)):
        raise MalformedError("not an acceptance and a statement, [text, text]", code="entry-malformed")
    return value[0], value[1].encode()


def _need(source: Source, path: str, limit: int) -> bytes:
    data = source.read(path, limit)
    if data is None:
        raise _missing(path)
    return data


def _missing(path: str) -> MalformedError:
    return MalformedError(f"{path} is missing", code="file-missing", path=path)
