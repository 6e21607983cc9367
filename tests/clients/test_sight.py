"""A checkpoint counts only with the signature of its own log, and only if the one seen before leads to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.double import export
from tests.support.sample_ledger import LOG, ORIGIN, POLICY, WITNESSED, WITNESSES, sample, signer

from hefu.errors import AlarmError
from hefu.monitor.checkpoint import look, verify_checkpoint
from hefu.monitor.fetcher import open_source
from hefu_ledger.errors import VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.note import Note, SignatureLine, cosign, format_note, sign_note
from hefu_ledger.tlog.policy import Log

OTHER = signer("log.example/other", "other")
BOTH = POLICY._replace(logs=(*POLICY.logs, Log(OTHER.key)))


def others(note: Note) -> tuple[SignatureLine, ...]:
    """The lines of the witnesses."""
    return tuple(line for line in note.signatures if line.name != ORIGIN)


def test_a_log_signs_for_itself_alone() -> None:
    text = sample().checkpoint().text
    with pytest.raises(VerificationError, match="no log key"):
        verify_checkpoint(sign_note(text, [OTHER]), BOTH)


def test_witnesses_without_the_log_prove_nothing() -> None:
    note = sample().checkpoint(cosigners=WITNESSES)
    with pytest.raises(VerificationError, match="no log key"):
        verify_checkpoint(note._replace(signatures=others(note)), WITNESSED)


def test_the_quorum_is_complete_in_the_second_of_its_last_needed_witness() -> None:
    ledger = sample()
    note = ledger.checkpoint(cosigners=WITNESSES)
    assert verify_checkpoint(note, WITNESSED).quorum_s == ledger.now // 1000 + 1
    assert verify_checkpoint(ledger.checkpoint(cosigners=WITNESSES[:1]), WITNESSED).quorum_s is None


def test_extension_lines_are_refused() -> None:
    text = format_checkpoint(Checkpoint(ORIGIN, 5, sample().tree().root, ("extension",)))
    with pytest.raises(VerificationError, match="extension"):
        verify_checkpoint(sign_note(text, [LOG]), POLICY)


def test_another_ledger_in_the_place_of_the_one_seen_is_an_alarm(tmp_path: Path) -> None:
    folder = export(sample(), tmp_path)
    text = format_checkpoint(Checkpoint("log.example/other", 5, sample().tree().root))
    (folder / "checkpoint").write_bytes(format_note(sign_note(text, [OTHER])))
    with pytest.raises(AlarmError, match="another ledger"):
        look(open_source(str(folder)), BOTH, seen=sample().checkpoint())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_every_earlier_size_leads_to_the_newest(tmp_path: Path, size: int) -> None:
    source = open_source(str(export(sample(), tmp_path)))
    assert look(source, POLICY, seen=sample().checkpoint(size)).checkpoint.size == 5


def test_either_line_of_the_log_counts_for_the_log_and_none_for_a_witness() -> None:
    note = sample().checkpoint(cosigners=WITNESSES)
    first, second = (line for line in note.signatures if line.name == ORIGIN)
    expected = verify_checkpoint(note, WITNESSED).quorum_s
    assert expected is not None
    for signatures in ((first, *others(note)), (second, *others(note)), (*others(note), second, first)):
        assert verify_checkpoint(note._replace(signatures=signatures), WITNESSED).quorum_s == expected
    assert verify_checkpoint(note._replace(signatures=(first, second)), WITNESSED).quorum_s is None


def test_a_bad_line_of_a_witness_takes_nothing_from_the_others() -> None:
    note = sample().checkpoint(cosigners=WITNESSES)
    own = tuple(line for line in note.signatures if line.name == ORIGIN)
    one, two, three = others(note)
    bad = three._replace(signature=bytes(72))
    unsaid = cosign(note.text, WITNESSES[2], 0)  # a second of 0 states no time
    mixed = note._replace(signatures=(*own, one, two, bad, unsaid))
    assert verify_checkpoint(mixed, WITNESSED).quorum_s == verify_checkpoint(note, WITNESSED).quorum_s
    assert verify_checkpoint(note._replace(signatures=(*own, one, bad, unsaid)), WITNESSED).quorum_s is None


def test_a_bad_line_of_the_log_is_no_line() -> None:
    note = sample().checkpoint()
    first, second = note.signatures
    bad = first._replace(signature=bytes(64))
    with pytest.raises(VerificationError, match="no log key"):
        verify_checkpoint(note._replace(signatures=(bad,)), POLICY)
    assert verify_checkpoint(note._replace(signatures=(bad, second)), POLICY).checkpoint.size == 5
