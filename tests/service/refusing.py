"""What a refusal is, what it must leave unchanged, and what is logged meanwhile."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.sample_api import PROBLEM, SampleApi
from werkzeug.test import TestResponse

from hefu_ledger.number import format_number
from hefu_service.observing.logs import JsonFormatter


@contextmanager
def unchanged(api: SampleApi) -> Iterator[None]:
    """Nothing of the database changes meanwhile."""

    def heads() -> tuple[object, ...]:
        with api.service.services.store.view() as view:
            return view.intake_head(), view.ledger_head(), list(view.events(0)), list(view.deposits(0, 1000))

    before = heads()
    yield
    assert heads() == before


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as the service writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def kind(answer: TestResponse) -> str:
    """The status and type of a problem."""
    assert answer.mimetype == PROBLEM
    assert answer.get_json()["status"] == answer.status_code
    return f"{answer.status_code} {answer.get_json()['type'].removeprefix('about:hefu/')}"


def number_of(seq: int) -> str:
    return format_number("FX", seq)
