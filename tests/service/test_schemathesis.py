"""Schemathesis reads the OpenAPI document and sends what it allows, and what it does not, to a real service."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from tests.support.serving import Serving, run

from hefu_service.api.openapi import document

METHODS = {"get", "post", "put", "delete", "patch", "head"}
LABELS = [
    f"{method.upper()} {path}" for path, item in document()["paths"].items() for method in item if method in METHODS
]
MODES = {"allowed": "positive", "not allowed": "negative"}  # Schemathesis's names
SHORT, LONG = 12, 2_000
ADDRESSES = count()  # of those who ask: one who is wrong too often is not answered any more
# No schema says how a signature must be made, so that what it allows is refused all the same; and each body that is
# verified gets a verdict, also one that is no receipt.
NOT_ASKED = {"positive_data_acceptance"}
NOT_ASKED_OF = {"POST /v1/verify": {"negative_data_rejection"}}


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """Schemathesis's operations by label; its import takes seconds, so that it waits for the first test."""
    import schemathesis  # noqa: PLC0415 -- see above
    from schemathesis.checks import load_all_checks  # noqa: PLC0415 -- the same
    from schemathesis.core.result import Ok  # noqa: PLC0415 -- the same

    load_all_checks()
    schema = schemathesis.openapi.from_dict(document())
    found = {result.ok().label: result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)}
    assert sorted(found) == sorted(LABELS)
    return found


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
@pytest.mark.parametrize("label", LABELS)
def test_every_answer_is_one_that_is_described(
    served: Serving, operations: dict[str, Any], label: str, mode: str, examples: int
) -> None:
    from schemathesis import Case, GenerationMode  # noqa: PLC0415 -- see ``operations``
    from schemathesis.checks import CHECKS  # noqa: PLC0415 -- the same

    names = NOT_ASKED | NOT_ASKED_OF.get(label, set())
    checks: list[Any] = [check for check in CHECKS.get_all() if check.__name__ in names]

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(operations[label].as_strategy(GenerationMode(MODES[mode])))
    def one(case: Case[Any]) -> None:
        headers = {"X-Forwarded-For": f"10.{next(ADDRESSES) % 256}.0.1"}
        case.call_and_validate(base_url=served.url, headers=headers, excluded_checks=checks)

    try:
        one()
    except Unsatisfiable:
        assert mode == "not allowed"  # nothing is: there, any text may be asked for
