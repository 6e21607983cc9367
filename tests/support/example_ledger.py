"""The ledger that FORMAT.md shows and the golden files hold: the small one's makers, with every type of record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hefu_ledger.deposit import bundle
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.deposit.receipt import Receipt, format_receipt, in_order
from hefu_ledger.deposit.statement import Seen, format_statement, parse_statement, statement_id
from hefu_ledger.encoding import canonical, format_time
from hefu_ledger.records.bodies import Clock, End, Genesis, LedgerKey
from hefu_ledger.records.ending import EndRequest, format_end
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.ledger_fold import keys_of_genesis
from hefu_ledger.records.record import FORMAT, parse_record, record_hash
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import Note, format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import format_policy
from hefu_ledger.tlog.tiles import ENTRIES, format_bundle, tile_bytes, tiles_at
from tests.support.sample_ledger import (
    ACKNOWLEDGEMENT,
    LOG_MLDSA44,
    ORIGIN,
    RECOVERY,
    WITNESSED,
    WITNESSES,
    Deposit,
    SampleLedger,
    depositor_signer,
    opened_identity,
    signer,
)

DEPOSITORS = ("acme", "acme", "beta", "acme")  # of the deposits
FIRST, SECOND = depositor_signer("acme"), depositor_signer("acme", "second")
NEXT = signer(ACKNOWLEDGEMENT.key.name, "next acknowledgement")
SUCCESSOR = signer("log.example/lingang", "log of the successor")
MADE = Path(__file__).parents[1] / "vectors/v1/ledger/checkpoint"


def example() -> SampleLedger:
    """Every type of record, and one that no version knows; two depositors, four deposits in three batches."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"formula.txt": b"aqua, glycerin\n"})
    ledger.seal()
    ledger.enrol("acme", "second", earlier=FIRST)
    ledger.enrol("beta")
    seen = parse_checkpoint(ledger.checkpoint(3).text)
    folder = {f"配方/{number}.txt": b"formula %d\n" % number for number in range(3)}
    ledger.deposit("acme", folder, signers=[FIRST, SECOND], seen=Seen(seen.root, seen.size))
    ledger.deposit("beta", {"list.csv": b"customers\n"})
    ledger.seal()
    _change_keys(ledger)
    ledger.now -= 400
    ledger.append(Clock(3, ledger.now - 100, "the clock had run half a second ahead"))
    _append_unknown(ledger)
    _replace(ledger, ledger.deposit("acme", {"formula.txt": b"aqua, glycerin, urea\n"}))
    ledger.seal()
    _end(ledger)
    return ledger


def _change_keys(ledger: SampleLedger) -> None:
    ledger.end_key("acme", by=[SECOND])
    ledger.end_key("beta", since=ledger.now + 3_600_000, reason="the laptop was stolen")
    request = KeyRequest("add", "yearly", ledger.now, NEXT.key)
    by = format_note(sign_note(format_key_request(request), [RECOVERY, NEXT])).decode()
    genesis = parse_record(ledger.records[0]).body
    if not isinstance(genesis, Genesis):
        raise TypeError("no genesis")
    keys = keys_of_genesis(genesis)
    keys = keys._replace(acknowledgement=(*keys.acknowledgement, NEXT.key))
    ledger.append(LedgerKey("add", by, 0, len(ledger.deposits), keys, "yearly", NEXT.key))


def _end(ledger: SampleLedger) -> None:
    request = EndRequest(ORIGIN, "the workstation moves", ledger.now, SUCCESSOR.key)
    by = format_note(sign_note(format_end(request), [RECOVERY])).decode()
    ledger.append(End(by, request.reason, request.successor))


def _append_unknown(ledger: SampleLedger) -> None:
    header = {"entries": 3, "format": FORMAT, "index": len(ledger.records), "type": "weather"}
    header["recorded_at"] = format_time(ledger.now)
    ledger.records.append(canonical(header | {"prev": record_hash(ledger.records[-1]).hex(), "sky": "clear"}))


