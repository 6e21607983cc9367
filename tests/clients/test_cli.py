"""The command line: exit codes, one JSON object, settings, and nothing imported that is not needed."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.clients.conftest import Firm
from tests.support.double import CODE, Double, export, running
from tests.support.modules import modules
from tests.support.sample_ledger import POLICY, sample

from hefu.cli.main import main
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy
from hefu_service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.out.count("\n") == 1
        value: dict[str, Any] = json.loads(self.out)
        return value


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in [name for name in os.environ if name.startswith("HEFU_")]:
        monkeypatch.delenv(name)

    def call(*words: object) -> Ran:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        assert isinstance(caught.value.code, int)
        return Ran(caught.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Evidence, its document and a policy."""
    ledger = sample()
    (tmp_path / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "other").write_bytes(b"formula 4")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    return tmp_path


@pytest.fixture
def served(double: Double, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with running(double) as url:
        yield url


@pytest.mark.parametrize(
    ("document", "policy", "code", "verdict"),
    [
        ("document", ("--policy", "policy.txt"), 0, "proven"),
        ("other", ("--policy", "policy.txt"), 1, "not proven"),
        ("document", (), 3, "cannot tell"),
        ("missing", ("--policy", "policy.txt"), 3, "cannot tell"),
        ("document", ("--policy", "missing"), 3, "cannot tell"),
        ("document", ("--policy", "document"), 3, "cannot tell"),
    ],
)
def test_the_exit_code_is_the_verdict_and_json_is_one_object(
    run: Run,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    document: str,
    policy: tuple[str, ...],
    code: int,
    verdict: str,
) -> None:
    monkeypatch.chdir(files)
    ran = run("verify", "e.json", document, *policy, "--json")
    assert (ran.code, ran.json["verdict"]) == (code, verdict)
    assert isinstance(ran.json["steps"], list)
    assert run("verify", "e.json", document, *policy).code == code


def test_people_read_the_verdict_in_chinese_and_english(run: Run, files: Path) -> None:
    ran = run("verify", files / "e.json", files / "other", "--policy", files / "policy.txt")
    assert ran.out.startswith("核验不一致 not proven\n这份文件不是存证的那份，或存证后被改动过")
    assert "This is not the document that was deposited, or it was changed since" in ran.out
    expected, found = (sha256(data).hexdigest() for data in (b"formula 3", b"formula 4"))
    assert f"  应为 expected: {expected}\n  实为 found: {found}\n" in ran.out


def test_a_verdict_leads_with_the_word_a_sentence_the_time_and_its_guarantor(run: Run, files: Path) -> None:
    words = ("verify", files / "e.json", files / "document", "--policy", files / "policy.txt")
    lines = run(*words).out.split("\n")
    assert lines[0] == "核验一致 proven"
    assert lines[1].startswith("这份文件就是存证的那份")
    assert lines[3] == "不晚于北京时间 2026-01-01 08:00:00.020，由运营者保证（无独立佐证）。"
    assert lines[4] == "Not later than 2026-01-01 00:00:00.020 UTC, by the operator's word alone."
    labels = [line.partition(":")[0] for line in lines[6:14]]
    times = ["自报时间 declared", "收讫时间 received", "入账时间 anchored", "见证时间 witnessed"]
    assert labels == ["文件 file", "主体 firm", "存证编号 deposit number", *times, "时间戳时间 timestamped"]
    assert lines[9] == "自报时间 declared: 无 / none"
    assert "北京时间 2026-01-01 08:00:00.020 / 2026-01-01 00:00:00.020 UTC" in lines[10]
    assert lines[10].endswith("(平台时钟，已签名 the service's clock, signed)")
    assert "2026-01-01T00:00:00.020Z" in run(*words, "--json").out


def test_a_verdict_that_proves_nothing_shows_no_time(run: Run, files: Path) -> None:
    for words in (("other", "--policy", files / "policy.txt"), ("document",)):
        out = run("verify", files / "e.json", files / words[0], *words[1:]).out
        assert "不晚于" not in out
        assert "证据自述，未获证明" in out


@pytest.mark.parametrize("document", ["document", "other"])
def test_steps_that_hold_are_one_line_in_each_language_unless_all_are_asked_for(
    run: Run, files: Path, document: str
) -> None:
    words = ("verify", files / "e.json", files / document, "--policy", files / "policy.txt")
    marks = re.findall(r"^ *(\d*) ([✓✗?·!]) ", run(*words).out, re.MULTILINE)
    assert [mark for _, mark in marks].count("✓") == 1
    assert len(marks) < 10
    every = run(*words, "--all").out
    assert [int(number) for number in re.findall(r"^ *(\d+) [✓✗?·!] ", every, re.MULTILINE)] == list(range(1, 20))
    assert every.count("\n") < 45


def test_steps_that_were_not_reached_are_one_line(run: Run, files: Path) -> None:
    (files / "e.json").write_bytes((files / "e.json").read_bytes()[:900])
    out = run("verify", files / "e.json", files / "document", "--policy", files / "policy.txt").out
    assert "不是完整的 JSON：文件已损坏或被截断。\n" in out
    assert "    · 未核验：步骤 2–19，因前面的步骤未通过。\n" in out


def test_an_error_that_ends_a_command_has_code_and_values_and_is_said_in_chinese(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEFU_LANG", "zh")
    words = ("verify", files / "policy.txt", files / "document")
    value = run(*words, "--json").json
    assert (value["code"], value["values"]) == ("evidence-none", {"path": str(files / "policy.txt")})
    assert "不是证据文件" in run(*words).err


@pytest.mark.parametrize("words", [["verify"], ["verify", "x"], ["verify", "a", "b", "--jso"], ["nothing"]])
def test_wrong_usage_exits_2(run: Run, words: list[str]) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "usage: hefu" in ran.err


def test_help_names_every_command_and_exits_0(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    for command in ("init", "deposit", "verify", "inspect", "extract", "audit"):
        assert f"  {command} " in ran.out
        assert run(command, "--help").code == 0
    assert run("--version").out == "hefu 0.1.0\n"


def test_the_main_job_works_as_written(run: Run, served: str, documents: Path, tmp_path: Path) -> None:
    home, out, policy = tmp_path / "home", tmp_path / "evidence", tmp_path / "home" / "policy.txt"
    bundle = out / "documents.hefu.bundle"
    enrolled = run("init", "--home", home, "--server", served, "--code", CODE, "--json")
    assert (enrolled.code, enrolled.json["depositor"]) == (0, "acme")
    deposited = run("deposit", "--home", home, documents, documents / "0.txt", "--out", out, "--wait", "--json")
    assert [item["state"] for item in deposited.json["deposits"]] == ["anchored", "anchored"]
    assert run("verify", bundle, documents, "--policy", policy, "--json").json["verdict"] == "proven"
    extracted = run("extract", bundle, "--out", tmp_path / "single", "0.txt", "配方/large", "--json")
    assert len(extracted.json["evidence"]) == 2
    single = tmp_path / "single" / "配方" / "large.hefu.json"
    assert run("verify", single, documents / "配方" / "large", "--policy", policy).code == 0
    assert run("inspect", single, "--json").json["verified"] is False
    state = tmp_path / "state"
    for _ in range(2):
        audited = run("audit", f"{served}/ledger", "--policy", policy, "--state", state, "--json")
        assert (audited.code, audited.json["verdict"]) == (0, "proven")
    assert audited.json["facts"]["seen_size"] == 3


def test_without_waiting_people_are_told_how_to_go_on(
    run: Run, served: str, double: Double, documents: Path, tmp_path: Path
) -> None:
    run("init", "--home", tmp_path / "home", "--server", served, "--code", CODE)
    double.sealing = False
    ran = run("deposit", "--home", tmp_path / "home", documents, "--out", tmp_path / "evidence")
    assert ran.code == 0
    assert "run the same command again" in ran.out


def test_init_shows_the_fingerprints_that_it_trusted(run: Run, served: str, tmp_path: Path) -> None:
    ran = run("init", "--home", tmp_path / "home", "--server", served, "--code", CODE)
    assert POLICY.logs[0].key.fingerprint in ran.out
    assert "trusted at first sight" in ran.out


def test_a_refused_folder_exits_2_with_every_problem_in_json(run: Run, firm: Firm, documents: Path) -> None:
    (documents / "link").symlink_to("0.txt")
    (documents / os.fsdecode(b"\xff")).write_bytes(b"")
    words = ("deposit", "--home", firm.home.path, documents, "--out", firm.out)
    ran = run(*words, "--json")
    assert ran.code == 2
    assert [problem["path"] for problem in ran.json["problems"]] == ["\\xff", "link"]
    assert "nothing was written" in run(*words).err
    ran = run(*words, "--skip-unreadable", "--wait")
    assert (ran.code, ran.out.count("left out: ")) == (0, 2)
    assert "left out: link: a symbolic link" in ran.out


def test_a_refusal_exits_2_and_an_absent_service_3(
    run: Run, served: str, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run("init", "--home", firm.folder / "new", "--server", served, "--code", "acme.wrong")
    assert (ran.code, "403" in ran.err) == (2, True)
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
    ran = run("init", "--home", firm.folder / "new", "--server", "http://127.0.0.1:9", "--code", CODE, "--json")
    assert (ran.code, "cannot be reached" in ran.json["error"]) == (3, True)


def test_a_ledger_that_went_back_exits_1_and_shows_both_checkpoints(run: Run, firm: Firm, documents: Path) -> None:
    firm.double.grow()
    firm.home.remember(firm.double.ledger.checkpoint())
    firm.double.ledger.records.pop()
    words = ("deposit", "--home", firm.home.path, documents, "--out", firm.out)
    ran = run(*words, "--json")
    assert ran.code == 1
    assert all(note.startswith("log.example/fengxian\n") for note in ran.json["alarm"].values())
    assert run(*words).err.count("log.example/fengxian\n") == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "/evidence/x"), 3, "/evidence/x: No space left on device"),
        (OSError("odd"), 3, "odd"),
        (ZeroDivisionError("bug"), 3, "unexpected ZeroDivisionError: bug"),
        (RecursionError(), 3, "unexpected RecursionError"),
        (MemoryError(), 3, "unexpected MemoryError"),
    ],
)
def test_what_goes_wrong_is_never_a_verdict(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hefu.evidence.verify.verify", fail)
    ran = run("verify", files / "e.json", files / "document", "--json")
    assert (ran.code, ran.json["verdict"]) == (code, "cannot tell")
    assert said in ran.json["error"]
    assert said in ran.err


def test_settings_come_from_the_environment_and_a_flag_wins(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEFU_POLICY", str(files / "policy.txt"))
    assert run("verify", files / "e.json", files / "document").code == 0
    assert run("verify", files / "e.json", files / "document", "--policy", files / "missing").code == 3


def test_unknown_settings_and_missing_ones_are_all_named_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_HOMES", "x")
    monkeypatch.setenv("HEFU_POLICE", "x")
    ran = run("init", "--code", CODE)
    assert ran.code == 2
    for said in ("HEFU_HOMES: unknown", "HEFU_POLICE: unknown", "--home is needed", "--server is needed"):
        assert said in ran.err


def test_only_a_name_that_resembles_a_setting_is_refused(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for field in fields(Settings):
        monkeypatch.setenv(f"HEFU_{field.name.upper()}", "x")
    for name in ("HEFU_", "HEFU_COLOUR", "HEFU_SERVICE_HOST", "HEFU_PORT_8080_TCP"):
        monkeypatch.setenv(name, "x")
    words = ("verify", files / "e.json", files / "document", "--policy", files / "policy.txt")
    assert run(*words).code == 0
    for name, meant in (("HEFU_SEVER", "HEFU_SERVER"), ("HEFU_policy", "HEFU_POLICY"), ("HEFU_LNAG", "HEFU_LANG")):
        monkeypatch.setenv(name, "x")
        ran = run(*words)
        assert (ran.code, f"{name}: unknown setting: is {meant} meant?" in ran.err) == (2, True)
        monkeypatch.delenv(name)


def test_names_are_compared_only_where_one_is_unknown(files: Path) -> None:
    script = "import sys; from hefu.cli.main import main\ntry: main()\nfinally: print('difflib' in sys.modules)"
    words = [sys.executable, "-c", script, "verify", str(files / "e.json"), str(files / "document")]
    for name, imported in (("PATH_", "False"), ("HEFU_OTHERS", "True")):
        environment = {**os.environ, "HEFU_POLICY": str(files / "policy.txt"), name: "x"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, imported)


def test_a_path_of_any_bytes_can_be_spoken_of(run: Run, files: Path) -> None:
    name = os.fsdecode(b"\xff")
    ran = run("verify", files / name, files / "document", "--json")
    assert (ran.code, "No such file" in ran.json["error"]) == (3, True)


def imported(*words: object) -> set[str]:
    """What a command has imported by its end."""
    at_exit = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    places = os.pathsep.join(str(ROOT / name) for name in ("ledger", "clients"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HEFU_", "COV"))}
    command = [sys.executable, "-c", f"{at_exit}; import hefu.cli.main; hefu.cli.main.main()", *map(str, words)]
    environment["PYTHONPATH"] = places
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_verifying_starts_cold_without_what_it_does_not_need(files: Path) -> None:
    loaded = imported("verify", files / "e.json", files / "document", "--policy", files / "policy.txt")
    assert "hefu_ledger.verify" in loaded
    slow = modules("click", "httpx", "rich", "flask", "dataclasses", "pathlib", "inspect", "shutil", "tempfile")
    slow |= modules("socket", "ssl", "logging", "asyncio", "urllib", "http", "email", "base64")
    slow |= modules("subprocess", "cryptography.x509", "hefu_ledger.timestamp.token", "hefu_ledger.replay")
    slow |= modules("hefu.service", "hefu.deposit.depositor")
    assert loaded & slow == set()


def test_an_exported_folder_is_audited_without_importing_http(files: Path, tmp_path: Path) -> None:
    folder = export(sample(), tmp_path / "ledger")
    loaded = imported("audit", folder, "--policy", files / "policy.txt", "--state", tmp_path / "state")
    assert loaded & modules("httpx", "rich", "click", "flask") == set()
