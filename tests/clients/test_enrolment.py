"""Enrolling: the key before anything is sent, the configuration after everything is verified."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.double import CODE, DEPOSITOR, LOST, Double, Reply, as_json, problem, running, text
from tests.support.sample_ledger import LOG, LOG_MLDSA44, ORIGIN, POLICY, WITNESSED, opened_identity, signer

from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.files import atomic
from hefu.home.home import Config, load
from hefu.keys.enrol import Invitation, enrol
from hefu.service import Service
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.records.bodies import KeyEvent
from hefu_ledger.records.roster import NO_ROSTER
from hefu_ledger.section import close, section_value
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.keyfile import parse_key
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.merkle import EMPTY_ROOT
from hefu_ledger.tlog.note import format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import Log, format_policy

FILES = {
    *("checkpoint", "config.json", "genesis", "key", "policy.txt"),
    *("recovery.html", "unsent", "vault", "vault.key"),
}
BEGUN = {"key", "vault.key", "vault.key.new"}  # .new: the sheet is still to be made
SENT = BEGUN | {"enrolling"}


@pytest.fixture
def service(double: Double) -> Iterator[Service]:
    with running(double) as url, Service(url, sleep=lambda _: None) as service:
        yield service


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def files(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()} if home.exists() else set()


def test_a_home_holds_all_that_depositing_needs(service: Service, home: Path) -> None:
    done = enrol(str(home), service, f" {CODE}\n")
    assert (done.depositor, done.origin, done.checkpoint_size) == (DEPOSITOR, ORIGIN, 2)
    assert done.fingerprints == (LOG.key.fingerprint, LOG_MLDSA44.key.fingerprint)
    assert done.identity.uscc == "91310120MA1HP00194"
    assert files(home) == FILES
    loaded = load(str(home))
    assert loaded.config == Config(DEPOSITOR, opened_identity(DEPOSITOR), ORIGIN, service.url)
    assert loaded.policy == POLICY
    assert loaded.seen is not None


def test_key_and_identity_are_readable_by_their_owner_alone(service: Service, home: Path) -> None:
    enrol(str(home), service, CODE)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE((home / name).stat().st_mode) for name in ("key", "config.json")} == {0o600}


def test_neither_key_nor_more_than_code_and_possession_is_sent(service: Service, double: Double, home: Path) -> None:
    enrol(str(home), service, CODE)
    asked, sent = double.posted("/v1/enrolments")
    assert json.loads(asked).keys() == {"code"}
    assert json.loads(sent).keys() == {"code", "possession"}
    secret = (home / "key").read_text().strip().split("+", 4)[4][4:]
    assert len(secret) == 40
    assert all(secret.encode() not in body for _, _, body in double.requests)


def test_a_finished_home_is_not_enrolled_again(service: Service, double: Double, home: Path) -> None:
    enrol(str(home), service, CODE)
    double.requests.clear()
    with pytest.raises(ClientError, match="a home already"):
        enrol(str(home), service, CODE)
    assert double.requests == []


@pytest.mark.parametrize("name", ["key", "enrolling", "policy.txt", "genesis", "checkpoint", "config.json"])
def test_an_enrolment_interrupted_before_any_file_goes_on_with_the_same_key(
    service: Service, double: Double, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def interrupt_at(real: Callable[..., None]) -> Callable[..., None]:
        def write(path: str, data: bytes) -> None:
            if path.endswith(f"/{name}"):
                raise KeyboardInterrupt
            real(path, data)

        return write

    with monkeypatch.context() as patch:
        patch.setattr("hefu.keys.enrol.write_new", interrupt_at(atomic.write_new))
        patch.setattr("hefu.keys.enrol.replace", interrupt_at(atomic.replace))
        with pytest.raises(KeyboardInterrupt):
            enrol(str(home), service, CODE)
    assert "config.json" not in files(home)
    key = (home / "key").read_bytes() if name != "key" else None
    enrol(str(home), service, CODE)
    assert files(home) == FILES
    assert key in (None, (home / "key").read_bytes())
    assert sum(b"possession" in record for record in double.ledger.records) == 1


def test_the_code_is_shown_before_anything_is_signed(service: Service, double: Double, home: Path) -> None:
    double.required, double.role = 2, "approve"
    shown: list[Invitation] = []

    def refuse(invitation: Invitation) -> None:
        shown.append(invitation)
        raise ClientError("no")

    with pytest.raises(ClientError, match="no"):
        enrol(str(home), service, CODE, confirm=refuse)
    assert (shown[0].role, shown[0].signatures_required) == ("approve", 2)
    assert shown[0].identity.uscc == "91310120MA1HP00194"
    assert len(double.posted("/v1/enrolments")) == 1
    assert len(double.ledger.records) == 1
    done = enrol(str(home), service, CODE)
    assert (done.role, done.signatures) == ("approve", 2)


def test_a_note_that_lay_too_long_is_made_anew(service: Service, double: Double, home: Path) -> None:
    late = problem(422, "request-time", "made too long ago")
    double.faults = [None, None, *[(500, b"", {})] * 9]
    with pytest.raises(UnreachableError):
        enrol(str(home), service, CODE)
    assert "enrolling" in files(home)
    double.faults = [None, late]
    enrol(str(home), service, CODE)
    assert "enrolling" not in files(home)
    assert len(double.ledger.records) == 2


def test_a_lost_answer_does_not_enrol_twice(service: Service, double: Double, home: Path) -> None:
    double.faults = [None, LOST, LOST]
    enrol(str(home), service, CODE)
    assert len(double.posted("/v1/enrolments")) == 4
    assert len(double.ledger.records) == 2


def test_a_refused_code_leaves_only_the_key_which_the_next_code_uses(service: Service, home: Path) -> None:
    with pytest.raises(RefusedError, match="expired"):
        enrol(str(home), service, f"{DEPOSITOR}.wrong")
    assert files(home) == BEGUN
    enrol(str(home), service, CODE)


def test_another_depositors_code_is_refused_before_it_is_sent(service: Service, double: Double, home: Path) -> None:
    with pytest.raises(RefusedError):
        enrol(str(home), service, f"{DEPOSITOR}.wrong")
    double.requests.clear()
    with pytest.raises(ClientError, match="choose another --home"):
        enrol(str(home), service, "beta.secret")
    assert double.posted("/v1/enrolments") == []


@pytest.mark.parametrize("code", ["", "Üx.secret", "with space.secret", ".secret"])
def test_what_is_no_code_is_not_sent(service: Service, double: Double, home: Path, code: str) -> None:
    with pytest.raises(LedgerError, match="depositor id"):
        enrol(str(home), service, code)
    assert double.requests == []


@pytest.mark.parametrize(
    "policy", ["quorum none\n", format_policy(POLICY).replace("quorum", f"log {'x'}\nquorum"), "", "<html>"]
)
def test_a_trust_answer_that_is_no_policy_of_one_log_is_refused(
    service: Service, double: Double, home: Path, policy: str
) -> None:
    double.faults = [text(200, policy)]
    with pytest.raises((ClientError, LedgerError)):
        enrol(str(home), service, CODE)
    assert files(home) == set()


def test_a_policy_of_two_logs_is_refused_and_two_keys_of_one_log_are_shown(
    service: Service, double: Double, home: Path
) -> None:
    other = Log(signer("log.example/other", "other").key)
    double.faults = [text(200, format_policy(POLICY._replace(logs=(Log(LOG.key), other))))]
    with pytest.raises(ClientError, match="names 2 logs"):
        enrol(str(home), service, CODE)
    double.faults = [text(200, format_policy(POLICY._replace(logs=(Log(LOG.key), Log(LOG_MLDSA44.key)))))]
    assert enrol(str(home), service, CODE).fingerprints == (LOG.key.fingerprint, LOG_MLDSA44.key.fingerprint)


def test_an_enrolment_that_never_reaches_the_ledger_is_not_waited_for_without_end(
    service: Service, double: Double, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(double, "enrolment", lambda: (404, b"", {}))
    with pytest.raises(UnreachableError, match="run the same command again"):
        enrol(str(home), service, CODE)
    assert files(home) == SENT


def edit_answer(change: Callable[[dict[str, Any]], None]) -> Callable[[Callable[[], Reply]], Callable[[], Reply]]:
    def wrap(real: Callable[[], Reply]) -> Callable[[], Reply]:
        def answer() -> Reply:
            value = json.loads(real()[1])
            change(value)
            return as_json(200, value)

        return answer

    return wrap


def resigned(value: dict[str, Any], signer: Ed25519Signer, text: str | None = None) -> None:
    note = parse_note(value["checkpoint"].encode())
    value["checkpoint"] = format_note(sign_note(note.text if text is None else text, [signer])).decode()


def forge_signature(value: dict[str, Any]) -> None:
    resigned(value, signer(ORIGIN, "stranger"))


def change_record(value: dict[str, Any]) -> None:
    value["records"][1] = value["records"][1].replace('"signatures_required":1', '"signatures_required":2')


def swap_paths(value: dict[str, Any]) -> None:
    value["paths"].reverse()


def drop_path(value: dict[str, Any]) -> None:
    value["paths"].pop()


def drop_genesis(value: dict[str, Any]) -> None:
    del value["records"][0], value["paths"][0]


def other_tree(value: dict[str, Any]) -> None:
    resigned(value, LOG, format_checkpoint(Checkpoint(ORIGIN, 2, EMPTY_ROOT)))


@pytest.mark.parametrize("change", [forge_signature, change_record, swap_paths, drop_path, drop_genesis, other_tree])
def test_an_enrolment_that_is_not_on_the_ledger_as_shown_is_not_believed(
    service: Service,
    double: Double,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], None],
) -> None:
    monkeypatch.setattr(double, "enrolment", edit_answer(change)(double.enrolment))
    with pytest.raises((LedgerError, UnreachableError)):
        enrol(str(home), service, CODE)
    assert files(home) == SENT


def test_an_identity_other_than_the_one_on_the_ledger_is_not_believed(
    service: Service, double: Double, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that shows one identity and enrols another: the key has signed for the one that it was shown."""
    real = double.enrol

    def lie(body: bytes) -> Reply:
        value = json.loads(real(body)[1])
        shown = {"identity": section_value(opened_identity("beta"))} if "identity" in value else {}
        return as_json(201, value | shown)

    monkeypatch.setattr(double, "enrol", lie)
    enrol(str(home), service, CODE)
    assert load(str(home)).config.identity == opened_identity("beta")
    (body,) = double.bodies()
    assert body.roster.identity == close(opened_identity("beta"))


