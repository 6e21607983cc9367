"""The nineteen steps: what holds is proven, and every defect is found in the step that looks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import pytest
from tests.ledger.test_sentences import TABLE
from tests.support.cases import every_case
from tests.support.sample_ledger import (
    ACKNOWLEDGEMENT,
    DAY,
    LOG,
    ORIGIN,
    POLICY,
    START,
    WITNESSED,
    WITNESSES,
    SampleLedger,
    depositor_signer,
    digests,
    opened_identity,
    sample,
    signer,
)

from hefu_ledger import section
from hefu_ledger.deposit.evidence import Evidence, format_evidence
from hefu_ledger.deposit.receipt import format_receipt, in_order
from hefu_ledger.deposit.statement import Seen, format_statement, parse_statement, statement_id
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.records.roster import Report
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import Note, cosign, format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import Log, Policy
from hefu_ledger.verify import FolderComparison, verify_evidence, verify_folder, verify_receipt
from hefu_ledger.verify.sentences import sentence
from hefu_ledger.verify.verdict import TITLES, Verdict, summary, verdict_value, why_not

DOCUMENT = b"formula 3"


@cache
def good() -> Evidence:
    ledger = sample()
    return ledger.evidence(1, 3, ledger.receipt(1, [1]))


def judge(evidence: Evidence, policy: Policy | None = POLICY, document: bytes | None = DOCUMENT) -> Verdict:
    found = None if document is None else digests(document)
    verdict = verify_evidence(format_evidence(evidence), document=found, policy=policy)
    assert all(step["zh"] and step["en"] for step in verdict_value(verdict, TABLE)["steps"])
    return verdict


def outcomes(verdict: Verdict, *wanted: str) -> list[int]:
    return [step.step for step in verdict.steps if step.outcome in wanted]


def with_receipt(**changes: object) -> Evidence:
    return good()._replace(receipt=good().receipt._replace(**changes))  # type: ignore[arg-type]  # tests know the fields


def flipped(hashes: tuple[bytes, ...], place: int) -> tuple[bytes, ...]:
    changed = bytes([hashes[place][0] ^ 1]) + hashes[place][1:]
    return (*hashes[:place], changed, *hashes[place + 1 :])


def test_good_evidence_is_proven_in_nineteen_steps() -> None:
    verdict = judge(good())
    assert verdict.verdict == "proven"
    assert [step.step for step in verdict.steps] == list(range(1, 20)) == sorted(TITLES)
    assert outcomes(verdict, "failed", "cannot") == []
    assert verdict.facts["number"].startswith("FX000000000001")
    assert verdict.facts["identity"]["uscc"] == "91310120MA1HP00194"


def test_a_changed_document_fails_at_step_2_alone_and_is_said_to_be_another_or_changed() -> None:
    verdict = judge(good(), document=b"formula 4")
    assert (verdict.verdict, outcomes(verdict, "failed")) == ("not proven", [2])
    code, values = summary(verdict)
    assert (code, values["found"]) == ("document-sha256", digests(b"formula 4").sha256.hex())
    assert "not the document that was deposited" in sentence(TABLE, "en", code, values)
    assert "不是存证的那份" in sentence(TABLE, "zh", code, values)


def test_the_facts_have_the_digests_of_the_document_itself() -> None:
    found = digests(b"formula 4")
    for verdict in (judge(good(), document=b"formula 4"), verify_evidence(b"{}", document=found, policy=POLICY)):
        assert verdict.facts["document"]["sha-256"] == found.sha256.hex()


def test_a_verdict_that_proves_nothing_concludes_no_time() -> None:
    for verdict in (judge(good(), document=b"formula 4"), judge(good(), policy=None)):
        assert verdict.steps[17].code == "not-concluded"
        assert "not_later_than" not in verdict.facts
    assert judge(good()).steps[17].code == "not-later-operator"


def test_a_verdict_as_json_keeps_its_members_and_has_code_and_values() -> None:
    value = verdict_value(judge(good()), TABLE)
    assert list(value) == ["verdict", "verdict_zh", "facts", "steps"]
    members = ["step", "outcome", "checked", "found", "zh", "en", "code", "values"]
    assert all(list(step) == members for step in value["steps"])
    assert json.loads(json.dumps(value)) == value
    assert value["steps"][17]["values"] == {"time": "2026-01-01T00:00:00.020Z"}


def test_the_error_of_a_verdict_has_its_first_finding() -> None:
    error = why_not(judge(good(), document=b"formula 4"))
    assert (type(error), error.code) == (VerificationError, "document-sha256")
    assert isinstance(why_not(judge(good(), policy=None)), MalformedError)


def test_without_a_document_nobody_can_tell() -> None:
    verdict = judge(good(), document=None)
    assert (verdict.verdict, outcomes(verdict, "cannot")) == ("cannot tell", [2])


def test_without_a_policy_nobody_can_tell_and_the_fingerprint_is_shown() -> None:
    verdict = judge(good(), policy=None)
    assert (verdict.verdict, outcomes(verdict, "cannot")) == ("cannot tell", [1, 10])
    assert verdict.steps[0].values == {"fingerprint": LOG.key.fingerprint}


def test_a_policy_of_another_log_cannot_tell() -> None:
    other = Policy((Log(signer(ORIGIN, "another log").key),), (), (), None)
    assert judge(good(), policy=other).verdict == "cannot tell"


def test_a_closed_document_section_cannot_tell() -> None:
    sections = good().sections
    closed = good()._replace(sections=(section.close(sections[0]), *sections[1:]))
    verdict = judge(closed)
    assert (verdict.verdict, outcomes(verdict, "cannot")) == ("cannot tell", [2, 4])


def test_closing_the_other_sections_and_the_identity_leaves_it_proven() -> None:
    sections = good().sections
    shorter = good()._replace(
        sections=(sections[0], section.close(sections[1]), section.close(sections[2])), identity=None
    )
    assert judge(shorter).verdict == "proven"


@pytest.mark.parametrize("place", range(3))
def test_a_changed_nonce_fails_at_step_5(place: int) -> None:
    sections = list(good().sections)
    opened = sections[place]
    assert isinstance(opened, section.OpenedSection)
    sections[place] = opened._replace(nonce=bytes([opened.nonce[0] ^ 1]) + opened.nonce[1:])
    verdict = judge(good()._replace(sections=(sections[0], sections[1], sections[2])))
    assert (verdict.verdict, outcomes(verdict, "failed")) == ("not proven", [5])


def test_every_hash_of_the_document_path_counts() -> None:
    for place in range(len(good().path)):
        assert outcomes(judge(good()._replace(path=flipped(good().path, place))), "failed") == [5]


def test_a_path_too_short_too_long_or_of_another_place_fails() -> None:
    path = good().path
    for wrong in (path[:-1], (*path, path[0]), path[::-1]):
        assert outcomes(judge(good()._replace(path=wrong)), "failed") == [5]
    assert outcomes(judge(good()._replace(index=2)), "failed") == [5]
    assert outcomes(judge(good()._replace(index=5)), "failed") == [5]


def test_every_hash_of_the_batch_path_and_record_paths_counts() -> None:
    receipt = good().receipt
    for place in range(len(receipt.batch_path)):
        assert outcomes(judge(with_receipt(batch_path=flipped(receipt.batch_path, place))), "failed") == [8]
    proof = receipt.proofs[0]
    for record, path in enumerate(proof.paths):
        assert path is not None
        for place in range(len(path)):
            paths = (*proof.paths[:record], flipped(path, place), *proof.paths[record + 1 :])
            assert outcomes(judge(with_receipt(proofs=(proof._replace(paths=paths),))), "failed") == [9]


def test_another_depositors_root_deposited_again_cannot_be_opened_as_ones_own() -> None:
    ledger = sample()
    copied = parse_statement(ledger.deposits[1].statement.text)._replace(depositor="beta")
    stolen = ledger.deposit("beta", ledger.deposits[1].documents)
    stolen.statement = sign_note(format_statement(copied), [depositor_signer("beta")])
    stolen.texts, stolen.seed = ledger.deposits[1].texts, ledger.deposits[1].seed
    stolen.acceptance = stolen.acceptance._replace(statement=statement_id(stolen.statement))
    ledger.seal()
    evidence = ledger.evidence(3, 3, ledger.receipt(3, [2]))
    verdict = judge(evidence)
    assert (verdict.verdict, outcomes(verdict, "failed")) == ("not proven", [4])


def statement_signed_by(signers: list[Ed25519Signer], **options: object) -> Verdict:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.enrol("beta")
    ledger.deposit("acme", {"a": DOCUMENT}, signers=signers, **options)  # type: ignore[arg-type]  # tests know the options
    ledger.seal()
    return judge(ledger.evidence(0, 0, ledger.receipt(0, [1])))


def test_a_statement_signed_by_an_unknown_or_anothers_key_fails_at_step_6() -> None:
    acme, beta = depositor_signer("acme"), depositor_signer("beta")
    stranger = depositor_signer("acme", "never enrolled")
    assert statement_signed_by([acme]).verdict == "proven"
    for signers in ([beta], [stranger], [acme, stranger], [acme, beta]):
        verdict = statement_signed_by(signers)
        assert (verdict.verdict, outcomes(verdict, "failed")) == ("not proven", [6])


def test_too_few_signatures_fail_where_two_are_required() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme", "first")
    first, second = depositor_signer("acme", "first"), depositor_signer("acme", "second")
    ledger.enrol("acme", "second", required=2, earlier=first)
    ledger.deposit("acme", {"a": DOCUMENT}, signers=[second])
    ledger.deposit("acme", {"a": DOCUMENT}, signers=[first, second])
    ledger.seal()
    assert outcomes(judge(ledger.evidence(0, 0, ledger.receipt(0, [1, 2]))), "failed") == [6]
    assert judge(ledger.evidence(1, 0, ledger.receipt(1, [1, 2]))).verdict == "proven"


def ended_key_ledger(since: int | None = None) -> SampleLedger:
    """Deposit 0 before, deposit 1 after the end of acme's key; record 3 is the end."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.seal()
    ledger.end_key("acme", by=[depositor_signer("acme")], since=since)
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.seal()
    return ledger


