"""HOME/index.sqlite3: the deposited documents, by name, digest and path. Private, offline, a convenience:
``take`` makes it again from evidence, ``take_kept`` from the vault, and no proof relies on it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from hefu.errors import ClientError, UnreachableError
from hefu.evidence.summary import (
    Described,
    Ending,
    acknowledgement_beside,
    read_described,
    read_finished,
    read_kept,
    read_single,
    read_unfinished,
)
from hefu.evidence.verify import is_bundle
from hefu.files.platform import reach
from hefu.home.entries import DOCUMENT, ENTRY, KEPT, Document, Entry, document_of, entry_of, folded
from hefu.home.home import GENESIS, parse_genesis, read
from hefu.home.index_schema import SCHEMA, VERSION
from hefu.home.labels import Label, append_label, read_labels
from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu.vault.blobs import StoredDeposit
from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.deposit.evidence import MAX_EVIDENCE
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.errors import LedgerError
from hefu_ledger.number import format_number
from hefu_ledger.tlog.note import parse_note

FILE: Final = "index.sqlite3"
_BEGINS: Final = "substr(evidence, 1, length(?)) = ?"
_IS_KEPT: Final = f"substr(evidence, 1, {len(KEPT)}) = CAST('{KEPT.decode()}' AS BLOB)"
_PATIENCE_S: Final = 60.0  # another process may be taking in a large deposit
_LARGEST: Final = 2**63 - 1  # ns: a time of 1601, as shares show it, is beyond
_FEW: Final = 8  # hex digits that name a statement
_HEX: Final = frozenset("0123456789abcdef")
_NEWEST: Final = "received_at IS NULL DESC, received_at DESC, id DESC"  # deposits not acknowledged yet are the newest


class Reading(NamedTuple):
    """A file's digest, and its size and times when it was read."""

    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: bytes


