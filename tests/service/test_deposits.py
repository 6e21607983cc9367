"""A statement is checked before it waits; whatever is wrong with it is named, and nothing is stored."""

from __future__ import annotations

import pytest
from tests.support.sample_service import (
    ACKNOWLEDGEMENT,
    DAY,
    START,
    SampleService,
    depositor_key,
    depositor_of,
    seen,
    statement,
)

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.statement import Seen
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.note import parse_note, verify_note
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.committer import Committer
from hefu_service.intake.deposits import MAX_STATEMENTS, Gate, published_root
from hefu_service.intake.enrolment import report_compromised, retire_key
from hefu_service.intake.refusals import (
    KeyNotInForceError,
    OneOfManyError,
    RefusedError,
    SignatureRefusedError,
    UnknownDepositorError,
    WrongLedgerError,
)
from hefu_service.ports.errors import StorageError


def stored(service: SampleService) -> int:
    with service.services.store.view() as view:
        return view.intake_head().next_seq


def refused(service: SampleService, data: bytes, kind: type[Exception]) -> str:
    """A fresh gate and one that has seen the depositor before must refuse alike."""
    before = stored(service)
    with pytest.raises(kind) as first:
        service.front_door.accept([data])
    with pytest.raises(kind) as second:
        Gate(service.services).check(data)
    assert str(first.value) == str(second.value)
    assert stored(service) == before
    return str(first.value)


def test_an_acknowledgement_is_the_acceptance_signed(service: SampleService) -> None:
    (accepted,) = service.deposit(service.enrol())
    note = parse_note(acknowledge(service.services, accepted.deposit).encode())
    verified, unknown = verify_note(note, [ACKNOWLEDGEMENT.key])
    assert (len(verified), unknown) == (1, [])
    acceptance = parse_acceptance(note.text)
    assert (acceptance.seq, acceptance.nth, acceptance.statement) == (0, 0, accepted.deposit.statement_id)
    assert START < acceptance.received_at <= service.clock.time_ms
    assert acceptance.anchor_by == acceptance.received_at + DAY


def test_a_statement_of_a_stranger_is_refused(service: SampleService) -> None:
    refused(service, statement(depositor_key("stranger", "key")), UnknownDepositorError)


def test_a_depositor_with_a_code_but_no_key_is_a_stranger(service: SampleService) -> None:
    code = service.code()
    refused(service, statement(depositor_key(code, "key")), UnknownDepositorError)


def test_a_statement_for_another_ledger_is_refused(service: SampleService) -> None:
    data = statement(service.enrol(), origin="log.example/elsewhere")
    assert "log.example/elsewhere" in refused(service, data, WrongLedgerError)


def test_a_statement_that_has_seen_more_than_there_is_is_refused(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key)
    service.settle()  # genesis, enrolment, batch
    true = published_root(service.services.files, 3)
    assert true is not None
    assert "of 4 records" in refused(service, statement(key, seen=Seen(true, 4)), WrongLedgerError)
    service.accept(statement(key, seen=Seen(true, 3)))


def test_a_statement_that_has_seen_another_ledger_is_refused(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key)
    service.settle()
    for size in (1, 2, 3):
        assert "it may prove a fork" in refused(service, statement(key, seen=seen(size)), WrongLedgerError)
        root = published_root(service.services.files, size)
        assert root is not None
        service.accept(statement(key, size, seen=Seen(root, size)))


def test_a_remembered_ledger_size_does_not_refuse_what_has_grown_since(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key)  # the gate now remembers a ledger of one record
    service.settle()
    root = published_root(service.services.files, 3)
    assert root is not None
    service.accept(statement(key, 7, seen=Seen(root, 3)))


def test_a_key_that_was_not_enrolled_may_not_sign(service: SampleService) -> None:
    key = service.enrol()
    stranger = depositor_key(depositor_of(key), "stranger")
    service.deposit(key)
    assert stranger.key.key_id.hex() in refused(service, statement(stranger), KeyNotInForceError)


def test_a_line_of_an_unknown_key_beside_a_good_one_is_refused(service: SampleService) -> None:
    key = service.enrol()
    refused(service, statement(key, 0, depositor_key(depositor_of(key), "stranger")), KeyNotInForceError)


def test_a_key_of_another_depositor_may_not_sign(service: SampleService) -> None:
    key, other = service.enrol("key"), service.enrol("other")
    refused(service, statement(other, depositor=depositor_of(key)), KeyNotInForceError)


