"""``hefu audit``: the whole ledger replayed from its published bytes, and held against its checkpoint of last time.

Public depth, or full depth where the source gives out acceptances and statements (an export with ``--statements``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from hefu.monitor.checkpoint import Sight, check_longer, verify_checkpoint
from hefu.monitor.fetcher import Source, read_checkpoint, read_entries, read_hashes, read_leaves, read_records
from hefu.ui.progress import progress_bar
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.records.bodies import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.merkle import Tree, leaf_hash, root_of
from hefu_ledger.tlog.note import Note, format_note, judge_lines, parse_note
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.tlog.tiles import ENTRIES, tile_bytes, tiles_at
from hefu_ledger.verify.case import Note as Finding
from hefu_ledger.verify.case import NotReachedError, StepFinding, finding, noted
from hefu_ledger.verify.verdict import CANNOT, FAILED, NOTED, OK, PROVEN, UNCHECKED, Step, Verdict, conclude

_ABSENT: Final = ("file-missing", "entries-missing")


def audit(
    source: Source, *, policy: Policy, seen: Note | None, roots: Sequence[bytes] = ()
) -> tuple[Verdict, Note | None]:
    """Replay a ledger; also give its checkpoint, to be ``seen`` next time, if everything held.

    A ledger that went back on the checkpoint seen before is not proven, and both notes are in the verdict's facts:
    they are the proof. UnreachableError if the source cannot be read at all. ``roots``: certificates (DER) of timestamp
    authorities; a ledger publishes no timestamps, and the verdict says that none was looked at.
    """
    work = _Audit(source, policy, seen, roots)
    steps = [_step(number, work) for number in range(1, len(_STEPS) + 1)]
    verdict = conclude(steps, work.facts)
    return verdict, work.sight.note if work.sight is not None and verdict.verdict == PROVEN else None


class _Audit:
    """The inputs that the steps share, and the results of earlier steps."""

    def __init__(self, source: Source, policy: Policy, seen: Note | None, roots: Sequence[bytes]) -> None:
        self.source = source
        self.roots = roots
        self.policy = policy
        self.seen = seen
        self.private = source.private  # of all batches or of none, and a folder lists them all to tell
        self.facts: dict[str, Any] = {"subject": "ledger", "depth": "full" if self.private else "public"}
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
        """Put the two checkpoints that contradict each other into the facts, so that the verdict shows them."""
        if self.seen is not None:
            both = {"seen_before": self.seen, "seen_now": self.needed_sight.note}
            self.facts["alarm"] = {name: format_note(note).decode() for name, note in both.items()}


def _checkpoint(work: _Audit) -> StepFinding:
    sight = verify_checkpoint(parse_note(read_checkpoint(work.source)), work.policy)
    work.sight = sight
    origin, size, root, _ = sight.checkpoint
    work.facts |= {"origin": origin, "checkpoint_size": size, "root": root.hex()}
    keys = [log.key for log in work.policy.logs if log.key.name == origin]
    signed = [line.key for line in judge_lines(sight.note, keys).good]
    notes: list[Finding] = [("log-key-silent", {"key": key.key_id.hex()}) for key in keys if key not in signed]
    if work.policy.quorum is None:
        return noted(finding(OK, "audit-signed", f"size {size}", size=size), notes)
    if sight.quorum_s is None:
        return noted(finding(CANNOT, "quorum-missed", f"size {size}", names=[]), notes)
    work.facts["witnessed_at"] = time = format_time(1000 * sight.quorum_s)
    return noted(finding(OK, "audit-witnessed", f"size {size}", size=size, time=time), notes)


def _not_shorter(work: _Audit) -> StepFinding:
    new = work.needed_sight.checkpoint
    if work.seen is None:
        return finding(NOTED, "audit-first")
    old = verify_checkpoint(work.seen, work.policy).checkpoint
    try:
        check_longer(old, new)
    except VerificationError:
        work.keep_both()
        raise
    work.facts["seen_size"] = old.size
    return finding(OK, "audit-not-shorter", f"{old.size} <= {new.size}", size=old.size)


def _replay(work: _Audit) -> StepFinding:
    sight = work.needed_sight
    replay = Replay(full=work.private)
    leaves, unread = bytearray(), None
    with progress_bar("audit", sight.checkpoint.size) as progress:
        for data in _records(work, sight.checkpoint.size):
            if unread is None:
                try:
                    _feed(replay, work, data)
                except MalformedError as error:  # of a form unknown here, or not the record that was signed
                    unread = error
            leaves += leaf_hash(data)
            progress.done()
    tree = Tree(bytes(leaves))
    if unread is not None:
        raise unread if tree.root == sight.checkpoint.root else _changed(tree, sight) from unread
    replay.finish(sight.note, [log.key for log in work.policy.logs])
    work.tree = tree
    counted = {"records": replay.size, "deposits": replay.deposits}
    noted = {
        "clock_corrections": replay.clock_corrections,
        "unjudged_events": replay.unjudged_events,
        "unknown_records": replay.unknown_records,
    }
    if work.private:
        noted |= {"broken_promises": replay.broken_promises, "strange_sights": replay.strange_sights}
    work.facts |= counted | noted
    events = [[f"audit-{name}", {"count": count}] for name, count in noted.items() if count]
    if events:
        return finding(NOTED, "audit-replayed-noted", f"{replay.size} records", **counted, events=events)
    return finding(OK, "audit-replayed", f"{replay.size} records", **counted)


def _records(work: _Audit, size: int) -> Iterator[bytes]:
    for tile in tiles_at(size):
        if tile.level != ENTRIES:
            break
        with _as_signed(tile.path):
            records = read_records(work.source, tile)
        yield from records


def _feed(replay: Replay, work: _Audit, data: bytes) -> None:
    record = replay.record(data)
    if not isinstance(record.body, Batch):
        return
    if work.private:
        with _as_signed(f"batches/{record.index}/entries"):
            replay.entries(read_entries(work.source, record.index))
    else:
        with _as_signed(f"batches/{record.index}/leaves"):
            replay.leaves(read_leaves(work.source, record.index, record.body.count))


@contextmanager
def _as_signed(path: str) -> Iterator[None]:
    """A file that is there and is malformed is not the signed one; a file that is missing proves nothing."""
    try:
        yield
    except MalformedError as error:
        cause = error.values["error"][0] if error.code == "at" else error.code
        if cause in _ABSENT:
            raise
        raise VerificationError(f"{path}: {error}", code="audit-file", path=path) from None


def _changed(tree: Tree, sight: Sight) -> VerificationError:
    expected, found = sight.checkpoint.root.hex(), tree.root.hex()
    return VerificationError("the records' root", code="audit-records", expected=expected, found=found)


def _contains(work: _Audit) -> StepFinding:
    tree = work.needed_tree
    if work.seen is None or "seen_size" not in work.facts:
        raise NotReachedError
    old = parse_checkpoint(work.seen.text)
    root = root_of(old.size, tree.node)
    if root != old.root:
        work.keep_both()
        raise VerificationError("the ledger was rewritten", code="rewritten", expected=old.root.hex(), found=root.hex())
    return finding(OK, "audit-contains", root.hex())


def _tiles(work: _Audit) -> StepFinding:
    tree = work.needed_tree
    count = 0
    for tile in tiles_at(tree.size):
        if tile.level != ENTRIES:
            count += 1
            with _as_signed(tile.path):
                published = read_hashes(work.source, tile)
            if published != tile_bytes(tile, tree.node):
                raise VerificationError(
                    f"{tile.path} does not hold the hashes of the records", code="audit-tile", path=tile.path
                )
    return finding(OK, "audit-tiles", f"{count} tiles", count=count)


def _not_checked(work: _Audit) -> StepFinding:
    items = ["truth", "ownership"] if work.private else ["audit-signatures", "truth", "ownership"]
    items += ["audit-stamps"] if work.roots else []
    return finding(UNCHECKED, "not-checked", ", ".join(items), items=[[item, {}] for item in items])


_STEPS: Final[tuple[tuple[str, Callable[[_Audit], StepFinding]], ...]] = (
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
        found = function(work)
    except VerificationError as error:
        found = StepFinding(FAILED, str(error), error.code, error.values)
    except MalformedError as error:
        found = StepFinding(CANNOT, str(error), error.code, error.values)
    except NotReachedError:
        found = finding(UNCHECKED, "audit-not-reached")
    return Step(number, found.outcome, checked, found.found, found.code, found.values)