class Index:
    """A home's index; to be closed. One process writes at a time, others wait."""

    def __init__(self, home: str) -> None:
        """Open the index, or begin one. ClientError where it is damaged, or of another version."""
        self._home = home
        genesis = read(home, GENESIS)
        if genesis is None:
            raise ClientError(say("home.none", path=home))
        self._prefix = parse_genesis(genesis).number_prefix
        path = os.path.join(home, FILE)
        os.close(os.open(reach(path), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        self._db = sqlite3.connect(reach(path), timeout=_PATIENCE_S, isolation_level=None)
        try:
            self._begin()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise ClientError(say("index.unusable", path=path, error=error)) from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def expect(self, evidence: str, *, base: str | None) -> None:
        """Note where a deposit's evidence is going to lie, before anything is written there. Durable on return."""
        with self._transaction():
            self._row(_bytes(evidence), None if base is None else _bytes(base))

    def catch_up(self) -> None:
        """Take in evidence that was written at the places that were expected; a process may have died since."""
        for row, evidence, known in self._all(
            f"SELECT id, evidence, statement IS NOT NULL FROM deposits WHERE NOT anchored AND NOT {_IS_KEPT}"
        ):
            path = os.fsdecode(evidence)
            if _exists(path) or (not known and _exists(f"{path}.part")):
                with suppress(LedgerError):  # being written just now, or damaged: not for the index to say
                    self.take(path)
            elif _exists(f"{path}.part"):
                with suppress(LedgerError):
                    self._acknowledged(row, path)
            elif os.path.isdir(reach(os.path.dirname(path))):  # it was refused, or moved away
                with self._transaction():
                    self._forget(row, wholly=True)

    def take(self, evidence: str) -> None:
        """Take in evidence, finished or on its way. MalformedError if it is none; nothing is changed then."""
        with self._transaction():
            row = self._row(_bytes(evidence), None)
            base = self._one("SELECT base FROM deposits WHERE id = ?", row)[0]
            self._forget(row)
            if _exists(evidence) and not is_bundle(evidence):
                with open(reach(evidence), "rb") as file:
                    document, ending = read_single(file.read(MAX_EVIDENCE + 1))
                self._add(row, base, [document])
            else:
                ending = self._take_bundle(row, base, evidence)
            self._end(row, ending)

    def take_kept(
        self, kept: StoredDeposit, receipt: Receipt | None, acknowledgement: bytes | None, gone: Sequence[str] = ()
    ) -> None:
        """Take in a deposit that the vault has, unless there is evidence of it but where that has ``gone``."""
        ending = read_kept(kept.part.statement, receipt, acknowledgement)
        base = os.fsencode(kept.about.base)
        with self._transaction():
            for path in gone:
                self._forget(self._row(_bytes(path), None), wholly=True)
            if ending.statement.hex() in self.with_evidence():
                return
            row = self._row(KEPT + ending.statement.hex().encode(), base)
            self._forget(row)
            self._add(row, base, read_described(kept.file))
            self._end(row, ending)

    def evidence(self) -> list[tuple[str, str]]:
        """Ids (hex) of statements, each with the path of evidence that was taken in, though it may have gone."""
        query = f"SELECT lower(hex(statement)), evidence FROM deposits WHERE statement IS NOT NULL AND NOT {_IS_KEPT}"
        return [(statement, os.fsdecode(evidence)) for statement, evidence in self._all(query)]

    def with_evidence(self) -> set[str]:
        """Ids (hex) of statements of which there is evidence, finished or on its way, though it may have gone."""
        return {statement for statement, _ in self.evidence()}

    def settled(self) -> set[str]:
        """Ids (hex) of statements of which everything is known: they are on the ledger."""
        rows = self._all("SELECT lower(hex(statement)) FROM deposits WHERE anchored")
        return {statement for (statement,) in rows}

    def deposits(self) -> list[Entry]:
        """Every deposit, newest first."""
        labels = self._labels()
        query = f"SELECT {ENTRY} FROM deposits ORDER BY {_NEWEST}"
        return [entry_of(row, labels) for row in self._all(query)]

    def documents(self, deposit: int) -> list[Document]:
        """The documents of a deposit, in their order."""
        return self._documents("d.deposit = ? ORDER BY position", deposit)

    def search(self, text: str) -> list[Document]:
        """Documents whose name, label, deposit's label or number holds ``text``; case and width are ignored."""
        text = _utf8(text)
        key = folded(text)
        hits = {target for target, label in self._labels().items() if label and key in folded(label)}
        return self._documents(
            "instr(d.key, ?) OR number = ? OR lower(hex(statement)) IN (SELECT value FROM json_each(?))"
            " OR lower(hex(statement)) || '/' || position IN (SELECT value FROM json_each(?))"
            f" ORDER BY {_NEWEST}, position",
            *(key, text, *2 * (json.dumps(sorted(hits)),)),
        )

    def find(self, word: str) -> str:
        """The target of a label: a deposit by its number, statement or evidence, or a document by its path.

        ClientError where it is none, or more than one.
        """
        prefix = f"{word}*" if len(word) >= _FEW and set(word) <= _HEX else ""
        rows = self._all(
            "SELECT DISTINCT lower(hex(statement)) FROM deposits WHERE statement IS NOT NULL"
            " AND (number = ? OR lower(hex(statement)) GLOB ? OR evidence = ?)",
            *(_utf8(word), prefix, _bytes(word)),
        )
        documents = self.at_path(word)
        if not rows and documents:
            return f"{documents[0].statement}/{documents[0].position}"
        if len(rows) == 1:
            return str(rows[0][0])
        raise ClientError(say("index.ambiguous" if rows else "index.no_match", word=word))

    def label(self, label: Label) -> None:
        """Give a label, for good: another one given later is shown instead. Durable on return."""
        with self._transaction():  # one process at a time
            append_label(self._home, label)

    def odd_names(self, evidence: str) -> list[str]:
        """The names in a deposit that hold controls or characters that are not seen, by its evidence's path."""
        query = "SELECT name FROM documents d JOIN deposits ON id = d.deposit WHERE evidence = ? ORDER BY position"
        return [name for (name,) in self._all(query, _bytes(evidence)) if plain(name) != name]

    def at_path(self, path: str) -> list[Document]:
        """The documents deposited from ``path``, newest first."""
        return self._documents(f"d.path = ? ORDER BY {_NEWEST}", _bytes(path))

    def holds(self, sha256: bytes) -> bool:
        """Whether a document with this digest was deposited, or is on its way."""
        return self._db.execute("SELECT 1 FROM documents WHERE sha256 = ?", (sha256,)).fetchone() is not None

    def with_digest(self, sha256: bytes) -> list[Document]:
        """The documents deposited with this digest, newest first."""
        return self._documents(f"d.sha256 = ? ORDER BY {_NEWEST}", sha256)

    def below(self, folder: str) -> dict[str, set[bytes]]:
        """The digests that were deposited from each path in ``folder``, by the path relative to it."""
        start, end = _below(folder)
        found: dict[str, set[bytes]] = {}
        for path, sha256 in self._all("SELECT path, sha256 FROM documents WHERE path > ? AND path < ?", start, end):
            found.setdefault(os.fsdecode(path[len(start) :]), set()).add(sha256)
        return found

    def last_statement(self, base: str, evidence: str) -> bytes | None:
        """Identity of the newest statement of documents in ``base``, or whose evidence's path begins so."""
        condition = f"statement IS NOT NULL AND (base = ? OR {_BEGINS})"
        query = f"SELECT statement FROM deposits WHERE {condition} ORDER BY {_NEWEST}"
        row = self._db.execute(query, (_bytes(base), _bytes(evidence), _bytes(evidence))).fetchone()
        return None if row is None else row[0]

    def evidence_folders(self) -> list[str]:
        """Every folder that evidence was written to."""
        rows = self._all(f"SELECT evidence FROM deposits WHERE NOT {_IS_KEPT}")
        return sorted({os.path.dirname(os.fsdecode(evidence)) for (evidence,) in rows})

    def known_evidence(self) -> set[str]:
        """The paths of all evidence that was taken in, finished or on its way."""
        return {path for _, path in self.evidence()}

    def may_grow(self, within_ms: int, event: int) -> list[str]:
        """Finished evidence, newest first: received so long before the last deposit, or not asked about an event.

        Both times are the service's: this computer's clock may be wrong.
        """
        recent = "received_at >= (SELECT max(received_at) FROM deposits) - ?"
        query = f"SELECT evidence FROM deposits WHERE anchored AND (told < ? OR {recent}) AND NOT {_IS_KEPT}"
        return [os.fsdecode(path) for (path,) in self._all(f"{query} ORDER BY {_NEWEST}", event, within_ms)]

    def was_told(self, evidence: str, event: int) -> None:
        """Note that the service told of the depositor's keys up to an event."""
        with self._transaction():
            self._db.execute("UPDATE deposits SET told = ? WHERE evidence = ?", (event, _bytes(evidence)))

    def readings(self, folder: str) -> dict[str, Reading]:
        """The digests and stamps from reading the files in ``folder``, by the path relative to it."""
        start, end = _below(folder)
        rows = self._all("SELECT * FROM files_read WHERE path > ? AND path < ?", start, end)
        return {os.fsdecode(path[len(start) :]): Reading(*rest) for path, *rest in rows}

    def remember(self, folder: str, readings: Iterable[tuple[str, Reading]]) -> None:
        """Keep digests and stamps of files that were read in ``folder``, those with a time beyond SQLite's excepted."""
        start, _ = _below(folder)
        kept = [(name, reading) for name, reading in readings if max(map(abs, reading[:3])) <= _LARGEST]
        rows = [(start + os.fsencode(name), *reading) for name, reading in kept]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO files_read VALUES (?, ?, ?, ?, ?)", rows)

    def _begin(self) -> None:
        with self._transaction():
            (version,) = self._one("PRAGMA user_version")
            if version == 0:
                for statement in SCHEMA.split(";\n"):
                    self._db.execute(statement)
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"version {version}, this program knows {VERSION}")

    def _take_bundle(self, row: int, base: bytes | None, evidence: str) -> Ending:
        finished = _exists(evidence)
        with open(reach(evidence if finished else f"{evidence}.part"), "rb") as file:
            self._add(row, base, read_described(file))
            return read_finished(file) if finished else read_unfinished(file, acknowledgement_beside(evidence))

    def _acknowledged(self, row: int, evidence: str) -> None:
        """Take in the acknowledgement alone; the documents are known."""
        acknowledgement = acknowledgement_beside(evidence)
        if acknowledgement is not None:
            with self._transaction():
                self._receive(row, parse_acceptance(parse_note(acknowledgement).text))

    def _row(self, evidence: bytes, base: bytes | None) -> int:
        """The row of a place; one that is expected anew forgets the deposit that was on its way there before."""
        found = self._db.execute("SELECT id, anchored FROM deposits WHERE evidence = ?", (evidence,)).fetchone()
        if found is None:
            cursor = self._db.execute("INSERT INTO deposits (evidence, base) VALUES (?, ?)", (evidence, base))
            return int(cursor.lastrowid or 0)
        if base is not None:
            self._db.execute("UPDATE deposits SET base = ? WHERE id = ?", (base, found[0]))
            if not found[1]:
                self._forget(found[0])
        return int(found[0])

    def _forget(self, row: int, *, wholly: bool = False) -> None:
        self._db.execute("DELETE FROM documents WHERE deposit = ?", (row,))
        nothing = "statement = NULL, documents = NULL, received_at = NULL, number = NULL"
        self._db.execute(f"UPDATE deposits SET {nothing} WHERE id = ?", (row,))
        if wholly:
            self._db.execute("DELETE FROM deposits WHERE id = ?", (row,))

    def _add(self, row: int, base: bytes | None, documents: Iterable[Described]) -> None:
        self._db.executemany(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (row, item.position, item.name, folded(item.name), item.size, item.sha256, _path(base, item.name))
                for item in documents
            ),
        )

    def _end(self, row: int, ending: Ending) -> None:
        self._db.execute(
            "UPDATE deposits SET statement = ?, documents = ?, previous = ?, anchored = ?, stamps = ? WHERE id = ?",
            (ending.statement, ending.documents, ending.previous, ending.anchored, ending.stamps, row),
        )
        if ending.acceptance is not None:
            self._receive(row, ending.acceptance)
        kept = KEPT + ending.statement.hex().encode()
        for (other,) in self._all("SELECT id FROM deposits WHERE evidence = ? AND id != ?", kept, row):
            self._forget(other, wholly=True)  # now there is evidence

    def _receive(self, row: int, acceptance: Acceptance) -> None:
        number = format_number(self._prefix, acceptance.seq)
        values = (acceptance.received_at, number, row)
        self._db.execute("UPDATE deposits SET received_at = ?, number = ? WHERE id = ?", values)

    def _documents(self, condition: str, *values: object) -> list[Document]:
        labels = self._labels()
        query = f"SELECT {DOCUMENT} FROM documents d JOIN deposits ON id = d.deposit WHERE {condition}"
        return [document_of(row, labels) for row in self._all(query, *values)]

    def _labels(self) -> dict[str, str]:
        return {label.target: label.text for label in read_labels(self._home)}

    def _all(self, query: str, *values: object) -> list[Any]:
        return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Any:
        return self._db.execute(query, values).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise UnreachableError(say("index.busy", path=f"{self._home}/{FILE}", error=error)) from None
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _utf8(word: str) -> str:
    """A word that SQLite takes: bytes of another encoding, which no name or number here has, are spelt out."""
    return word.encode("utf-8", "backslashreplace").decode()


def _exists(path: str) -> bool:
    return os.path.exists(reach(path))


def _path(base: bytes | None, name: str) -> bytes | None:
    return None if base is None else base.rstrip(b"/") + b"/" + name.encode()


def _bytes(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))


def _below(folder: str) -> tuple[bytes, bytes]:
    """Between which two every path in a folder sorts."""
    start = _bytes(folder).rstrip(b"/") + b"/"
    return start, start[:-1] + b"0"  # the byte after the slash
