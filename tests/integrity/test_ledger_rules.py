"""The life of an entry, and its amounts, without a database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrity.lifecycle import (
    CONDITIONS,
    MOST,
    PERMISSIONS,
    TRANSITIONS,
    Facts,
    after_instalment,
    allowed_from,
    check_amount,
    next_status,
)
from app.integrity.words import IntegrityAction, IntegrityStatus
from app.kernel.errors import IllegalTransition, InvalidInput

S, A = IntegrityStatus, IntegrityAction


def test_what_each_state_has() -> None:
    """By hand: with an amount, before anything of it was paid and after; and without one."""
    steps = {
        (S.OPENED, True, False): (A.CONFIRM, A.DISMISS),
        (S.CONFIRMED, True, False): (A.INSTALMENT_RECORD,),
        (S.CONFIRMED, True, True): (A.INSTALMENT_RECORD, A.INSTALMENT_REVERSE),
        (S.CLEARED, True, True): (A.INSTALMENT_REVERSE,),
        (S.DISMISSED, True, False): (),
        (S.OPENED, False, False): (A.CONFIRM, A.DISMISS),
        (S.CONFIRMED, False, False): (A.CLEAR,),
        (S.CLEARED, False, False): (),
        (S.DISMISSED, False, False): (),
    }
    for (status, money, paid), allowed in steps.items():
        assert allowed_from(Facts(status, money=money, paid=paid)) == allowed


def test_every_verb_has_a_permission_and_a_state() -> None:
    assert set(PERMISSIONS) == set(A) == {action for _, action in TRANSITIONS}
    assert set(CONDITIONS) <= set(A)


def test_a_verb_that_the_state_does_not_have_tells_what_it_has() -> None:
    with pytest.raises(IllegalTransition) as refusal:
        next_status(Facts(S.DISMISSED, money=True), A.CONFIRM)
    assert (refusal.value.current, refusal.value.allowed) == (S.DISMISSED, ())
    assert next_status(Facts(S.CLEARED, money=True, paid=True), A.INSTALMENT_REVERSE) is S.CONFIRMED


@given(st.decimals(min_value=Decimal("0.01"), max_value=MOST, places=2))
def test_an_amount_to_the_fen_is_taken_as_it_is(value: Decimal) -> None:
    assert check_amount("amount", value) == value
    assert str(check_amount("amount", value))[-3] == "."
    assert after_instalment(value, value) is S.CLEARED
    assert after_instalment(value + Decimal("0.01"), value) is S.CONFIRMED


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("0", "not_positive"),
        ("-0.01", "not_positive"),
        ("-1000", "not_positive"),
        ("NaN", "not_positive"),
        ("Infinity", "not_positive"),
        ("0.001", "precision"),
        ("12.345", "precision"),
        ("9999999999999999.999", "too_large"),
        ("10000000000000000", "too_large"),
        ("1E+40", "too_large"),
    ],
)
def test_an_amount_that_is_none(value: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_amount("amount", Decimal(value))
    assert refusal.value.rule == rule


def test_trailing_zeros_are_no_precision() -> None:
    assert check_amount("amount", Decimal("12.5000")) == Decimal("12.50")
