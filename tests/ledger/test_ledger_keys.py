"""The ledger's own keys come and end by its recovery key alone, and so does the ledger."""

from __future__ import annotations

from hashlib import sha256, sha512
from typing import Any

import pytest
from tests.ledger.test_keys import BASE_X, BASE_Y, ORDER, add, encode, multiply, torsion
from tests.support.cases import every_case
from tests.support.replaying import found_at_both_depths, replayed
from tests.support.sample_ledger import (
    LOG,
    LOG_MLDSA44,
    ORIGIN,
    RECOVERY,
    START,
    SampleLedger,
    depositor_signer,
    sample,
    signer,
)

from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import Clock, End, Enrolment, Genesis, LedgerKey, LedgerKeys
from hefu_ledger.records.ending import EndRequest, format_end
from hefu_ledger.records.history import DepositorHistory, LedgerHistory
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.ledger_fold import fold_ledger_key, is_asked_for, keys_of_genesis
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.roster import NO_ROSTER
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer, VerifierKey
from hefu_ledger.tlog.note import Note, SignatureLine, format_note, sign_note


def keys_of(ledger: SampleLedger) -> LedgerKeys:
    genesis = parse_record(ledger.records[0]).body
    assert isinstance(genesis, Genesis)
    return keys_of_genesis(genesis)


def change_keys(
    ledger: SampleLedger, action: str, key: VerifierKey, *signers: Ed25519Signer, event: int = 0, **lists: Any
) -> None:
    """Append a ledger-key record; ``lists``: what changes in the keys of genesis."""
    since = START if action == "compromised" else None
    text = format_key_request(KeyRequest(action, "yearly", START, key, since))
    by = format_note(sign_note(text, signers)).decode()
    body = LedgerKey(action, by, event, 3, keys_of(ledger)._replace(**lists), "yearly", key, since)
    ledger.append(body)


NEXT = signer(ORIGIN, "next log")
NEXT_RECOVERY = signer(f"{ORIGIN}/recovery", "next recovery")


def test_the_recovery_key_changes_the_ledgers_keys() -> None:
    ledger = sample()
    change_keys(ledger, "add", NEXT.key, RECOVERY, NEXT, log=(LOG.key, NEXT.key))
    change_keys(ledger, "retire", LOG.key, RECOVERY, event=1, log=(NEXT.key,))
    change_keys(ledger, "compromised", LOG.key, RECOVERY, event=2, log=(NEXT.key,))
    change_keys(
        ledger, "add", NEXT_RECOVERY.key, RECOVERY, NEXT_RECOVERY, event=3, log=(NEXT.key,), recovery=NEXT_RECOVERY.key
    )
    assert replayed(ledger, full=True).size == 9


@every_case(
    ("action", "key", "signers", "lists", "place"),
    [
        ("add", NEXT.key, [NEXT], {"log": (LOG.key, NEXT.key)}, "not signed by the recovery key"),
        ("add", NEXT.key, [RECOVERY], {"log": (LOG.key, NEXT.key)}, "by the new key for itself"),
        ("add", NEXT.key, [LOG, NEXT], {"log": (LOG.key, NEXT.key)}, "not signed by the recovery key"),
        ("add", NEXT.key, [RECOVERY, NEXT, LOG], {"log": (LOG.key, NEXT.key)}, "not signed by the recovery key"),
        ("add", NEXT.key, [RECOVERY, NEXT], {"log": (NEXT.key,)}, "its keys are not what it leads to"),
        ("add", LOG.key, [RECOVERY, LOG], {}, "the key was the ledger's before"),
        ("retire", LOG.key, [RECOVERY], {"log": (NEXT.key,)}, "the last of its kind"),
        ("retire", NEXT.key, [RECOVERY], {}, "not in force"),
        ("compromised", NEXT.key, [RECOVERY], {}, "never a key of the ledger"),
        ("retire", RECOVERY.key, [RECOVERY], {}, "ends by the next one alone"),
        ("add", depositor_signer("acme").key, [RECOVERY, depositor_signer("acme")], {}, "has no purpose here"),
    ],
)
def test_a_change_of_the_ledgers_keys_that_breaks_a_rule_is_named(
    action: str, key: VerifierKey, signers: list[Ed25519Signer], lists: dict[str, Any], place: str
) -> None:
    ledger = sample()
    change_keys(ledger, action, key, *signers, **lists)
    assert place in found_at_both_depths(ledger)


