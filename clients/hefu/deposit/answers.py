"""Sources of answers to a statement: the service, or a folder of files that were carried from it.

::

    ServiceAnswers   POST /v1/deposits, GET …/receipt                 a computer with a network
    CarriedAnswers   NAME.ack, NAME.receipt, written by hefu submit   a computer without one

The answers are not verified here; ``hefu.deposit.verify`` does that, with the keys that the home folder trusts.
"""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple, Protocol

from hefu.deposit.approve import check_approval
from hefu.deposit.plan import ACKNOWLEDGEMENT, RECEIPT
from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.keys.members import check_in_force
from hefu.monitor.checkpoint import look
from hefu.monitor.fetcher import open_source
from hefu.service import TEXT, Service
from hefu.ui.language import say
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.deposit.statement import Seen
from hefu_ledger.deposit.statement import statement_id as id_of
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note

_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_ID: Final = re.compile(r"\b[0-9a-f]{64}\b")


class Acknowledged(NamedTuple):
    """An acknowledgement 收讫回执, not yet verified. ``statement_id``: hex SHA-256 of the statement that it is about.

    That is another statement than the one posted where a colleague signed a copy of the same text and deposited first.
    """

    statement_id: str
    acknowledgement: bytes


class Answers(Protocol):
    """One source of answers to statements. A statement id is the hex SHA-256 of a signed statement."""

    def post(self, statement: bytes) -> Acknowledged | None:
        """The acknowledgement of a signed statement; None while there is none. RefusedError if it is refused."""

    def known(self, statement: bytes) -> Acknowledged | None:
        """The acknowledgement of a statement that was refused just now, if the service has it all the same."""

    def receipt(self, statement_id: str) -> Receipt | None:
        """The receipt of a statement; None while there is none. VerificationError if it is of another statement."""

    def approved(self, own: bytes, beside: bytes | None, home: Home, path: str) -> bytes | None:
        """Choose the statement that goes on where ``own`` lacks a colleague's line; None if approval is still missing.

        ``beside``: the same text with more lines, from the file ``path``. ClientError if those lines are not enough.
        """

    def check_key(self, home: Home) -> None:
        """ClientError if the home's own key is known to have ended."""

    def seen(self, home: Home) -> Seen | None:
        """The newest checkpoint there is, for the statement to name. AlarmError if the ledger went back on itself."""

    def hand_over(self, home: Home, statement_id: str, *, noted: bool = False) -> str:
        """Give a deposit's private half to the service's vault, now or later; the reason if it was refused now.

        ``noted``: an earlier step has given it, or noted that it is to be sent.
        """


class ServiceAnswers:
    """The service itself. Lost answers are asked for again, which is harmless: a statement's id is its hash."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._key_checked = False
        self._seen: Seen | None = None

    def post(self, statement: bytes) -> Acknowledged:
        """Deposit a statement. RefusedError if the service refuses it; UnreachableError if it does not answer."""
        try:
            answer = self._service.post("/v1/deposits", statement, TEXT)
        except RefusedError as error:
            earlier = _earlier_statement(error)
            if not earlier:
                raise
            return Acknowledged(earlier, self._acknowledgement(earlier))
        return Acknowledged(id_of(statement).hex(), answer.body)

    def known(self, statement: bytes) -> Acknowledged | None:
        """Ask whether the service has a statement; None where it has not, or does not say."""
        statement_id = id_of(statement).hex()
        try:
            found = fetch_acknowledgement(statement_id, self._service)
        except (RefusedError, UnreachableError):
            return None
        return None if found is None else Acknowledged(statement_id, found)

    def receipt(self, statement_id: str) -> Receipt | None:
        """Ask for a receipt once. RefusedError (404) if the statement was never deposited."""
        answer = self._service.get(f"/v1/deposits/{statement_id}/receipt", limit=MAX_RECEIPT)
        return _checked(parse_receipt(answer.body), statement_id) if answer.status == 200 else None

    def approved(self, own: bytes, beside: bytes | None, home: Home, path: str) -> bytes | None:
        """Apply the ledger's rule to the lines beside; ``own`` is never sent without them."""
        del own
        if beside is None:
            self.check_key(home)  # no approval helps where this home's own key has ended
        else:
            check_approval(beside, home, self._service, path)
        return beside

    def check_key(self, home: Home) -> None:
        """Read the home's enrolment, once."""
        if not self._key_checked:
            check_in_force(home, self._service)
        self._key_checked = True

    def seen(self, home: Home) -> Seen:
        """Fetch the newest checkpoint, once; it must contain the one that the home remembers, and is remembered."""
        if self._seen is None:
            sight = look(open_source(f"{self._service.url}/ledger", insecure_http=True), home.policy, seen=home.seen)
            home.remember(sight.note)
            self._seen = Seen(sight.checkpoint.root, sight.checkpoint.size)
        return self._seen

    def hand_over(self, home: Home, statement_id: str, *, noted: bool = False) -> str:
        """Send the private half now, if the service is to hold it; again if it was sent, since that may have failed."""
        del noted
        return home.vault.send_deposit(statement_id, home.remote(self._service)) if home.config.upload else ""

    def _acknowledgement(self, statement_id: str) -> bytes:
        found = fetch_acknowledgement(statement_id, self._service)
        if found is None:
            raise UnreachableError(say("service.malformed", what="deposit", error=statement_id))
        return found