@pytest.mark.parametrize("lie", [{"depositor": "beta"}, {"origin": "log.example/other"}])
def test_an_answer_for_another_depositor_or_ledger_is_not_believed(
    service: Service, double: Double, home: Path, monkeypatch: pytest.MonkeyPatch, lie: dict[str, str]
) -> None:
    real = double.enrol
    monkeypatch.setattr(double, "enrol", lambda body: as_json(201, json.loads(real(body)[1]) | lie))
    with pytest.raises(UnreachableError, match="another depositor or ledger"):
        enrol(str(home), service, CODE)
    assert files(home) == BEGUN
    assert len(double.ledger.records) == 1


def test_a_key_that_the_ledger_says_is_retired_already_is_not_enrolled(
    service: Service, double: Double, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = double.enrolment

    def with_retirement() -> Reply:
        if len(double.ledger.records) == 2:
            key = parse_key((home / "key").read_bytes()).key
            double.ledger.event(DEPOSITOR, KeyEvent("retire", "operator", 0, 0, "lost", NO_ROSTER, key))
        return real()

    monkeypatch.setattr(double, "enrolment", with_retirement)
    with pytest.raises(VerificationError, match="do not make this key the depositor's"):
        enrol(str(home), service, CODE)
    assert files(home) == SENT


def test_a_genesis_with_another_log_key_than_the_policy_is_not_believed(
    service: Service, double: Double, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = format_policy(POLICY._replace(logs=(Log(signer(ORIGIN, "new").key),)))
    double.faults = [text(200, both)]
    monkeypatch.setattr(double, "enrolment", edit_answer(resign)(double.enrolment))
    with pytest.raises(VerificationError, match="genesis names another log key"):
        enrol(str(home), service, CODE)


def resign(value: dict[str, Any]) -> None:
    resigned(value, signer(ORIGIN, "new"))


def test_witnesses_of_a_policy_do_not_stand_in_for_its_log(service: Service, double: Double, home: Path) -> None:
    double.faults = [text(200, format_policy(WITNESSED))]
    assert enrol(str(home), service, CODE).fingerprints == (LOG.key.fingerprint, LOG_MLDSA44.key.fingerprint)
