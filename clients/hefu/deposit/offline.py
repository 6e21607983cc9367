"""Depositing from a computer without a network: signed here, carried to another that submits it, receipts carried back.

::

    without a network            on a stick             with a network
    NAME.hefu.bundle.part
    NAME.hefu.bundle.statement ──────────────────────▶ hefu submit
    hefu refresh --from STICK ◀── .ack and .receipt ───┘

Only the signed statement is carried, which reveals nothing; the ``.part`` opens everything and stays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from hefu.deposit.answers import earlier_statement, fetch_acknowledgement
from hefu.deposit.approve import approved_beside, is_approved
from hefu.deposit.depositor import (
    ACCEPTED,
    ANCHORED,
    PREPARED,
    Deposited,
    alone,
    describe,
    keep_private_half,
    unapproved,
)
from hefu.deposit.pending import resume
from hefu.deposit.plan import Target, plan
from hefu.errors import ClientError, Problem, RefusedError
from hefu.files.atomic import PUBLIC, make_private, replace
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.service import TEXT, Service
from hefu.ui.language import say
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import MAX_RECEIPT, parse_receipt
from hefu_ledger.deposit.statement import MAX_STATEMENT, Seen, parse_signed_statement, statement_id
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note

STATEMENT = ".statement"
ACKNOWLEDGEMENT = ".ack"
RECEIPT = ".receipt"


class Submitted(NamedTuple):
    """What became of a carried statement; ``answers`` are the files to carry back."""

    path: str
    state: str
    statement: str  # hex SHA-256
    received_at: str
    answers: tuple[str, ...]


def prepare(
    home: Home, paths: Sequence[str], *, out: str, skip_unreadable: bool = False, ignore: bool = True
) -> list[Deposited]:
    """Describe and sign each path below ``out``, touching no network. Durable on return; safe to run again."""
    targets = plan(paths, out, home.path, ignore=ignore)
    make_private(out)
    with alone(out):
        return [_prepare(target, home, skip_unreadable=skip_unreadable) for target in targets]


def submit(service: Service, paths: Sequence[str]) -> list[Submitted]:
    """Send carried statements, and write the service's answers beside them; asking again harms nothing.

    The answers are checked where the keys to trust are: by ``hefu refresh --from``, on the depositor's computer.
    """
    statements = [_read_statement(path) for path in paths]  # all are looked at before the first is sent
    return [_submit(service, path, data) for path, data in zip(paths, statements, strict=True)]


def _prepare(target: Target, home: Home, *, skip_unreadable: bool) -> Deposited:
    part, left_out = resume(target, home), tuple[Problem, ...]()
    if part is None:
        if os.path.lexists(target.final):
            raise ClientError(say("deposit.there", evidence=target.final))
        part, left_out = describe(target, home, lambda: _remembered(home), skip_unreadable=skip_unreadable)
    if not is_approved(part, home):
        approved = approved_beside(target, part)
        if approved is None:
            return unapproved(target, part)._replace(left_out=left_out)
        carried = statement_id(approved).hex()  # the part takes it over with the service's answer to it
        return Deposited(target.path, target.final, PREPARED, part.header.count, "", carried, "", left_out)
    identity = statement_id(part.statement).hex()
    keep_private_half(target, part, home)
    if home.config.upload:
        home.vault.owe_deposit(identity)
    replace(target.statement, part.statement, mode=PUBLIC)
    return Deposited(target.path, target.final, PREPARED, part.header.count, "", identity, "", left_out)


def _remembered(home: Home) -> Seen | None:
    """The checkpoint that was verified last: older than a fresh one, and as true."""
    if home.seen is None:
        return None
    checkpoint = parse_checkpoint(home.seen.text)
    return Seen(checkpoint.root, checkpoint.size)


def _read_statement(path: str) -> bytes:
    with open(path, "rb") as file:
        data = file.read(MAX_STATEMENT + 1)
    try:
        parse_signed_statement(data)
    except MalformedError as error:
        message = f"{printable(path)} is not a statement: {error}. Carry NAME{STATEMENT}, which deposit --offline wrote"
        raise ClientError(message) from None
    return data


def _submit(service: Service, path: str, statement: bytes) -> Submitted:
    stem = path.removesuffix(STATEMENT)
    answer, identity = _accepted(service, statement)
    acceptance = parse_acceptance(parse_note(answer).text)
    if acceptance.statement != identity:
        raise MalformedError(f"{printable(path)}: the service acknowledged another statement")
    replace(stem + ACKNOWLEDGEMENT, answer, mode=PUBLIC)
    received_at = format_time(acceptance.received_at)
    found = service.get(f"/v1/deposits/{identity.hex()}/receipt", limit=MAX_RECEIPT)
    if found.status != 200:
        return Submitted(path, ACCEPTED, identity.hex(), received_at, (stem + ACKNOWLEDGEMENT,))
    parse_receipt(found.body)
    replace(stem + RECEIPT, found.body, mode=PUBLIC)
    return Submitted(path, ANCHORED, identity.hex(), received_at, (stem + ACKNOWLEDGEMENT, stem + RECEIPT))


def _accepted(service: Service, statement: bytes) -> tuple[bytes, bytes]:
    """The acknowledgement, and the identity it is of: another where a colleague's copy was deposited before."""
    try:
        return service.post("/v1/deposits", statement, TEXT).body, statement_id(statement)
    except RefusedError as error:
        earlier = earlier_statement(error)
        acknowledgement = fetch_acknowledgement(earlier, service) if earlier else None
        if acknowledgement is None:
            raise
        return acknowledgement, bytes.fromhex(earlier)