def test_a_retired_key_signs_nothing_more_and_what_it_signed_before_stands() -> None:
    ledger = ended_key_ledger()
    assert judge(ledger.evidence(0, 0, ledger.receipt(0))).verdict == "proven"
    verdict = judge(ledger.evidence(1, 0, ledger.receipt(1)))
    assert (verdict.verdict, outcomes(verdict, "failed")) == ("not proven", [6])


def office() -> SampleLedger:
    """Two keys of acme, of which the first vouched for the second; its record is 2."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.enrol("acme", "second", earlier=depositor_signer("acme"))
    return ledger


def deposited(ledger: SampleLedger) -> Evidence:
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.seal()
    return ledger.evidence(0, 0, ledger.receipt(0))


def test_a_key_event_with_a_strangers_request_fails_at_step_12() -> None:
    ledger = office()
    after = ledger.roster("acme")._replace(keys=ledger.roster("acme").keys[:1])
    ledger.end_key("acme", "second", by=[depositor_signer("acme", "stranger")], roster=after)
    assert outcomes(judge(deposited(ledger)), "failed") == [12]


def test_a_roster_that_is_not_the_fold_fails_at_step_12() -> None:
    ledger = office()
    before = ledger.roster("acme")
    false = before._replace(keys=before.keys[:1], reported=(Report(b"\x01" + bytes(32), START),))
    ledger.end_key("acme", "second", by=[depositor_signer("acme")], roster=false)
    assert outcomes(judge(deposited(ledger)), "failed") == [12]


def test_without_the_depositors_own_records_nobody_can_tell() -> None:
    ledger = sample()
    for others in ([], [2]):  # [2]: another depositor's
        verdict = judge(ledger.evidence(1, 3, ledger.receipt(1, others)))
        assert verdict.verdict == "cannot tell"
        assert outcomes(verdict, "cannot")


def test_an_enrolment_after_the_batch_is_not_accepted() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.seal()
    late = ledger.enrol("acme")
    verdict = judge(ledger.evidence(0, 0, ledger.receipt(0, [late])))
    assert verdict.verdict == "not proven"
    assert 9 in outcomes(verdict, "failed")


def test_an_identity_of_another_fails_at_step_13() -> None:
    assert outcomes(judge(good()._replace(identity=opened_identity("beta"))), "failed") == [13]


def test_the_identity_is_that_of_the_last_enrolment() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    renamed = section.close(opened_identity("beta"))
    ledger.enrol("acme", "second", earlier=depositor_signer("acme"), identity=renamed)
    evidence = deposited(ledger)
    assert outcomes(judge(evidence), "failed") == [13]
    assert judge(evidence._replace(identity=opened_identity("beta"))).verdict == "proven"


def accept_event(event: int) -> Verdict:
    """Judge a deposit of the first of two keys whose acceptance states an event."""
    ledger = office()
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.deposits[0].acceptance = ledger.deposits[0].acceptance._replace(event=event)
    ledger.seal()
    return judge(ledger.evidence(0, 0, ledger.receipt(0, told=[2])))


def test_where_a_later_event_was_in_force_it_judges_and_the_acceptance_is_noted() -> None:
    assert accept_event(1).verdict == "proven"
    verdict = accept_event(0)
    assert (verdict.verdict, verdict.steps[5].outcome) == ("proven", "noted")
    assert verdict.steps[5].values["notes"] == [["event-wrong", {"event": 0, "later": 1}]]


def test_a_promise_kept_by_the_operators_word_alone_is_noted() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.seal()
    ledger.now += 10 * DAY
    note = ledger.checkpoint(cosigners=WITNESSES)
    verdict = judge(ledger.evidence(0, 0, ledger.receipt(0, [1], [note])), policy=WITNESSED)
    assert verdict.verdict == "proven"
    assert 14 in outcomes(verdict, "noted")
    assert verdict.steps[13].code == "promise-unwitnessed"


def resigned(change: Callable[[SampleLedger], None], seq: int = 0) -> Verdict:
    """Judge a ledger whose acceptance was changed before it was sealed, and signed as changed."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": DOCUMENT})
    change(ledger)
    ledger.seal()
    return judge(ledger.evidence(seq, 0, ledger.receipt(seq, [1])))


