"""The tables of a home's index 索引."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
# Paths are BLOBs: above a document's own name they may be any bytes. ``base`` is the folder that names are relative to.
# A deposit begins as the place where its evidence will lie, before anything is written there; one of which the vault
# alone has the private half has ``vault/<statement id>`` for its evidence, which no path is. ``told``: the depositor's
# event up to which the service was asked for records about its keys.
SCHEMA: Final = """
CREATE TABLE deposits (
    id INTEGER PRIMARY KEY, evidence BLOB NOT NULL UNIQUE, base BLOB, statement BLOB, documents INTEGER, previous BLOB,
    received_at INTEGER, number TEXT, anchored INTEGER NOT NULL DEFAULT 0, stamps INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT -1
);
CREATE TABLE documents (
    deposit INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL,
    sha256 BLOB NOT NULL, path BLOB, PRIMARY KEY (deposit, position)
) WITHOUT ROWID;
CREATE INDEX documents_by_sha256 ON documents (sha256);
CREATE INDEX documents_by_path ON documents (path);
CREATE TABLE files_read (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
