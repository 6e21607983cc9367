"""Containers and units: closed to all that they do not need, and whole."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.cases import every_case

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@every_case("name", sorted(SERVICES))
def test_a_container_writes_only_to_its_volumes_and_gains_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert SERVICES["web"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgresql"]["network_mode"] == SERVICES["redis"]["network_mode"] == "none"


@every_case("name", sorted(SERVICES))
def test_what_a_container_mounts_and_waits_for_is_there(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source = mount["source"] if isinstance(mount, dict) else mount.split(":")[0]
        if source == "./tls":
            continue  # the operator's own
        assert (DEPLOY / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"]
    assert set(SERVICES[name].get("depends_on", ())) <= set(SERVICES)
    for config in SERVICES[name].get("configs", ()):
        assert config["source"] in COMPOSE["configs"]
    assert set(SERVICES[name].get("secrets", ())) <= set(COMPOSE["secrets"])


def test_what_runs_all_day_cannot_be_the_owner_of_the_tables() -> None:
    owners = {name for name, service in SERVICES.items() if "owner.pgpass" in service.get("secrets", ())}
    assert owners == {"init", "roles", "upgrade"}
    assert all(SERVICES[name]["profiles"] == ["setup"] for name in owners)
    (trusted,) = re.findall(r"^local (.*) trust$", COMPOSE["configs"]["pg_hba"]["content"], re.MULTILINE)
    assert trusted == "hefu hefu_service"


def test_the_proxy_sees_the_published_ledger_and_nothing_else_of_the_data() -> None:
    (mount,) = (each for each in SERVICES["nginx"]["volumes"] if isinstance(each, dict))
    assert (mount["source"], mount["volume"]["subpath"], mount["read_only"]) == ("data", "ledger", True)
    assert not [each for each in SERVICES["nginx"]["volumes"] if isinstance(each, str) and each.startswith("data")]
    assert mount["target"] == "/srv/hefu/ledger"
    assert "root /srv/hefu;" in (DEPLOY / "nginx.conf").read_text()


def test_the_image_runs_as_nobody_in_particular_from_the_lock() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    assert "--require-hashes" in stages[0]
    assert re.search(r"^USER 10001:10001$", stages[1], re.MULTILINE)
    assert "pip install" not in stages[1]
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *sources, _ = line.split()
        allowed = (DEPLOY.parent / ".dockerignore").read_text()
        assert [name for name in sources if f"!{name}\n" not in allowed or not (DEPLOY.parent / name).exists()] == []


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units, whose programs are there."""
    for unit in [*UNITS, *(DEPLOY / "systemd").glob("*.timer")]:
        (tmp_path / unit.name).write_text(unit.read_text().replace("=/opt/hefu/", f"={tmp_path}/opt/hefu/"))
    for program in ("bin/hefu-service", "deploy/backup.sh"):
        path = tmp_path / "opt" / "hefu" / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return sorted(str(path) for path in tmp_path.iterdir() if path.is_file())


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(units: list[str]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_the_units_are_closed_to_what_they_do_not_need(units: list[str]) -> None:
    services = [unit for unit in units if unit.endswith(".service")]
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", *services],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def system_calls(name: str) -> set[str]:
    """Those of a set of systemd's, or the one that is named."""
    if not name.startswith("@"):
        return {name}
    done = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    members = [line.strip() for line in done.stdout.splitlines()[1:]]
    return {call for member in members if member and member[0] != "#" for call in system_calls(member)}


@needs_systemd
@pytest.mark.parametrize("name", ["hefu-web", "hefu-worker"])
def test_a_unit_may_choose_its_core_how_many_files_it_opens_and_a_lower_priority(name: str) -> None:
    """Refused any, it would end as it starts, or strangers' receipts would take depositors' time."""
    allowed: set[str] = set()
    unit = (DEPLOY / "systemd" / f"{name}.service").read_text()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        named = {call for name in words.lstrip("~").split() for call in system_calls(name)}
        allowed = allowed - named if words.startswith("~") else allowed | named
    assert {"sched_getaffinity", "prlimit64", "setpriority"} <= allowed
    assert ("sched_setaffinity" in allowed) == (name == "hefu-web")
    assert "sched_setscheduler" not in allowed


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_gives_what_has_begun_time_to_end(unit: Path) -> None:
    if "Type=oneshot" not in unit.read_text():
        assert "TimeoutStopSec=40" in unit.read_text()
        assert "Restart=always" in unit.read_text()