def accept(**changes: object) -> Callable[[SampleLedger], None]:
    def change(ledger: SampleLedger) -> None:
        deposit = ledger.deposits[0]
        deposit.acceptance = deposit.acceptance._replace(**changes)  # type: ignore[arg-type]  # tests know the fields

    return change


def test_an_acceptance_of_another_statement_depositor_or_ledger_fails_at_step_7() -> None:
    assert resigned(accept()).verdict == "proven"
    for changes in ({"statement": bytes(32)}, {"depositor": "beta"}, {"origin": "log.example/other"}):
        assert outcomes(resigned(accept(**changes)), "failed") == [7]


def test_a_deposit_outside_its_batch_fails_at_step_8() -> None:
    assert outcomes(resigned(accept(seq=1)), "failed") == [8]


def test_a_longer_delay_than_genesis_promises_fails_at_step_14() -> None:
    assert outcomes(resigned(accept(anchor_by=START + 3 * DAY)), "failed") == [14]
    assert outcomes(resigned(accept(anchor_by=START)), "failed") == [14]


def test_a_broken_promise_is_told_and_changes_no_verdict() -> None:
    verdict = resigned(accept(anchor_by=START + 20))
    assert verdict.verdict == "proven"
    assert 14 in outcomes(verdict, "noted")
    assert verdict.facts["promise_kept"] is False


