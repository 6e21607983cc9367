"""``hefu audit``: the whole ledger replayed from its published bytes, and held against what it showed last time.

Public depth, or full depth where the source gives out acceptances and statements (an export with ``--statements``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hefu.monitor.checkpoint import Sight, check_longer, verify_checkpoint
from hefu.monitor.fetcher import Source, read_checkpoint, read_entries, read_hashes, read_leaves, read_records
from hefu.ui.language import both
from hefu.ui.progress import progress_bar
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.records.record import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.merkle import Tree, leaf_hash, root_of
from hefu_ledger.tlog.note import Note, format_note, parse_note
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.tlog.tiles import ENTRIES, tile_bytes, tiles_at
from hefu_ledger.verify.case import Finding, NotReachedError
from hefu_ledger.verify.verdict import CANNOT, FAILED, NOTED, OK, PROVEN, UNCHECKED, Step, Verdict, conclude


def audit(source: Source, *, policy: Policy, seen: Note | None) -> tuple[Verdict, Note | None]:
    """Replay a ledger; also give its checkpoint, to be ``seen`` next time, if everything held.

    A ledger that went back on the checkpoint seen before is not proven, and both notes are in the verdict's facts:
    they are the proof. UnreachableError if the source cannot be read at all.
    """
    work = _Audit(source, policy, seen)
    steps = [_step(number, work) for number in range(1, len(_STEPS) + 1)]
    verdict = conclude(steps, work.facts)
    return verdict, work.sight.note if work.sight is not None and verdict.verdict == PROVEN else None


class _Audit:
    """What the steps share, and what earlier ones established."""

    def __init__(self, source: Source, policy: Policy, seen: Note | None) -> None:
        self.source = source
        self.policy = policy
        self.seen = seen
        self.private = source.private  # of all batches or of none, and a folder lists them all to tell
        self.facts: dict[str, Any] = {"depth": "full" if self.private else "public"}
        self.sight: Sight | None = None
        self.tree: Tree | None = None  # of the records

    @property
    def needed_sight(self) -> Sight:
        """The checkpoint, once its signature is verified."""
        if self.sight is None:
            raise NotReachedError
        return self.sight

    @property
    def needed_tree(self) -> Tree:
        """The tree of all records, once they are replayed."""
        if self.tree is None:
            raise NotReachedError
        return self.tree

    def keep_both(self) -> None:
        """Put the two checkpoints that contradict each other where nobody can miss them."""
        if self.seen is not None:
            both = {"seen_before": self.seen, "seen_now": self.needed_sight.note}
            self.facts["alarm"] = {name: format_note(note).decode() for name, note in both.items()}


def _checkpoint(work: _Audit) -> Finding:
    sight = verify_checkpoint(parse_note(read_checkpoint(work.source)), work.policy)
    work.sight = sight
    origin, size, root, _ = sight.checkpoint
    work.facts |= {"origin": origin, "checkpoint_size": size, "root": root.hex()}
    if work.policy.quorum is None:
        return Finding(OK, f"size {size}", *both("audit.no_witness", size=size))
    if sight.quorum_s is None:
        return Finding(CANNOT, f"size {size}", *both("audit.no_quorum"))
    work.facts["witnessed_at"] = time = format_time(1000 * sight.quorum_s)
    return Finding(OK, f"size {size}", *both("audit.witnessed", size=size, time=time))


def _not_shorter(work: _Audit) -> Finding:
    new = work.needed_sight.checkpoint
    if work.seen is None:
        return Finding(NOTED, "", *both("audit.first"))
    old = verify_checkpoint(work.seen, work.policy).checkpoint
    try:
        check_longer(old, new)
    except VerificationError:
        work.keep_both()
        raise
    work.facts["seen_size"] = old.size
    return Finding(OK, f"{old.size} <= {new.size}", *both("audit.not_shorter", size=old.size))


def _replay(work: _Audit) -> Finding:
    sight = work.needed_sight
    replay = Replay(full=work.private)
    leaves = bytearray()
    with progress_bar("audit", sight.checkpoint.size) as progress:
        for tile in tiles_at(sight.checkpoint.size):
            if tile.level != ENTRIES:
                break
            for data in read_records(work.source, tile):
                _feed(replay, work, data)
                leaves += leaf_hash(data)
                progress.done()
    replay.finish(sight.note, [log.key for log in work.policy.logs])
    work.tree = Tree(bytes(leaves))
    counted = {"records": replay.size, "deposits": replay.deposits}
    noted = {"clock_corrections": replay.clock_corrections}
    if work.private:
        noted |= {"broken_promises": replay.broken_promises, "strange_sights": replay.strange_sights}
    work.facts |= counted | noted
    if any(noted.values()):
        events = ", ".join(f"{name} {count}" for name, count in noted.items() if count)
        return Finding(NOTED, f"{replay.size} records", *both("audit.replayed_noted", **counted, events=events))
    return Finding(OK, f"{replay.size} records", *both("audit.replayed", **counted))


def _feed(replay: Replay, work: _Audit, data: bytes) -> None:
    record = replay.record(data)
    if not isinstance(record.body, Batch):
        return
    if work.private:
        replay.entries(read_entries(work.source, record.index))
    else:
        replay.leaves(read_leaves(work.source, record.index, record.body.count))


def _contains(work: _Audit) -> Finding:
    tree = work.needed_tree
    if work.seen is None or "seen_size" not in work.facts:
        raise NotReachedError
    old = parse_checkpoint(work.seen.text)
    root = root_of(old.size, tree.node)
    if root != old.root:
        work.keep_both()
        raise VerificationError("the ledger was rewritten", expected=old.root.hex(), found=root.hex())
    return Finding(OK, root.hex(), *both("audit.contains"))


def _tiles(work: _Audit) -> Finding:
    tree = work.needed_tree
    count = 0
    for tile in tiles_at(tree.size):
        if tile.level != ENTRIES:
            count += 1
            if read_hashes(work.source, tile) != tile_bytes(tile, tree.node):
                raise VerificationError(f"{tile.path} does not hold the hashes of the records")
    return Finding(OK, f"{count} tiles", *both("audit.tiles", count=count))


def _not_checked(work: _Audit) -> Finding:
    zh, en = both("audit.unchecked" if work.private else "audit.unchecked_public")
    return Finding(UNCHECKED, en.removeprefix("Not checked: ").removesuffix("."), zh, en)


_STEPS: Final[tuple[tuple[str, Callable[[_Audit], Finding]], ...]] = (
    ("the signed checkpoint", _checkpoint),
    ("the ledger is not shorter than last time", _not_shorter),
    ("every record and batch, replayed", _replay),
    ("the ledger seen last time is its beginning", _contains),
    ("the published tiles", _tiles),
    ("what was not checked", _not_checked),
)


def _step(number: int, work: _Audit) -> Step:
    checked, function = _STEPS[number - 1]
    try:
        finding = function(work)
    except VerificationError as error:
        finding = Finding(FAILED, str(error), *both("audit.contradiction", error=error))
    except MalformedError as error:
        finding = Finding(CANNOT, str(error), *both("audit.unknown_form", error=error))
    except NotReachedError:
        finding = Finding(UNCHECKED, "", *both("audit.not_reached"))
    return Step(number, finding.outcome, checked, finding.found, finding.zh, finding.en)
