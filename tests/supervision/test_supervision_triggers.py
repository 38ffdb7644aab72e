"""What sets off a notice, told from a ticket's events alone."""

from __future__ import annotations

from typing import Any

import pytest

from app.supervision.triggers import Condition, Past, condition_after, goes_off, may_set_off
from tenants.schemes.words import TriggerKind

T = TriggerKind
LOW = ("UNSATISFIED", "VERY_UNSATISFIED")
COMMERCE, FINANCE = 11, 12


def past(type_: str, **data: Any) -> Past:
    return Past(type_, data)


def dispatched(lead: int = COMMERCE) -> Past:
    return past("DISPATCHED", lead=lead, toStatus="DISPATCHED")


ACCEPTED = past("ACCEPTED", toStatus="ACCEPTED")
ACKNOWLEDGED = past("ACKNOWLEDGED", toStatus="IN_PROGRESS")
RESOLVED = past("RESOLVED", toStatus="RESOLVED")
RETURNED = past("RETURNED", toStatus="DISPUTED")
COMMENTED = past("COMMENTED", note="…")
ABSORBED = past("ABSORBED")


def missed(kind: str) -> Past:
    return past("DEADLINE_MISSED", deadlineKind=kind, dueAt="2026-03-02T09:00:00Z", deadlineRound=1)


def arbitrated(lead: int) -> Past:
    return past("ARBITRATED", lead=lead, toStatus="DISPATCHED")


def followed_up(satisfaction: str, *, justified: bool, to: str = "DISPATCHED") -> Past:
    return past("FOLLOWED_UP", satisfaction=satisfaction, justified=justified, toStatus=to)


LATE, UNSIGNED = missed("HANDLING"), missed("ACKNOWLEDGEMENT")
BAD = followed_up("UNSATISFIED", justified=True)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([ACCEPTED, dispatched(), ACKNOWLEDGED, LATE], (T.OVERDUE, COMMERCE, 1)),
        ([dispatched(), UNSIGNED], (T.NOT_ACKNOWLEDGED, COMMERCE, 1)),
        ([dispatched(), UNSIGNED, ACKNOWLEDGED, RESOLVED, BAD, UNSIGNED], (T.NOT_ACKNOWLEDGED, COMMERCE, 2)),
        # Another department's delay is not its own.
        ([dispatched(), UNSIGNED, RETURNED, arbitrated(FINANCE), UNSIGNED], (T.NOT_ACKNOWLEDGED, FINANCE, 1)),
        ([dispatched(), missed("FIRST_CONTACT")], None),
        ([missed("VERIFICATION")], None),  # the desk's
        ([dispatched(), RETURNED], (T.RETURNED, COMMERCE, 1)),
        ([dispatched(), RETURNED, arbitrated(FINANCE), RETURNED], (T.RETURNED, FINANCE, 2)),
        ([dispatched(), RESOLVED, BAD], (T.UNSATISFIED, COMMERCE, 1)),
        ([dispatched(), RESOLVED, BAD, RESOLVED, BAD], (T.UNSATISFIED, COMMERCE, 2)),
        ([dispatched(), RESOLVED, followed_up("UNSATISFIED", justified=False, to="CLOSED")], None),
        ([dispatched(), RESOLVED, followed_up("SATISFIED", justified=True, to="CLOSED")], None),
        ([past("ANSWERED", toStatus="ANSWERED"), BAD], None),  # answered on the spot: no department
        ([dispatched(), ABSORBED], (T.REPEATED_WHILE_OPEN, COMMERCE, 1)),
        ([dispatched(), ACKNOWLEDGED, COMMENTED, ABSORBED, ABSORBED], (T.REPEATED_WHILE_OPEN, COMMERCE, 2)),
        ([ACCEPTED, ABSORBED], None),
        ([dispatched(), RESOLVED, ABSORBED], None),
        ([dispatched(), RESOLVED, past("QUALITY_CHECKED", passed=False)], (T.IMPROPER_CLOSING_REQUESTED, COMMERCE, 1)),
        ([dispatched(), RESOLVED, past("QUALITY_CHECKED", passed=True)], None),
        ([dispatched(), COMMENTED], None),
    ],
)
def test_what_an_event_makes_true(history: list[Past], expected: tuple[TriggerKind, int, int] | None) -> None:
    assert expected is None or may_set_off(history[-1])
    assert condition_after(history, LOW) == (None if expected is None else Condition(*expected))


@pytest.mark.parametrize(("happened", "times", "off"), [(1, 1, True), (2, 1, True), (1, 2, False), (2, 2, True)])
def test_it_goes_off_when_the_times_are_full(happened: int, times: int, off: bool) -> None:
    assert goes_off(Condition(T.RETURNED, COMMERCE, happened), times) is off


def test_full_times_begin_anew() -> None:
    assert [n for n in range(1, 7) if goes_off(Condition(T.RETURNED, COMMERCE, n), 2)] == [2, 4, 6]
