"""Every route of the HTTP surface on real data: what is deposited, shown, published and verified."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.sample_api import TOKEN, SampleApi, api_of
from tests.support.sample_service import (
    ACKNOWLEDGEMENT,
    LOG,
    LOG_MLDSA44,
    ORIGIN,
    POLICY,
    USCC,
    SampleService,
    depositor_key,
    depositor_of,
    signer,
    statement,
    vkey,
)

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import parse_receipt
from hefu_ledger.number import format_number
from hefu_ledger.records.bodies import Enrolment
from hefu_ledger.records.record import parse_record
from hefu_ledger.section import close, parse_opened
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer
from hefu_ledger.tlog.merkle import Tree, leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import Note, parse_note, verify_note
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.verify import verify_receipt
from hefu_service.intake.enrolment import retire_key
from hefu_service.intake.refusals import BusyError
from hefu_service.outside.files import LedgerFolder
from hefu_service.outside.signer import FileSigner
from hefu_service.ports.errors import ClockError
from hefu_service.publishing.export import export_ledger

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


def id_of(note: bytes) -> str:
    return sha256(note).hexdigest()


def signed_by(note: Note, signer: Ed25519Signer) -> bool:
    verified, _ = verify_note(note, [signer.key])
    return len(verified) == 1


# Enrolments


def test_a_code_and_a_possession_note_enrol_a_key(api: SampleApi) -> None:
    code = api.service.code()
    key = depositor_key(code, "key")
    invitation = api.post("/v1/enrolments", json={"code": code}).get_json()
    assert json.loads(invitation["identity"]["text"])["uscc"] == USCC
    answer = api.redeem(code, key)
    assert answer.status_code == 201
    body = answer.get_json()
    assert body["depositor"] == depositor_of(key)
    assert (body["origin"], body["from_seq"], body["vkey"]) == (ORIGIN, 0, vkey(key))
    assert USCC.encode() not in answer.data
    api.service.settle()
    enrolment = parse_record(api.get(f"/v1/enrolments/{depositor_of(key)}").get_json()["records"][1].encode()).body
    assert isinstance(enrolment, Enrolment)
    assert close(parse_opened(invitation["identity"], "identity")) == enrolment.roster.identity


def test_the_same_enrolment_again_gets_the_same_answer_as_200(api: SampleApi) -> None:
    code = api.service.code()
    note = api.service.possession(code, depositor_key(code, "key"))
    first, again = api.enrol(code, note), api.enrol(code, note)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.data == again.data


def test_an_enrolment_is_shown_with_proofs_and_without_the_identity(api: SampleApi) -> None:
    key = api.service.enrol()
    api.service.settle()
    other = api.service.enrol_another(key, "second", key)
    retire_key(api.service.services, depositor_of(key), key.key, reason="lost")
    answer = api.get(f"/v1/enrolments/{depositor_of(key)}")
    body = answer.get_json()
    assert (body["depositor"], body["pending"]) == (depositor_of(key), 2)
    api.service.settle()
    answer = api.get(f"/v1/enrolments/{depositor_of(key)}")
    body = answer.get_json()
    assert body["pending"] == 0
    assert [parse_record(text.encode()).type for text in body["records"]] == [
        "genesis",
        "enrolment",
        "enrolment",
        "key",
    ]
    assert vkey(other).encode() in answer.data
    note = parse_note(body["checkpoint"].encode())
    checkpoint = parse_checkpoint(note.text)
    assert signed_by(note, LOG)
    for text, path in zip(body["records"], body["paths"], strict=True):
        verify_inclusion(
            leaf_hash=leaf_hash(text.encode()),
            index=parse_record(text.encode()).index,
            size=checkpoint.size,
            root=checkpoint.root,
            path=[bytes.fromhex(node) for node in path],
        )
    assert USCC.encode() not in answer.data
    assert "上海".encode() not in answer.data


def test_a_depositor_that_has_no_key_yet_is_not_shown(api: SampleApi) -> None:
    depositor = api.service.code().partition(".")[0]
    assert api.get(f"/v1/enrolments/{depositor}").status_code == 404
    assert api.get("/v1/enrolments/nobody").status_code == 404


# Deposits


def test_a_statement_is_acknowledged_under_the_service_s_key(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    answer = api.statement(note)
    assert (answer.status_code, answer.content_type) == (201, "text/plain; charset=utf-8")
    acknowledgement = parse_note(answer.data)
    assert signed_by(acknowledgement, ACKNOWLEDGEMENT)
    acceptance = parse_acceptance(acknowledgement.text)
    assert (acceptance.seq, acceptance.nth, acceptance.statement.hex()) == (0, 0, id_of(note))


def test_the_same_statement_again_gets_the_same_bytes_as_200(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    first = api.statement(note)
    api.service.settle()
    again = api.statement(note)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.data == again.data
    alone = api.statements([note])
    assert (alone.status_code, alone.get_json()) == (200, {"acknowledgements": [first.data.decode()]})


def test_many_statements_are_acknowledged_in_their_order(api: SampleApi) -> None:
    key = api.service.enrol()
    notes = [statement(key, number) for number in range(64)]
    answer = api.statements([*notes[:-1], notes[0]])
    assert answer.status_code == 201
    acknowledged = [parse_acceptance(parse_note(each.encode()).text) for each in answer.get_json()["acknowledgements"]]
    assert [each.statement.hex() for each in acknowledged] == [id_of(note) for note in (*notes[:-1], notes[0])]
    assert [each.seq for each in acknowledged] == [*range(63), 0]
    assert api.statements(notes[:-1]).status_code == 200
    assert api.statements(notes).status_code == 201, "one of them is new"


def test_a_deposit_s_state_is_accepted_and_then_anchored(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    acknowledgement = api.statement(note).data.decode()
    expected = {"acknowledgement": acknowledgement, "number": format_number("FX", 0), "state": "accepted"}
    assert api.get(f"/v1/deposits/{id_of(note)}").get_json() == expected
    api.service.settle()
    assert api.get(f"/v1/deposits/{id_of(note)}").get_json() == expected | {"state": "anchored"}


def test_a_receipt_is_promised_and_then_there_for_ever(api: SampleApi) -> None:
    key = api.service.enrol()
    note = statement(key)
    api.statement(note)
    waiting = api.get(f"/v1/deposits/{id_of(note)}/receipt")
    assert (waiting.status_code, waiting.get_json()) == (202, {"state": "accepted"})
    assert int(waiting.headers["Retry-After"]) > 0
    api.service.settle()
    made = api.get(f"/v1/deposits/{id_of(note)}/receipt")
    assert (made.status_code, made.content_type) == (200, "application/json")
    assert parse_receipt(made.data).statement.encode() == note
    assert {step.outcome for step in verify_receipt(made.data, policy=POLICY).steps}.isdisjoint({"failed"})
    api.service.deposit(key, 3, first=1)
    api.service.settle()
    assert api.get(f"/v1/deposits/{id_of(note)}/receipt").data == made.data


@pytest.mark.parametrize("path", ["/v1/deposits/{}", "/v1/deposits/{}/receipt"])
def test_a_statement_that_was_never_deposited_is_not_found(api: SampleApi, path: str) -> None:
    assert api.get(path.format("0" * 64)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/deposits/{}", "/v1/deposits/{}/receipt"])
@pytest.mark.parametrize("wrong", ["0", "0" * 63, "0" * 66, "A" * 64, "g" * 64, "０" * 64, "%00" * 64])
def test_a_statement_is_named_by_its_sha_256_in_lower_case_hex(api: SampleApi, path: str, wrong: str) -> None:
    assert api.get(path.format(wrong)).status_code == 400


def test_a_deposit_number_shows_state_and_times_and_nothing_else(api: SampleApi) -> None:
    key = api.service.enrol()
    api.statement(statement(key))
    number = format_number("FX", 0)
    waiting = api.get(f"/v1/numbers/{number}")
    assert set(waiting.get_json()) == {"number", "received_at", "state"}
    assert waiting.get_json()["state"] == "accepted"
    api.service.settle()
    anchored = api.get(f"/v1/numbers/{number}")
    assert set(anchored.get_json()) == {"number", "received_at", "sealed_at", "state"}
    assert anchored.get_json()["received_at"] <= anchored.get_json()["sealed_at"]
    for hidden in (depositor_of(key), id_of(statement(key)), ORIGIN):
        assert hidden.encode() not in anchored.data


def test_a_number_nobody_has_is_not_found_and_a_mistyped_one_is_malformed(api: SampleApi) -> None:
    number = format_number("FX", 0)
    assert api.get(f"/v1/numbers/{number}").status_code == 404
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    for mistyped in (wrong, number[:-1], number.lower(), f"HF{number[2:]}", "FX"):
        assert api.get(f"/v1/numbers/{mistyped}").status_code == 400


# Verification


def test_a_receipt_is_verified_step_by_step(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    api.statement(note)
    api.service.settle()
    receipt = api.get(f"/v1/deposits/{id_of(note)}/receipt").get_json()
    verdict = api.post("/v1/verify", json=receipt)
    assert verdict.status_code == 200
    assert verdict.get_json()["verdict"] == "proven"
    changed = json.loads(json.dumps(receipt).replace('"batch_path": []', f'"batch_path": ["{"0" * 64}"]'))
    assert changed != receipt
    assert api.post("/v1/verify", json=changed).get_json()["verdict"] == "not proven"


def test_a_receipt_of_another_ledger_is_not_judged(service: SampleService) -> None:
    receipt = Path(__file__).parents[1].joinpath("vectors/v1/receipts/0.json").read_bytes()
    another = FileSigner(signer(ORIGIN, "another"), MLDSA44Signer(ORIGIN, bytes(32)), service.data / "another")
    service.services = replace(service.services, signer=another)
    answer = api_of(service).post("/v1/verify", data=receipt, content_type="application/json")
    assert answer.status_code == 200
    assert answer.get_json()["verdict"] == "cannot tell"


def test_the_trust_text_is_the_policy_with_the_fingerprints_of_the_logs_two_keys(api: SampleApi) -> None:
    answer = api.get("/v1/trust")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert parse_policy(answer.data.decode()) == POLICY
    shown = [line.split()[-1] for line in answer.data.decode().splitlines() if line.startswith("#")]
    assert shown == [LOG.key.fingerprint, LOG_MLDSA44.key.fingerprint]


# The published ledger


def test_every_file_of_the_ledger_is_served_as_it_lies_there(api: SampleApi) -> None:
    key = api.service.enrol()
    for first in (0, 3):
        api.service.deposit(key, 3, first=first)
        api.service.settle()
    root = api.service.data / "ledger"
    files = [path for path in root.rglob("*") if path.is_file() and ".unfinished" not in path.parts]
    assert {path.name for path in files} > {"checkpoint", "leaves"}
    for path in files:
        answer = api.get(f"/ledger/{path.relative_to(root)}")
        assert (answer.status_code, answer.data) == (200, path.read_bytes())
        assert answer.headers["Cache-Control"] == ("no-cache" if path.name == "checkpoint" else IMMUTABLE)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_stranger_can_replay_leaves_to_the_root_of_their_record(api: SampleApi) -> None:
    api.service.deposit(api.service.enrol(), 5)
    api.service.settle()
    index = parse_checkpoint(parse_note(api.get("/ledger/checkpoint").data).text).size - 1
    with api.service.services.store.view() as view:
        record = view.record(index)
    assert record is not None
    root = Tree(api.get(f"/ledger/batches/{index}/leaves").data).root
    assert root.hex().encode() in record.data


@pytest.mark.parametrize(
    "path",
    [
        "/ledger/tile/0/001",
        "/ledger/tile/0/0",
        "/ledger/tile/0/000.p/0",
        "/ledger/tile/0/000.p/256",
        "/ledger/tile/x/000",
        "/ledger/tile/../checkpoint",
        "/ledger/tile/0/../0/000.p/1",
        "/ledger/tile/0/..%2f..%2f..%2fhefu.sqlite3",
        "/ledger/tile//etc/passwd",
        "/ledger/tile/0",
        "/ledger/batches/0/leaves",
        "/ledger/batches/01/leaves",
        "/ledger/batches/-1/leaves",
        "/ledger/batches/99999999999999999999/leaves",
        "/ledger/batches/../leaves",
        "/ledger/batches/1/entries",
        "/ledger/.unfinished",
        "/ledger/",
        "/ledger",
        "/keys/log.key",
    ],
)
def test_nothing_else_is_served(api: SampleApi, path: str) -> None:
    api.service.deposit(api.service.enrol())
    api.service.settle()
    assert api.get(path).status_code == 404


# The auditor


def test_a_checkpoint_is_plain_text_of_one_charset(api: SampleApi) -> None:
    assert api.get("/ledger/checkpoint").headers["Content-Type"] == "text/plain; charset=utf-8"


def test_an_auditor_reads_the_entries_that_export_writes(api: SampleApi, tmp_path: Path) -> None:
    key = api.service.enrol()
    api.service.deposit(key, 3)
    api.service.settle()
    export_ledger(api.service.services, LedgerFolder(tmp_path / "out"), statements=True)
    (entries,) = (tmp_path / "out").rglob("batches/*/entries")
    answer = api.get(f"/v1/batches/{entries.parent.name}/entries", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
    assert answer.data == entries.read_bytes()
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert [json.loads(line)[1].encode() for line in answer.data.splitlines()] == [statement(key, n) for n in range(3)]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Token {TOKEN}",
     f"Bearer a=b {TOKEN}",
     f"Bearer {TOKEN.upper()}", "Bearer \xff"],
)  # fmt: skip
def test_without_the_token_nothing_is_shown(api: SampleApi, authorization: str | None) -> None:
    api.service.deposit(api.service.enrol())
    api.service.settle()
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = api.get("/v1/batches/2/entries", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_an_auditor_finds_entries_only_where_there_is_a_batch(api: SampleApi) -> None:
    api.service.deposit(api.service.enrol())
    api.service.settle()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    found = [
        api.get(f"/v1/batches/{index}/entries", headers=headers).status_code for index in ("0", "1", "2", "3", "x")
    ]
    assert found == [404, 404, 200, 404, 404]


def test_a_service_without_a_token_admits_no_auditor(service: SampleService) -> None:
    service.deposit(service.enrol())
    service.settle()
    for headers in ({}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}):
        assert api_of(service, auditor_token=None).get("/v1/batches/2/entries", headers=headers).status_code == 403


# Health


def test_it_is_alive_and_ready_or_says_what_is_not(api: SampleApi) -> None:
    assert api.get("/healthz").get_json() == {"status": "ok"}
    assert api.get("/readyz").get_json() == {"ready": True, "not_ready": []}
    api.not_ready["sealing"] = "it stands still"
    answer = api.get("/readyz")
    parts = [{"part": "sealing", "reason": "it stands still"}]
    assert (answer.status_code, answer.get_json()) == (503, {"ready": False, "not_ready": parts})


def test_every_answer_has_a_request_id_of_its_own(api: SampleApi) -> None:
    assert len({api.get(path).headers["X-Request-Id"] for path in ("/healthz", "/healthz", "/nowhere")}) == 3


@pytest.mark.parametrize(("error", "kind"), [(BusyError("full"), "busy"), (ClockError("behind"), "clock")])
def test_a_service_that_cannot_take_more_says_when_to_come_back(
    api: SampleApi, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str
) -> None:
    def refuse(_: object) -> None:
        raise error

    monkeypatch.setattr(type(api.service.committer), "check", lambda _self, notes: refuse(notes))
    answer = api.statement(b"a note")
    assert (answer.status_code, answer.get_json()["type"]) == (503, f"about:hefu/{kind}")
    assert int(answer.headers["Retry-After"]) > 0
