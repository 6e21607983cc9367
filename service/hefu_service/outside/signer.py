"""Private keys in files, and the signer of checkpoints, whose memory keeps the log from contradicting itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keyfile import format_key, parse_key
from hefu_ledger.tlog.keys import Ed25519Signer, VerifierKey
from hefu_ledger.tlog.merkle import verify_consistency
from hefu_ledger.tlog.note import Note, sign_note
from hefu_service.outside.durable import DurableFolder
from hefu_service.outside.lock import exclusive
from hefu_service.ports.errors import PortError, SignerError, StorageError
from hefu_service.texts import sentence

_MEMORY: Final = "checkpoint"


def create_key(path: Path, name: str) -> VerifierKey:
    """Make a new key in a new file, mode 0600, durable on return; ImmutableError if the file exists."""
    seed = secrets.token_bytes(32)
    DurableFolder(path.parent, mode=0o600).create(path.name, format_key(name, seed))
    return Ed25519Signer(name, seed).key


def read_key(path: Path) -> Ed25519Signer:
    """Read a key file: one line, readable by its owner alone. PortError if it is open to others or malformed."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            data = file.read(4096)
    except OSError as error:
        raise StorageError(sentence("signer.unreadable", path=path, reason=error.strerror)) from error
    if mode & 0o077:
        raise PortError(sentence("signer.open", path=path, mode=mode))
    try:
        return parse_key(data)
    except MalformedError as error:
        raise PortError(sentence("signer.malformed", path=path, error=error)) from None


class FileSigner:
    """See ``ports.CheckpointSigner``: a key in memory, and the last checkpoint in ``folder``, which is its own.

    Threads and processes that hold the same key must share the folder.
    """

    def __init__(self, signer: Ed25519Signer, folder: Path) -> None:
        """Make the folder if it is missing; its parent must exist."""
        self.key = signer.key
        self._signer = signer
        self._path = folder
        self._folder = DurableFolder(folder, mode=0o600)
        self._folder.make()

    def last(self) -> Checkpoint | None:
        """See ``ports.CheckpointSigner``; StorageError if the memory is damaged."""
        data = self._folder.read(_MEMORY)
        try:
            return None if data is None else parse_checkpoint(data.decode())
        except (MalformedError, UnicodeDecodeError) as error:
            raise StorageError(sentence("signer.memory", path=self._path / _MEMORY, error=error)) from error

    def sign(self, checkpoint: Checkpoint, consistency: Sequence[bytes]) -> Note:
        """See ``ports.CheckpointSigner``."""
        text = format_checkpoint(checkpoint)
        if checkpoint.origin != self.key.name or checkpoint.extensions:
            raise SignerError(sentence("signer.plain", name=self.key.name))
        with exclusive(self._path):
            _check_extends(self.last(), checkpoint, consistency)
            self._folder.replace(_MEMORY, text.encode())
            return sign_note(text, [self._signer])


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
