"""An exported ledger, read by programs that others wrote, from files and from a plain static file server."""

from __future__ import annotations

import dataclasses
import http.server
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pymerkle
import pytest
from tests.support.enrolling import enrol, submit
from tests.support.serving import BIN, ORIGIN
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tlog import Checkpoint

from hefu_ledger.records.bodies import Genesis
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.keys import format_vkey
from hefu_ledger.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from hefu_ledger.tlog.note import parse_note, verify_note
from hefu_ledger.tlog.proof import parse_proof
from hefu_ledger.tlog.tiles import parse_bundle
from hefu_service.jobs.tasks import settle
from hefu_service.outside.files import LedgerFolder
from hefu_service.publishing.export import export_ledger
from hefu_service.wiring import create_data, open_services

BATCHES = 300  # more than one full tile


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 302 records, each batch sealed on its own."""
    root = tmp_path_factory.mktemp("referees")
    create_data(root / "data", ORIGIN)
    with open_services(root / "data") as services:
        signer = enrol(services)
        for number in range(BATCHES):
            submit(services, signer, number)
            settle(services)
        export_ledger(services, LedgerFolder(root / "ledger"), statements=False)
    return root / "ledger"


@pytest.fixture
def served(exported: Path) -> Iterator[str]:
    """The export behind Python's own static file server, which knows nothing of us."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Tests need no access log."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(exported))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def records(ledger: Path) -> list[bytes]:
    """All entries, read from the entry bundles."""
    size = parse_checkpoint(parse_note((ledger / "checkpoint").read_bytes()).text).size
    full = parse_bundle((ledger / "tile/entries/000").read_bytes(), 256)
    partial_bundle = ledger / f"tile/entries/001.p/{size - 256}"
    return full + parse_bundle(partial_bundle.read_bytes(), size - 256)


def test_tlog_scales_recomputes_the_root_and_our_code_accepts_its_proofs(exported: Path) -> None:
    reader = TilesReader(LocalBackend(exported))
    checkpoint = reader.get_checkpoint()
    ours = parse_checkpoint(parse_note((exported / "checkpoint").read_bytes()).text)
    assert (checkpoint.size, reader.calculate_root_hash()) == (ours.size, ours.root)
    for index, data in enumerate(records(exported)):
        assert reader.get_entry(index) == data
        path = reader.get_inclusion_proof(index, ours.size).node_hashes
        verify_inclusion(leaf_hash=leaf_hash(data), index=index, size=ours.size, path=path, root=ours.root)
    for old in (1, 2, 255, 256, 257, 301):
        proof = reader.get_consistency_proof(old, ours.size)
        verify_consistency(
            old_size=old, old_root=reader.mth(0, old), new_size=ours.size, new_root=ours.root, path=proof.node_hashes
        )


def test_tlog_scales_verifies_the_lines_of_both_of_the_logs_keys(exported: Path) -> None:
    genesis = parse_record(records(exported)[0]).body
    assert isinstance(genesis, Genesis)
    keys = [Vkey.from_string(format_vkey(key)) for key in (genesis.log, genesis.log_mldsa44)]
    checkpoint = Checkpoint.from_text((exported / "checkpoint").read_text("utf-8"))
    held = VkeySet(*keys).verify(checkpoint.signatures, checkpoint)
    assert {key.sig_type for key, _ in held} == {0x01, 0x06}
    changed = dataclasses.replace(checkpoint, size=checkpoint.size - 1)
    assert VkeySet(*keys).verify(checkpoint.signatures, changed) == set()


@pytest.mark.parametrize("index", [0, 1, 255, 256, 301])
def test_the_tlog_tiles_program_makes_a_proof_from_a_static_server_that_we_accept(
    exported: Path, served: str, index: int
) -> None:
    done = subprocess.run([BIN / "tlog-tiles", "gen-proof", served, str(index)], capture_output=True, check=True)
    proof = parse_proof(done.stdout)
    checkpoint = parse_checkpoint(proof.checkpoint.text)
    leaf = leaf_hash(records(exported)[index])
    verify_inclusion(leaf_hash=leaf, index=index, size=checkpoint.size, path=proof.path, root=checkpoint.root)
    assert verify_note(proof.checkpoint, [])[1]  # signed, by the log whose key this test does not hold


def test_pymerkle_gives_the_same_root_at_every_size(exported: Path) -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    reader = TilesReader(LocalBackend(exported))
    reader.get_checkpoint()
    for size, data in enumerate(records(exported), 1):
        tree.append_entry(data)
        if size in {1, 2, 3, 100, 255, 256, 257, 302}:
            assert tree.get_root() == reader.mth(0, size)
