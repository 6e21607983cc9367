"""The table of commands: each name leads to a command, and asking for one imports no other's module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.cases import every_case
from tests.support.modules import modules

from hefu.cli.main import MODULES, find

ROOT = Path(__file__).resolve().parents[2]


@every_case("name", MODULES)
def test_every_name_leads_to_a_command(name: str) -> None:
    assert find(name).summary


@every_case("name", MODULES)
def test_asking_for_a_command_imports_its_module_alone(name: str) -> None:
    code = f"import sys, hefu.cli.main; hefu.cli.main.find({name!r}); print(*sys.modules)"
    places = os.pathsep.join(str(ROOT / place) for place in ("ledger", "clients"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert {module for module in loaded if module.startswith("hefu.cli.commands.")} == {
        f"hefu.cli.commands.{MODULES[name]}"
    }
    others = modules("sqlite3", "httpx", "hefu.service", "hefu.home.index", "hefu.deposit.depositor")
    assert loaded & (others | modules("dataclasses", "pathlib")) == set()
