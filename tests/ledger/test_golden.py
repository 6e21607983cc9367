"""What released versions wrote still verifies, and is what the code writes: the golden files are never made again."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.cases import every_case
from tests.support.example_ledger import golden_files

from hefu_ledger import section
from hefu_ledger.deposit import bundle, card
from hefu_ledger.deposit.evidence import format_evidence, parse_evidence
from hefu_ledger.deposit.receipt import format_receipt, parse_receipt
from hefu_ledger.deposit.statement import parse_signed_statement, statement_id
from hefu_ledger.digest import Digests, digest_stream
from hefu_ledger.number import parse_number
from hefu_ledger.records.bodies import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.policy import Policy, parse_policy
from hefu_ledger.tlog.tiles import ENTRIES, node_reader, parse_bundle, tiles_at
from hefu_ledger.verify import FolderComparison, verify_evidence, verify_folder, verify_receipt
from hefu_ledger.verify.verdict import Verdict

VECTORS = Path(__file__).parents[1] / "vectors"
VERSIONS = sorted(path for path in VECTORS.iterdir() if (path / "policy.txt").exists())
SIZE = 13
EVIDENCE = sorted(path for version in VERSIONS for path in version.glob("evidence/**/*.hefu.json"))
RECEIPTS = sorted(path for version in VERSIONS for path in version.glob("receipts/*.json"))
BUNDLES = sorted(path for version in VERSIONS for path in version.glob("bundles/*.hefu.bundle"))
MANIFESTS = {
    "v1": "f1894c7b0b58c2e847c69ca03fbb34160db80d637489c31432b1c8c949090514"
}  # SHA-256 of what ``sha256sum`` prints for every file, sorted by name
QUORUM_TIME = "2026-01-01T00:00:03.999Z"


def name_of(path: Path) -> str:
    return path.relative_to(VECTORS).as_posix()


def version_of(path: Path) -> Path:
    return VECTORS / path.relative_to(VECTORS).parts[0]


def policy_of(path: Path) -> Policy:
    return parse_policy((version_of(path) / "policy.txt").read_text("utf-8"))


def digests_of(path: Path) -> Digests:
    with path.open("rb") as file:
        return digest_stream(file)


def document_of(evidence: Path) -> Path:
    path = evidence.relative_to(version_of(evidence) / "evidence").as_posix()
    return version_of(evidence) / "documents" / path.removesuffix(".hefu.json")


def assert_proven(verdict: Verdict) -> None:
    assert [step for step in verdict.steps if step.outcome in ("failed", "cannot")] == []
    assert verdict.verdict == "proven"
    assert verdict.facts["not_later_than"] == QUORUM_TIME
    assert verdict.facts["checkpoint_size"] == SIZE


def test_the_golden_files_are_all_there() -> None:
    assert [version.name for version in VERSIONS] == ["v1"]
    assert (len(EVIDENCE), len(RECEIPTS), len(BUNDLES)) == (6, 4, 1)


@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_no_golden_file_was_ever_changed(version: Path) -> None:
    files = sorted(path for path in version.rglob("*") if path.is_file())
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(version).as_posix()}\n" for path in files]
    assert sha256("".join(lines).encode()).hexdigest() == MANIFESTS[version.name]


def test_the_code_still_writes_these_very_bytes() -> None:
    """But for the log's ML-DSA lines, of which each signing makes another: those are the ones made then."""
    version = VECTORS / "v1"
    written = dict(golden_files())
    assert written == {path: (version / path).read_bytes() for path in written}
    assert len(written) == sum(path.is_file() for path in version.rglob("*"))


@every_case("path", EVIDENCE, ids=name_of)
def test_golden_evidence_is_proven(path: Path) -> None:
    data = path.read_bytes()
    verdict = verify_evidence(data, document=digests_of(document_of(path)), policy=policy_of(path))
    assert_proven(verdict)
    assert document_of(path).as_posix().endswith(f"/{verdict.facts['label']['name']}")
    assert verdict.facts["identity"]["uscc"] == "91310120MA1HP00194"
    assert format_evidence(parse_evidence(data)) == data


