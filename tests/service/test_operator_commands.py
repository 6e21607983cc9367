"""The operator's commands do what they say, refuse what would do harm, and tell by their exit code which it was."""

from __future__ import annotations

import os
import pty
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner
from tests.support.postgres import Postgres
from tests.support.sample_service import ORIGIN, USCC, depositor_key, event_body, possession, statement

from hefu_ledger.encoding import parse_time
from hefu_ledger.records.bodies import Clock, Enrolment, KeyEvent
from hefu_ledger.records.identity import verify_identity
from hefu_ledger.section import close
from hefu_ledger.tlog.keys import ED25519, MLDSA44, format_vkey, parse_vkey
from hefu_service import cli
from hefu_service.cli.columns import width
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Committer
from hefu_service.intake.enrolment import enrol, invite
from hefu_service.intake.refusals import CodeRefusedError
from hefu_service.intake.register import find_depositors, number_of
from hefu_service.jobs.tasks import settle
from hefu_service.ports.rows import Event
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.serving import server
from hefu_service.wiring import open_services

NAME = "上海某某化妆品有限公司"
VERIFIED = ("--method", "营业执照核验", "--verified-by", "奉贤工作站")
ACME = ("--name", NAME, "--uscc", USCC, *VERIFIED)
AGAIN = ("--another-identity", "tests")
BETA = "91310120MA1HP0027Y"
BEFORE_2016 = "91350203M0001QKT19"  # a real firm's, by GB 32100 its last character would be another


@dataclass
class Ran:
    code: int
    out: str
    err: str


