"""A ledger read to its newest checkpoint for one receipt: its records since about keys and clock."""

from __future__ import annotations

from hefu.errors import UnreachableError
from hefu.monitor.checkpoint import verify_checkpoint
from hefu.monitor.fetcher import Source, read_checkpoint, read_leaves, read_records
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.errors import LedgerError
from hefu_ledger.records.bodies import Batch, Clock, Enrolment, KeyEvent, LedgerKey
from hefu_ledger.records.fold import depositor_of
from hefu_ledger.records.record import Record, parse_record
from hefu_ledger.replay import Replay
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.tlog.tiles import ENTRIES, tiles_at
from hefu_ledger.verify import Reading


def read_ledger(source: Source, receipt: Receipt, policy: Policy) -> Reading:
    """Replay a ledger's public half, and keep the records that a receipt's verdict may depend on.

    UnreachableError where its newest checkpoint lacks the witnesses that the policy asks for; LedgerError where the
    ledger contradicts itself or its checkpoint.
    """
    sight = verify_checkpoint(parse_note(read_checkpoint(source)), policy)
    if policy.quorum is not None and sight.quorum_s is None:
        raise UnreachableError(say("verify.ledger_unwitnessed", size=sight.checkpoint.size))
    carried = {_index(text) for text in receipt.records}
    _, statement = parse_signed_statement(receipt.statement.encode())
    owner = (statement.origin, statement.depositor)
    replay, kept = Replay(full=False), {}
    with progress_bar("verify", sight.checkpoint.size) as progress:
        for tile in tiles_at(sight.checkpoint.size):
            if tile.level != ENTRIES:
                break
            for data in read_records(source, tile):
                record = replay.record(data)
                if isinstance(record.body, Batch):
                    replay.leaves(read_leaves(source, record.index, record.body.count))
                if record.index in carried or _tells(record, owner):
                    kept[record.index] = data.decode()
                progress.done()
    replay.finish(sight.note, [log.key for log in policy.logs])
    return Reading(sight.checkpoint.size, kept)


def _index(text: str) -> int:
    try:
        return parse_record(text.encode()).index
    except LedgerError:
        return -1


def _tells(record: Record, owner: tuple[str, str]) -> bool:
    body = record.body
    if isinstance(body, Enrolment | KeyEvent):
        return depositor_of(body) == owner
    return isinstance(body, Clock | LedgerKey)
