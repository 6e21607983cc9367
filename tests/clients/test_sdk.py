"""Programs use the client as the pages show, without the service's libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.modules import modules
from tests.support.pages import DOCS, ROOT, blocks
from tests.support.sample_ledger import POLICY, sample

import hefu
from hefu import client
from hefu.cli.main import MODULES
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy

FOREIGN = modules("flask", "sqlalchemy", "merkletools", "redis", "rq", "alembic", "granian", "click", "psycopg")
BLOCKED = f"""
import pkgutil, sys
sys.modules.update(dict.fromkeys({FOREIGN}))
import hefu, hefu_ledger
for package in (hefu_ledger, hefu):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            __import__(module.name)
from hefu import read_policy, verify
print(verify("e.json", "document", policy=read_policy("policy.txt")).verdict)
"""


def python(code: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / name) for name in ("ledger", "clients"))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_blocks(page: Path) -> list[str]:
    """The page's examples for programs."""
    return [block.text for block in blocks(page, "python")]


def test_the_examples_of_the_pages_run(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(firm.folder)
    Path("contract.pdf").write_bytes(b"%PDF-")
    Path("policy.txt").write_bytes((Path(firm.home.path) / "policy.txt").read_bytes())
    (first,) = python_blocks(ROOT / "README.md")
    exec(compile(first, "README.md", "exec"), {})  # noqa: S102  # our own words
    deposited, verdict = capsys.readouterr().out.strip().split("\n")
    assert " anchored evidence/contract.pdf.hefu.json" in deposited
    assert verdict == "proven"
    (second,) = python_blocks(DOCS / "developer.md")
    exec(compile(second, "developer.md", "exec"), {})  # noqa: S102  # our own words
    assert capsys.readouterr().out == "proven []\n"


def test_the_client_and_the_ledger_do_without_the_services_libraries(tmp_path: Path) -> None:
    ledger = sample()
    (tmp_path / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    assert python(BLOCKED, tmp_path) == "proven\n"


def test_importing_the_package_imports_nothing_else(tmp_path: Path) -> None:
    code = "import sys, hefu; print(*(name for name in sys.modules if name.startswith('hefu') or name == 'httpx'))"
    assert sorted(python(code, tmp_path).split()) == ["hefu", "hefu.version"]
    assert "hefu.client" in python("import sys; from hefu import Client; print(*sys.modules)", tmp_path)


OFFERED = {
    "init": "enrol_home",
    "deposit": "Client.deposit",
    "approve": "Client.approve",
    "verify": "verify",
    "inspect": "inspect",
    "extract": "extract",
    "audit": "audit",
    "list": "Client.deposits",
    "search": "Client.search",
    "label": "Client.label",
    "check": "Client.check",
    "watch": "Client.watch",
    "submit": "submit",
    "refresh": "Client.refresh",
    "drop": "Client.drop",
    "renew": "Client.renew",
    "key request": "request_key",
    "key add": "Client.vouch",
    "key list": "Client.keys",
    "key retire": "Client.end_key",
    "key lost": "Client.end_key",
    "vault restore": "restore_home",
    "vault verify": "Client.verify_vault",
    "vault sync": "Client.sync_vault",
    "vault rotate": "Client.rotate_words",
    "vault join": "Client.join_vault",
}


def test_programs_are_offered_all_that_the_commands_do() -> None:
    assert OFFERED.keys() == set(MODULES) - {"completion"}
    for name in OFFERED.values():
        assert callable(attrgetter(name)(client)), name


def test_the_client_imports_a_room_when_it_is_first_used(tmp_path: Path) -> None:
    modules = set(python("import sys, hefu.client; print(*sys.modules)", tmp_path).split())
    assert modules & {"httpx", "sqlite3", "hefu.service", "hefu.home.home", "hefu.deposit.depositor"} == set()


def test_every_name_that_is_offered_is_the_sdks() -> None:
    for name in hefu.__all__:
        if name != "__version__":
            assert getattr(hefu, name) is getattr(client, name)
            assert name in client.__all__
            assert not (ROOT / "clients" / "hefu" / f"{name}.py").exists()  # or the module would hide it
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(hefu, "nothing")  # noqa: B009  # mypy knows that there is none