@every_case("path", EVIDENCE, ids=name_of)
def test_golden_evidence_does_not_fit_another_document(path: Path) -> None:
    other = version_of(path) / "policy.txt"
    assert (
        verify_evidence(path.read_bytes(), document=digests_of(other), policy=policy_of(path)).verdict == "not proven"
    )


@pytest.mark.parametrize("path", RECEIPTS, ids=name_of)
def test_golden_receipts_are_proven(path: Path) -> None:
    data = path.read_bytes()
    verdict = verify_receipt(data, policy=policy_of(path))
    assert_proven(verdict)
    assert parse_number(verdict.facts["number"], "FX") == int(path.stem)
    assert format_receipt(parse_receipt(data)) == data


@pytest.mark.parametrize("path", BUNDLES, ids=name_of)
def test_a_golden_bundle_is_proven_against_its_folder(path: Path) -> None:
    folder = version_of(path) / "documents" / path.name.removesuffix(".hefu.bundle")
    with path.open("rb") as file:
        header = bundle.read_header(file)
        nonces, leaves, owners = section.Nonces(header.seed), b"", set()
        for index, texts in enumerate(bundle.read_texts(file, header.count)):
            leaves += merkle.leaf_hash(card.commit(texts, nonces.of(index)))
            document = card.parse_document(texts[0].decode())
            owners.add((document.origin, document.depositor))
            name = card.parse_section("label", texts[1].decode())["name"]
            card.verify_digests(document, **digests_of(folder / name)._asdict())
        statement, receipt = bundle.read_statement(file), bundle.read_receipt(file)
    assert receipt.statement.encode() == statement
    found = FolderComparison(header.count, merkle.root_of_leaves(leaves), frozenset(owners))
    assert_proven(verify_folder(receipt, folder=found, identity=header.identity, policy=policy_of(path)))


def golden_records(version: Path) -> list[bytes]:
    (path,) = version.glob("ledger/tile/entries/000.p/*")
    return parse_bundle(path.read_bytes(), SIZE)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_a_golden_ledger_replays_at_both_depths(version: Path, full: bool) -> None:
    replay = Replay(full=full)
    for data in golden_records(version):
        record = replay.record(data)
        batch = version / f"ledger/batches/{record.index}"
        if isinstance(record.body, Batch) and full:
            entries = map(json.loads, batch.joinpath("entries").read_text("utf-8").splitlines())
            replay.entries([(acceptance, statement.encode()) for acceptance, statement in entries])
        elif isinstance(record.body, Batch):
            replay.leaves(batch.joinpath("leaves").read_bytes())
    log_keys = [log.key for log in policy_of(version / "policy.txt").logs]
    checkpoint = replay.finish((version / "ledger/checkpoint").read_bytes(), log_keys)
    assert (checkpoint.size, replay.size, replay.deposits, replay.broken_promises) == (SIZE, SIZE, 4, 0)


@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_golden_tiles_hold_the_records_tree(version: Path) -> None:
    tree = merkle.Tree(b"".join(map(merkle.leaf_hash, golden_records(version))))
    node = node_reader(SIZE, lambda tile: (version / "ledger" / tile.path).read_bytes())
    assert merkle.root_of(SIZE, node) == tree.root
    assert {tile.level for tile in tiles_at(SIZE)} == {ENTRIES, 0}


@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_golden_statements_keep_their_identity(version: Path) -> None:
    for path in sorted(version.glob("receipts/*.json")):
        data = (version / "statements" / path.stem).read_bytes()
        parse_signed_statement(data)
        facts = verify_receipt(path.read_bytes(), policy=policy_of(path)).facts
        assert facts["statement"] == statement_id(data).hex()
