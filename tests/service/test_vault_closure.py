"""A vault that its depositor has closed gives nothing to anyone, and only those that may can close it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import (
    ORIGIN,
    RECOVERY,
    START,
    SampleService,
    SetClock,
    depositor_key,
    depositor_of,
    opened,
    services_on,
)
from werkzeug.test import TestResponse

from hefu_ledger.deposit.vault import Closure, Upload, format_closure, format_upload
from hefu_ledger.encoding import format_time, to_base64
from hefu_ledger.records.role import APPROVE
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.intake.enrolment import reissue_code, retire_key
from hefu_service.intake.refusals import RefusedError, VaultClosedError
from hefu_service.intake.vault import close_vault, put_blob
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.services import Services
from hefu_service.store.sql import open_store

OLD, NEW, THIRD = "ab" * 32, "cd" * 32, "ef" * 32
NAME = sha256(b"statement").hexdigest()
BLOB = b"age-encryption.org/v1\n-> X25519 opaque"


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


@pytest.fixture
def key(service: SampleService) -> Ed25519Signer:
    return service.enrol()


def hashed(address: str) -> bytes:
    return sha256(address.encode()).digest()


def upload(key: Ed25519Signer, address: str, name: str = NAME, data: bytes = BLOB) -> bytes:
    said = Upload(hashed(address), START, depositor_of(key), name, ORIGIN, sha256(data).digest(), len(data))
    return format_note(sign_note(format_upload(said), [key]))


def put(api: SampleApi, key: Ed25519Signer, address: str, name: str = NAME) -> TestResponse:
    headers = {"Authorization": f"Bearer {address}", "Hefu-Signature": to_base64(upload(key, address, name))}
    return api.put(f"/v1/vault/{name}", data=BLOB, headers=headers, content_type="application/octet-stream")


def get(api: SampleApi, address: str, path: str = "") -> TestResponse:
    return api.get(f"/v1/vault{path}", headers={"Authorization": f"Bearer {address}"})


def closure(
    *signers: Ed25519Signer, old: str = OLD, new: str = NEW, of: Ed25519Signer | None = None, origin: str = ORIGIN
) -> bytes:
    said = Closure(hashed(old), START, depositor_of(of or signers[0]), origin, hashed(new))
    return format_note(sign_note(format_closure(said), signers))


def close(api: SampleApi, note: bytes) -> TestResponse:
    return api.post("/v1/vault-closures", json={"closure": note.decode()})


def fill(api: SampleApi, key: Ed25519Signer, *addresses: str) -> None:
    for address in addresses:
        assert put(api, key, address).status_code == 201


def kind(answer: TestResponse) -> str:
    return f"{answer.status_code} {answer.get_json()['type'].rpartition('/')[2]}"


def two_persons(service: SampleService) -> tuple[Ed25519Signer, Ed25519Signer]:
    """Who approves, and who prepares."""
    code = service.code(signatures_required=2, role=APPROVE)
    chief = depositor_key(code, "chief")
    service.redeem(code, chief)
    return chief, service.enrol_another(chief, "clerk", chief)


def test_a_closed_vault_gives_nothing_and_takes_nothing(api: SampleApi, key: Ed25519Signer) -> None:
    fill(api, key, OLD, NEW)
    answer = close(api, closure(key))
    assert answer.status_code == 201
    assert answer.json == {
        "address": hashed(OLD).hex(),
        "depositor": depositor_of(key),
        "successor": hashed(NEW).hex(),
    }
    for refused in (
        get(api, OLD),
        get(api, OLD, f"/{NAME}"),
        get(api, OLD, f"/{'0' * 64}"),
        put(api, key, OLD),
        put(api, key, OLD, "1" * 64),
    ):
        assert kind(refused) == "410 vault-closed"
        assert "other recovery words" in refused.get_json()["detail"]
    assert get(api, NEW, f"/{NAME}").data == BLOB
    assert put(api, key, NEW, "1" * 64).status_code == 201


def test_a_leaver_who_knows_the_words_reads_nothing_any_more(api: SampleApi, service: SampleService) -> None:
    chief, clerk = two_persons(service)
    fill(api, clerk, OLD)
    retire_key(service.services, depositor_of(clerk), clerk.key, reason="left")
    assert get(api, OLD, f"/{NAME}").data == BLOB, "the address alone is enough while the vault is open"
    fill(api, chief, NEW)
    assert close(api, closure(chief)).status_code == 201
    assert kind(get(api, OLD, f"/{NAME}")) == kind(put(api, clerk, OLD)) == "410 vault-closed"


def test_the_answer_says_since_when(api: SampleApi, key: Ed25519Signer) -> None:
    fill(api, key, OLD, NEW)
    api.service.clock.time_ms = START + 86_400_000
    close(api, closure(key))
    assert format_time(START + 86_400_000)[:16] in get(api, OLD).get_json()["detail"]


def test_closing_again_is_harmless_whoever_says_it_and_a_third_vault_is_too_late(
    api: SampleApi, service: SampleService, key: Ed25519Signer
) -> None:
    second = service.enrol_another(key, "second", key)
    fill(api, key, OLD, NEW, THIRD)
    assert close(api, closure(key)).status_code == 201
    assert close(api, closure(key)).status_code == 200
    assert close(api, closure(second, key)).status_code == 200
    assert kind(close(api, closure(key, new=THIRD))) == "409 conflict"
    assert close(api, closure(key, old=NEW, new=THIRD)).status_code == 201
    assert close(api, closure(key)).status_code == 200, "a retry, though the successor has been closed since"


def test_a_vault_is_closed_only_for_one_that_holds_something_and_is_open(api: SampleApi, key: Ed25519Signer) -> None:
    assert kind(close(api, closure(key))) == "409 conflict"
    fill(api, key, OLD)
    assert kind(close(api, closure(key))) == "409 conflict"
    assert kind(close(api, closure(key, old=NEW, new=OLD))) == "409 conflict"
    fill(api, key, NEW, THIRD)
    assert close(api, closure(key, old=NEW, new=THIRD)).status_code == 201
    assert kind(close(api, closure(key, new=NEW))) == "409 conflict", "its successor is closed"
    assert kind(close(api, closure(key, old=THIRD, new=NEW))) == "409 conflict", "in a circle nothing would be left"
    assert get(api, OLD).status_code == 200


def test_where_keys_approve_one_of_them_must_sign(api: SampleApi, service: SampleService) -> None:
    chief, clerk = two_persons(service)
    fill(api, clerk, OLD, NEW)
    answer = close(api, closure(clerk))
    assert kind(answer) == "403 signature-refused"
    assert "approves" in answer.get_json()["detail"]
    assert get(api, OLD).status_code == 200
    assert close(api, closure(clerk, chief)).status_code == 201


def test_an_approver_that_has_left_closes_nothing(api: SampleApi, service: SampleService) -> None:
    chief, clerk = two_persons(service)
    fill(api, clerk, OLD, NEW)
    retire_key(service.services, depositor_of(chief), chief.key, reason="left")
    assert kind(close(api, closure(clerk, chief))) == "403 key-not-in-force"
    assert kind(close(api, closure(chief))) == "403 key-not-in-force"
    assert close(api, closure(clerk)).status_code == 201, "nobody is left that approves"


def test_only_its_depositor_closes_a_vault(api: SampleApi, service: SampleService, key: Ed25519Signer) -> None:
    stranger = service.enrol("stranger")
    fill(api, key, OLD)
    fill(api, stranger, NEW)
    assert kind(close(api, closure(stranger))) == "403 not-their-vault"
    assert kind(close(api, closure(key))) == "403 not-their-vault", "nor in favour of another's"
    assert kind(close(api, closure(stranger, of=key))) == "403 key-not-in-force"
    assert kind(close(api, closure(key, stranger))) == "403 key-not-in-force"
    assert kind(close(api, closure(depositor_key("nobody", "key")))) == "403 unknown-depositor"
    assert get(api, OLD).status_code == get(api, NEW).status_code == 200


def test_a_changed_or_malformed_closure_is_refused(api: SampleApi, key: Ed25519Signer) -> None:
    fill(api, key, OLD, NEW, THIRD)
    forged = closure(key).replace(hashed(NEW).hex().encode(), hashed(THIRD).hex().encode())
    assert kind(close(api, forged)) == "403 signature-refused"
    assert kind(close(api, closure(key).replace(b"close/v1", b"close/v2"))) == "400 unknown-format"
    assert kind(close(api, upload(key, OLD))) == "400 malformed"
    assert kind(close(api, b"")) == "400 malformed"
    assert get(api, OLD).status_code == 200


def test_a_note_about_a_vault_at_another_ledger_is_refused(api: SampleApi, key: Ed25519Signer) -> None:
    fill(api, key, OLD, NEW)
    assert kind(close(api, closure(key, origin="log.example/other"))) == "403 signature-refused"
    assert get(api, OLD, f"/{NAME}").status_code == 200


def test_the_files_of_a_closed_vault_stay_and_are_still_checked(api: SampleApi, key: Ed25519Signer) -> None:
    fill(api, key, OLD, NEW)
    assert put(api, key, OLD, "1" * 64).status_code == 201
    close(api, closure(key))
    assert api.service.findings() == []
    (file,) = Path(api.service.data, "vaults").rglob(f"{'1' * 64}-*")
    file.unlink()
    (finding,) = api.service.findings()
    assert "missing" in finding.what


def test_a_full_vault_can_be_replaced_and_closing_makes_no_room(
    api: SampleApi, service: SampleService, key: Ed25519Signer
) -> None:
    services = replace(service.services, vault_quota=2 * len(BLOB))
    api.application.extensions["hefu"] = replace(api.context, services=services)
    for address in (OLD, NEW):
        fill(api, key, address)
        assert put(api, key, address, "1" * 64).status_code == 201
        assert kind(put(api, key, address, "2" * 64)) == "507 quota", "a vault holds its quota"
    assert kind(put(api, key, THIRD)) == "507 quota", "two vaults are all there is room for"
    assert close(api, closure(key)).status_code == 201
    refused = put(api, key, THIRD)
    assert kind(refused) == "507 quota", "or closing in turns would fill the disk"
    assert "ask the operator" in refused.text
    fill(api, service.enrol("other"), "01" * 32)


def test_a_vault_stays_closed_after_a_restart(api: SampleApi, key: Ed25519Signer) -> None:
    fill(api, key, OLD, NEW)
    close(api, closure(key))
    with opened(api.service.data) as again:
        assert kind(get(api_of(again), OLD)) == "410 vault-closed"


def test_a_file_that_was_on_its_way_when_the_vault_closed_is_not_kept(
    service: SampleService, key: Ed25519Signer, api: SampleApi
) -> None:
    """The vault closes after the upload's first look, while the file goes to the disk."""
    fill(api, key, OLD, NEW)

    class Closing:
        def write(self, *file: Any) -> None:
            service.services.vault_files.write(*file)
            close_vault(service.services, closure(key))

    services = replace(service.services, vault_files=Closing())  # type: ignore[arg-type]  # nothing is read
    with pytest.raises(VaultClosedError):
        put_blob(services, OLD, "1" * 64, upload(key, OLD, "1" * 64), BLOB)
    with service.services.store.view() as view:
        assert [blob.name for blob in view.vault_blobs(hashed(OLD))] == [NAME]