def test_the_ledgers_key_events_are_numbered_too() -> None:
    ledger = sample()
    change_keys(ledger, "add", NEXT.key, RECOVERY, NEXT, event=1, log=(LOG.key, NEXT.key))
    assert found_at_both_depths(ledger) == "record 5: event: expected 0, found 1"


def end(ledger: SampleLedger, *signers: Ed25519Signer, said: str = "moved", successor: VerifierKey = NEXT.key) -> None:
    text = format_end(EndRequest(ORIGIN, said, START, successor))
    by = format_note(sign_note(text, signers)).decode() if signers else "operator"
    ledger.append(End(by, "moved", successor if signers else None))


def test_a_ledger_ends_by_its_recovery_key_or_the_operators_word() -> None:
    for signers in ([RECOVERY], []):
        ledger = sample()
        end(ledger, *signers)
        assert replayed(ledger, full=True).size == 6
        ledger.append(Clock(3, START, "one more"))
        assert found_at_both_depths(ledger) == "record 6: the ledger has ended; no record follows"


def test_an_end_by_another_key_or_that_says_something_else_is_named() -> None:
    for signers, said in (([LOG], "moved"), ([RECOVERY, LOG], "moved"), ([RECOVERY], "stolen")):
        ledger = sample()
        end(ledger, *signers, said=said)
        assert found_at_both_depths(ledger).startswith("record 5: end record: ")


def added(
    key: VerifierKey, *signers: Ed25519Signer, log: tuple[VerifierKey, ...] = (LOG.key,), **changes: Any
) -> LedgerKey:
    request = format_key_request(KeyRequest("add", "yearly", START, key))
    by = format_note(sign_note(request, signers)).decode()
    body = LedgerKey("add", by, 0, 3, keys_of(sample())._replace(log=log), "yearly", key)
    return body._replace(**changes)


def folded(body: LedgerKey, before: LedgerKeys | None = None) -> LedgerKeys:
    return fold_ledger_key(before or keys_of(sample()), body, origin=ORIGIN)


def test_a_purpose_has_at_most_eight_keys_at_once_and_none_twice() -> None:
    keys = keys_of(sample())
    many = keys._replace(log=tuple(signer(ORIGIN, f"log {number}").key for number in range(8)))
    assert folded(added(NEXT.key, RECOVERY, NEXT), many._replace(log=many.log[1:])).log == (*many.log[1:], NEXT.key)
    for full in (many, keys._replace(log=(LOG.key, NEXT.key))):
        with pytest.raises(VerificationError, match="added before, or more than 8"):
            folded(added(NEXT.key, RECOVERY, NEXT), full)


def test_a_key_that_signs_no_notes_comes_by_the_recovery_key_alone() -> None:
    new = MLDSA44Signer(ORIGIN, sha256(b"next log mldsa44").digest())
    assert folded(added(new.key, RECOVERY)).log_mldsa44 == (LOG_MLDSA44.key, new.key)
    with pytest.raises(VerificationError, match="not signed by the recovery key"):
        folded(added(NEXT.key, RECOVERY))


@every_case("change", [{"reason": "another"}, {"action": "retire"}, {"vkey": LOG.key}, {"since": START}])
def test_a_ledger_key_record_says_what_its_request_says(change: dict[str, Any]) -> None:
    true = added(NEXT.key, RECOVERY, NEXT)
    assert is_asked_for(true)
    assert not is_asked_for(true._replace(**change))
    with pytest.raises(VerificationError, match="its request asks for something else"):
        folded(true._replace(**change))


