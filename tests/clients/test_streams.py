"""Answers that cannot be written never look like a verdict, and names are the disk's under any locale."""

from __future__ import annotations

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.cases import every_case
from tests.support.command_line import hefu
from tests.support.double import CODE, Double, running
from tests.support.sample_ledger import POLICY, sample

from hefu.cli.streams import write_json, write_text
from hefu.home.sheet import words_on
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy

_CRASH = "import hefu.evidence.verify as v\ndef verify(*a, **k): raise ZeroDivisionError\nv.verify = verify\n"
_MAIN = "from hefu.cli.main import main\nmain()\n"
CHARMAP = Path("/usr/share/i18n/charmaps")
LOCALES = [name for name in ("GBK", "ISO-8859-1") if shutil.which("localedef") and (CHARMAP / f"{name}.gz").exists()]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence, its document and another, a policy."""
    folder, ledger = tmp_path_factory.mktemp("files"), sample()
    (folder / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (folder / "document").write_bytes(b"formula 3")
    (folder / "other").write_bytes(b"formula 4")
    (folder / "policy.txt").write_text(format_policy(POLICY))
    return folder


def exit_code(output: str, *words: object, script: str = _MAIN, error: str = "") -> int:
    """Run with standard output on a full disk, in a pipe that its reader has closed, or closed."""
    reader, writer = os.pipe()
    os.close(reader)
    target = (
        writer if output == "closed pipe" else os.open("/dev/full" if output == "full" else os.devnull, os.O_WRONLY)
    )
    command: list[str] = [sys.executable, "-c", script, *map(str, words)]
    if output == "closed":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    with Path(error or os.devnull).open("w") as errors:
        done = subprocess.run(command, stdout=target, stderr=errors, check=False, env={"HEFU_LANG": "en", **os.environ})
    os.close(target)
    return done.returncode


@every_case(
    ("output", "document", "expected"),
    [
        ("full", "document", 3),
        ("full", "other", 1),
        ("closed pipe", "document", 0),
        ("closed pipe", "other", 1),
        ("closed", "document", 3),
        ("closed", "other", 1),
    ],
)
def test_an_answer_that_cannot_be_written_is_no_verdict(files: Path, output: str, document: str, expected: int) -> None:
    words = ("verify", files / "e.json", files / document, "--policy", files / "policy.txt")
    assert [exit_code(output, *words), exit_code(output, *words, "--json")] == [expected, expected]


@pytest.mark.parametrize("output", ["full", "closed pipe", "closed"])
def test_a_crash_ends_in_3_where_neither_stream_can_be_written(files: Path, output: str) -> None:
    words = ("verify", files / "e.json", files / "document", "--policy", files / "policy.txt")
    assert exit_code(output, *words, script=_CRASH + _MAIN, error="/dev/full") == 3
    broken = "import hefu.cli.main as m\ndef find(name): raise ZeroDivisionError\nm.find = find\nm.main()\n"
    assert exit_code(output, *words, script=broken, error="/dev/full") == 3


def test_help_and_version_on_a_full_disk_end_in_3_and_say_so(tmp_path: Path) -> None:
    for words in (["--version"], ["--help"], ["verify", "--help"]):
        assert exit_code("full", *words, error=str(tmp_path / "errors")) == 3
        assert "could not be written" in (tmp_path / "errors").read_text()


def locale_of(encoding: str, folder: Path) -> dict[str, str]:
    """The environment of a locale; C without Python's own mending of it has no bytes beyond ASCII."""
    environment = {**os.environ, "HEFU_LANG": "en", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if encoding == "ASCII":
        return environment | {"LC_ALL": "C"}
    made = f"zh_CN.{encoding}"
    command = ["localedef", "-i", "zh_CN", "-f", encoding, str(folder / made)]
    subprocess.run(command, check=False, capture_output=True)  # it warns of what the charmap lacks
    return environment | {"LOCPATH": str(folder), "LC_ALL": made}


@pytest.mark.parametrize("encoding", ["ASCII", *LOCALES])
def test_the_name_that_is_signed_is_the_disk_s_under_any_locale(double: Double, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "配方 中.txt").write_text("x")
    (tmp_path / "单.txt").write_text("y")
    out, home = tmp_path / "证据", tmp_path / "home"
    with running(double) as url:
        hefu("init", "--home", home, "--server", url, "--code", CODE)
        words = ["deposit", "docs", "单.txt", "--home", home, "--out", out, "--wait", "--json"]
        command = [sys.executable, "-m", "hefu", *map(str, words)]
        done = subprocess.run(
            command, cwd=tmp_path, env=locale_of(encoding, tmp_path), capture_output=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert '{"name":"配方 中.txt"}'.encode() in (out / "docs.hefu.bundle").read_bytes()
    policy = home / "policy.txt"
    assert hefu("verify", out / "docs.hefu.bundle", tmp_path / "docs", "--policy", policy, expect=None).code == 0
    assert hefu("verify", out / "单.txt.hefu.json", tmp_path / "单.txt", "--policy", policy, expect=None).code == 0
    told = json.loads(done.stdout.decode("ascii" if encoding == "ASCII" else encoding))
    assert told["deposits"][1]["evidence"] == str(out / "单.txt.hefu.json")


def test_a_program_of_another_locale_is_told_before_a_name_is_read(tmp_path: Path) -> None:
    script = (
        "import sys; from hefu.errors import ClientError; from hefu.files.scan import scan\n"
        "from hefu.deposit.plan import plan; from hefu.evidence.extract import extract\n"
        "for call in (lambda: scan('.'), lambda: plan(['x'], 'o', 'h'), lambda: extract('b', 'o')):\n"
        "    try: call()\n"
        "    except ClientError as error: print('PYTHONUTF8=1' in str(error))\n"
    )
    environment = locale_of("ASCII", tmp_path)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n" * 3


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "ascii", "latin-1"])
def test_json_and_text_steer_no_terminal_and_stay_json(tmp_path: Path, encoding: str) -> None:
    value = {"名": "a\x9b31mRED\u202e\u200b\ufeff\U000e0041😀é\udcff\x7f"}
    with (tmp_path / "out").open("w", encoding=encoding, errors="backslashreplace") as stream:
        write_json(stream, value)
        write_text(stream, value["名"])
    text = (tmp_path / "out").read_text(encoding=encoding)
    assert json.loads(text.split("\n")[0]) == value
    assert not set(text) & set("\x9b\u202e\u200b\ufeff\U000e0041\x7f")


