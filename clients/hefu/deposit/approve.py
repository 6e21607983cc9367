"""Where two must sign: a statement goes from who prepares to who approves, and comes back with another line.

::

    here: NAME.part, NAME.statement (1 line) ── carried ──▶ hefu approve ── carried back ──▶ NAME.statement (2 lines)

The part takes the approved statement over before anything is sent, and is from then on a deposit like any other.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from hefu.deposit.plan import PART, STATEMENT, Target
from hefu.errors import ClientError
from hefu.evidence.bundle import Part, decode, read_part
from hefu.files.atomic import PRIVATE, PUBLIC, replace, sync_folder, temporary_name
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.keys.members import in_force, read_roster
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.deposit.bundle import format_statement_line, read_header, read_texts
from hefu_ledger.deposit.card import parse_section
from hefu_ledger.deposit.statement import MAX_STATEMENT, parse_signed_statement
from hefu_ledger.encoding import MAX_INTEGER
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.tlog.note import Note, format_note, parse_note, sign_note, verify_note

_COPY = 1 << 20


class Shown(NamedTuple):
    """A statement as an approver sees it. ``names``: of the documents; None where only the statement was carried."""

    file: str
    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    root: str
    kind: str
    signed_by: tuple[str, ...]  # ids of keys, in hex
    names: tuple[str, ...] | None
    approved: bool


def approve(home: Home, service: Service, path: str, *, look: bool = False) -> Shown:
    """Add this home's line to a statement that a colleague signed; ``look``: only show its contents.

    ``path``: NAME.statement, or NAME.part, which tells the names too and in which every commitment is computed again.
    It writes NAME.statement, to carry back; signing twice changes nothing.
    """
    note, names = _read(path)
    _, statement = parse_signed_statement(format_note(note))
    if (statement.origin, statement.depositor) != (home.config.origin, home.config.depositor):
        raise ClientError(say("approve.other_firm", path=printable(path), depositor=statement.depositor))
    signed = _check_lines(note, home, service, path)
    file = _stem(path) + STATEMENT
    if not look and home.signer.key.key_id.hex() not in signed:
        _check_needed(note, home, service, path)
        mine = sign_note(note.text, [home.signer]).signatures
        replace(file, format_note(Note(note.text, (*note.signatures, *mine))), mode=PUBLIC)
        signed = (*signed, home.signer.key.key_id.hex())
    return Shown(file, statement.count, statement.root.hex(), statement.kind, signed, names, not look)


def _check_needed(note: Note, home: Home, service: Service, path: str) -> None:
    """Refuse to sign a complete statement: its id covers its lines, so it would be deposited twice."""
    try:
        read_roster(home.reader, service).verify_statement(note, MAX_INTEGER)
    except VerificationError:
        return
    raise ClientError(say("approve.enough", path=printable(path)))


def is_approved(part: Part, home: Home) -> bool:
    """Whether a statement has as many lines as the depositor's rule asks for."""
    return len(parse_note(part.statement).signatures) >= home.config.signatures


def approved_beside(target: Target, part: Part) -> bytes | None:
    """The statement beside a part, if it is the part's own with further lines; None if there is none such."""
    try:
        data = _load(target.statement)
        note, own = parse_note(data), parse_note(part.statement)
    except (FileNotFoundError, MalformedError):
        return None
    more = note.text == own.text and set(own.signatures) < set(note.signatures)
    return data if more else None


def take_over(target: Target, part: Part, statement: bytes) -> Part:
    """Put an approved statement in the place of a part's own. Durable on return; cut short, nothing has changed."""
    temporary = temporary_name(target.part)
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    left = part.end - len(format_statement_line(part.statement))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with open(target.part, "rb") as source, open(descriptor, "wb") as file:
        while left:
            data = source.read(min(_COPY, left))
            left -= len(data)
            file.write(data)
        file.write(format_statement_line(statement))
        file.flush()
        os.fsync(file.fileno())
        end = file.tell()
    os.replace(temporary, target.part)
    sync_folder(target.part)
    return part._replace(statement=statement, end=end)


def check_approval(statement: bytes, home: Home, service: Service, path: str) -> None:
    """Check by the ledger's own rule that a statement would be accepted, before it takes the place of another."""
    try:
        read_roster(home.reader, service).verify_statement(parse_note(statement), MAX_INTEGER)
    except VerificationError as error:
        raise ClientError(say("approve.not_enough", path=printable(path), error=error)) from None


def _read(path: str) -> tuple[Note, tuple[str, ...] | None]:
    """The statement with the most lines of the two files that may lie there, and the names if the part does."""
    stem = _stem(path)
    try:
        part, names = _read_part(stem + PART)
    except FileNotFoundError:
        return parse_note(_load(path)), None
    with suppress(FileNotFoundError):
        note = parse_note(_load(stem + STATEMENT))
        if note.text != part.text:
            raise ClientError(say("approve.differ", path=printable(stem)))
        return max(note, part, key=lambda each: len(each.signatures)), names
    return part, names


def _read_part(path: str) -> tuple[Note, tuple[str, ...]]:
    with open(path, "rb") as file:
        part = read_part(file)
        file.seek(0)
        texts = list(read_texts(file, read_header(file).count))
    names = [parse_section("label", decode(each)[1])["name"] for each in texts]
    return parse_note(part.statement), tuple(printable(name) for name in names)


def _check_lines(note: Note, home: Home, service: Service, path: str) -> tuple[str, ...]:
    """Check that every line so far is a colleague's, whose key is in force, or one's own."""
    roster = read_roster(home.reader, service)
    if not in_force(roster, home.signer.key):
        raise ClientError(say("approve.not_mine"))
    try:
        verified, unknown = verify_note(note, roster.keys_at(MAX_INTEGER))
    except LedgerError as error:
        raise ClientError(say("approve.not_enough", path=printable(path), error=error)) from None
    if unknown:
        raise ClientError(say("approve.stranger", path=printable(path), key=unknown[0].key_id.hex()))
    return tuple(line.key.key_id.hex() for line in verified)


def _load(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_STATEMENT + 1)


def _stem(path: str) -> str:
    return path.removesuffix(PART).removesuffix(STATEMENT)
