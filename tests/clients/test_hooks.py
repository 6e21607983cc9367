"""The examples below deploy/client work as they stand: hooks are run, units and tasks hold commands that parse."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.clients.conftest import Firm

from hefu.cli.main import MODULES, find
from hefu.evidence.verify import verify
from hefu_ledger.verify.verdict import PROVEN

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "deploy" / "client"


@pytest.fixture
def environment(firm: Firm) -> dict[str, str]:
    """Where ``hefu`` is a program on the path, as for a user."""
    programs = firm.folder / "bin"
    programs.mkdir()
    program = programs / "hefu"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hefu "$@"\n')
    program.chmod(0o755)
    places = os.pathsep.join(str(ROOT / name) for name in ("ledger", "clients"))
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": places,
        "HOME": str(firm.folder),
        "HEFU_HOME": firm.home.path,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }


def run(environment: dict[str, str], *words: object, cwd: Path | None = None, expect: int = 0) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def parses(words: list[str]) -> None:
    """A command line that ``hefu`` understands."""
    assert words[0] in MODULES
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(needed=())
    find(words[0]).declare(parser)
    parser.parse_intermixed_args(words[1:])


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_git_hook_deposits_every_commit(firm: Firm, environment: dict[str, str]) -> None:
    repository, archive = firm.folder / "repository", firm.folder / "archive"

    def git(*words: object) -> str:
        author = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        return run(environment, "git", *author, *words, cwd=repository)

    repository.mkdir()
    git("init", "-q", "-b", "main")
    git("config", "hefu.home", firm.home.path)
    git("config", "hefu.archive", archive)
    shutil.copy(CLIENT / "git-post-commit", repository / ".git" / "hooks" / "post-commit")
    commits = []
    for number in range(2):
        (repository / "配方.txt").write_text(f"{number}")
        git("add", ".")
        assert "is signed for deposit" in git("commit", "-q", "-m", f"{number}")
        commits.append(git("rev-parse", "HEAD").strip())
        evidence = archive / f"{commits[-1]}.tar.hefu.json"
        deadline = time.monotonic() + 30
        while not evidence.exists() and time.monotonic() < deadline:  # sent in the background
            time.sleep(0.05)
    for commit in commits:
        tar = archive / f"{commit}.tar"
        with tar.open("rb") as file:
            found = subprocess.run(["git", "get-tar-commit-id"], stdin=file, capture_output=True, check=True)
        assert found.stdout.decode().strip() == commit
        assert verify(f"{tar}.hefu.json", str(tar), policy=firm.home.policy).verdict == PROVEN


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_git_hook_lets_commits_through_whatever_is_wrong(firm: Firm, environment: dict[str, str]) -> None:
    repository = firm.folder / "repository"
    repository.mkdir()
    hook = CLIENT / "git-post-commit"
    run(environment, "git", "init", "-q", cwd=repository)
    assert "hefu.home is not set" in run(environment, hook, cwd=repository)


def test_the_command_hook_deposits_what_an_export_changed(
    firm: Firm, environment: dict[str, str], documents: Path
) -> None:
    hook = CLIENT / "after-export"
    assert json.loads(run(environment, hook, documents, firm.out))["new"] == 5
    (documents / "0.txt").write_bytes(b"exported again")
    assert json.loads(run(environment, hook, documents, firm.out))["changed"] == 1
    assert len(firm.double.ledger.deposits) == 2
    (documents / os.fsdecode(b"\xff")).write_bytes(b"its name is not UTF-8")
    run(environment, hook, documents, firm.out, expect=1)
    run(environment, hook, documents, expect=2)


def test_the_systemd_unit_holds_a_command_that_parses() -> None:
    text = (CLIENT / "hefu-watch@.service").read_text()
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(text)
    settings = dict(
        line.split("=", 1) for line in (CLIENT / "watch.env.example").read_text().splitlines() if "=" in line
    )
    command = re.sub(r"\$\{(\w+)\}", lambda found: settings[found[1]], unit["Service"]["ExecStart"])
    env, program, *words = shlex.split(command)
    assert (env, program) == ("/usr/bin/env", "hefu")
    parses(words)
    assert "HEFU_HOME" in settings


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "hefu-watch@contracts.service"
    shutil.copy(CLIENT / "hefu-watch@.service", unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert "hefu-watch" not in done.stderr


def test_the_windows_task_holds_a_command_that_parses() -> None:
    space = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    task = ElementTree.parse(CLIENT / "hefu-watch.xml").getroot()  # noqa: S314 -- our own file
    command = task.findtext("task:Actions/task:Exec/task:Command", namespaces=space)
    words = task.findtext("task:Actions/task:Exec/task:Arguments", namespaces=space)
    assert command == "hefu.exe"
    assert words is not None
    parses([word.strip('"') for word in shlex.split(words, posix=False)])


def test_the_windows_command_hook_holds_a_command_that_parses() -> None:
    text = (CLIENT / "after-export.cmd").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n")
    text.decode("ascii")  # read by cmd.exe in whatever code page
    (line,) = [line for line in text.decode().splitlines() if line.startswith("hefu.exe ")]
    parses([word.strip('"') for word in line.split()[1:]])


@pytest.mark.parametrize("name", ["git-post-commit", "after-export"])
def test_hooks_are_plain_shell_and_executable(name: str) -> None:
    assert os.access(CLIENT / name, os.X_OK)
    run(dict(os.environ), "sh", "-n", CLIENT / name)