def test_received_after_sealed_fails_at_step_16() -> None:
    verdict = resigned(accept(received_at=START + 5000, anchor_by=START + DAY))
    assert outcomes(verdict, "failed") == [16]


def test_a_statement_that_saw_the_future_fails_at_step_16() -> None:
    verdict = statement_signed_by([depositor_signer("acme")], seen=Seen(bytes(32), 9))
    assert outcomes(verdict, "failed") == [16]


def test_an_acknowledgement_needs_a_good_line_of_its_key_and_more_lines_are_noted() -> None:
    note = parse_note(good().receipt.acknowledgement.encode())
    forged = [line._replace(signature=bytes(64)) for line in note.signatures]
    for lines, outcome in (
        (sign_note(note.text, [LOG]).signatures, "cannot"),
        (sign_note(note.text, [signer(ACKNOWLEDGEMENT.key.name, "other")]).signatures, "cannot"),
        (sign_note(note.text, [ACKNOWLEDGEMENT, LOG]).signatures, "noted"),
        (tuple(forged), "failed"),
    ):
        acknowledgement = format_note(in_order(note._replace(signatures=lines), ORIGIN)).decode()
        assert 14 in outcomes(judge(with_receipt(acknowledgement=acknowledgement)), outcome)


def test_a_checkpoint_with_an_unknown_line_is_noted_only() -> None:
    ledger = sample()
    note = ledger.checkpoint()
    stranger = sign_note(note.text, [signer("grease.example", "grease")]).signatures
    note = Note(note.text, (*note.signatures, *stranger))
    verdict = judge(ledger.evidence(1, 3, ledger.receipt(1, [1], [note])))
    assert verdict.verdict == "proven"
    assert 10 in outcomes(verdict, "noted")