def _replace(ledger: SampleLedger, deposit: Deposit) -> None:
    """Make the last deposit say that it continues the first, and sign it with the key that is left."""
    statement = parse_statement(deposit.statement.text)
    statement = statement._replace(previous=statement_id(ledger.deposits[0].statement))
    deposit.statement = sign_note(format_statement(statement), [SECOND])
    deposit.acceptance = deposit.acceptance._replace(statement=statement_id(deposit.statement))


def checkpoint(ledger: SampleLedger) -> Note:
    """The last checkpoint, with three cosignatures a second apart.

    The log's ML-DSA line is that of the golden file, once there is one: signing again would give another.
    """
    note = in_order(ledger.checkpoint(cosigners=WITNESSES), ORIGIN)
    if not MADE.exists():
        return note
    made = {(line.name, line.key_id): line for line in parse_note(MADE.read_bytes()).signatures}
    own = LOG_MLDSA44.key
    lines = (made[own.name, own.key_id] if line.key_id == own.key_id else line for line in note.signatures)
    return note._replace(signatures=tuple(lines))


def receipt(ledger: SampleLedger, seq: int) -> Receipt:
    """The receipt of a deposit; it tells the depositor's newest event, and the ledger's key and clock after it."""
    newest = ledger.places[ledger.deposits[seq].acceptance.depositor, len(ledger.steps[DEPOSITORS[seq]]) - 1]
    told = [newest, *([8, 9] if ledger.batch_of(seq) < 8 else [])]
    return ledger.receipt(seq, checkpoints=[checkpoint(ledger)], told=told)


def bundle_bytes(ledger: SampleLedger, seq: int) -> bytes:
    """The bundle of a deposit."""
    deposit = ledger.deposits[seq]
    identity = opened_identity(deposit.acceptance.depositor)
    lines = [bundle.format_header(bundle.Header(len(deposit.texts), deposit.seed, identity))]
    lines += map(bundle.format_texts, deposit.texts)
    lines.append(bundle.format_statement_line(format_note(deposit.statement)))
    lines.append(bundle.format_receipt_line(receipt(ledger, seq)))
    return b"".join(lines)


def ledger_files(ledger: SampleLedger) -> Iterator[tuple[str, bytes]]:
    """A ledger's folder as it is published, and the entries that an auditor is given beside it."""
    yield "checkpoint", format_note(checkpoint(ledger))
    tree = merkle.Tree(b"".join(map(merkle.leaf_hash, ledger.records)))
    for tile in tiles_at(len(ledger.records)):
        first = 256 * tile.index
        records = ledger.records[first : first + tile.width]
        yield tile.path, format_bundle(records) if tile.level == ENTRIES else tile_bytes(tile, tree.node)
    for index in ledger.batches:
        yield f"batches/{index}/leaves", ledger.leaves(index)
        yield f"batches/{index}/entries", b"".join(map(entry_line, ledger.entries(index)))


def entry_line(entry: tuple[str, bytes]) -> bytes:
    """A line of an auditor's entries: an acceptance and a statement."""
    return canonical([entry[0], entry[1].decode()]) + b"\n"


def golden_files() -> Iterator[tuple[str, bytes]]:
    """Every file by its path below the version's folder."""
    ledger = example()
    yield "policy.txt", format_policy(WITNESSED).encode()
    for path, data in ledger_files(ledger):
        yield f"ledger/{path}", data
    for seq, deposit in enumerate(ledger.deposits):
        yield f"statements/{seq}", format_note(deposit.statement)
        yield f"receipts/{seq}.json", format_receipt(receipt(ledger, seq))
        for index, (name, document) in enumerate(deposit.documents.items()):
            yield f"documents/{seq}/{name}", document
            evidence = ledger.evidence(seq, index, receipt(ledger, seq))
            yield f"evidence/{seq}/{name}.hefu.json", format_evidence(evidence)
    yield "bundles/1.hefu.bundle", bundle_bytes(ledger, 1)
