"""Deadlines explained: by hand across Spring Festival 2026, and by the rules that must always hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import chinese_calendar
from hypothesis import given
from hypothesis import strategies as st

from app.deadlines.explain import MOST_STRETCHES, Days, Pause, Stretch, explain
from app.deadlines.rules import calendar_of, counts_from, due
from app.deadlines.words import COUNTED, StretchKind
from app.kernel.workdays import BUILT_IN, ImportedDay, StateCalendar
from tenants.schemes.calendar import Calendar
from tenants.schemes.model import load_preset
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import SuspensionReason, TimeUnit
from tests.effort import effort

K = StretchKind
SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = load_preset("guangyuan").scheme.calendar
DAY_MINUTES = 7 * 60


def calendar(**changes: object) -> Calendar:
    return Calendar.model_validate(CALENDAR.model_dump(mode="json") | changes)


OWN = calendar(
    closures=[{"day": "2026-03-04", "name": "防汛演练"}],
    extra_working_days=[{"day": "2026-03-07", "name": "补班"}],
)
COUNTING = calendar(count_day_of_receipt=True)


def days_of(own: Calendar = CALENDAR, state: StateCalendar = BUILT_IN, locale: str = "zh-CN") -> Days:
    return Days(own, state, locale)


def local(month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI)


def limit(amount: int, unit: TimeUnit = TimeUnit.WORKING_DAYS) -> TimeLimit:
    return TimeLimit(amount=amount, unit=unit)


def spans(pauses: list[Pause]) -> list[tuple[datetime, datetime]]:
    return [(each.since, each.until) for each in pauses if each.until is not None]


def told(stretches: list[Stretch]) -> list[tuple[str, str, StretchKind, int, str | None]]:
    def at(moment: datetime) -> str:
        return f"{moment.astimezone(SHANGHAI):%m-%d %H:%M}"

    return [(at(each.since), at(each.until), each.kind, each.minutes, each.reason or each.name) for each in stretches]


def test_across_spring_festival_2026_by_hand() -> None:
    """Received on Friday, 13 February; the 14th and the 28th are Saturdays that are worked, 15 to 23 are free."""
    started = local(2, 13, 10)
    found = due(days_of().calendar, limit(6), started)
    assert found == (local(2, 28, 17), False)
    assert told(explain(days_of(), limit(6), started, found.at, now=started)) == [
        ("02-13 10:00", "02-14 00:00", K.DAY_OF_RECEIPT, 360, None),
        ("02-14 00:00", "02-14 09:00", K.OUTSIDE_HOURS, 0, None),
        ("02-14 09:00", "02-14 12:00", K.MAKE_UP_DAY, 180, None),
        ("02-14 12:00", "02-14 13:00", K.OUTSIDE_HOURS, 0, None),
        ("02-14 13:00", "02-14 17:00", K.MAKE_UP_DAY, 240, None),
        ("02-14 17:00", "02-15 00:00", K.OUTSIDE_HOURS, 0, None),
        ("02-15 00:00", "02-16 00:00", K.WEEKEND, 0, None),
        ("02-16 00:00", "02-17 00:00", K.HOLIDAY, 0, "农历除夕"),
        ("02-17 00:00", "02-20 00:00", K.HOLIDAY, 0, "春节"),
        ("02-20 00:00", "02-21 00:00", K.HOLIDAY, 0, "休息日（由 2026-02-14 调休）"),
        ("02-21 00:00", "02-23 00:00", K.WEEKEND, 0, None),
        ("02-23 00:00", "02-24 00:00", K.HOLIDAY, 0, "休息日（由 2026-02-28 调休）"),
        *(
            row
            for day in (24, 25, 26, 27)
            for row in (
                (
                    f"02-{day} 00:00" if day == 24 else f"02-{day - 1} 17:00",
                    f"02-{day} 09:00",
                    K.OUTSIDE_HOURS,
                    0,
                    None,
                ),
                (f"02-{day} 09:00", f"02-{day} 12:00", K.OFFICE_HOURS, 180, None),
                (f"02-{day} 12:00", f"02-{day} 13:00", K.OUTSIDE_HOURS, 0, None),
                (f"02-{day} 13:00", f"02-{day} 17:00", K.OFFICE_HOURS, 240, None),
            )
        ),
        ("02-27 17:00", "02-28 09:00", K.OUTSIDE_HOURS, 0, None),
        ("02-28 09:00", "02-28 12:00", K.MAKE_UP_DAY, 180, None),
        ("02-28 12:00", "02-28 13:00", K.OUTSIDE_HOURS, 0, None),
        ("02-28 13:00", "02-28 17:00", K.MAKE_UP_DAY, 240, None),
    ]


# 国务院办公厅, arrangement of the holidays of 2026: 春节 2月15日(周日)至23日(周一)放假调休, 共9天。2月14日(周六)、
# 2月28日(周六)上班。 From Thursday the 12th to Monday, 2 March: worked or free.
STATE_COUNCIL = {
    "worked": ("02-12", "02-13", "02-14", "02-24", "02-25", "02-26", "02-27", "02-28", "03-02"),
    "free": ("02-15", "02-16", "02-17", "02-18", "02-19", "02-20", "02-21", "02-22", "02-23", "03-01"),
}


def test_the_days_around_spring_festival_2026_are_the_published_ones() -> None:
    city = days_of()
    for kind, listed in STATE_COUNCIL.items():
        for written in listed:
            day = date.fromisoformat(f"2026-{written}")
            assert city.calendar.is_working_day(day) is (kind == "worked"), day
            assert chinese_calendar.is_workday(day) is (kind == "worked"), day
    assert sorted((*STATE_COUNCIL["worked"], *STATE_COUNCIL["free"])) == [
        f"{date(2026, 2, 12) + timedelta(days=each):%m-%d}" for each in range(19)
    ], "each of the nineteen is one or the other"


def test_office_hours_across_spring_festival_with_a_pause_by_hand() -> None:
    """Ten office hours from half past three on the Saturday that is worked; documents are waited for from ten on the
    first day after the festival to ten on the second, which is seven office hours, and these pass once more."""
    started, of = local(2, 14, 15, 30), limit(10, TimeUnit.OFFICE_HOURS)
    pause = Pause(local(2, 24, 10), local(2, 25, 10), SuspensionReason.APPLICANT_DOCUMENTS)
    found = due(days_of().calendar, of, started, suspensions=spans([pause]))
    # 1.5 on the 14th, 1 on the 24th, 6 of the 25th after ten: 8.5; and 1.5 on the 26th.
    assert found == (local(2, 26, 10, 30), False)
    assert told(explain(days_of(), of, started, found.at, now=started, pauses=[pause])) == [
        ("02-14 15:30", "02-14 17:00", K.MAKE_UP_DAY, 90, None),
        ("02-14 17:00", "02-15 00:00", K.OUTSIDE_HOURS, 0, None),
        ("02-15 00:00", "02-16 00:00", K.WEEKEND, 0, None),
        ("02-16 00:00", "02-17 00:00", K.HOLIDAY, 0, "农历除夕"),
        ("02-17 00:00", "02-20 00:00", K.HOLIDAY, 0, "春节"),
        ("02-20 00:00", "02-21 00:00", K.HOLIDAY, 0, "休息日（由 2026-02-14 调休）"),
        ("02-21 00:00", "02-23 00:00", K.WEEKEND, 0, None),
        ("02-23 00:00", "02-24 00:00", K.HOLIDAY, 0, "休息日（由 2026-02-28 调休）"),
        ("02-24 00:00", "02-24 09:00", K.OUTSIDE_HOURS, 0, None),
        ("02-24 09:00", "02-24 10:00", K.OFFICE_HOURS, 60, None),
        ("02-24 10:00", "02-25 10:00", K.SUSPENDED, 420, SuspensionReason.APPLICANT_DOCUMENTS),
        ("02-25 10:00", "02-25 12:00", K.OFFICE_HOURS, 120, None),
        ("02-25 12:00", "02-25 13:00", K.OUTSIDE_HOURS, 0, None),
        ("02-25 13:00", "02-25 17:00", K.OFFICE_HOURS, 240, None),
        ("02-25 17:00", "02-26 09:00", K.OUTSIDE_HOURS, 0, None),
        ("02-26 09:00", "02-26 10:30", K.OFFICE_HOURS, 90, None),
    ]


def test_an_extension_over_spring_festival_by_hand() -> None:
    """One working day, received on the 13th, is the Saturday; the two that are granted are the 24th and the 25th."""
    started = local(2, 13, 16)
    found = due(days_of().calendar, limit(1), started, extension_days=2)
    assert found == (local(2, 25, 17), False)
    counted = [
        each for each in told(explain(days_of(), limit(1), started, found.at, now=started, extension_days=2)) if each[3]
    ]
    assert counted == [
        ("02-13 16:00", "02-14 00:00", K.DAY_OF_RECEIPT, 60, None),
        ("02-14 09:00", "02-14 12:00", K.MAKE_UP_DAY, 180, None),
        ("02-14 13:00", "02-14 17:00", K.MAKE_UP_DAY, 240, None),
        ("02-24 09:00", "02-24 12:00", K.EXTENSION, 180, None),
        ("02-24 13:00", "02-24 17:00", K.EXTENSION, 240, None),
        ("02-25 09:00", "02-25 12:00", K.EXTENSION, 180, None),
        ("02-25 13:00", "02-25 17:00", K.EXTENSION, 240, None),
    ]


def test_what_the_city_closes_and_works_itself_is_told_in_its_words() -> None:
    found = explain(days_of(OWN), limit(4), local(3, 2, 12), local(3, 7, 17), now=local(3, 2, 12))
    assert due(days_of(OWN).calendar, limit(4), local(3, 2, 12)).at == local(3, 7, 17)
    assert [(each.since, each.name) for each in found if each.kind is K.CLOSURE] == [(local(3, 4), "防汛演练")]
    assert {each.name for each in found if each.kind is K.MAKE_UP_DAY} == {"补班"}


def test_holidays_have_english_names_too_and_imported_ones_their_own() -> None:
    english = days_of(locale="en")
    assert english.kind_of(date(2026, 2, 17)) == (K.HOLIDAY, "Chinese New Year (Spring Festival)")
    year = {date(2026, 1, 1): ImportedDay(False, "元旦"), date(2026, 1, 3): ImportedDay(True, "元旦调休")}
    imported = days_of(state=StateCalendar(1, b"1", {2026: year}))
    assert imported.kind_of(date(2026, 1, 1)) == (K.HOLIDAY, "元旦")
    assert imported.kind_of(date(2026, 1, 3)) == (K.MAKE_UP_DAY, "元旦调休")
    assert imported.kind_of(date(2026, 2, 17)) == (K.OFFICE_HOURS, None)
    assert imported.kind_of(date(2025, 5, 1)) == (K.HOLIDAY, "劳动节")


def test_office_hours_an_extension_and_a_pause() -> None:
    two_hours = limit(2, TimeUnit.OFFICE_HOURS)
    pause = Pause(local(3, 2, 11), local(3, 2, 14), SuspensionReason.TESTING)
    at = due(days_of().calendar, two_hours, local(3, 2, 10), extension_days=1, suspensions=spans([pause])).at
    found = explain(days_of(), two_hours, local(3, 2, 10), at, now=local(3, 2, 15), extension_days=1, pauses=[pause])
    assert told(found) == [
        ("03-02 10:00", "03-02 11:00", K.OFFICE_HOURS, 60, None),
        ("03-02 11:00", "03-02 14:00", K.SUSPENDED, 120, SuspensionReason.TESTING),
        ("03-02 14:00", "03-02 15:00", K.OFFICE_HOURS, 60, None),
        ("03-02 15:00", "03-02 17:00", K.EXTENSION, 120, None),
        ("03-02 17:00", "03-03 09:00", K.OUTSIDE_HOURS, 0, None),
        ("03-03 09:00", "03-03 12:00", K.EXTENSION, 180, None),
        ("03-03 12:00", "03-03 13:00", K.OUTSIDE_HOURS, 0, None),
        ("03-03 13:00", "03-03 17:00", K.EXTENSION, 240, None),
        ("03-03 17:00", "03-04 09:00", K.OUTSIDE_HOURS, 0, None),
        ("03-04 09:00", "03-04 11:00", K.EXTENSION, 120, None),
    ]


def test_a_clock_that_stands_still_is_told_up_to_now_also_when_now_was_set_back() -> None:
    pause = Pause(local(3, 3, 10), None, SuspensionReason.APPRAISAL)
    for now, until in ((local(3, 5, 10), local(3, 5, 10)), (local(3, 1), local(3, 3, 10))):
        found = explain(days_of(), limit(3), local(3, 2, 10), local(3, 5, 17), now=now, pauses=[pause])
        assert found[-1].until == until
        assert sum(each.minutes for each in found if each.counted) == 60
    ended = explain(
        days_of(),
        limit(3),
        local(3, 2, 10),
        local(3, 5, 17),
        now=local(6, 1),
        ended_at=local(3, 9, 10),
        pauses=[pause._replace(until=local(3, 9, 10))],
    )
    assert (ended[-1].kind, ended[-1].until) == (K.SUSPENDED, local(3, 9, 10))


def test_the_longest_limit_is_told_coarsely() -> None:
    started = local(1, 5, 10)
    at = due(days_of().calendar, limit(1_000), started, extension_days=30).at
    pauses = [
        Pause(moment, moment + timedelta(hours=30), SuspensionReason.TESTING)
        for moment in (started + timedelta(days=3 * number) for number in range(150))
    ]
    for several in ([], pauses):
        at = due(days_of().calendar, limit(1_000), started, extension_days=30, suspensions=spans(several)).at
        found = explain(days_of(), limit(1_000), started, at, now=started, extension_days=30, pauses=several)
        assert len(found) <= MOST_STRETCHES
        assert sum(each.minutes for each in found if each.counted) == 1_030 * DAY_MINUTES
        assert (found[0].since, found[-1].until) == (started, at)
        assert all(one.until == other.since for one, other in pairwise(found))


def test_an_answer_is_bounded_whatever_the_city_works() -> None:
    """Every Saturday of six years is worked, and has a name of its own."""
    saturdays = [date(2026, 1, 3) + timedelta(days=7 * number) for number in range(310)]
    own = calendar(extra_working_days=[{"day": f"{day}", "name": f"补班{day:%m%d}"} for day in saturdays])
    started = local(1, 5, 10)
    at = due(days_of(own).calendar, limit(1_000), started).at
    found = explain(days_of(own), limit(1_000), started, at, now=started)
    assert len(found) <= MOST_STRETCHES
    assert sum(each.minutes for each in found if each.counted) == 1_000 * DAY_MINUTES
    assert (found[0].since, found[-1].until) == (started, at)


calendars = st.sampled_from((CALENDAR, OWN, COUNTING))
moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))
limits = st.builds(TimeLimit, amount=st.integers(1, 40), unit=st.sampled_from(TimeUnit))
cuts = st.lists(st.integers(0, 20_000), max_size=6, unique=True)


@given(calendars, limits, moments, cuts, st.integers(0, 10))
def test_what_counts_sums_to_the_limit_and_what_was_added(
    own: Calendar, of: TimeLimit, started: datetime, minutes: list[int], extension: int
) -> None:
    city = calendar_of(own)
    points = [started + timedelta(minutes=minute) for minute in sorted(minutes)]
    pauses = [Pause(*stretch, SuspensionReason.INSPECTION) for stretch in list(pairwise(points))[::2]]
    # A pause begins while there is time left, as the verb has it.
    kept: list[Pause] = []
    for pause in pauses:
        if due(city, of, started, extension_days=extension, suspensions=spans(kept)).at >= pause.since:
            kept.append(pause)
    at = due(city, of, started, extension_days=extension, suspensions=spans(kept)).at
    found = explain(days_of(own), of, started, at, now=started, extension_days=extension, pauses=kept)
    counted = sum(each.minutes for each in found if each.counted)
    first = started.astimezone(SHANGHAI).date()
    if of.unit is TimeUnit.WORKING_DAYS:
        whole = timedelta(minutes=(of.amount + extension) * DAY_MINUTES)
        if own is COUNTING and started < datetime.combine(first, time(17), SHANGHAI):
            whole -= city.working_time_between(datetime.combine(first, time(), SHANGHAI), started)
        assert counted == whole // timedelta(minutes=1)
    else:
        plain = due(city, of, started).at
        added = city.working_minutes_between(plain, due(city, of, started, extension_days=extension).at)
        assert counted == 60 * of.amount + added
    assert sum(each.minutes for each in found if each.kind is K.EXTENSION) == counted - min(
        counted, city.working_minutes_between(counts_from(city, of, started), due(city, of, started).at)
    )


@given(calendars, limits, moments, cuts)
def test_the_stretches_follow_one_another_and_tell_their_working_time(
    own: Calendar, of: TimeLimit, started: datetime, minutes: list[int]
) -> None:
    city = calendar_of(own)
    points = [started + timedelta(minutes=minute) for minute in sorted(minutes)]
    pauses = [Pause(*stretch, SuspensionReason.INSPECTION) for stretch in list(pairwise(points))[::2]]
    at = due(city, of, started, suspensions=spans(pauses)).at
    found = explain(days_of(own), of, started, at, now=started, pauses=pauses)
    assert (found[0].since, found[-1].until) == (started, at)
    for one, other in pairwise(found):
        assert one.until == other.since
        assert (one.kind, one.name, one.reason) != (other.kind, other.name, other.reason)
    for each in found:
        assert each.since < each.until
        worked = city.working_time_between(each.since, each.until)
        assert abs(worked - timedelta(minutes=each.minutes)) < timedelta(minutes=1)
        assert each.counted == (each.kind in COUNTED)
        if each.kind not in (K.SUSPENDED, K.DAY_OF_RECEIPT):
            assert each.counted == bool(worked)


def test_a_day_more_costs_as_much_as_the_one_before() -> None:
    def work(days: int) -> int:
        at = due(days_of().calendar, limit(days), local(3, 2)).at
        return effort(lambda: explain(days_of(), limit(days), local(3, 2), at, now=local(3, 2)))

    work(40)
    assert work(40) < 3 * work(20)