def test_a_signature_over_another_text_is_refused(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key)
    data = statement(key, 1).replace(b'"count":1', b'"count":2')
    refused(service, data, SignatureRefusedError)


def test_as_many_signatures_as_the_enrolment_requires(service: SampleService) -> None:
    key = service.enrol(signatures_required=2)
    refused(service, statement(key), SignatureRefusedError)
    second = service.enrol_another(key, "second", key)
    refused(service, statement(key), SignatureRefusedError)
    service.accept(statement(key, 0, second), statement(second, 1, key))
    service.settle()
    assert not service.findings()


def test_a_retired_key_is_refused_even_where_it_is_remembered(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key)
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    with pytest.raises(KeyNotInForceError, match="retired"):
        service.deposit(key, first=1)
    assert stored(service) == 1


def test_a_compromised_key_is_refused(service: SampleService) -> None:
    key = service.enrol()
    report_compromised(service.services, depositor_of(key), key.key, reason="stolen", since=START)
    with pytest.raises(KeyNotInForceError):
        service.deposit(key)


def test_a_new_key_counts_at_once_though_the_old_ones_are_remembered(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key)
    second = service.enrol_another(key, "second")
    service.deposit(second, first=1)
    assert stored(service) == 2


def test_a_statement_made_before_a_retirement_keeps_its_acknowledgement(service: SampleService) -> None:
    key = service.enrol()
    (accepted,) = service.deposit(key)
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    for committer in (service.committer, Committer(service.services)):  # the second remembers no key
        (again,) = FrontDoor(committer).accept([statement(key)])
        assert again.again
        assert again.deposit == accepted.deposit


def test_bytes_that_are_no_statement_are_malformed(service: SampleService) -> None:
    good = statement(service.enrol())
    for data in (b"", b"hello\n", good + b"\n", good[:-1], good.replace(b"hefu-deposit/v1", b"hefu-deposit/v2")):
        with pytest.raises(MalformedError):
            service.front_door.accept([data])
    with pytest.raises(MalformedError, match="4096"):
        service.front_door.accept([good + b"x" * 4096])


def test_one_bad_statement_of_many_is_named_and_none_is_accepted(service: SampleService) -> None:
    key = service.enrol()
    with pytest.raises(OneOfManyError) as failed:
        service.front_door.accept([statement(key, 0), statement(key, 1), b"no statement"])
    assert failed.value.index == 2
    assert isinstance(failed.value.__cause__, MalformedError)
    assert stored(service) == 0


def test_a_request_has_1_to_64_statements(service: SampleService) -> None:
    key = service.enrol()
    for count in (0, MAX_STATEMENTS + 1):
        with pytest.raises(MalformedError, match="1 to 64"):
            service.front_door.accept([statement(key, number) for number in range(count)])
    assert len(service.front_door.accept([statement(key, number) for number in range(MAX_STATEMENTS)])) == 64


def test_most_checks_need_no_look_into_the_store(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    key = service.enrol()
    gate = Gate(service.services)
    gate.check(statement(key, 0))

    def fail(_: object) -> None:
        raise StorageError("not needed")

    monkeypatch.setattr("hefu_service.store.sql.SqlStore.view", fail)
    gate.check(statement(key, 1))
    with pytest.raises(StorageError):
        gate.check(statement(depositor_key("stranger", "key")))


def test_strangers_do_not_fill_the_memory_of_known_depositors(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu_service.intake.deposits._REMEMBERED", 2)
    gate = Gate(service.services)
    keys = [service.enrol(f"key {number}") for number in range(3)]
    for key in (*keys, *keys):
        gate.check(statement(key))
        assert len(gate._key_states) <= 2
    with pytest.raises(RefusedError):
        gate.check(statement(depositor_key("stranger", "key")))
    assert "stranger" not in gate._key_states


@pytest.mark.parametrize("damage", ["altered", "cut"])
def test_damage_of_our_own_is_no_fork_and_passes_when_it_is_mended(service: SampleService, damage: str) -> None:
    key = service.enrol()
    service.deposit(key)
    service.settle()
    root = published_root(service.services.files, 3)
    assert root is not None
    (tile,) = (service.data / "ledger" / "tile" / "0").rglob("3")
    right = tile.read_bytes()
    tile.chmod(0o600)
    tile.write_bytes({"altered": bytes(32) + right[32:], "cut": right[:40]}[damage])
    data = statement(key, 7, seen=Seen(root, 3))
    with pytest.raises(StorageError, match="fsck"):
        service.accept(data)
    tile.write_bytes(right)
    service.accept(data)