def test_of_closures_that_race_one_is_true_and_every_retry_agrees(url: URL, tmp_path: Path) -> None:
    """Two approvers rotate at once, each to a vault of its own: the firm is not left with two, or none."""
    clock = SetClock()
    with closing(open_store(url)) as store, closing(open_store(url)) as other:
        sample = SampleService(tmp_path, services_on(tmp_path, store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        key = sample.enrol()
        for address in (OLD, NEW, THIRD):
            put_blob(sample.services, address, NAME, upload(key, address), BLOB)
        together = threading.Barrier(4)

        def race(services: Services, new: str) -> str:
            together.wait(20)
            try:
                close_vault(services, closure(key, new=new))
            except RefusedError:
                return ""
            return new

        both = (sample.services, replace(sample.services, store=other))
        with ThreadPoolExecutor(4) as pool:
            won = {*pool.map(race, both * 2, (NEW, NEW, THIRD, THIRD))} - {""}
        with store.view() as view:
            found = view.vault_closure(hashed(OLD))
        assert found is not None
        assert [hashed(new) for new in won] == [found.successor]
        assert found.note == closure(key, new=next(iter(won)))


def test_a_key_enrolled_for_the_depositor_later_may_close_too(
    api: SampleApi, service: SampleService, key: Ed25519Signer
) -> None:
    """A firm that lost its keys is enrolled again, and closes the vault whose words it still has."""
    fill(api, key, OLD)
    code = reissue_code(service.services, depositor_of(key))
    later = depositor_key(code, "later")
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    service.redeem(code, later)
    fill(api, later, NEW)
    assert close(api, closure(later)).status_code == 201
