"""Private keys in files, and the signer of checkpoints, whose memory keeps the log from contradicting itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keyfile import format_key, format_mldsa44_key, parse_key, parse_mldsa44_key
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer, VerifierKey
from hefu_ledger.tlog.merkle import verify_consistency
from hefu_ledger.tlog.note import Note, SignatureLine, cosign, format_note, judge_lines, parse_note, sign_note
from hefu_service.outside.durable import DurableFolder
from hefu_service.outside.lock import exclusive
from hefu_service.ports.errors import PortError, SignerError, StorageError
from hefu_service.texts import sentence

NO_TIME: Final = 0  # of the line of ML-DSA-44: the log's times stand in its records
_MEMORY: Final = "checkpoint"
_Signer = TypeVar("_Signer", Ed25519Signer, MLDSA44Signer)


def create_key(path: Path, name: str) -> VerifierKey:
    """Make a new key in a new file, mode 0600, durable on return; ImmutableError if the file exists."""
    seed = secrets.token_bytes(32)
    _create(path, format_key(name, seed))
    return Ed25519Signer(name, seed).key


def create_mldsa44_key(path: Path, name: str) -> VerifierKey:
    """Make a new key of ML-DSA-44; as ``create_key``."""
    seed = secrets.token_bytes(32)
    _create(path, format_mldsa44_key(name, seed))
    return MLDSA44Signer(name, seed).key


def _create(path: Path, data: bytes) -> None:
    DurableFolder(path.parent, mode=0o600).create(path.name, data)


def read_key(path: Path) -> Ed25519Signer:
    """Read a key file: one line, readable by its owner alone. PortError if it is open to others or malformed."""
    return _read(path, parse_key)


def read_mldsa44_key(path: Path) -> MLDSA44Signer:
    """Read the file of a key of ML-DSA-44; as ``read_key``."""
    return _read(path, parse_mldsa44_key)


def _read(path: Path, parse: Callable[[bytes], _Signer]) -> _Signer:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            data = file.read(4096)
    except OSError as error:
        raise StorageError(sentence("signer.unreadable", path=path, reason=error.strerror)) from error
    if mode & 0o077:
        raise PortError(sentence("signer.open", path=path, mode=mode))
    try:
        return parse(data)
    except MalformedError as error:
        raise PortError(sentence("signer.malformed", path=path, error=error)) from None


class FileSigner:
    """See ``ports.CheckpointSigner``: keys in memory, and the last checkpoint signed in ``folder``, which is its own.

    Threads and processes that hold the same keys must share the folder.
    """

    def __init__(self, signer: Ed25519Signer, mldsa44: MLDSA44Signer, folder: Path) -> None:
        """Make the folder if it is missing; its parent must exist."""
        self.key = signer.key
        self.key_mldsa44 = mldsa44.key
        self._signer = signer
        self._mldsa44 = mldsa44
        self._path = folder
        self._folder = DurableFolder(folder, mode=0o600)
        self._folder.make()

    def last(self) -> Checkpoint | None:
        """See ``ports.CheckpointSigner``; StorageError if the memory is damaged."""
        note = self._remembered()
        return None if note is None else parse_checkpoint(note.text)

    def sign(self, checkpoint: Checkpoint, consistency: Sequence[bytes], kept: Note | None = None) -> Note:
        """See ``ports.CheckpointSigner``."""
        text = format_checkpoint(checkpoint)
        if checkpoint.origin != self.key.name or checkpoint.extensions:
            raise SignerError(sentence("signer.plain", name=self.key.name))
        with exclusive(self._path):
            remembered = self._remembered()
            _check_extends(None if remembered is None else parse_checkpoint(remembered.text), checkpoint, consistency)
            made = [self._own(known) for known in (kept, remembered) if known is not None and known.text == text]
            note = Note(text, next(filter(None, made), ()) or self._make(text))
            if note != remembered:
                self._folder.replace(_MEMORY, format_note(note))
            return note

    def _remembered(self) -> Note | None:
        data = self._folder.read(_MEMORY)
        try:
            return None if data is None else self._checked(parse_note(data))
        except MalformedError as error:
            raise StorageError(sentence("signer.memory", path=self._path / _MEMORY, error=error)) from error

    def _checked(self, note: Note) -> Note:
        parse_checkpoint(note.text)
        if not self._own(note):
            raise MalformedError("it lacks a line of the log's keys that verifies")
        return note

    def _own(self, note: Note) -> tuple[SignatureLine, ...]:
        """The lines of both keys, where they verify; else none."""
        good = {item.key: item.line for item in judge_lines(note, (self.key, self.key_mldsa44)).good}
        return (good[self.key], good[self.key_mldsa44]) if len(good) == 2 else ()

    def _make(self, text: str) -> tuple[SignatureLine, ...]:
        return (*sign_note(text, [self._signer]).signatures, cosign(text, self._mldsa44, NO_TIME))


def _check_extends(last: Checkpoint | None, checkpoint: Checkpoint, consistency: Sequence[bytes]) -> None:
    if last is None or last.size == 0:  # anything extends an empty log
        return
    try:
        verify_consistency(
            old_size=last.size,
            old_root=last.root,
            new_size=checkpoint.size,
            new_root=checkpoint.root,
            path=consistency,
        )
    except VerificationError as error:
        raise SignerError(sentence("signer.extends", size=checkpoint.size, last=last.size, error=error)) from error
