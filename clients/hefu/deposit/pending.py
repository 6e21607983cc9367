"""A deposit on its way, as it lies on disk: written whole before anything is sent, taken up again after any crash."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from hefu.deposit.plan import Target
from hefu.errors import ClientError
from hefu.evidence.bundle import Owner, Part, read_part, write_cards
from hefu.evidence.extract import evidence_of
from hefu.files.atomic import PRIVATE, publish, sync_folder, temporary_name, write_new
from hefu.files.platform import WRITE_NEW, reach
from hefu.home.home import Home
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu_ledger.deposit.bundle import (
    Header,
    format_header,
    format_receipt_line,
    format_statement_line,
    read_header,
    read_statement,
    read_texts,
)
from hefu_ledger.deposit.evidence import MAX_EVIDENCE, parse_evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import Seen, Statement, format_statement, parse_signed_statement
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.note import format_note, sign_note, verify_note


def write(target: Target, names: Sequence[str], home: Home, seen: Seen | None) -> Part:
    """Describe and sign the documents. Durable on return; nothing is left behind by an error or an interrupt."""
    discard(target)
    header = Header(len(names), os.urandom(32), home.config.identity)
    owner = Owner(home.config.origin, home.config.depositor)
    descriptor = os.open(reach(target.part), WRITE_NEW, PRIVATE)
    try:
        with open(descriptor, "wb", buffering=1 << 20) as file, progress_bar(target.name, len(names)) as progress:
            file.write(format_header(header))
            root = write_cards(file, target.place, names, owner=owner, seed=header.seed, progress=progress)
            said = Statement(len(names), owner.depositor, target.kind, owner.origin, root)
            said = said._replace(previous=target.previous, seen=seen)
            statement = _sign(said, home)
            file.write(format_statement_line(statement))
            file.flush()
            os.fsync(file.fileno())
            end = file.tell()
        sync_folder(target.part)
    except BaseException:
        discard(target)
        raise
    return Part(header, root, statement, end)


def resume(target: Target, home: Home) -> Part | None:
    """Find a deposit that was made ready and perhaps sent; one that was cut short before that counts for nothing."""
    try:
        with open(target.part, "rb") as file:
            part = read_part(file)
    except (FileNotFoundError, MalformedError):
        return None
    if not _is_ours(part, target, home):
        return None
    if not os.path.lexists(target.final):
        return part
    if _statement_in(target.final, is_bundle=target.is_folder) != part.statement:
        raise ClientError(say("deposit.in_the_way", evidence=target.final, part=target.part))
    discard(target)  # the evidence got its name, and then the power went
    return None


def finish(target: Target, part: Part, receipt: Receipt) -> None:
    """Turn a deposit on its way, its receipt verified, into evidence. Durable on return; never overwrites."""
    try:
        if target.is_folder:
            with open(target.part, "r+b") as file:
                file.truncate(part.end)
                file.seek(part.end)
                file.write(format_receipt_line(receipt))
                file.flush()
                os.fsync(file.fileno())
            publish(target.part, target.final)
        else:
            write_new(target.final, _single(target, receipt), mode=PRIVATE)
    except FileExistsError:
        raise ClientError(say("deposit.appeared", evidence=target.final)) from None
    discard(target)


def discard(target: Target) -> None:
    """Remove a deposit on its way, and the temporary files that a crash left of it."""
    ours = (target.part, target.acknowledgement, target.statement, target.refused)
    for path in (*ours, *map(temporary_name, (target.final, *ours))):
        with suppress(FileNotFoundError):
            os.unlink(path)


def _is_ours(part: Part, target: Target, home: Home) -> bool:
    """Whether ``write`` wrote a part whole. ClientError if another depositor did; damage counts as cut short.

    A part that an earlier key of the depositor signed may have been accepted, so it is not written anew: the service
    tells.
    """
    note, statement = parse_signed_statement(part.statement)
    if (statement.origin, statement.depositor) != (home.config.origin, home.config.depositor):
        raise ClientError(say("deposit.of_another", part=target.part, depositor=statement.depositor))
    try:
        verified, others = verify_note(note, [home.signer.key])
    except VerificationError:
        return False
    earlier = bool(others) and all(line.name == home.signer.key.name for line in others)
    return (bool(verified) or earlier) and part.root == statement.root


def _sign(statement: Statement, home: Home) -> bytes:
    return format_note(sign_note(format_statement(statement), [home.signer]))


def _single(target: Target, receipt: Receipt) -> bytes:
    with open(target.part, "rb") as file:
        header = read_header(file)
        (texts,) = read_texts(file, header.count)
    return evidence_of(header, 0, texts, [], receipt)


def _statement_in(path: str, *, is_bundle: bool) -> bytes | None:
    """The statement that finished evidence is about; None if it is no evidence at all."""
    try:
        with open(path, "rb") as file:
            if not is_bundle:
                return parse_evidence(file.read(MAX_EVIDENCE + 1)).receipt.statement.encode()
            for _ in read_texts(file, read_header(file).count):
                pass
            return read_statement(file)
    except MalformedError:
        return None
