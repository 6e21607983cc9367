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
from hefu.evidence.compare import compare_cards
from hefu.files.atomic import PRIVATE, PUBLIC, replace, sync_folder, temporary_name
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.keys.roster import Keys, key_name, read_keys
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.deposit.bundle import format_statement_line, read_header, read_texts
from hefu_ledger.deposit.card import parse_section
from hefu_ledger.deposit.statement import MAX_STATEMENT, parse_signed_statement
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.records.roster import key_bytes
from hefu_ledger.records.signatures import verify_lines, verify_statement
from hefu_ledger.tlog.note import Note, format_note, parse_note, sign_note
from hefu_ledger.verify import FolderComparison

_COPY = 1 << 20


class Shown(NamedTuple):
    """A statement as an approver sees it before signing.

    ``names``: of the documents, as the preparer wrote them, which proves nothing; None where only the statement was
    carried. ``compared``: the documents were held against the statement, and are those. ``differs``: those that are
    not, each with the reason. ``mine``: this home's key has signed it.
    """

    file: str
    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    root: str
    kind: str
    signed_by: tuple[str, ...]  # ids of keys, in hex
    names: tuple[str, ...] | None
    compared: bool
    differs: tuple[str, ...]
    mine: bool


def look(home: Home, service: Service, path: str, documents: str | None = None) -> Shown:
    """Read a statement that a colleague signed; nothing is signed.

    ``path``: NAME.statement, or NAME.part, which tells the names too and in which every commitment is computed again.
    ``documents``: the folder, or the file, that the statement is said to be about; every document is compared.
    """
    note, names = _read(path)
    _, statement = parse_signed_statement(format_note(note))
    if (statement.origin, statement.depositor) != (home.config.origin, home.config.depositor):
        raise ClientError(say("approve.other_firm", path=printable(path), depositor=statement.depositor))
    signed = _check_lines(note, home, read_keys(home.reader, service), path)
    differs = () if documents is None else _differences(path, documents)
    mine = home.signer.key.key_id.hex() in signed
    return Shown(
        file=_stem(path) + STATEMENT,
        count=statement.count,
        root=statement.root.hex(),
        kind=statement.kind,
        signed_by=signed,
        names=names,
        compared=documents is not None and not differs,
        differs=differs,
        mine=mine,
    )


def approve(home: Home, service: Service, path: str, *, root: str) -> Shown:
    """Add this home's line to the statement over ``root`` (hex), which a person has seen; see ``look``.

    It writes NAME.statement, to carry back. ClientError where the files are of another statement by now, where this key
    has signed already, or where no further line is wanted.
    """
    shown = look(home, service, path)
    note, _ = _read(path)
    if shown.root != root.lower() or parse_signed_statement(format_note(note))[1].root.hex() != shown.root:
        raise ClientError(say("approve.other_root", path=printable(path), root=shown.root))
    if shown.mine:
        raise ClientError(say("approve.mine", path=printable(path)))
    _check_needed(note, home, service, path)
    mine = sign_note(note.text, [home.signer]).signatures
    replace(shown.file, format_note(Note(note.text, (*note.signatures, *mine))), mode=PUBLIC)
    return shown._replace(signed_by=(*shown.signed_by, home.signer.key.key_id.hex()), mine=True)


def _differences(path: str, documents: str) -> tuple[str, ...]:
    """Every document that is not as the part's cards say, or that they lack; the part itself was checked."""
    try:
        with open(_stem(path) + PART, "rb") as file:
            found = compare_cards(file, documents)
    except FileNotFoundError:
        raise ClientError(say("approve.no_part", path=printable(path))) from None
    return _said(found)


def _said(found: FolderComparison) -> tuple[str, ...]:
    wrong = [say("approve.wrong", name=printable(name)) for name, _ in found.wrong]
    missing = [say("approve.missing", name=printable(name)) for name in found.missing]
    extra = [say("approve.uncovered", name=printable(name)) for name in found.uncovered]
    return (*wrong, *missing, *extra)


def _check_needed(note: Note, home: Home, service: Service, path: str) -> None:
    """Refuse to sign a complete statement: its id covers its lines, so it would be deposited twice."""
    try:
        verify_statement(note, read_keys(home.reader, service).roster, key_name(home.reader))
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
        verify_statement(parse_note(statement), read_keys(home.reader, service).roster, key_name(home.reader))
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


def _check_lines(note: Note, home: Home, keys: Keys, path: str) -> tuple[str, ...]:
    """Check that every line so far is a colleague's, whose key is in force, or one's own; ids in hex."""
    if not keys.in_force(home.signer.key):
        raise ClientError(say("approve.not_mine"))
    known = keys.roster.verifier_keys(key_name(home.reader))
    try:
        lines = verify_lines(note, known)
    except LedgerError as error:
        if error.code == "key-strange":
            raise ClientError(say("approve.stranger", path=printable(path), key=error.values["key"])) from None
        raise ClientError(say("approve.not_enough", path=printable(path), error=error)) from None
    return tuple(key.key_id.hex() for line in lines for key in known if key_bytes(key) == line)


def _load(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_STATEMENT + 1)


def _stem(path: str) -> str:
    return path.removesuffix(PART).removesuffix(STATEMENT)