def test_arguments_after_two_dashes_are_arguments(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-w.txt").write_text("one")
    (tmp_path / "--json").write_text("two")
    with running(firm.double):
        hefu("deposit", "--home", firm.home.path, "--out", "ev", "--wait", "--", "-w.txt", "--json", expect=None)
        policy = f"{firm.home.path}/policy.txt"
        assert hefu("verify", "--policy", policy, "--", "ev/-w.txt.hefu.json", "-w.txt").code == 0
        assert hefu("verify", "--policy", policy, "--", "ev/--json.hefu.json", "--json").code == 0
    assert "--nonsense" in hefu("verify", "x", "--", "y", "--nonsense", expect=2).err


def test_a_tilde_is_a_home_folder_in_every_option_that_holds_a_path(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    (tmp_path / "a.txt").write_text("one")
    Path(firm.home.path).rename(tmp_path / "user" / "hefu home")
    monkeypatch.setenv("HEFU_HOME", "~/hefu home")
    hefu("deposit", "a.txt", "--out=~/ev", "--wait")
    assert (tmp_path / "user" / "ev" / "a.txt.hefu.json").exists()
    hefu("refresh", "--out=~/ev")
    hefu("verify", "user/ev/a.txt.hefu.json", "a.txt", "--policy=~/hefu home/policy.txt", "--report=~/r.html")
    assert "no user's folder" in hefu("deposit", "a.txt", "--out", "~no-such-user/ev", expect=2).err
    assert not list(tmp_path.glob("~*"))


@pytest.mark.parametrize("words", [("search",), ("list",), ("label", "FX000000000001X"), ("key", "lost")])
def test_words_of_another_encoding_are_not_found_or_named(firm: Firm, words: tuple[str, ...]) -> None:
    ran = hefu(*words, os.fsdecode(b"\xc5\xe4\xb7\xbd"), "--home", firm.home.path, expect=2)
    assert "Traceback" not in ran.err
    assert "xc5" in ran.err.replace("udcc5", "xc5")


def test_recovery_words_go_to_the_terminal_and_the_sheet_alone(double: Double, tmp_path: Path) -> None:
    script = 'exec "$0" -m hefu init --home "$1/home" --server "$2" --code "$3" >"$1/out" </dev/null'
    with running(double) as url:
        words = ["sh", "-c", script, sys.executable, str(tmp_path), url, CODE]
        shown = b""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp(words[0], words)  # noqa: S606  # a program of our own
        with suppress(OSError):  # at the end
            while data := os.read(terminal, 1000):
                shown += data
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with running(Double()) as url:
        told = hefu("init", "--home", tmp_path / "second", "--server", url, "--code", CODE, "--json")
    sheet = tmp_path / "home" / "recovery.html"
    found = words_on(sheet.read_bytes()).split()
    numbered = [f"{place:>2} {word}" for place, word in enumerate(found, 1)]
    assert len(found) == 24
    assert [each for each in numbered if each not in shown.decode()] == []
    assert [each for each in numbered if each in (tmp_path / "out").read_text()] == []
    assert str(sheet) in (tmp_path / "out").read_text()
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    assert "words" not in told.json
    assert told.json["sheet"].endswith("second/recovery.html")
