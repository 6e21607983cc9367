"""A home's vault 保管库: the private half of every deposit, encrypted, in a folder and, as a rule, at the service.

A deposit is in the folder, durably, before its statement is sent, and at the service as soon as it is acknowledged.
Files that the service could not be given yet are noted in ``HOME/unsent`` and sent at the next occasion.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, Final, NamedTuple

from hefu.errors import ClientError, Problem, RefusedError, UnreachableError
from hefu.files.atomic import clear_away, make_private, replace, sync_folder, temporary_name, write_new
from hefu.files.platform import reach
from hefu.ui.language import say
from hefu.vault.blobs import (
    RECEIPT,
    RECEIPT_SUFFIX,
    About,
    Blobs,
    content_name,
    kind_of,
    piece_name,
    piece_names,
    seal,
    seal_deposit,
    unseal,
)
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery, format_vault_key
from hefu_ledger.deposit.receipt import Receipt, format_receipt, parse_receipt
from hefu_ledger.deposit.statement import statement_id as id_of
from hefu_ledger.errors import LedgerError, MalformedError

_NAME: Final = re.compile(r"[0-9a-f]{64}(\.[1-9][0-9]{0,3}|\.receipt)?")
_UNSENT: Final = "unsent"
_OF_ALL: Final = frozenset({401, 403, 410})  # they refuse the key or the vault, not this file alone
RECOVERY: Final = "vault.key"  # where a home has the recovery secret


class Vault(NamedTuple):
    """A folder of vault files, and the ``home`` that notes those still to be sent.

    ``elsewhere``: whether the folder was chosen, perhaps on a share, and has held files since the home was made.
    """

    home: str
    folder: str
    recovery: Recovery
    elsewhere: bool = False

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return os.path.lexists(reach(f"{self.folder}/{name}"))

    def names(self) -> list[str]:
        """The vault's files, in order; other files in the folder are not looked at."""
        with suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(reach(self.folder)) if _NAME.fullmatch(name))
        return []

    def read(self, name: str) -> bytes | None:
        """A file, as it lies there; None if there is none."""
        with suppress(FileNotFoundError), open(reach(f"{self.folder}/{name}"), "rb") as file:
            return file.read()
        return None

    def add(self, name: str, data: bytes) -> None:
        """Write a file once: one that is there stays. Durable on return.

        UnreachableError if the home's recovery words were replaced meanwhile, ClientError where a folder that was
        chosen is away: nothing is written then.
        """
        if self.elsewhere and not os.path.isdir(reach(self.folder)):
            raise ClientError(say("vault.away", folder=self.folder))
        make_private(self.folder)
        with suppress(FileExistsError):
            write_new(f"{self.folder}/{name}", data)
            self._check_words(name)

    def keep(self, kind: str, contents: bytes) -> str:
        """Keep anything but a deposit or a receipt, and give its name; it is to be sent. Durable on return."""
        self._check_there()
        name = content_name(kind, contents, self.recovery)
        self._owe(name)
        self.add(name, seal(kind, contents, self.recovery))
        return name

    def keep_deposit(self, statement_id: str, about: About, bundle: BinaryIO, size: int) -> None:
        """Keep ``size`` bytes of a bundle, unless its statement (hex SHA-256) is kept already. Durable on return."""
        if self.has(statement_id):
            clear_away(f"{self.folder}/{statement_id}")
            return
        self._check_there()
        make_private(self.folder)
        for name in reversed(piece_names(self, statement_id)[1:]):
            # A crash's: encrypted again, or cut elsewhere, they would not fit.
            os.unlink(reach(f"{self.folder}/{name}"))
        first = b""
        for place, data in enumerate(seal_deposit(about, bundle, size, self.recovery)):
            if place:
                self.add(piece_name(statement_id, place), data)
            else:
                first = data
        self.add(statement_id, first)  # last: where it is, all are

    def keep_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt that was verified, in the place of an earlier one. Durable on return."""
        data = format_receipt(receipt)
        name = id_of(receipt.statement.encode()).hex() + RECEIPT_SUFFIX
        if self.has(name) and self._holds(name, data):
            return
        make_private(self.folder)
        self._check_words()  # before it takes the place of one that is good
        replace(f"{self.folder}/{name}", seal(RECEIPT, data, self.recovery))
        self._check_words(name)

    def _check_there(self) -> None:
        """ClientError for a chosen folder without files: a share that is not mounted, which must not be begun anew."""
        if self.elsewhere and not self.names():
            raise ClientError(say("vault.away", folder=self.folder))

    def receipt(self, statement_id: str) -> Receipt | None:
        """The receipt kept of a statement; None if there is none. MalformedError if it is damaged."""
        data = self.read(statement_id + RECEIPT_SUFFIX)
        if data is None:
            return None
        kind, contents = unseal(data, self.recovery)
        receipt = parse_receipt(contents)
        if kind != RECEIPT or id_of(receipt.statement.encode()).hex() != statement_id:
            raise MalformedError("it holds another receipt than its name says")
        return receipt

    def drop(self, statement_id: str) -> None:
        """Forget a deposit that its depositor gave up, or whose copy was deposited."""
        for name in reversed(piece_names(self, statement_id)):
            for path in (self._note(name), temporary_name(f"{self.folder}/{name}"), f"{self.folder}/{name}"):
                with suppress(FileNotFoundError):
                    os.unlink(reach(path))

    def owe_deposit(self, statement_id: str) -> None:
        """Note that a deposit is to be sent, though there is no service to send it to just now."""
        for name in reversed(piece_names(self, statement_id)):  # the first last: where it is, all are
            self._owe(name)

    def send_deposit(self, statement_id: str, remote: Remote) -> str:
        """Give a deposit to the service; the reason if it does not take it now, which is then tried again."""
        names = piece_names(self, statement_id)[::-1]
        told = list(self.send_each(names, remote))
        for name in names[len(told) :]:
            self._owe(name)
        return next((cause for _, cause in told if cause), "")

    def send_owed(self, remote: Remote) -> list[Problem]:
        """Give the service the files it was not given yet; those it does not take now, by name, and why."""
        return [problem for problem in self.send_each(self.owed(), remote) if problem.cause]

    def owed(self) -> list[str]:
        """The names of files that the service was not given yet, pieces of deposits before their beginnings."""
        with suppress(FileNotFoundError):
            return sorted(os.listdir(reach(f"{self.home}/{_UNSENT}")), reverse=True)
        return []

    def send_each(self, names: Iterable[str], remote: Remote) -> Iterator[Problem]:
        """Give files to the service, and tell of each why it does not take it now; no cause where it has.

        Pieces of deposits come before their beginnings, which wait for them: where a beginning is, all are. What is
        refused holds up nothing else, and is noted to be tried again. Ends early where no other file would fare better.
        """
        held = dict[str, str]()  # why, by the deposit
        for name in names:
            reason, last = held.get(name, ""), False
            if reason:
                self._owe(name)
            else:
                reason, last = self._send(name, remote)
            if reason:
                held[name.partition(".")[0]] = reason
            yield Problem(name, reason)
            if last:
                return

    def _send(self, name: str, remote: Remote) -> tuple[str, bool]:
        """Give one file to the service: the reason if it does not take it now, and whether it is one for all others."""
        data = self.read(name)
        try:
            if data is not None:
                remote.put(name, data)
        except (RefusedError, UnreachableError) as error:
            self._owe(name)
            return str(error), not isinstance(error, RefusedError) or error.status in _OF_ALL
        with suppress(FileNotFoundError):
            os.unlink(reach(self._note(name)))
        return "", False

    def _check_words(self, *written: str) -> None:
        """Remove files that were written under words that another process has replaced since.

        That process encrypts again the files that it saw; the new words would not open these, which came later.
        """
        with suppress(FileNotFoundError), open(reach(f"{self.home}/{RECOVERY}"), "rb") as file:
            if file.read() != format_vault_key(self.recovery):
                for name in written:
                    os.unlink(reach(f"{self.folder}/{name}"))
                raise UnreachableError(say("vault.replaced"))

    def _owe(self, name: str) -> None:
        path = self._note(name)
        make_private(os.path.dirname(path))
        with open(reach(path), "wb") as file:
            os.fsync(file.fileno())
        sync_folder(path)

    def _note(self, name: str) -> str:
        return f"{self.home}/{_UNSENT}/{name}"

    def _holds(self, name: str, contents: bytes) -> bool:
        try:
            return unseal(self.read(name) or b"", self.recovery)[1] == contents
        except LedgerError:
            return False


def fetch(vault: Vault, source: Blobs, name: str) -> bool:
    """Copy a file to the vault, if it lacks it; MalformedError if it cannot be decrypted. Durable on return."""
    if vault.has(name):
        clear_away(f"{vault.folder}/{name}")
        return False
    data = source.read(name)
    if data is None:
        raise MalformedError("it has gone from where it was listed; run the same command again")
    kind_of(data, vault.recovery)
    vault.add(name, data)
    return True
