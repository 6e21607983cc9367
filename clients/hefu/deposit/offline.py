"""Depositing from a computer without a network: signed here, submitted on another, answers carried back.

::

    without a network            on a stick             with a network
    NAME.hefu.bundle.part
    NAME.hefu.bundle.statement ──────────────────────▶ hefu submit
    hefu refresh --from STICK ◀── .ack and .receipt ───┘

Only the signed statement is carried, which reveals nothing; the ``.part`` opens everything and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hefu.deposit.answers import CarriedAnswers, ServiceAnswers
from hefu.deposit.depositor import Deposited, deposit_with
from hefu.deposit.plan import ACKNOWLEDGEMENT, RECEIPT, STATEMENT, Target
from hefu.errors import ClientError
from hefu.files.atomic import PUBLIC, replace
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.service import Service
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED
from hefu_ledger.deposit.statement import MAX_STATEMENT, parse_signed_statement
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.note import parse_note


class Submitted(NamedTuple):
    """A carried statement after it was sent; ``answers`` are the files to carry back."""

    path: str
    state: str
    statement: str  # hex SHA-256
    received_at: str
    answers: tuple[str, ...]


def prepare(home: Home, targets: Sequence[Target], *, out: str, skip_unreadable: bool = False) -> list[Deposited]:
    """Describe and sign each target below ``out``, touching no network. Durable on return; safe to run again."""
    return deposit_with(CarriedAnswers(), home, targets, out=out, skip_unreadable=skip_unreadable)


def submit(service: Service, paths: Sequence[str]) -> list[Submitted]:
    """Send carried statements, and write the service's answers beside them; asking again harms nothing.

    The answers are checked where the keys to trust are: by ``hefu refresh --from``, on the depositor's computer.
    """
    statements = [_read_statement(path) for path in paths]  # all are looked at before the first is sent
    answers = ServiceAnswers(service)
    return [_submit(answers, path, data) for path, data in zip(paths, statements, strict=True)]


def _read_statement(path: str) -> bytes:
    with open(path, "rb") as file:
        data = file.read(MAX_STATEMENT + 1)
    try:
        parse_signed_statement(data)
    except MalformedError as error:
        message = f"{printable(path)} is not a statement: {error}. Carry NAME{STATEMENT}, which deposit --offline wrote"
        raise ClientError(message) from None
    return data


def _submit(answers: ServiceAnswers, path: str, statement: bytes) -> Submitted:
    stem = path.removesuffix(STATEMENT)
    statement_id, acknowledgement = answers.post(statement)
    acceptance = parse_acceptance(parse_note(acknowledgement).text)
    if acceptance.statement.hex() != statement_id:
        raise MalformedError(f"{printable(path)}: the service acknowledged another statement")
    replace(stem + ACKNOWLEDGEMENT, acknowledgement, mode=PUBLIC)
    done = Submitted(path, ACCEPTED, statement_id, format_time(acceptance.received_at), (stem + ACKNOWLEDGEMENT,))
    receipt = answers.receipt(statement_id)
    if receipt is None:
        return done
    replace(stem + RECEIPT, format_receipt(receipt), mode=PUBLIC)
    return done._replace(state=ANCHORED, answers=(*done.answers, stem + RECEIPT))