def crooked(name: str, kind: int = 1) -> VerifierKey:
    """A key that no honest program makes: canonical, of the curve, with a part of small order."""
    x, y = add((BASE_X, BASE_Y), torsion()[1])
    return VerifierKey(name, kind, encode(y, x & 1))


@every_case("purpose", ["acknowledgement", "log", "recovery"])
def test_a_genesis_with_a_key_that_is_not_of_prime_order_is_refused(purpose: str) -> None:
    genesis = parse_record(sample().records[0]).body
    assert isinstance(genesis, Genesis)
    LedgerHistory(genesis)
    name = getattr(genesis, purpose).name
    with pytest.raises(LedgerError, match="prime order"):
        LedgerHistory(genesis._replace(**{purpose: crooked(name)}))  # type: ignore[arg-type]  # tests know the fields


def crooked_line(key: VerifierKey, text: str) -> SignatureLine:
    """A line that holds under the crooked key, whose secret is 1: made anew until its hash is a multiple of 8."""
    for secret in range(1, 200):
        x, y = multiply(secret, (BASE_X, BASE_Y))
        point = encode(y, x & 1)
        challenge = int.from_bytes(sha512(point + key.public + text.encode()).digest(), "little") % ORDER
        if challenge % 8 == 0:
            break
    return SignatureLine(key.name, key.key_id, point + ((secret + challenge) % ORDER).to_bytes(32, "little"))


def test_a_key_of_the_ledger_that_comes_is_of_prime_order_though_its_line_holds() -> None:
    genesis = parse_record(sample().records[0]).body
    assert isinstance(genesis, Genesis)
    LedgerHistory(genesis).take(added(NEXT.key, RECOVERY, NEXT, log=(LOG.key, NEXT.key)))
    key = crooked(ORIGIN)
    note = sign_note(format_key_request(KeyRequest("add", "yearly", START, key)), [RECOVERY])
    note = note._replace(signatures=(*note.signatures, crooked_line(key, note.text)))
    body = added(key, RECOVERY, log=(LOG.key, key), by=format_note(note).decode())
    assert folded(body) == body.keys
    with pytest.raises(LedgerError, match="prime order"):
        LedgerHistory(genesis).take(body)


@pytest.mark.parametrize(("kind", "refused"), [(1, True), (0x21, False)])
def test_a_depositors_key_of_type_01_is_of_prime_order_when_it_comes(kind: int, refused: bool) -> None:
    key = crooked(depositor_key_name(ORIGIN, "acme"), kind)
    text = format_possession(Possession("acme", bytes(32), ORIGIN, START, 1, key))
    note = format_note(Note(text, (SignatureLine(key.name, key.key_id, bytes(64)),))).decode()
    history = DepositorHistory(ORIGIN, "acme")
    if refused:
        with pytest.raises(LedgerError, match="prime order"):
            history.take(Enrolment(0, 0, note, NO_ROSTER))
    else:
        history.take(Enrolment(0, 0, note, NO_ROSTER))  # nobody here can judge its line: the roster is as stated
        assert history.unjudged == 1


def test_a_public_key_does_not_come_again_under_another_type() -> None:
    history = DepositorHistory(ORIGIN, "acme")
    for record in sample().records[1:2]:
        body = parse_record(record).body
        assert isinstance(body, Enrolment)
        history.take(body)
    again = depositor_signer("acme").key._replace(type=0x21)
    text = format_possession(Possession("acme", bytes(32), ORIGIN, START, 1, again))
    note = format_note(Note(text, (SignatureLine(again.name, again.key_id, bytes(64)),))).decode()
    with pytest.raises(VerificationError, match="was enrolled before"):
        history.take(Enrolment(1, 0, note, NO_ROSTER))