class CarriedAnswers:
    """Answers in a folder of carried files; no network is touched. Files of other kinds are passed over."""

    def __init__(self, folder: str | None = None) -> None:
        """``folder``: None where nothing was carried yet. ClientError for a damaged file."""
        self._acknowledgements: dict[str, bytes] = {}
        self._receipts: dict[str, Receipt] = {}
        self._ids: dict[str, str] = {}  # of the statements that there are receipts of, by their signed text
        for name in [] if folder is None else sorted(os.listdir(folder)):
            try:
                self._take(f"{folder}/{name}")
            except MalformedError as error:
                raise ClientError(say("refresh.copy", path=printable(f"{folder}/{name}"), error=error)) from None

    def post(self, statement: bytes) -> Acknowledged | None:
        """Find the acknowledgement of a statement, or of a colleague's copy whose receipt is here."""
        own = id_of(statement).hex()
        found = own if own in self._receipts else self._ids.get(parse_note(statement).text, own)
        acknowledgement = self._acknowledgements.get(found)
        if acknowledgement is None and found in self._receipts:
            acknowledgement = self._receipts[found].acknowledgement.encode()
        return None if acknowledgement is None else Acknowledged(found, acknowledgement)

    def known(self, statement: bytes) -> Acknowledged | None:
        """Find an acknowledgement."""
        return self.post(statement)

    def receipt(self, statement_id: str) -> Receipt | None:
        """Find a receipt."""
        return self._receipts.get(statement_id)

    def approved(self, own: bytes, beside: bytes | None, home: Home, path: str) -> bytes | None:
        """Prefer lines that the service has answered; the roster, which only the service has, is not needed then."""
        del home, path
        if beside is not None and self._is_answered(beside):
            return beside
        return own if self.post(own) is not None else None

    def check_key(self, home: Home) -> None:
        """Nothing: the ledger's newest records are at the service."""
        del home

    def seen(self, home: Home) -> Seen | None:
        """The checkpoint that the home remembers: older than a fresh one, and as true."""
        if home.seen is None:
            return None
        checkpoint = parse_checkpoint(home.seen.text)
        return Seen(checkpoint.root, checkpoint.size)

    def hand_over(self, home: Home, statement_id: str, *, noted: bool = False) -> str:
        """Note once that the private half is to be sent: it may have arrived since. Durable on return."""
        if home.config.upload and not noted:
            home.vault.owe_deposit(statement_id)
        return ""

    def _take(self, path: str) -> None:
        if path.endswith(ACKNOWLEDGEMENT):
            data = _read(path)
            self._acknowledgements[parse_acceptance(parse_note(data).text).statement.hex()] = data
        elif path.endswith(RECEIPT):
            receipt = parse_receipt(_read(path))
            statement = receipt.statement.encode()
            self._receipts[id_of(statement).hex()] = receipt
            self._ids[parse_note(statement).text] = id_of(statement).hex()

    def _is_answered(self, statement: bytes) -> bool:
        return id_of(statement).hex() in self._acknowledgements.keys() | self._receipts.keys()


def fetch_acknowledgement(statement_id: str, service: Service) -> bytes | None:
    """The acknowledgement of a statement (hex SHA-256), as the service has it; None if it was never deposited."""
    try:
        answer = service.get(f"/v1/deposits/{statement_id}")
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        return None
    return str(answer.json("deposit").get("acknowledgement")).encode()


def fetch_receipt(statement_id: str, service: Service) -> Receipt | None:
    """The receipt of a statement (hex SHA-256); None while there is none, or if it was never deposited."""
    try:
        return ServiceAnswers(service).receipt(statement_id)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def _checked(receipt: Receipt, statement_id: str) -> Receipt:
    """Refuse a receipt of another statement: believing it would cost the private half of that one."""
    if id_of(receipt.statement.encode()).hex() != statement_id:
        raise VerificationError("receipt: it is of another statement")
    return receipt


def _earlier_statement(error: RefusedError) -> str:
    """The id (hex) of the statement under which a refused one's text was deposited before; empty if it was not."""
    found = _ID.search(error.detail) if error.status == _CONFLICT else None
    return found[0] if found else ""


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_RECEIPT + 1)
