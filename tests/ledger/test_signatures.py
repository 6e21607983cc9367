"""Whose lines stand below a statement: keys of the roster, enough of them, each role among them."""

from __future__ import annotations

import pytest
from tests.ledger.test_fold import (
    APPROVED,
    BETA,
    FOUR,
    NAME,
    ONE,
    THREE,
    TWO,
    ending,
    enrolment,
    folded,
    public,
    signed,
    step,
)

from hefu_ledger.errors import VerificationError
from hefu_ledger.records.signatures import verify_statement


def test_lines_and_keys_match_one_to_one() -> None:
    roster = folded(enrolment(ONE), enrolment(TWO, ONE, required=2))
    assert [key.key for key in verify_statement(signed(TWO, ONE), roster, NAME)] == public(TWO, ONE)
    for note, code in (
        (signed(ONE), "signatures-few"),
        (signed(ONE, THREE), "key-strange"),
        (signed(ONE, TWO, BETA), "key-strange"),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_statement(note, roster, NAME)
        assert caught.value.code == code
    with pytest.raises(VerificationError, match="two signatures"):
        verify_statement(signed(ONE, TWO, TWO), roster, NAME)


def test_where_two_must_sign_one_prepares_and_another_approves() -> None:
    roster = folded(*APPROVED[:2], enrolment(THREE, ONE, TWO, required=2))
    for signers in ([TWO, ONE], [ONE, THREE, TWO]):
        assert [key.key for key in verify_statement(signed(*signers), roster, NAME)] == public(*signers)
    approving = step(roster, enrolment(FOUR, ONE, TWO, required=2, role="approve"), 3)
    for signers, before, code in (
        ([TWO, THREE], roster, "unsigned-by-approve"),
        ([ONE, FOUR], approving, "unsigned-by-prepare"),
        ([ONE], roster, "signatures-few"),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_statement(signed(*signers), before, NAME)
        assert caught.value.code == code


def test_a_role_that_no_key_in_force_has_is_not_asked_for() -> None:
    roster = folded(*APPROVED[:2], enrolment(THREE, ONE, TWO, required=2), ending(ONE))
    assert len(verify_statement(signed(TWO, THREE), roster, NAME)) == 2


def test_where_one_signature_is_enough_it_may_be_of_any_role() -> None:
    roster = folded(enrolment(ONE, role="approve"), enrolment(TWO, ONE))
    for signer in (ONE, TWO):
        assert len(verify_statement(signed(signer), roster, NAME)) == 1


def test_without_a_key_in_force_nothing_is_signed() -> None:
    with pytest.raises(VerificationError, match="no key in force"):
        verify_statement(signed(ONE), folded(enrolment(ONE), ending(ONE)), NAME)


def test_a_changed_statement_does_not_verify() -> None:
    note = signed(ONE)
    with pytest.raises(VerificationError, match="does not verify"):
        verify_statement(note._replace(text=note.text.replace('"count":1', '"count":2')), folded(enrolment(ONE)), NAME)
