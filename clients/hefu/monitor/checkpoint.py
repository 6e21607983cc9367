"""A ledger seen from outside: its newest checkpoint, held against the one seen before."""

from __future__ import annotations

from typing import NamedTuple

from hefu.errors import AlarmError
from hefu.monitor.fetcher import Source, read_checkpoint, read_hashes
from hefu.ui.language import say
from hefu_ledger.errors import VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.merkle import consistency_path, verify_consistency
from hefu_ledger.tlog.note import Note, format_note, judge_lines, parse_note
from hefu_ledger.tlog.policy import Policy, quorum_second
from hefu_ledger.tlog.tiles import node_reader


class Sight(NamedTuple):
    """A checkpoint that a trusted log key signed. ``quorum_s``: when the policy's witnesses were complete, if ever."""

    note: Note
    checkpoint: Checkpoint
    quorum_s: int | None


def verify_checkpoint(note: Note, policy: Policy) -> Sight:
    """Check the signatures of a checkpoint; VerificationError unless a log of the policy signed it as its own."""
    checkpoint = parse_checkpoint(note.text)
    logs, witnesses = [log.key for log in policy.logs], [witness.key for witness in policy.witnesses]
    good = judge_lines(note, [*logs, *witnesses]).good
    if not any(line.key in logs and line.key.name == checkpoint.origin for line in good):
        raise VerificationError(
            f"checkpoint of {checkpoint.origin!r:.200}: no log key of the policy signed it", code="log-key-untrusted"
        )
    if checkpoint.extensions:
        raise VerificationError(
            "checkpoint: it has extension lines, which this ledger does not use", code="checkpoint-extensions"
        )
    seconds: dict[VerifierKey, int] = {}
    for line in good:
        if line.time_s and line.key in witnesses:  # a second of 0 states no time
            seconds[line.key] = min(line.time_s, seconds.get(line.key, line.time_s))
    return Sight(note, checkpoint, quorum_second(policy, seconds))


def look(source: Source, policy: Policy, *, seen: Note | None) -> Sight:
    """Fetch the newest checkpoint and check that the one ``seen`` before leads to it.

    AlarmError if that fails: with both checkpoints the question can be put to the ledger, or to a court.
    """
    sight = verify_checkpoint(parse_note(read_checkpoint(source)), policy)
    if seen is not None:
        compare(source, parse_checkpoint(seen.text), seen, sight)
    return sight


def compare(source: Source, old: Checkpoint, seen: Note, sight: Sight) -> None:
    """Check by a consistency proof from the ledger's tiles that ``old`` is the beginning of the ledger in sight."""
    new = sight.checkpoint
    try:
        check_longer(old, new)
        node = node_reader(new.size, lambda tile: read_hashes(source, tile))
        path = consistency_path(old.size, new.size, node)
        verify_consistency(old_size=old.size, old_root=old.root, new_size=new.size, new_root=new.root, path=path)
    except VerificationError as error:
        raise alarm(error, seen, sight.note) from error


def check_longer(old: Checkpoint, new: Checkpoint) -> None:
    """Refuse a checkpoint that is of another ledger, or of a shorter one, than the one before."""
    if new.origin != old.origin:
        raise VerificationError("another ledger", code="ledger-other", expected=old.origin, found=new.origin)
    if new.size < old.size:
        raise VerificationError(
            "rollback: the ledger is shorter", code="rollback", expected=f"at least {old.size}", found=f"{new.size}"
        )


def alarm(error: VerificationError, seen: Note, found: Note) -> AlarmError:
    """The alarm of two checkpoints that contradict each other, with both notes and the contradiction."""
    return AlarmError(
        say("sight.alarm", error=error),
        remembered=format_note(seen).decode(),
        found=format_note(found).decode(),
    )
