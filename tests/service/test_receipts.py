"""What the service shows can be verified by anyone who trusts nothing but the log's key."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.sample_service import POLICY, START, SampleService, depositor_of, statement

from hefu_ledger.deposit.receipt import format_receipt, parse_receipt
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.errors import MalformedError
from hefu_ledger.number import format_number
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.merkle import Tree, leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.verdict import CANNOT_TELL, PROVEN, Verdict
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import report_compromised, retire_key
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.errors import StorageError
from hefu_service.publishing.batch_tree import format_nodes, read_path
from hefu_service.publishing.publish import FEW, publish
from hefu_service.publishing.repair import repair
from hefu_service.receipts import anchors, receipts
from hefu_service.receipts.receipts import (
    Receipts,
    UnknownDepositError,
    deposit_state,
    enrolment_proofs,
    number_state,
)
from hefu_service.sealing.seal import seal_once


def receipt_of(service: SampleService, data: bytes) -> bytes:
    receipt = Receipts(service.services).make(statement_id(data))
    assert receipt is not None
    text = format_receipt(receipt)
    assert parse_receipt(text) == receipt
    return text


def verdict_of(service: SampleService, data: bytes) -> Verdict:
    return verify_receipt(receipt_of(service, data), policy=POLICY)


def state_of(service: SampleService, data: bytes) -> str:
    found = deposit_state(service.services, statement_id(data))
    return "unknown" if found is None else found.state


def types(receipt: bytes) -> list[str]:
    return [parse_record(text.encode()).type for text in parse_receipt(receipt).records]


@pytest.fixture
def key(service: SampleService) -> Ed25519Signer:
    return service.enrol()


def test_a_deposit_is_unknown_then_accepted_then_anchored(service: SampleService, key: Ed25519Signer) -> None:
    data = statement(key)
    assert state_of(service, data) == "unknown"
    service.accept(data)
    assert state_of(service, data) == ACCEPTED
    seal_once(service.services)
    assert state_of(service, data) == ACCEPTED  # in the database, and shown to nobody yet
    publish(service.services)
    assert state_of(service, data) == ANCHORED


def test_a_receipt_is_made_once_its_checkpoint_is_published_and_not_before(
    service: SampleService, key: Ed25519Signer
) -> None:
    data = statement(key)
    service.accept(data)
    assert Receipts(service.services).make(statement_id(data)) is None
    seal_once(service.services)
    assert Receipts(service.services).make(statement_id(data)) is None
    publish(service.services)
    assert verdict_of(service, data).verdict == PROVEN


def test_there_is_no_receipt_of_what_was_never_deposited(service: SampleService) -> None:
    with pytest.raises(ValueError, match="no deposit"):
        Receipts(service.services).make(bytes(32))


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_receipt_of_a_batch_verifies(service: SampleService, key: Ed25519Signer, count: int) -> None:
    service.deposit(key, count)
    service.settle()
    for number in range(count):
        verdict = verdict_of(service, statement(key, number))
        assert verdict.verdict == PROVEN
        assert verdict.facts["number"] == format_number("FX", number)


def test_a_receipt_proves_nothing_to_one_who_trusts_no_key(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key)
    service.settle()
    assert verify_receipt(receipt_of(service, statement(key)), policy=None).verdict == CANNOT_TELL


def test_what_a_receipt_rests_on_stays_the_same_for_ever(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key, 2)
    service.settle()
    first = parse_receipt(receipt_of(service, statement(key)))
    for _ in range(300):  # past a tile's end: the proof is read from wider tiles than those of then
        declare_clock(service.services, reason="set by hand")
    service.deposit(key, 2, first=2)
    service.settle()
    later = parse_receipt(receipt_of(service, statement(key)))
    assert later.records[: len(first.records)] == first.records
    assert (later.acknowledgement, later.batch_path) == (first.acknowledgement, first.batch_path)
    assert later.proofs[0].proof == first.proofs[0].proof
    assert verdict_of(service, statement(key, 3)).verdict == PROVEN


def test_a_receipt_carries_the_events_before_its_deposit_and_the_newest(
    service: SampleService, key: Ed25519Signer
) -> None:
    other = service.enrol("other")
    service.deposit(key)
    second = service.enrol_another(key, "second", key)
    service.deposit(second, first=1)
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    service.deposit(second, first=2)
    service.deposit(other, first=3)
    report_compromised(service.services, depositor_of(key), second.key, reason="stolen", since=START)
    service.settle()
    found = {
        0: ["genesis", "enrolment", "key", "batch"],
        1: ["genesis", "enrolment", "enrolment", "key", "batch"],
        2: ["genesis", "enrolment", "enrolment", "key", "key", "batch"],
        3: ["genesis", "enrolment", "batch"],
    }
    stolen = {1, 2}
    for number, signer in ((0, key), (1, second), (2, second), (3, other)):
        data = statement(signer, number)
        assert types(receipt_of(service, data)) == found[number]
        assert (verdict_of(service, data).verdict == PROVEN) is (number not in stolen)


def test_a_co_signed_deposit_verifies(service: SampleService) -> None:
    key = service.enrol(signatures_required=2)
    second = service.enrol_another(key, "second")
    data = statement(key, 0, second)
    service.accept(data)
    service.settle()
    assert verdict_of(service, data).verdict == PROVEN


def test_the_acknowledgement_in_the_receipt_is_the_one_that_was_given(
    service: SampleService, key: Ed25519Signer
) -> None:
    (accepted,) = service.deposit(key)
    given = acknowledge(service.services, accepted.deposit)
    service.settle()
    assert parse_receipt(receipt_of(service, statement(key))).acknowledgement == given


def test_leaves_that_are_lost_are_told_to_the_operator(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key)
    service.settle()
    (service.data / "ledger" / "batches" / "2" / "leaves").unlink()
    with pytest.raises(StorageError, match="leaves of batch 2"):
        Receipts(service.services).make(statement_id(statement(key)))
    (service.data / "ledger" / "checkpoint").unlink()
    service.settle()
    assert verdict_of(service, statement(key)).verdict == PROVEN


def test_a_deposit_number_shows_a_state_and_times(service: SampleService, key: Ed25519Signer) -> None:
    (accepted,) = service.deposit(key)
    number = format_number("FX", accepted.deposit.seq)
    before = number_state(service.services, number)
    assert before is not None
    assert (before.state, before.sealed_at) == (ACCEPTED, None)
    service.settle()
    after = number_state(service.services, number)
    assert after is not None
    assert after.sealed_at is not None
    assert (after.state, after.number) == (ANCHORED, number)
    assert after.received_at == before.received_at <= after.sealed_at
    assert number_state(service.services, format_number("FX", 1)) is None
    with pytest.raises(MalformedError):
        number_state(service.services, number[:-1])


def test_enrolments_are_proven_under_the_latest_checkpoint(service: SampleService, key: Ed25519Signer) -> None:
    service.enrol("other")
    service.settle()
    service.enrol_another(key, "second", key)
    service.settle()
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    found = enrolment_proofs(service.services, depositor_of(key))
    assert found is not None
    assert [parse_record(text.encode()).type for text in found.records] == ["genesis", "enrolment", "enrolment"]
    assert found.pending == 1
    checkpoint = parse_checkpoint(parse_note(found.checkpoint.encode()).text)
    assert checkpoint.size == 4
    for text, index, path in zip(found.records, (0, 1, 3), found.paths, strict=True):
        assert path is not None
        verify_inclusion(leaf_hash=leaf_hash(text.encode()), index=index, size=4, path=path, root=checkpoint.root)


def test_an_enrolment_that_is_not_on_the_ledger_yet_is_pending(service: SampleService, key: Ed25519Signer) -> None:
    found = enrolment_proofs(service.services, depositor_of(key))
    assert found is not None
    assert (len(found.records), found.pending) == (1, 1)
    service.settle()
    found = enrolment_proofs(service.services, depositor_of(key))
    assert found is not None
    assert (len(found.records), found.pending) == (2, 0)


def test_an_enrolment_that_is_sealed_and_not_published_is_pending(service: SampleService, key: Ed25519Signer) -> None:
    seal_once(service.services)
    found = enrolment_proofs(service.services, depositor_of(key))
    assert found is not None
    assert (len(found.records), found.pending) == (1, 1)


def test_there_are_no_proofs_of_a_depositor_without_a_key(service: SampleService) -> None:
    code = service.code()
    assert enrolment_proofs(service.services, code.partition(".")[0]) is None
    assert enrolment_proofs(service.services, "nobody") is None


# --- nodes, kept so that a path need not be hashed from all leaves ---


def leaves_of(count: int) -> bytes:
    return b"".join([sha256(b"%d" % number).digest() for number in range(count)])


def path_in(data: bytes, place: int, count: int) -> list[bytes]:
    return read_path(place, count, lambda offset, size: data[offset : offset + size])


@every_case("count", [*range(1, 20), 255, 256, 257, 511, 512, 513, 769, 1023])
def test_every_path_read_from_nodes_is_the_trees(count: int) -> None:
    leaves = leaves_of(count)
    tree, nodes = Tree(leaves), format_nodes(leaves)
    for place in range(count):
        assert path_in(nodes, place, count) == tree.path(place)


@given(st.integers(1, 3000), st.data())
def test_a_path_is_read_in_two_groups_and_the_top_at_most(count: int, data: st.DataObject) -> None:
    leaves = leaves_of(count)
    nodes, read = format_nodes(leaves), []

    def pieces(offset: int, size: int) -> bytes:
        read.append(offset)
        return nodes[offset : offset + size]

    place = data.draw(st.integers(0, count - 1))
    assert read_path(place, count, pieces) == Tree(leaves).path(place)
    assert len(read) == len(set(read)) <= 3


def nodes_file(service: SampleService, batch: int = 2) -> Path:
    return service.data / "ledger" / "batches" / str(batch) / "nodes"


@pytest.fixture
def large(service: SampleService, key: Ed25519Signer) -> SampleService:
    """A service with one batch that is large enough for nodes."""
    service.deposit(key, FEW + 6)
    service.settle()
    return service


def test_a_large_batch_has_nodes_and_a_small_one_has_not(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key, FEW)
    service.settle()
    service.deposit(key, FEW + 1, first=FEW)
    service.settle()
    assert not nodes_file(service).exists()
    leaves = service.services.files.read_leaves(3)
    assert leaves is not None
    assert nodes_file(service, 3).read_bytes() == format_nodes(leaves)


def test_a_receipt_made_from_nodes_is_the_one_made_from_leaves(large: SampleService, key: Ed25519Signer) -> None:
    made = [receipt_of(large, statement(key, number)) for number in range(FEW + 6)]
    nodes_file(large).unlink()
    assert [receipt_of(large, statement(key, number)) for number in range(FEW + 6)] == made


def test_a_receipt_made_from_nodes_needs_no_leaves(large: SampleService, key: Ed25519Signer) -> None:
    nodes_file(large).with_name("leaves").unlink()
    assert verdict_of(large, statement(key, FEW)).verdict == PROVEN


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_nodes_that_are_damaged_are_not_believed_and_fsck_finds_them(
    large: SampleService, key: Ed25519Signer, damage: str
) -> None:
    good, made = nodes_file(large).read_bytes(), receipt_of(large, statement(key, 5))
    nodes_file(large).chmod(0o600)
    flipped = bytes(byte ^ 1 for byte in good)
    nodes_file(large).write_bytes({"flipped": flipped, "cut": good[: 32 * 4 + 7], "empty": b""}[damage])
    assert receipt_of(large, statement(key, 5)) == made
    assert [finding.what for finding in large.findings()] == ["nodes of record 2: not what the database holds"]
    assert list(repair(large.services, LedgerMender(large.data / "ledger"))) == ["batches/2/nodes"]
    assert nodes_file(large).read_bytes() == good
    assert large.findings() == []


def test_leaves_of_another_length_are_not_believed(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key, 3)
    service.settle()
    leaves = nodes_file(service).with_name("leaves")
    leaves.chmod(0o600)
    leaves.write_bytes(leaves.read_bytes()[:-1])
    with pytest.raises(StorageError, match="fsck"):
        Receipts(service.services).make(statement_id(statement(key, 0)))


def test_tiles_that_lead_elsewhere_make_no_receipt(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key)
    service.settle()
    (tile,) = (service.data / "ledger" / "tile" / "0").rglob("3")
    tile.chmod(0o600)
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    with pytest.raises(StorageError, match="published tiles"):
        Receipts(service.services).make(statement_id(statement(key)))


# --- what is remembered between receipts ---


def test_what_is_remembered_serves_later_deposits_and_newer_keys(service: SampleService, key: Ed25519Signer) -> None:
    made = Receipts(service.services)
    service.deposit(key)
    assert made.make(statement_id(statement(key))) is None  # nor is that remembered
    service.settle()
    first = made.make(statement_id(statement(key)))
    second = service.enrol_another(key, "second", key)
    service.deposit(second, first=1)
    service.settle()
    retire_key(service.services, depositor_of(key), second.key, reason="lost")
    service.deposit(key, first=2)
    service.settle()
    for data in (statement(key), statement(second, 1), statement(key, 2), statement(second, 1), statement(key)):
        assert made.make(statement_id(data)) == Receipts(service.services).make(statement_id(data))
        assert verdict_of(service, data).verdict == PROVEN
    again = made.make(statement_id(statement(key)))
    assert first is not None
    assert again is not None
    assert again.proofs[0].proof == first.proofs[0].proof
    assert again.records[: len(first.records)] == first.records


def test_what_is_remembered_is_bounded_and_can_be_forgotten(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (anchors, receipts):
        monkeypatch.setattr(module, "REMEMBERED", 3)
    keys = [key, service.enrol("second"), service.enrol("third"), service.enrol("fourth")]
    for each in keys * 2:
        service.deposit(each, first=service.clock.time_ms)
        service.settle()
    with service.services.store.view() as view:
        deposits = list(view.deposits(0, 8))
    made = Receipts(service.services)
    for deposit in (*deposits, *reversed(deposits), *deposits[::3]):
        assert made.make(deposit.statement_id) == Receipts(service.services).make(deposit.statement_id)


def test_a_deposit_between_remembered_batches_is_found_in_its_own(service: SampleService, key: Ed25519Signer) -> None:
    for number in range(5):
        service.deposit(key, 3, first=3 * number)
        service.settle()
    made = Receipts(service.services)
    for seq in (0, 14, 6, 7, 5, 11, 3, 9, 2, 13):
        identity = statement_id(statement(key, seq))
        assert made.make(identity) == Receipts(service.services).make(identity)


def test_an_unknown_deposit_is_told_apart_from_one_that_waits(service: SampleService) -> None:
    with pytest.raises(UnknownDepositError):
        Receipts(service.services).make(bytes(32))


def test_a_tile_that_was_put_right_is_read_anew(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key)
    service.settle()
    (tile,) = (service.data / "ledger" / "tile" / "0").rglob("3")
    right, made = tile.read_bytes(), Receipts(service.services)
    tile.chmod(0o600)
    tile.write_bytes(bytes(32) + right[32:])
    with pytest.raises(StorageError, match="published tiles"):
        made.make(statement_id(statement(key)))
    tile.write_bytes(right)
    assert made.make(statement_id(statement(key))) == Receipts(service.services).make(statement_id(statement(key)))
