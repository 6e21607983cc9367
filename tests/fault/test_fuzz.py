"""Every parser is given spoilt bytes: it refuses them as malformed, or reads what is written back just so, in time."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fault.mutations import mutated
from tests.fault.parsers import Parser, every_parser, known_parsers
from tests.support.cases import every_case
from tests.support.sample_ledger import POLICY, sample

from hefu_ledger.deposit import bundle, receipt
from hefu_ledger.errors import LedgerError
from hefu_ledger.verify import verify_receipt

LONGEST_S = 1.0  # of the processor's time, whatever the machine does besides
SHORT, LONG = 150, 20_000
HEALTHY = list(HealthCheck)  # what it draws is large now and then, and that is its purpose

known = cache(known_parsers)
forms = pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])


def fuzz(parser: Parser, examples: int) -> None:
    """Try so many spoilt examples, and a few bytes of no meaning."""

    @settings(max_examples=examples, suppress_health_check=HEALTHY, database=None)
    @given(mutated(parser.examples) | st.binary(max_size=64))
    def one(data: bytes) -> None:
        started = time.thread_time()
        try:
            value = parser.parse(data)
        except LedgerError:
            value = None
        assert time.thread_time() - started < LONGEST_S
        if value is not None and parser.write is not None:
            assert parser.write(value) in (None, data)

    one()


def test_there_are_examples_for_every_parser() -> None:
    assert set(known()) == set(every_parser())


@every_case("name", known())
def test_the_examples_are_valid(name: str) -> None:
    parser = known()[name]
    for example in parser.examples:
        value = parser.parse(example)
        assert parser.write is None or parser.write(value) == example


@forms
@pytest.mark.parametrize("name", known())
def test_what_is_spoilt_is_refused_as_malformed_or_read_as_it_is(name: str, examples: int) -> None:
    fuzz(known()[name], examples)


# --- what reads more than one format at once ---


def read_bundle(data: bytes) -> None:
    """Read a whole bundle, as a stream."""
    file = io.BytesIO(data)
    header = bundle.read_header(file)
    for _ in bundle.read_texts(file, header.count):
        pass
    bundle.read_statement(file)
    bundle.read_receipt(file)


def judge(data: bytes) -> None:
    """Verify a receipt: a verdict, whatever it is."""
    assert verify_receipt(data, policy=POLICY).verdict in {"proven", "not proven", "cannot tell"}


def a_bundle() -> bytes:
    ledger = sample()
    deposit = ledger.deposits[1]
    parts = [bundle.format_header(bundle.Header(len(deposit.texts), deposit.seed))]
    parts += [bundle.format_texts(texts) for texts in deposit.texts]
    parts += [bundle.format_statement_line(known()["hefu_ledger.deposit.statement.parse_signed_statement"].examples[0])]
    return b"".join([*parts, bundle.format_receipt_line(ledger.receipt(1, [1]))])


def a_receipt() -> bytes:
    return receipt.format_receipt(sample().receipt(1, [1]))


READERS: dict[str, tuple[Callable[[bytes], object], Callable[[], bytes]]] = {
    "a bundle": (read_bundle, a_bundle),
    "a receipt's verdict": (judge, a_receipt),
}


@forms
@pytest.mark.parametrize("name", READERS)
def test_whatever_is_read_is_refused_or_judged(name: str, examples: int) -> None:
    read, example = READERS[name]
    read(example())
    fuzz(Parser(read, [example()]), examples)
