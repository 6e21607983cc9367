"""Around the commands: completion, the manual page, and the questions at the first run."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.cases import every_case
from tests.support.command_line import hefu
from tests.support.double import CODE, Double, running

from hefu.cli.main import MODULES
from hefu.cli.manual import manual


def complete(folder: Path, *words: str) -> list[str]:
    """The words that bash offers for the last word, in a folder."""
    script = hefu("completion", "bash").out
    script += '\nCOMP_WORDS=(hefu "$@"); COMP_CWORD=$#; _shtab_hefu; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "--norc", "-ec", script, "bash", *words]
    return sorted(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.split())


@every_case(
    ("words", "offered"),
    [
        (["ver"], ["verify"]),
        (["verify", "--po"], ["--policy"]),
        (["verify", "evid"], ["evidence"]),
        (["check", ""], ["evidence"]),
        (["search", ""], []),
        (["vault", "re"], ["restore"]),
        (["vault", "verify", "--off"], ["--offline"]),
        (["deposit", "--home", "x", "--w"], ["--wait"]),
        (["key", "request", "--role", ""], ["approve", "prepare"]),
        (["nothing", "--"], []),
    ],
)
def test_bash_completes_commands_options_and_paths(tmp_path: Path, words: list[str], offered: list[str]) -> None:
    (tmp_path / "evidence").mkdir(exist_ok=True)
    (tmp_path / "note.txt").touch()
    assert complete(tmp_path, *words) == offered


def test_every_command_is_offered(tmp_path: Path) -> None:
    assert complete(tmp_path, "") == sorted({name.split()[0] for name in MODULES})


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_are_told_every_command_and_option(monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    for language, word in (("zh", "存证"), ("en", "deposit")):
        monkeypatch.setenv("HEFU_LANG", language)
        script = hefu("completion", shell).out
        assert [word for name in MODULES for word in name.split() if word not in script] == []
        assert "skip-unreadable" in script
        assert word in script


@pytest.mark.parametrize(("shell", "check"), [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_the_shells_themselves_can_read_their_scripts(tmp_path: Path, shell: str, check: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    (tmp_path / "script").write_text(hefu("completion", shell).out, "utf-8")
    subprocess.run([*check, tmp_path / "script"], check=True, capture_output=True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_manual_page_names_everything_and_is_sound_roff(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str
) -> None:
    monkeypatch.setenv("HEFU_LANG", language)
    page = manual()
    for name in MODULES:
        assert f"\n.SS {name}\n" in page
    assert "\\-\\-skip\\-unreadable" in page
    (tmp_path / "hefu.1").write_text(page, "utf-8")
    command = ["groff", "-k", "-man", "-Tutf8", "-ww", str(tmp_path / "hefu.1")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stderr.replace("can't break line", "") == "" or language == "zh"
    assert "hefu verify" in shown.stdout


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "HEFU_LANG": "en", "HOME": str(folder)}
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "hefu", *words]
        self._process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        self._terminal = ours
        self.seen = ""

    def expect(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, self.seen
            assert select.select([self._terminal], [], [], left)[0], self.seen
            self.seen += os.read(self._terminal, 65536).decode()

    def type(self, text: str) -> None:
        os.write(self._terminal, f"{text}\n".encode())

    def end(self) -> int:
        code = self._process.wait(20)
        os.close(self._terminal)
        return code


def test_init_asks_at_a_terminal_for_what_is_missing(double: Double, tmp_path: Path) -> None:
    with running(double) as url:
        terminal = Terminal(tmp_path, "init")
        terminal.expect(f"the settings? [~{os.sep}.hefu]")
        terminal.type("")
        terminal.expect("https://ledger.example? ")
        terminal.type(url)
        terminal.expect("operator gave? ")
        terminal.type(CODE)
        terminal.expect(f"be kept? [{tmp_path / '.hefu' / 'vault'}]")
        terminal.type(str(tmp_path / "drive"))
        terminal.expect("go on? [y/N]")
        terminal.type("y")
        terminal.expect("trusted at first sight")
        assert terminal.end() == 0
    assert (tmp_path / ".hefu" / "config.json").exists()
    assert (tmp_path / "drive").is_dir()


def test_what_is_left_unanswered_is_refused(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "init", "--home", str(tmp_path / "home"), "--no-vault")
    terminal.expect("https://ledger.example? ")
    terminal.type("")
    terminal.expect("operator gave? ")
    terminal.type("")
    terminal.expect("--server is needed (or HEFU_SERVER); --code is needed")
    assert terminal.end() == 2


def test_nothing_is_asked_where_nobody_sits(tmp_path: Path) -> None:
    ran = hefu("init", "--home", tmp_path / "home", expect=2)
    assert "--server is needed (or HEFU_SERVER); --code is needed" in ran.err
