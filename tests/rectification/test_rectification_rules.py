"""The life of a rectification task, and its dates, without a database."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest

from app.deadlines.rules import calendar_of
from app.kernel.errors import IllegalTransition
from app.kernel.workdays import WorkingCalendar
from app.rectification.dates import due_after, due_on, lags_from, local_day
from app.rectification.events import EVENT_TYPES
from app.rectification.lifecycle import (
    PERMISSIONS,
    RUNNING,
    TRANSITIONS,
    Facts,
    RectificationAction,
    allowed_from,
    has_step,
    next_status,
)
from app.rectification.words import RectificationStatus
from tenants.schemes.model import load_preset
from tenants.schemes.words import Period

S, A = RectificationStatus, RectificationAction


@pytest.fixture(scope="module")
def calendar() -> WorkingCalendar:
    """Guangyuan's: Shanghai's clock, 9–12 and 13–17, the state's holidays."""
    return calendar_of(load_preset("guangyuan").scheme.calendar)


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


# The states


def test_every_verb_has_a_permission_an_event_and_a_place_in_the_table() -> None:
    assert set(PERMISSIONS) == set(EVENT_TYPES) == {action for _, action in TRANSITIONS} == set(A)


def test_every_status_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) | {S.ISSUED} == set(S)
    assert {status for status, _ in TRANSITIONS} == set(S)


@pytest.mark.parametrize(("status", "action"), [*itertools.product(S, A)])
def test_nothing_but_the_table(status: RectificationStatus, action: RectificationAction) -> None:
    for planned, milestones_open, looked_back in itertools.product((False, True), repeat=3):
        facts = Facts(status, planned, milestones_open, looked_back)
        may = (status, action) in TRANSITIONS and {
            A.MILESTONE_COMPLETE: milestones_open,
            A.SUBMIT: planned and not milestones_open,
            A.REOPEN: not looked_back,
        }.get(action, True)
        assert has_step(facts, action) is may
        assert (action in allowed_from(facts)) is may
        if may:
            assert next_status(facts, action) is TRANSITIONS[status, action]
        else:
            with pytest.raises(IllegalTransition) as refusal:
                next_status(facts, action)
            assert refusal.value.allowed == allowed_from(facts)


def test_what_is_closed_is_not_running_until_it_is_reopened() -> None:
    assert S.CLOSED not in RUNNING
    assert next_status(Facts(S.CLOSED), A.REOPEN) in RUNNING


# The dates, by the published calendar of 2026: the National Day holidays are 1–7 October, 10 October is worked for them


def test_the_schemes_days_are_working_days(calendar: WorkingCalendar) -> None:
    due = due_after(calendar, 10, shanghai("2026-09-25T10:00"))
    # 28–30 September, 8–10 October (the Saturday is worked), 12–15 October
    assert due.at == shanghai("2026-10-15T17:00")
    assert not due.provisional


def test_by_the_end_of_september_is_the_close_of_its_last_day(calendar: WorkingCalendar) -> None:
    assert due_on(calendar, date(2026, 9, 30)).at == shanghai("2026-09-30T17:00")


def test_a_day_off_moves_to_the_next_working_day(calendar: WorkingCalendar) -> None:
    assert due_on(calendar, date(2026, 10, 1)).at == shanghai("2026-10-08T17:00")
    assert due_on(calendar, date(2026, 10, 10)).at == shanghai("2026-10-10T17:00")  # a Saturday that is worked


def test_the_day_of_receipt_changes_no_given_date(calendar: WorkingCalendar) -> None:
    scheme = load_preset("guangyuan").scheme
    counted = calendar_of(scheme.calendar.model_copy(update={"count_day_of_receipt": True}))
    for day in (date(2026, 9, 30), date(2026, 10, 1), date(2026, 3, 2)):
        assert due_on(counted, day) == due_on(calendar, day)


def test_a_year_without_published_holidays_is_provisional(calendar: WorkingCalendar) -> None:
    assert due_on(calendar, date(2029, 9, 28)).provisional


def test_the_day_is_the_citys(calendar: WorkingCalendar) -> None:
    assert local_day(calendar, datetime(2026, 1, 31, 16, 0, tzinfo=UTC)) == date(2026, 2, 1)


@pytest.mark.parametrize(
    ("every", "reported", "lags"),
    [
        (Period.MONTH, date(2026, 1, 15), "2026-03-01T00:00"),
        (Period.MONTH, date(2026, 11, 30), "2027-01-01T00:00"),
        (Period.MONTH, date(2026, 12, 1), "2027-02-01T00:00"),
        (Period.QUARTER, date(2026, 1, 1), "2026-07-01T00:00"),
        (Period.QUARTER, date(2026, 12, 31), "2027-04-01T00:00"),
        (Period.YEAR, date(2026, 5, 1), "2028-01-01T00:00"),
    ],
)
def test_progress_is_due_at_the_end_of_the_period_that_follows(
    calendar: WorkingCalendar, every: Period, reported: date, lags: str
) -> None:
    assert lags_from(calendar, every, reported) == shanghai(lags)
