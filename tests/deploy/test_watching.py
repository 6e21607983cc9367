"""Alarms and dashboard: of metrics that there are, each alarm with a place in the runbook that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.support.cases import every_case
from tests.support.enrolling import enrol, make_statement
from tests.support.serving import get, request, serving

from hefu_service.observing.metrics import Metrics
from hefu_service.outbox import alarms
from hefu_service.wiring import open_services

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()
IN_CHINESE = (DEPLOY / "RUNBOOK.zh-CN.md").read_text()
ALERTS: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
PANELS: list[dict[str, Any]] = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
FROM_PROMETHEUS = {"up"}
NOT_YET_COUNTED = {"hefu_job_failures_total": "job_failures"}  # a counter that nothing has counted is not on the page


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a service that took a deposit and refused another shows: its samples' names, and their labels."""
    with serving(tmp_path_factory.mktemp("watched") / "data") as service:
        with open_services(service.data) as services:
            signer = enrol(services)
        statement = make_statement(signer, 0)
        assert request(service.port, "POST", "/v1/deposits", statement, {"Content-Type": "text/plain"})[0] == 201
        assert request(service.port, "POST", "/v1/deposits", b"nothing", {"Content-Type": "text/plain"})[0] == 400
        for _ in range(500):
            found = parsed(get(service.port, "/metrics")[1].decode())
            if "hefu_seal_duration_seconds_count" in found and "hefu_publish_duration_seconds_count" in found:
                break
    return found


def parsed(page: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in ALERTS)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])


def used(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of an expression, and the labels that it is chosen by."""
    for name, selector in re.findall(r"\b(hefu_[a-z_]+|up\b)(\{[^}]*\})?", expression):
        yield name, set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", selector))


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda value: value.split()[0])
def test_a_metric_that_is_asked_for_is_one_that_the_service_shows(
    where: str, expression: str, exposed: dict[str, set[str]]
) -> None:
    names = list(used(expression))
    assert names, where
    for name, labels in names:
        if name in NOT_YET_COUNTED:
            exposed[name] = {"job"}
        if name not in FROM_PROMETHEUS:
            assert name in exposed, where
            assert labels <= exposed[name], where
    by = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(", ")}
    assert by <= {label for name, _ in names for label in exposed.get(name, ())}, where


def test_what_nothing_has_counted_yet_is_counted_all_the_same() -> None:
    text = Path(Metrics.__init__.__code__.co_filename).read_text()
    assert [name for name in NOT_YET_COUNTED.values() if f'"{name}"' not in text] == []


def test_the_dashboard_shows_everything_that_is_measured(exposed: dict[str, set[str]]) -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name, _ in used(target["expr"])}
    measured = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed if name.startswith("hefu_")}
    assert measured - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} == set()


ANCHOR = re.compile(r'<a id="([a-z-]+)"></a>\n### (.+)')
ANCHORS = dict(ANCHOR.findall(RUNBOOK))


def section(runbook: str, anchor: str) -> str:
    return runbook.partition(f'<a id="{anchor}"></a>\n')[2].partition("<a id=")[0]


@every_case("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alarm_has_a_place_in_both_runbooks(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "RUNBOOK.md"
    assert rule["annotations"]["runbook_zh"] == f"RUNBOOK.zh-CN.md#{anchor}"
    assert anchor in ANCHORS
    for part in ("**Means.**", "**Do.**", "**Never**"):
        assert section(RUNBOOK, anchor).count(part) == 1, part
    for part in ("**含义。**", "**处理。**", "**切勿**"):
        assert section(IN_CHINESE, anchor).count(part) == 1, part
    assert re.search(r"[一-鿿]", rule["annotations"]["summary"]), "the officer on duty reads Chinese"


@pytest.mark.parametrize("name", [alarms.PROMISE, alarms.SEALING, alarms.DISK, alarms.CLOCK, alarms.STOPPED])
def test_an_alarm_that_the_service_itself_sends_has_one_as_well(name: str) -> None:
    assert name in ANCHORS


def test_both_runbooks_have_the_same_sections_under_headlines_of_their_language() -> None:
    chinese = dict(ANCHOR.findall(IN_CHINESE))
    assert list(chinese) == list(ANCHORS)
    assert [title for title in ANCHORS.values() if re.search(r"[一-鿿]", title)] == []
    assert [title for title in chinese.values() if not re.search(r"[一-鿿]", title)] == []


@pytest.mark.parametrize("text", [RUNBOOK, IN_CHINESE], ids=["English", "Chinese"])
def test_the_runbook_names_no_file_that_there_is_not(text: str) -> None:
    scripts = set(re.findall(r"`((?:\w+/)*[\w.-]+\.(?:sh|sql|yaml|timer|conf))", text))
    assert [name for name in scripts if not (DEPLOY / name).exists()] == []
