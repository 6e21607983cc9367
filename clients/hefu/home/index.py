"""HOME/index.sqlite3: the deposited documents, by name, digest and path. Private, offline, a convenience:
``take`` makes it again from evidence, ``take_kept`` from the vault, and no proof relies on it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from hefu.errors import ClientError
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
from hefu.home.entries import DOCUMENT, ENTRY, KEPT, Document, Entry, as_number, document_of, entry_of, folded
from hefu.home.index_file import IndexFile
from hefu.home.index_paths import as_on_disk, as_utf8, document_path, exists, path_bytes, span_below
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

_BEGINS: Final = "substr(evidence, 1, length(?)) = ?"
_IS_KEPT: Final = f"substr(evidence, 1, {len(KEPT)}) = CAST('{KEPT.decode()}' AS BLOB)"
_LARGEST: Final = 2**63 - 1  # ns: a time of 1601, as shares show it, is beyond
_FEW: Final = 8  # hex digits that name a statement
_HEX: Final = frozenset("0123456789abcdef")
_NUMBERED: Final = "number = ? OR substr(number, 1, length(number) - 1) = ?"  # its check character may be left out
_NEWEST: Final = "received_at IS NULL DESC, received_at DESC, id DESC"  # deposits not acknowledged yet are the newest


class Reading(NamedTuple):
    """A file's digest, and its size and times when it was read."""

    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: bytes