def witnessed_verdict(cosigners: list[Ed25519Signer]) -> Verdict:
    ledger = sample()
    note = ledger.checkpoint(cosigners=cosigners)
    return judge(ledger.evidence(1, 3, ledger.receipt(1, [1], [note])), policy=WITNESSED)


def test_a_quorum_of_witnesses_gives_the_headline_time() -> None:
    verdict = witnessed_verdict(WITNESSES)
    assert verdict.verdict == "proven"
    assert verdict.facts["independent"] is True
    # the second cosigner completes the quorum, one second after the first; T is the end of that second
    assert verdict.facts["not_later_than"] == "2026-01-01T00:00:03.999Z"


def test_without_the_quorum_nobody_can_tell() -> None:
    verdict = witnessed_verdict(WITNESSES[:1])
    assert (verdict.verdict, outcomes(verdict, "cannot")) == ("cannot tell", [11])


def test_the_line_of_a_witness_from_before_the_seal_does_not_count() -> None:
    ledger = sample()
    note = ledger.checkpoint()
    lines = [cosign(note.text, witness, ledger.now // 1000 - 62) for witness in WITNESSES]
    note = Note(note.text, (*note.signatures, *lines))
    verdict = judge(ledger.evidence(1, 3, ledger.receipt(1, [1], [note])), policy=WITNESSED)
    assert (outcomes(verdict, "failed"), outcomes(verdict, "cannot")) == ([], [11])


@pytest.mark.parametrize(
    ("since", "cosigners", "expected"),
    [
        (START + 3_600_000, WITNESSES, "proven"),
        (START, WITNESSES, "cannot tell"),
        (START + 3_600_000, [], "cannot tell"),
    ],
)
def test_a_compromised_key_needs_an_earlier_independent_time(
    since: int, cosigners: list[Ed25519Signer], expected: str
) -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": DOCUMENT})
    report = ledger.end_key("acme", since=since)
    ledger.seal()
    receipt = ledger.receipt(0, told=[report], checkpoints=[ledger.checkpoint(cosigners=cosigners)])
    verdict = judge(ledger.evidence(0, 0, receipt), policy=WITNESSED if cosigners else POLICY)
    assert (verdict.verdict, outcomes(verdict, "cannot")) == (expected, [17] if expected == "cannot tell" else [])


@pytest.mark.parametrize("sealed", [False, True])
def test_a_report_shows_wherever_it_stands(sealed: bool) -> None:
    """Before the batch of the deposit, or after it under a later checkpoint."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": DOCUMENT})
    if sealed:
        ledger.seal()
    first = ledger.checkpoint() if sealed else None
    report = ledger.end_key("acme", since=START - DAY)
    if not sealed:
        ledger.seal()
    notes = [note for note in (first, ledger.checkpoint()) if note is not None]
    receipt = ledger.receipt(0, told=[report], checkpoints=notes)
    verdict = judge(ledger.evidence(0, 0, receipt))
    assert (verdict.verdict, outcomes(verdict, "cannot")) == ("cannot tell", [17])
    untold = judge(ledger.evidence(0, 0, ledger.receipt(0)))
    assert (untold.verdict, untold.steps[16].outcome) == ("proven", "noted")


def test_a_receipt_alone_is_verified_as_far_as_it_goes() -> None:
    verdict = verify_receipt(format_receipt(good().receipt), policy=POLICY)
    assert verdict.verdict == "proven"
    assert {2, 3, 4, 5, 13} <= set(outcomes(verdict, "unchecked"))


def folder(**changes: object) -> FolderComparison:
    deposit = sample().deposits[1]
    whole = FolderComparison(count=5, root=deposit.tree.root, owners=frozenset({(ORIGIN, "acme")}))
    return whole._replace(**changes)  # type: ignore[arg-type]  # tests know the fields


@every_case(
    ("changes", "failed", "cannot"),
    [
        ({}, [], []),
        ({"wrong": (("a.txt", "size"),)}, [2], []),
        ({"missing": ("a.txt",)}, [], [2]),
        ({"uncovered": ("new",)}, [], [2]),
        ({"uncovered": ("new",), "wrong": (("a.txt", "size"),)}, [2], []),
        ({"owners": frozenset({(ORIGIN, "beta")})}, [4], []),
        ({"owners": frozenset({(ORIGIN, "acme"), (ORIGIN, "beta")})}, [4], []),
        ({"root": bytes(32)}, [5], []),
        ({"count": 4}, [5], []),
    ],
)
def test_a_folder_is_held_against_its_bundle(changes: dict[str, object], failed: list[int], cannot: list[int]) -> None:
    verdict = verify_folder(good().receipt, folder=folder(**changes), identity=good().identity, policy=POLICY)
    assert (outcomes(verdict, "failed"), outcomes(verdict, "cannot")) == (failed, cannot)


def test_unknown_versions_are_cannot_tell_never_a_guess() -> None:
    data = format_evidence(good()).replace(b"hefu-evidence/v1", b"hefu-evidence/v2")
    verdict = verify_evidence(data, document=digests(DOCUMENT), policy=POLICY)
    assert (verdict.verdict, outcomes(verdict, "cannot")) == ("cannot tell", [1])
    assert verdict.steps[0].code == "unknown-format"


@every_case("data", [b"", b"{}", b"[]", b"\xff", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000])
def test_garbage_is_cannot_tell_and_never_an_exception(data: bytes) -> None:
    assert verify_evidence(data, document=None, policy=POLICY).verdict == "cannot tell"
    assert verify_receipt(data, policy=POLICY).verdict == "cannot tell"


def test_evidence_above_its_limit_is_refused() -> None:
    assert verify_evidence(b" " * (1 << 20) + b"x", document=None, policy=POLICY).verdict == "cannot tell"


def test_flipping_any_byte_never_makes_the_verdict_stronger() -> None:
    """Every bit that matters: each byte of a small evidence file, flipped in two ways.

    One of the log's two lines is enough: without the other the verdict stands, and step 10 says so.
    """
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": DOCUMENT})
    ledger.seal()
    data = format_evidence(ledger.evidence(0, 0, ledger.receipt(0, [1])))
    found = digests(DOCUMENT)
    whole = verify_evidence(data, document=found, policy=POLICY)
    assert whole.verdict == "proven"
    survived = []
    for place in range(len(data)):
        for mask in (0x01, 0x20):
            changed = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
            verdict = verify_evidence(changed, document=found, policy=POLICY)
            if verdict.verdict == "proven" and outcomes(verdict, "ok") == outcomes(whole, "ok"):
                survived.append((place, mask, changed[place - 20 : place + 20]))
    assert survived == []
