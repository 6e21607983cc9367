"""Schemathesis reads the OpenAPI document and sends what it allows, and what it does not, to a real service."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from tests.support.serving import Serving, run

from hefu_service.api.openapi import document

SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)}
MODES = {"allowed": GenerationMode.POSITIVE, "not allowed": GenerationMode.NEGATIVE}
SHORT, LONG = 12, 2_000
ADDRESSES = count()  # of those who ask: one who is wrong too often is not answered any more
load_all_checks()
# No schema says what a signature must be, so that what it allows is refused all the same; and whatever is verified
# gets a verdict, also what is no receipt.
NOT_ASKED = {"positive_data_acceptance"}
NOT_ASKED_OF = {"POST /v1/verify": {"negative_data_rejection"}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service that goes through it all, and is looked at in the end."""
    service = Serving(tmp_path_factory.mktemp("served") / "data", settings={"HEFU_TRUSTED_PROXIES": "127.0.0.1"})
    service.init()
    service.start()
    try:
        yield service
        assert service.stop() == 0
    finally:
        service.kill()
    assert "Traceback" not in service.log.read_text()
    assert run("hefu-service", "fsck", "--data", service.data).stdout == "clean\n"


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_is_described(served: Serving, label: str, mode: str, examples: int) -> None:
    names = NOT_ASKED | NOT_ASKED_OF.get(label, set())
    checks: list[Any] = [check for check in CHECKS.get_all() if check.__name__ in names]

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(OPERATIONS[label].as_strategy(MODES[mode]))
    def one(case: Case[Any]) -> None:
        headers = {"X-Forwarded-For": f"10.{next(ADDRESSES) % 256}.0.1"}
        case.call_and_validate(base_url=served.url, headers=headers, excluded_checks=checks)

    try:
        one()
    except Unsatisfiable:
        assert mode == "not allowed"  # nothing is: there, any text may be asked for