class Operator:
    """Runs ``hefu-service`` in this process, on the data directory ``data``."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: object, data: Path | None = None) -> Ran:
        command, *options = map(str, words)
        where = ["--data", str(data or self.data)] if command != "--help" else []
        self._monkeypatch.setattr(sys, "argv", ["hefu-service", command, *where, *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = self._capsys.readouterr()
        return Ran(int(ended.value.code or 0), shown.out, shown.err)

    def events(self) -> list[Event]:
        with open_services(self.data) as services, services.store.view() as view:
            return list(view.events(0))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("operator") / "data"
    done = CliRunner().invoke(cli.command, ["init", "--data", str(data), "--origin", ORIGIN])
    assert done.exit_code == 0
    return data


@pytest.fixture
def operator(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operator:
    for name in ("HEFU_DATA", "HEFU_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(server, "log_to_stderr", lambda: None)  # it would outlive the test
    monkeypatch.setattr(server, "_run", lambda _: pytest.fail("it would have listened"))
    shutil.copytree(begun, tmp_path / "data")
    return Operator(tmp_path / "data", monkeypatch, capsys)


def deposit(services: Services, code: str, count: int = 1) -> str:
    """Enrol with a code, deposit and seal; the vkey."""
    key = depositor_key(code, "key")
    enrol(services, possession(key, invitation=invite(services, code), at=services.clock.now_ms()), code=code)
    FrontDoor(Committer(services)).accept([statement(key, number) for number in range(count)])
    settle(services)
    return format_vkey(key.key)


# init


def test_init_prints_the_keys_and_what_to_do_with_the_recovery_key(operator: Operator, tmp_path: Path) -> None:
    ran = operator("init", "--origin", ORIGIN, data=tmp_path / "new")
    assert ran.code == 0
    vkeys = [parse_vkey(word) for word in ran.out.split() if word.startswith(f"{ORIGIN}+")]
    assert [key.type for key in vkeys] == [ED25519, MLDSA44]
    assert all(key.fingerprint in ran.out for key in vkeys)
    assert "Ed25519" in ran.out
    assert "ML-DSA-44" in ran.out
    assert str(tmp_path / "new" / "keys" / "recovery.key") in ran.out
    for path in (tmp_path / "new").rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().strip() not in ran.out + ran.err
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_init_refuses_a_directory_that_holds_anything(operator: Operator, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in operator.data.rglob("*") if path.is_file()}
    ran = operator("init", "--origin", ORIGIN)
    assert (ran.code, "is not empty" in ran.err) == (2, True)
    assert before == {path: path.read_bytes() for path in operator.data.rglob("*") if path.is_file()}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    assert operator("init", "--origin", ORIGIN, data=tmp_path / "other").code == 2
    assert operator("init", "--origin", ORIGIN, data=tmp_path / "other" / "file").code == 2
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["file"]


def test_init_takes_an_empty_directory(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert operator("init", "--origin", ORIGIN, data=tmp_path / "empty").code == 0


@pytest.mark.parametrize("origin", ["", "log example", "log.example+x", "日志"])
def test_init_refuses_an_origin_that_no_key_could_carry_and_makes_nothing(
    operator: Operator, tmp_path: Path, origin: str
) -> None:
    ran = operator("init", "--origin", origin, data=tmp_path / "new")
    assert (ran.code, "not an origin" in ran.err) == (2, True)
    assert not (tmp_path / "new").exists()


# Data


@pytest.mark.parametrize(
    "words",
    [
        ("serve",),
        ("enrol", *ACME),
        ("retire", "--depositor", "x", "--vkey", "x", "--reason", "x"),
        ("clock", "--reason", "x"),
        ("upgrade",),
        ("fsck",),
        ("export", "--out", "out"),
    ],
)
def test_every_command_says_when_there_is_no_ledger_and_makes_none(
    operator: Operator, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ran = operator(*words, data=tmp_path / "nowhere")
    assert ran.code == 2
    assert "holds no ledger" in ran.err
    assert "hefu-service init" in ran.err
    assert not (tmp_path / "nowhere").exists()


def test_the_data_directory_may_come_from_the_environment(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hefu-service", "fsck"])
    with pytest.raises(SystemExit) as refused:
        cli.main()
    assert refused.value.code == 2
    assert "HEFU_DATA: missing (or --data DIR)" in capsys.readouterr().err
    monkeypatch.setenv("HEFU_DATA", str(operator.data))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0


def test_a_misspelt_setting_is_refused_by_every_command(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_RAET", "1")
    for words in (("fsck",), ("serve",), ("upgrade",), ("init", "--origin", ORIGIN)):
        ran = operator(*words)
        assert (ran.code, "HEFU_RAET: unknown" in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["log.key", "log-mldsa44.key", "acknowledgement.key"])
def test_the_keys_of_another_ledger_are_refused(operator: Operator, tmp_path: Path, name: str) -> None:
    operator("init", "--origin", ORIGIN, data=tmp_path / "other")
    shutil.copy(tmp_path / "other" / "keys" / name, operator.data / "keys" / name)
    for words in (("fsck",), ("serve",), ("export", "--out", tmp_path / "out")):
        ran = operator(*words)
        assert ran.code == 2
        assert "not those of the ledger's genesis record" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_key_that_others_may_read_is_refused(operator: Operator) -> None:
    (operator.data / "keys" / "log.key").chmod(0o644)
    ran = operator("fsck")
    assert (ran.code, "chmod 600" in ran.err) == (2, True)


def test_a_ledger_needs_no_recovery_key_to_run(operator: Operator) -> None:
    (operator.data / "keys" / "recovery.key").unlink()
    assert operator("fsck").code == 0


# serve, as far as it gets without listening


def test_serve_names_bad_flags_together(operator: Operator) -> None:
    ran = operator("serve", "--port", "99999", "--window-ms", "0", "--host", "localhost")
    assert ran.code == 2
    assert [word in ran.err for word in ("--port: ", "--window-ms: ", "--host: ")] == [True] * 3


def test_serve_refuses_an_old_schema_with_the_remedy(operator: Operator) -> None:
    for change, said in (
        ("UPDATE alembic_version SET version_num = '0000_before'", "schema is 0000_before"),
        ("DELETE FROM alembic_version", "hefu-service upgrade"),
    ):
        with closing(sqlite3.connect(operator.data / "hefu.sqlite3")) as database:
            database.execute(change)
            database.commit()
        for words in (("serve",), ("fsck",)):
            ran = operator(*words)
            assert (ran.code, said in ran.err) == (2, True)


def test_serve_refuses_an_auditor_s_token_that_is_unreadable_or_short(operator: Operator, tmp_path: Path) -> None:
    token = tmp_path / "token"
    words = ("serve", "--auditor-token-file", token)
    assert "cannot read the token file" in operator(*words).err
    token.write_text("short\n")
    assert "at least 32 characters" in operator(*words).err
    token.write_text("密" * 40)
    ran = operator(*words)
    assert (ran.code, "cannot read the token file" in ran.err) == (2, True)
    assert "密" not in ran.err
    assert "\\xe5" not in ran.err


# enrol


def test_enrol_prints_the_code_alone_on_standard_output(operator: Operator) -> None:
    ran = operator("enrol", *ACME)
    assert ran.code == 0
    assert re.fullmatch(r"[a-z2-7]{16}\.[a-z2-7]{32}\n", ran.out)
    assert "7 days" in ran.err
    with open_services(operator.data) as services:
        deposit(services, ran.out.strip())
    (event,) = operator.events()
    assert isinstance(event_body(event), Enrolment)


def test_enrol_issues_a_further_code_for_one_already_known(operator: Operator) -> None:
    first = operator("enrol", *ACME).out.strip()
    again = operator("enrol", "--depositor", first.partition(".")[0]).out.strip()
    assert again.partition(".")[0] == first.partition(".")[0]
    assert again != first
    assert operator("enrol", "--depositor", "nobody").code == 2


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--name", NAME),
        ("--uscc", USCC),
        ("--depositor", "x", "--name", NAME),
        ("--depositor", "x", "--uscc", USCC),
        ("--depositor", "x", "--name", NAME, "--uscc", USCC),
    ],
)
def test_enrol_takes_an_organisation_or_a_depositor(operator: Operator, options: tuple[str, ...]) -> None:
    ran = operator("enrol", *options)
    assert (ran.code, "give --name and --uscc, or --depositor" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--name", NAME, "--uscc", f"{USCC[:-1]}5"),
        ("--name", NAME, "--uscc", "1"),
        ("--name", "", "--uscc", USCC),
        ("--name", NAME * 100, "--uscc", USCC),
        (*ACME, "--method", ""),
        (*ACME, "--verified-by", ""),
        ("--name", NAME, "--uscc", USCC, "--signatures", "0"),
        ("--name", NAME, "--uscc", USCC, "--signatures", "17"),
    ],
)
def test_enrol_refuses_what_no_identity_could_hold(operator: Operator, options: tuple[str, ...]) -> None:
    ran = operator("enrol", *VERIFIED, *options)
    assert (ran.code, ran.out) == (2, "")
    assert NAME not in ran.err


@pytest.mark.parametrize("left_out", [(), VERIFIED[:2], VERIFIED[2:]])
def test_how_and_by_whom_an_identity_was_verified_is_never_made_up(
    operator: Operator, left_out: tuple[str, ...]
) -> None:
    ran = operator("enrol", "--name", NAME, "--uscc", USCC, *left_out)
    assert (ran.code, ran.out) == (2, "")
    assert "--method" in ran.err
    assert "--verified-by" in ran.err
    assert operator("depositors").out == ""


def test_at_a_terminal_the_operator_is_asked_how_the_identity_was_verified(begun: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(begun, data)
    master, slave = pty.openpty()
    words = ["enrol", "--data", str(data), "--name", NAME, "--uscc", USCC]
    script = "from hefu_service.cli import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", script, *words], stdin=slave, stdout=subprocess.PIPE, stderr=slave, text=True
    )
    os.write(master, "营业执照核验\n奉贤工作站\n".encode())
    code, _ = running.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    with open_services(data) as services:
        (known,) = find_depositors(services)
    assert (known.identity.method, known.identity.verified_by) == ("营业执照核验", "奉贤工作站")
    assert re.fullmatch(r"[a-z2-7]{16}\.[a-z2-7]{32}\n", code)


def test_a_known_organisation_becomes_another_depositor_only_for_a_reason_that_is_kept(operator: Operator) -> None:
    first = operator("enrol", *ACME).out.partition(".")[0]
    for name in (NAME, "另一个名称"):
        ran = operator("enrol", "--name", name, "--uscc", f" {USCC.lower()}", *VERIFIED)
        assert (ran.code, ran.out) == (2, "")
        assert f"--depositor {first}" in ran.err
        assert "--another-identity" in ran.err
    for reason in ("", " ", "a\nb", "\u202e", "x" * 401):
        assert operator("enrol", *ACME, "--another-identity", reason).code == 2
    assert operator("enrol", *ACME, "--another-identity", "更名，旧主体停用").code == 0
    shown = operator("depositors").out
    assert shown.count("更名，旧主体停用") == 1
    assert len(shown.splitlines()) == 4


def test_a_name_that_was_mistyped_is_typed_again_without_a_reason(operator: Operator) -> None:
    code = operator("enrol", "--name", "打错的名称", "--uscc", USCC, *VERIFIED).out.strip()
    assert operator("codes", "--withdraw", number_of(code)).code == 0
    assert operator("enrol", *ACME, *AGAIN).code == 0
    assert "tests" not in operator("depositors").out, "a reason is kept where it was needed"


def test_a_code_of_before_2016_is_enrolled_for_a_reason_and_its_evidence_verifies(operator: Operator) -> None:
    words = ("--name", "厦门样品有限公司", "--uscc", BEFORE_2016, *VERIFIED)
    refused = operator("enrol", *words)
    assert (refused.code, "--another-check-character" in refused.err) == (2, True)
    ran = operator("enrol", *words, "--another-check-character", "营业执照原件如此")
    assert (ran.code, "check character" in ran.err) == (0, True)
    assert "营业执照原件如此" in operator("depositors").out
    with open_services(operator.data) as services:
        asked = invite(services, ran.out.strip()).identity
        deposit(services, ran.out.strip())
    assert verify_identity(asked, commitment=close(asked)).uscc == BEFORE_2016
    assert operator("enrol", *ACME, "--another-check-character", "x").code == 0
    assert "because: x" not in operator("depositors").out


# depositors, keys, codes


def test_depositors_are_found_by_id_name_or_code_of_their_organisation(operator: Operator) -> None:
    acme = operator("enrol", *ACME).out.partition(".")[0]
    beta = operator("enrol", "--name", "ＢＥＴＡ", "--uscc", BETA, *VERIFIED).out.partition(".")[0]
    found = {text: operator("depositors", "--find", text).out for text in (acme, "化妆品", USCC.lower(), "beta", "无")}
    assert [(acme in out, beta in out) for out in found.values()] == [
        *[(True, False)] * 3,
        (False, True),
        (False, False),
    ]
    heading, *rows = operator("depositors").out.splitlines()
    assert [row.split()[0] for row in rows] == [acme, beta]
    starts = {width(heading.partition("method")[0])} | {width(row.partition("营业执照核验")[0]) for row in rows}
    assert len(starts) == 1, "a Chinese character is as wide as two letters"


def test_a_key_can_be_ended_with_the_words_that_the_list_shows(operator: Operator) -> None:
    code = operator("enrol", *ACME).out.strip()
    with open_services(operator.data) as services:
        vkey = deposit(services, code)
    shown = operator("keys", "--find", USCC).out
    assert shown.splitlines()[1].split()[-1] == vkey
    assert "in force" in shown
    depositor, *_ = shown.splitlines()[1].split()
    assert operator("retire", "--depositor", depositor, "--vkey", vkey, "--reason", "left").code == 0
    assert "ended" in operator("keys").out
    since = "2026-01-31T08:00:00.000Z"
    words = ("--depositor", depositor, "--vkey", vkey, "--reason", "lost", "--compromised-since", since)
    assert operator("retire", *words).code == 0
    assert f"compromised since {since}" in operator("keys").out


def test_codes_are_listed_by_numbers_alone_and_a_withdrawn_one_enrols_nothing(operator: Operator) -> None:
    ran = operator("enrol", *ACME, "--role", "approve")
    code, number = ran.out.strip(), number_of(ran.out.strip())
    shown = operator("codes").out
    assert number in ran.err
    assert [word in shown for word in (number, "approve", "open", code.partition(".")[2])] == [True, True, True, False]
    assert operator("codes", "--withdraw", "0" * 12).code == 2
    assert operator("codes", "--withdraw", number).code == 0
    assert operator("codes", "--withdraw", number).code == 2
    assert "expired" in operator("codes").out
    with open_services(operator.data) as services, pytest.raises(CodeRefusedError):
        invite(services, code)


def test_a_used_code_is_not_withdrawn_and_the_way_out_is_named(operator: Operator) -> None:
    code = operator("enrol", *ACME).out.strip()
    with open_services(operator.data) as services:
        deposit(services, code)
    ran = operator("codes", "--withdraw", number_of(code))
    assert (ran.code, "hefu-service retire" in ran.err) == (2, True)
    assert "used" in operator("codes").out


def test_a_second_code_says_that_the_first_one_has_ended(operator: Operator) -> None:
    code = operator("enrol", *ACME).out.strip()
    ran = operator("enrol", "--depositor", code.partition(".")[0], "--role", "approve")
    assert (ran.code, number_of(code) in ran.err) == (0, True)


def test_signatures_ask_for_further_keys_and_are_not_dropped_in_silence(operator: Operator) -> None:
    ran = operator("enrol", *ACME, "--signatures", "2")
    depositor = ran.out.partition(".")[0]
    assert f"2 signatures: issue a code for each further key with --depositor {depositor}" in ran.err
    assert operator("enrol", "--depositor", depositor, "--signatures", "2").code == 2


# retire, clock


def test_retire_ends_a_key_and_records_why(operator: Operator) -> None:
    code = operator("enrol", *ACME).out.strip()
    with open_services(operator.data) as services:
        vkey = deposit(services, code)
    words = ("retire", "--depositor", code.partition(".")[0], "--vkey", vkey, "--reason", "员工离职")
    assert operator(*words).code == 0
    body = event_body(operator.events()[-1])
    assert isinstance(body, KeyEvent)
    assert (body.action, body.reason, body.from_seq) == ("retire", "员工离职", 1)
    again = operator(*words)
    assert again.code == 2
    assert len(operator.events()) == 2
    with open_services(operator.data) as services:
        settle(services)
    assert operator("fsck").code == 0


def test_a_compromised_key_is_reported_with_its_window_even_when_it_has_ended(operator: Operator) -> None:
    code = operator("enrol", *ACME).out.strip()
    with open_services(operator.data) as services:
        vkey = deposit(services, code)
    words = ("retire", "--depositor", code.partition(".")[0], "--vkey", vkey, "--reason", "lost")
    since = "2026-01-31T08:00:00.000Z"
    assert operator(*words).code == 0
    assert operator(*words, "--compromised-since", "yesterday").code == 2
    assert operator(*words, "--compromised-since", since).code == 0
    body = event_body(operator.events()[-1])
    assert isinstance(body, KeyEvent)
    assert (body.action, body.since) == ("compromised", parse_time(since))
    with open_services(operator.data) as services:
        settle(services)
    assert operator("fsck").code == 0


def test_clock_declares_the_time_that_it_prints(operator: Operator) -> None:
    ran = operator("clock", "--reason", "NTP 故障")
    assert ran.code == 0
    (event,) = operator.events()
    body = event_body(event)
    assert isinstance(body, Clock)
    assert body.reason == "NTP 故障"
    shown = re.search(r"\d{4}-\S+Z", ran.out)
    assert shown is not None
    assert parse_time(shown.group()) == body.not_before


@pytest.mark.parametrize("reason", ["", "  ", "\n", "x" * 401])
def test_a_reason_that_no_record_can_hold_does_not_stop_the_ledger(operator: Operator, reason: str) -> None:
    code = operator("enrol", *ACME).out.strip()
    with open_services(operator.data) as services:
        vkey = deposit(services, code)
    assert operator("clock", "--reason", reason).code == 2
    assert operator("retire", "--depositor", code.partition(".")[0], "--vkey", vkey, "--reason", reason).code == 2
    assert len(operator.events()) == 1
    with open_services(operator.data) as services:
        settle(services)


def test_the_longest_reason_can_be_recorded(operator: Operator) -> None:
    assert operator("clock", "--reason", "钟" * 400).code == 0
    with open_services(operator.data) as services:
        settle(services)
    assert operator("fsck").code == 0


# upgrade, fsck, export


def test_upgrade_may_be_repeated(operator: Operator) -> None:
    assert operator("upgrade").code == 0
    assert operator("upgrade").code == 0
    assert operator("fsck").code == 0


def test_fsck_exits_1_with_findings_and_0_without(operator: Operator) -> None:
    ran = operator("fsck")
    assert (ran.code, ran.out) == (0, "clean\n")
    (operator.data / "ledger" / "checkpoint").chmod(0o600)
    (operator.data / "ledger" / "checkpoint").write_bytes(b"not a checkpoint\n")
    ran = operator("fsck")
    assert ran.code == 1
    assert "checkpoint" in ran.out
    assert ran.out.splitlines()[-1] == f"{len(ran.out.splitlines()) - 1} finding(s)"


def grown(operator: Operator) -> Callable[[int], None]:
    codes = iter([operator("enrol", *ACME, *AGAIN).out.strip() for _ in range(3)])

    def grow(count: int) -> None:
        with open_services(operator.data) as services:
            deposit(services, next(codes), count)

    return grow


def files(root: Path) -> dict[str, bytes]:
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


def test_an_export_is_the_published_ledger_and_grows(operator: Operator, tmp_path: Path) -> None:
    grow, out = grown(operator), tmp_path / "out"
    grow(2)
    assert operator("export", "--out", out).code == 0
    first = files(out)
    assert first.items() <= files(operator.data / "ledger").items()
    assert {"checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3", "batches/2/leaves"} == first.keys()
    assert operator("export", "--out", out).code == 0
    assert files(out) == first
    grow(3)
    ran = operator("export", "--out", out)
    assert (ran.code, "5 records" in ran.out) == (0, True)
    assert files(out).keys() > first.keys()
    assert files(out)["checkpoint"] == files(operator.data / "ledger")["checkpoint"] != first["checkpoint"]
    assert not list(out.rglob("batches/*/entries")), "the private half only where it is asked for"
    assert operator("export", "--out", out, "--statements").code == 0
    assert len(list(out.rglob("batches/*/entries"))) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("batches/*/entries")} == {0o400}
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("batches/*/leaves")} == {0o444}


def test_an_export_without_statements_is_refused_where_some_are(operator: Operator, tmp_path: Path) -> None:
    grow, out = grown(operator), tmp_path / "out"
    grow(2)
    assert operator("export", "--out", out, "--statements").code == 0
    before = files(out)
    grow(3)
    ran = operator("export", "--out", out)
    assert (ran.code, "--statements" in ran.err) == (2, True)
    assert files(out) == before
    assert operator("export", "--out", out, "--statements").code == 0


def test_an_export_into_another_ledger_s_directory_is_refused_and_changes_nothing(
    operator: Operator, tmp_path: Path
) -> None:
    other, out = tmp_path / "other", tmp_path / "out"
    operator("init", "--origin", ORIGIN, data=other)
    assert operator("export", "--out", out, data=other).code == 0
    before = files(out)
    ran = operator("export", "--out", out)
    assert ran.code == 2
    assert files(out) == before


# Exit codes and helps


def test_an_error_that_nobody_foresaw_exits_3_and_an_interrupt_130(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(error: BaseException) -> Callable[..., NoReturn]:
        def fail(_: Services, **_options: object) -> NoReturn:
            raise error

        return fail

    for error, code in (
        (ValueError("x"), 3),
        (OSError("x"), 3),
        (SealingStoppedError("x"), 3),
        (KeyboardInterrupt(), 130),
    ):
        monkeypatch.setattr(cli.ledger, "run_fsck", failing(error))
        ran = operator("fsck")
        assert ran.code == code
        assert "Traceback" not in ran.err


def test_a_wrong_word_is_a_usage_error(operator: Operator) -> None:
    for words in (("frobnicate",), ("fsck", "--quick"), ("init",), ("clock",)):
        ran = operator(*words)
        assert ran.code == 2
        assert ran.err


def test_every_option_of_every_command_says_what_it_is() -> None:
    for name, command in cli.command.commands.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_the_installed_program_is_this_one() -> None:
    program = Path(sys.executable).with_name("hefu-service")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for name in cli.command.commands:
        assert f"  {name} " in done.stdout
    assert done.stderr == ""


def test_an_answer_that_cannot_be_written_is_no_finding(begun: Path) -> None:
    command = [sys.executable, "-c", "from hefu_service.cli import main; main()", "fsck", "--data", str(begun)]
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(command, stdout=writer, stderr=full, check=False).returncode == 3
        assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == 3
        assert subprocess.run([*command, "--nonsense"], stdout=full, stderr=full, check=False).returncode == 2
    os.close(writer)


def test_words_that_a_locale_may_turn_into_others_are_refused(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "data")
    script = "from hefu_service.cli import main; main()"
    locale = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HEFU_LANG": "en"}
    for name, code in (("甲公司", 2), ("Acme", 0)):
        words = ["enrol", "--data", str(tmp_path / "data"), "--name", name, "--uscc", "91310120MA1HP00194"]
        words += ["--method", "licence", "--verified-by", "desk"]
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(command, env=locale, capture_output=True, text=True, check=False)
        assert (done.returncode, "PYTHONUTF8=1" in done.stderr) == (code, code == 2), done.stderr


def test_a_tilde_is_a_home_folder(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "HOME": str(begun.parent), "HEFU_DATA": f"~/{begun.name}", "HEFU_LANG": "en"}
    script = "from hefu_service.cli import main; main()"
    for words in (["fsck"], ["export", "--out", f"~/{tmp_path.name}-out"]):
        subprocess.run([sys.executable, "-c", script, *words], env=environment, capture_output=True, check=True)
    done = subprocess.run(
        [sys.executable, "-c", script, "init", "--data=~no-such-user/x", "--origin", "log.example/x"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "no user's folder" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


# move


def test_move_shows_its_progress_and_proof_and_the_setting_to_use(
    operator: Operator, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create().set(drivername="postgresql").render_as_string(hide_password=False)
    ran = operator("move", "--to", url)
    assert ran.code == 0
    assert re.search(r"^equal: records, 1 rows, [0-9a-f]{64}$", ran.out, re.MULTILINE)
    assert "copied records: 1 of 1 rows" in ran.err
    assert ran.out.endswith(f"moved; from now on set:\nHEFU_DATABASE_URL={url}\n")
    for command in (["fsck"], ["upgrade"], ["serve"], ["export", "--out", operator.data / "out"]):
        refused = operator(*command)
        assert refused.code == 2
        assert f"the ledger has moved from this database to {url}: set HEFU_DATABASE_URL={url}" in refused.err
    assert operator("move", "--to", url).out.endswith(f"HEFU_DATABASE_URL={url}\n"), "again is harmless"
    monkeypatch.setenv("HEFU_DATABASE_URL", url)
    assert operator("fsck").code == 0
    assert operator("move", "--to", url).code == 0, "and so it is with the setting of after the move"
    assert operator("move", "--to", "sqlite").out.endswith("from now on leave HEFU_DATABASE_URL unset\n")
    assert "leave HEFU_DATABASE_URL unset" in operator("serve").err
    monkeypatch.delenv("HEFU_DATABASE_URL")
    assert operator("fsck").code == 0
    assert "the ledger is in that database already" in operator("move", "--to", "sqlite").err


def test_move_in_the_wrong_direction_names_the_database_that_has_the_ledger(
    operator: Operator, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create().set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("HEFU_DATABASE_URL", url)
    assert operator("move", "--to", url).code == 0, "the setting came before the move"
    monkeypatch.delenv("HEFU_DATABASE_URL")
    assert f"set HEFU_DATABASE_URL={url}" in operator("move", "--to", "sqlite").err
    (operator.data / "hefu.sqlite3").rename(operator.data / "kept")
    monkeypatch.setenv("HEFU_DATABASE_URL", url)
    assert "the ledger is in that database already" in operator("move", "--to", url).err


@pytest.mark.parametrize("url", ["postgresql://hefu:secret@db.example/hefu", "postgresql:///hefu?password=secret"])
def test_move_takes_no_password_and_shows_none(operator: Operator, url: str) -> None:
    ran = operator("move", "--to", url)
    assert ran.code == 2
    assert "holds a password" in ran.err
    assert "secret" not in ran.out + ran.err


def test_a_server_that_is_not_there_leaves_the_ledger_where_it_is(operator: Operator) -> None:
    ran = operator("move", "--to", "postgresql://hefu@127.0.0.1:1/hefu")
    assert ran.code == 2
    assert "database: " in ran.err
    assert operator("fsck").code == 0