class Index(IndexFile):
    """A home's index; to be closed. One process writes at a time, others wait."""

    def expect(self, evidence: str, *, base: str | None) -> None:
        """Note where a deposit's evidence is going to lie, before anything is written there. Durable on return."""
        with self._transaction():
            self._row(path_bytes(evidence), None if base is None else path_bytes(os.path.realpath(base)))

    def catch_up(self) -> None:
        """Take in evidence that was written at the places that were expected; a process may have died since."""
        for row, evidence, known in self._all(
            f"SELECT id, evidence, statement IS NOT NULL FROM deposits WHERE NOT anchored AND NOT {_IS_KEPT}"
        ):
            path = os.fsdecode(evidence)
            if exists(path) or (not known and exists(f"{path}.part")):
                with suppress(LedgerError):  # being written just now, or damaged: not for the index to say
                    self.take(path)
            elif exists(f"{path}.part"):
                with suppress(LedgerError):
                    self._acknowledged(row, path)
            elif os.path.isdir(reach(os.path.dirname(path))):  # it was refused, or moved away
                with self._transaction():
                    self._forget(row, wholly=True)

    def take(self, evidence: str) -> None:
        """Take in evidence, finished or on its way. MalformedError if it is none; nothing is changed then."""
        with self._transaction():
            row = self._row(path_bytes(evidence), None)
            base = self._one("SELECT base FROM deposits WHERE id = ?", row)[0]
            self._forget(row)
            if exists(evidence) and not is_bundle(evidence):
                with open(reach(evidence), "rb") as file:
                    document, ending = read_single(file.read(MAX_EVIDENCE + 1))
                self._add(row, base, [document])
            else:
                ending = self._take_bundle(row, base, evidence)
            self._end(row, ending)

    def unplaced(self) -> int:
        """How many deposits there are of which the paths of the documents are not known: an index was lost."""
        return int(self._one("SELECT count(DISTINCT deposit) FROM documents WHERE path IS NULL")[0])

    def take_kept(
        self, kept: StoredDeposit, receipt: Receipt | None, acknowledgement: bytes | None, gone: Sequence[str] = ()
    ) -> None:
        """Take in a deposit that the vault has, unless there is evidence of it but where that has ``gone``."""
        ending = read_kept(kept.part.statement, receipt, acknowledgement)
        base = os.fsencode(kept.about.base)
        with self._transaction():
            for path in gone:
                self._forget(self._row(path_bytes(path), None), wholly=True)
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
        return [as_on_disk(entry_of(row, labels)) for row in self._all(query)]

    def documents(self, deposit: int) -> list[Document]:
        """The documents of a deposit, in their order."""
        return self._documents("d.deposit = ? ORDER BY position", deposit)

    def search(self, text: str) -> list[Document]:
        """Documents whose name, label, deposit's label or number holds ``text``; case and width are ignored."""
        text = as_utf8(text)
        key = folded(text)
        hits = {target for target, label in self._labels().items() if label and key in folded(label)}
        return self._documents(
            f"instr(d.key, ?) OR {_NUMBERED} OR lower(hex(statement)) IN (SELECT value FROM json_each(?))"
            " OR lower(hex(statement)) || '/' || position IN (SELECT value FROM json_each(?))"
            f" ORDER BY {_NEWEST}, position",
            *(key, *2 * (as_number(text),), *2 * (json.dumps(sorted(hits)),)),
        )

    def find(self, word: str) -> str:
        """The target of a label: a deposit by its number, statement or evidence, or a document by its path.

        ClientError where it is none, or more than one.
        """
        prefix = f"{word}*" if len(word) >= _FEW and set(word) <= _HEX else ""
        rows = self._all(
            "SELECT DISTINCT lower(hex(statement)) FROM deposits WHERE statement IS NOT NULL"
            f" AND ({_NUMBERED} OR lower(hex(statement)) GLOB ? OR evidence = ?)",
            *(2 * (as_number(as_utf8(word)),)),
            *(prefix, path_bytes(word)),
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
        return [name for (name,) in self._all(query, path_bytes(evidence)) if plain(name) != name]

    def at_path(self, path: str) -> list[Document]:
        """The documents deposited from ``path``, newest first."""
        return self._documents(f"d.path = ? ORDER BY {_NEWEST}", path_bytes(os.path.realpath(path)))

    def holds(self, sha256: bytes) -> bool:
        """Whether a document with this digest was deposited, or is on its way."""
        return self._db.execute("SELECT 1 FROM documents WHERE sha256 = ?", (sha256,)).fetchone() is not None

    def has_size(self, size: int) -> bool:
        """Whether a document of so many bytes was deposited."""
        return self._db.execute("SELECT 1 FROM documents WHERE size = ?", (size,)).fetchone() is not None

    def with_digest(self, sha256: bytes) -> list[Document]:
        """The documents deposited with this digest, newest first."""
        return self._documents(f"d.sha256 = ? ORDER BY {_NEWEST}", sha256)

    def below(self, folder: str) -> dict[str, set[bytes]]:
        """The digests that were deposited from each path in ``folder``, by the path relative to it."""
        start, end = span_below(os.path.realpath(folder))
        found: dict[str, set[bytes]] = {}
        for path, sha256 in self._all("SELECT path, sha256 FROM documents WHERE path > ? AND path < ?", start, end):
            found.setdefault(os.fsdecode(path[len(start) :]), set()).add(sha256)
        return found

    def moved_here(self, digests: Mapping[str, bytes]) -> dict[str, set[bytes]]:
        """The documents, as ``below`` gives them, of deposits from a folder that is no more, if most of them are here.

        ``digests``: those of the files here, by name. A folder that was renamed, or another computer's copy of it.
        """
        found: dict[str, set[bytes]] = {}
        here = set(digests.items())
        for deposit, base in self._all("SELECT id, base FROM deposits WHERE base IS NOT NULL AND anchored"):
            if os.path.isdir(reach(os.fsdecode(base))):
                continue
            rows = self._all("SELECT name, sha256 FROM documents WHERE deposit = ?", deposit)
            if 2 * sum((name, sha256) in here for name, sha256 in rows) > len(rows):
                for name, sha256 in rows:
                    found.setdefault(name, set()).add(sha256)
        return found

    def last_statement(self, base: str, evidence: str) -> bytes | None:
        """Identity of the newest statement of documents in ``base``, or whose evidence's path begins so."""
        condition = f"statement IS NOT NULL AND (base = ? OR {_BEGINS})"
        query = f"SELECT statement FROM deposits WHERE {condition} ORDER BY {_NEWEST}"
        start = path_bytes(evidence)
        row = self._db.execute(query, (path_bytes(os.path.realpath(base)), start, start)).fetchone()
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
            self._db.execute("UPDATE deposits SET told = ? WHERE evidence = ?", (event, path_bytes(evidence)))

    def readings(self, folder: str) -> dict[str, Reading]:
        """The digests and stamps from reading the files in ``folder``, by the path relative to it."""
        start, end = span_below(folder)
        rows = self._all("SELECT * FROM files_read WHERE path > ? AND path < ?", start, end)
        return {os.fsdecode(path[len(start) :]): Reading(*rest) for path, *rest in rows}

    def remember(self, folder: str, readings: Iterable[tuple[str, Reading]]) -> None:
        """Keep digests and stamps of files that were read in ``folder``, those with a time beyond SQLite's excepted."""
        start, _ = span_below(folder)
        kept = [(name, reading) for name, reading in readings if max(map(abs, reading[:3])) <= _LARGEST]
        rows = [(start + os.fsencode(name), *reading) for name, reading in kept]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO files_read VALUES (?, ?, ?, ?, ?)", rows)

    def _take_bundle(self, row: int, base: bytes | None, evidence: str) -> Ending:
        finished = exists(evidence)
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
                (
                    row,
                    each.position,
                    each.name,
                    folded(each.name),
                    each.size,
                    each.sha256,
                    document_path(base, each.name),
                )
                for each in documents
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
        for other, base in self._all("SELECT id, base FROM deposits WHERE evidence = ? AND id != ?", kept, row):
            self._forget(other, wholly=True)  # now there is evidence
            self._place(row, base)

    def _place(self, row: int, base: bytes | None) -> None:
        """Say where a deposit's documents were, of which evidence alone does not tell."""
        if base is None or self._one("SELECT base FROM deposits WHERE id = ?", row)[0] is not None:
            return
        self._db.execute("UPDATE deposits SET base = ? WHERE id = ?", (base, row))
        for position, name in self._all("SELECT position, name FROM documents WHERE deposit = ?", row):
            values = (document_path(base, name), row, position)
            self._db.execute("UPDATE documents SET path = ? WHERE deposit = ? AND position = ?", values)

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
