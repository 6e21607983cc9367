"""A vault keeps what its depositor signed for, gives it to whoever shows its address, and to nobody else."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import pytest
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import ORIGIN, START, SampleService, depositor_key, depositor_of, opened, statement
from tests.support.sample_store import deposit
from werkzeug.test import TestResponse

from hefu_ledger.deposit.vault import MAX_BLOB, Upload, format_upload
from hefu_ledger.encoding import to_base64
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.api import vault as vault_api
from hefu_service.intake.enrolment import retire_key
from hefu_service.observing.logs import JsonFormatter
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import VaultBlob, VaultClosure
from hefu_service.ports.store import Store

ADDRESS, OTHER = "ab" * 32, "cd" * 32
NAME = sha256(b"statement").hexdigest()
AGE = b"age-encryption.org/v1\n"
BLOB = AGE + b"-> X25519 opaque"


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


@pytest.fixture
def key(service: SampleService) -> Ed25519Signer:
    return service.enrol()


def put(
    api: SampleApi,
    key: Ed25519Signer,
    data: bytes = BLOB,
    *,
    name: str = NAME,
    address: str = ADDRESS,
    signed_by: list[Ed25519Signer] | None = None,
    said: dict[str, Any] | None = None,
) -> TestResponse:
    """Put a file as a client does; ``said`` changes what the note says."""
    hashed, digest = sha256(address.encode()).digest(), sha256(data).digest()
    upload = Upload(hashed, START, depositor_of(key), name, ORIGIN, digest, len(data))._replace(**(said or {}))
    note = format_note(sign_note(format_upload(upload), [key] if signed_by is None else signed_by))
    headers = {"Authorization": f"Bearer {address}", "Hefu-Signature": to_base64(note)}
    return api.put(f"/v1/vault/{name}", data=data, headers=headers, content_type="application/octet-stream")


def get(api: SampleApi, path: str = "", address: str = ADDRESS) -> TestResponse:
    return api.get(f"/v1/vault{path}", headers={"Authorization": f"Bearer {address}"})


def kind(answer: TestResponse) -> str:
    return f"{answer.status_code} {answer.get_json()['type'].rpartition('/')[2]}"


def test_what_is_put_is_listed_and_given_back_to_the_byte(api: SampleApi, key: Ed25519Signer) -> None:
    assert put(api, key).status_code == 201
    assert put(api, key, BLOB + b"2", name=f"{NAME}.1").status_code == 201
    listing = get(api).get_json()
    assert listing["depositor"] == depositor_of(key)
    assert listing["blobs"] == [
        {"name": name, "sha256": sha256(data).hexdigest(), "size": len(data)}
        for name, data in ((NAME, BLOB), (f"{NAME}.1", BLOB + b"2"))
    ]
    assert get(api, f"/{NAME}").data == BLOB
    assert get(api, f"/{NAME}.1").data == BLOB + b"2"
    assert get(api, f"/{NAME}").headers["Cache-Control"] == "private, no-store"


def test_the_listing_names_every_statement_in_the_depositors_own_order(api: SampleApi, key: Ed25519Signer) -> None:
    put(api, key)
    notes = [statement(key, number) for number in range(3)]
    api.service.accept(*notes)
    api.service.deposit(api.service.enrol("other"))
    assert get(api).get_json()["statements"] == [sha256(note).hexdigest() for note in notes]


def test_the_same_file_again_is_harmless_and_another_under_its_name_is_refused(
    api: SampleApi, key: Ed25519Signer
) -> None:
    put(api, key)
    assert put(api, key).status_code == 200
    assert kind(put(api, key, BLOB + b"!")) == "409 conflict"
    assert get(api, f"/{NAME}").data == BLOB


def test_a_file_is_taken_though_another_attempt_left_other_bytes_behind(api: SampleApi, key: Ed25519Signer) -> None:
    api.service.services.vault_files.write(depositor_of(key), NAME, BLOB + b" of a crash")
    assert put(api, key).status_code == 201
    assert get(api, f"/{NAME}").data == BLOB


def test_another_depositor_cannot_put_into_a_vault_nor_claim_its_address(api: SampleApi, key: Ed25519Signer) -> None:
    put(api, key)
    stranger = api.service.enrol("stranger")
    assert kind(put(api, stranger, name="0" * 64)) == "403 not-their-vault"
    assert put(api, stranger, address=OTHER).status_code == 201
    assert get(api, f"/{NAME}", OTHER).data == BLOB
    assert len(get(api).get_json()["blobs"]) == 1


def test_two_vaults_of_one_depositor_do_not_show_each_others_files(api: SampleApi, key: Ed25519Signer) -> None:
    put(api, key)
    put(api, key, BLOB + b"2", address=OTHER)
    assert get(api, f"/{NAME}").data == BLOB
    assert get(api, f"/{NAME}", OTHER).data == BLOB + b"2"


@pytest.mark.parametrize(
    "said",
    [
        {"name": "1" * 64},
        {"size": len(BLOB) + 1},
        {"sha256": bytes(32)},
        {"address": bytes(32)},
        {"origin": "log.example/other"},
    ],
)
def test_a_note_about_anything_else_than_what_is_sent_is_refused(
    api: SampleApi, key: Ed25519Signer, said: dict[str, Any]
) -> None:
    assert kind(put(api, key, said=said)) == "403 signature-refused"
    assert get(api).status_code == 404


def test_only_a_key_in_force_of_the_depositor_can_put(api: SampleApi, key: Ed25519Signer) -> None:
    stranger = api.service.enrol("stranger")
    assert kind(put(api, key, signed_by=[stranger])) == "403 key-not-in-force"
    assert kind(put(api, key, signed_by=[key, stranger])) == "403 key-not-in-force"
    forged = Ed25519Signer(key.key.name, bytes(32))
    assert kind(put(api, key, signed_by=[forged])) == "403 key-not-in-force"
    assert kind(put(api, key, said={"depositor": "nobody"})) == "403 unknown-depositor"
    assert put(api, key).status_code == 201
    retire_key(api.service.services, depositor_of(key), key.key, reason="leaver")
    assert kind(put(api, key, name="2" * 64)) == "403 key-not-in-force"
    assert get(api, f"/{NAME}").data == BLOB, "what it put stays readable"


def test_a_changed_signature_is_refused(api: SampleApi, key: Ed25519Signer) -> None:
    upload = Upload(
        sha256(ADDRESS.encode()).digest(), START, depositor_of(key), NAME, ORIGIN, sha256(BLOB).digest(), len(BLOB)
    )
    note = format_note(sign_note(format_upload(upload), [key])).replace(b"hefu-vault-put/v1", b"hefu-vault-put/v2")
    headers = {"Authorization": f"Bearer {ADDRESS}", "Hefu-Signature": to_base64(note)}
    path = f"/v1/vault/{NAME}"
    assert kind(api.put(path, data=BLOB, headers=headers, content_type="application/octet-stream")) == (
        "400 unknown-format"
    )
    note = format_note(sign_note(format_upload(upload._replace(name="3" * 64)), [key])).replace(
        b"3" * 64, NAME.encode()
    )
    headers["Hefu-Signature"] = to_base64(note)
    assert kind(api.put(path, data=BLOB, headers=headers, content_type="application/octet-stream")) == (
        "403 signature-refused"
    )
    headers["Hefu-Signature"] = "no base64"
    assert kind(api.put(path, data=BLOB, headers=headers, content_type="application/octet-stream")) == "400 malformed"


def test_nothing_but_ciphertext_is_kept(api: SampleApi, key: Ed25519Signer) -> None:
    assert kind(put(api, key, b"customers.xlsx")) == "400 malformed"
    assert kind(put(api, key, b'{"count":1,"format":"hefu-bundle/v1","seed":"00"}')) == "422 private-half"
    assert not list(Path(api.service.data, "vaults").rglob("*"))


@pytest.mark.parametrize("header", [None, "Bearer", f"Basic {ADDRESS}", "Bearer abc", f"Bearer {ADDRESS.upper()}"])
def test_without_an_address_nothing_is_said(api: SampleApi, key: Ed25519Signer, header: str | None) -> None:
    put(api, key)
    headers = {} if header is None else {"Authorization": header}
    for path in ("/v1/vault", f"/v1/vault/{NAME}"):
        answer = api.get(path, headers=headers)
        assert kind(answer) == "401 unauthorized"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_another_address_finds_nothing(api: SampleApi, key: Ed25519Signer) -> None:
    put(api, key)
    assert kind(get(api, "", OTHER)) == "404 not-found"
    assert kind(get(api, f"/{NAME}", OTHER)) == "404 not-found"
    assert kind(get(api, f"/{'4' * 64}")) == "404 not-found"


@pytest.mark.parametrize(
    "name", ["x" * 64, "a" * 63, "A" * 64, f"{NAME}.0", f"{NAME}.01", f"{NAME}.", f"{NAME}.10000", f"{NAME}.receipt"]
)
def test_only_names_of_vault_files_are_names(api: SampleApi, key: Ed25519Signer, name: str) -> None:
    put(api, key)
    assert kind(get(api, f"/{name}")) == "400 bad-request"


def test_a_full_vault_takes_no_more_and_says_so_but_still_what_it_has(api: SampleApi, key: Ed25519Signer) -> None:
    services = replace(api.service.services, vault_quota=len(BLOB) + 1)
    api.application.extensions["hefu"] = replace(api.context, services=services)
    assert put(api, key).status_code == 201
    assert kind(put(api, key, name="5" * 64)) == "507 quota"
    assert put(api, key).status_code == 200
    assert put(api, api.service.enrol("other"), address="ef" * 32).status_code == 201


def test_a_longer_file_than_64_mib_is_refused_before_it_is_read(api: SampleApi) -> None:
    answer = api.put(
        f"/v1/vault/{NAME}",
        headers={"Authorization": f"Bearer {ADDRESS}"},
        content_type="application/octet-stream",
        environ_overrides={"CONTENT_LENGTH": str(MAX_BLOB + 1)},
    )
    assert answer.status_code == 413


def test_more_than_four_files_at_once_are_told_to_wait(
    api: SampleApi, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu_service.api.vault._AT_ONCE", BoundedSemaphore(1))
    assert put(api, key, b"refused").status_code == 400
    assert put(api, key).status_code == 201, "a refused file leaves its place"
    taken = BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr("hefu_service.api.vault._AT_ONCE", taken)
    assert kind(put(api, key, name="6" * 64)) == "503 busy"


def test_a_restart_loses_nothing(api: SampleApi, key: Ed25519Signer) -> None:
    put(api, key)
    with opened(api.service.data) as again:
        assert get(api_of(again), f"/{NAME}").data == BLOB


def test_the_check_of_everything_names_a_file_that_is_missing_or_changed(api: SampleApi, key: Ed25519Signer) -> None:
    put(api, key)
    assert api.service.findings() == []
    (file,) = (path for path in Path(api.service.data, "vaults").rglob("*") if path.is_file())
    file.chmod(0o600)
    file.write_bytes(BLOB[:-1] + b"X")
    (finding,) = api.service.findings()
    assert finding.what == f"{NAME} of {depositor_of(key)}: not the bytes that were put there"
    assert kind(get(api, f"/{NAME}")) == "503 storage"
    file.unlink()
    (finding,) = api.service.findings()
    assert finding.what == f"{NAME} of {depositor_of(key)}: missing"


def test_the_address_is_neither_on_the_disk_nor_in_the_log(api: SampleApi, key: Ed25519Signer) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("hefu")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        put(api, key)
        get(api)
        get(api, f"/{NAME}")
        put(api, key, BLOB + b"!")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["route"] for line in lines] == ["/v1/vault/<name>", "/v1/vault", *2 * ["/v1/vault/<name>"]]
    disk = b"".join(path.read_bytes() for path in api.service.data.rglob("*") if path.is_file())
    for secret in (ADDRESS.encode(), bytes.fromhex(ADDRESS)):
        assert secret not in disk
        assert secret not in stream.getvalue().encode()


def test_every_database_keeps_vaults_alike(store: Store) -> None:
    one, other = sha256(b"one").digest(), sha256(b"other").digest()
    blobs = [VaultBlob(one, name, 7, sha256(name.encode()).digest(), 5) for name in ("b" * 64, "a" * 64)]
    with store.intake() as intake:
        intake.bind_vault(one, "acme")
        for blob in blobs:
            intake.add_vault_blob(blob)
        intake.add_deposits([deposit(1, nth=0), deposit(0, nth=1)])
    with store.view() as view:
        assert (view.vault_depositor(one), view.vault_depositor(other)) == ("acme", None)
        assert view.vaults() == [(one, "acme")]
        assert view.vault_blobs(one) == blobs[::-1]
        assert view.vault_blobs(other) == []
        assert (view.vault_blob(one, "a" * 64), view.vault_blob(other, "a" * 64)) == (blobs[1], None)
        assert (view.vault_sizes("acme"), view.vault_sizes("beta")) == ({one: 14}, {})
        assert type(view.vault_sizes("acme")[one]) is int
        assert view.vault_closure(one) is None
        assert view.statements_of("acme") == [deposit(1).statement_id, deposit(0).statement_id]
    with pytest.raises(StorageError), store.intake() as intake:
        intake.add_vault_blob(blobs[0])
    with pytest.raises(StorageError), store.intake() as intake:
        intake.bind_vault(one, "acme")


def test_every_database_keeps_closures_alike(store: Store) -> None:
    one, other, third = (sha256(name).digest() for name in (b"one", b"other", b"third"))
    closure = VaultClosure(one, other, b"note", 5)
    with store.intake() as intake:
        for vault in (one, other):
            intake.bind_vault(vault, "acme")
            intake.add_vault_blob(VaultBlob(vault, "a" * 64, 7, bytes(32), 5))
        intake.close_vault(closure)
    with store.view() as view:
        assert (view.vault_closure(one), view.vault_closure(other)) == (closure, None)
        assert view.vault_sizes("acme") == {one: 7, other: 7}
        assert len(view.vault_blobs(one)) == 1, "nothing is removed"
    for wrong in (closure, replace(closure, vault=third), replace(closure, vault=other, successor=third)):
        with pytest.raises(StorageError), store.intake() as intake:
            intake.close_vault(wrong)


def test_who_has_no_key_here_takes_no_slot_from_those_who_have(
    api: SampleApi, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = BoundedSemaphore(1)
    full.acquire()
    monkeypatch.setattr(vault_api, "_AT_ONCE", full)
    assert put(api, key, signed_by=[depositor_key(depositor_of(key), "stranger")]).status_code == 403
    assert put(api, key).status_code == 503
    full.release()
    assert put(api, key).status_code == 201
