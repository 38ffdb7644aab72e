"""Duties to report: drafted once for each period, chased once, handed in, and judged by who they are for."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deadlines.rules import calendar_of
from app.integrity.reports.job import keep_reports
from app.integrity.reports.lifecycle import PERMISSIONS, TRANSITIONS, allowed_from
from app.integrity.reports.periods import Span, due_of, span_of, spans_over
from app.integrity.reports.steps import accept_report, return_report, submit_report
from app.integrity.words import ReportAction, ReportStatus
from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.kernel.errors import Conflict, IllegalTransition, InvalidInput, NotFound, NotResponsible
from app.kernel.tables import new_id
from app.tickets.words import TicketStatus
from app.worker import Context
from authz.policy import load_policy
from tenants.schemes.model import load_preset
from tenants.schemes.supervision import RECEIVING_ROLES, REPORTING_ROLES
from tenants.schemes.words import Period
from tests.tickets.town import OFFICE, SUPERVISION, Bell, Town

SCHEME = load_preset("guangyuan").scheme
MONTHLY, QUARTERLY = (each.name for each in SCHEME.supervision.reports)
LEADING_GROUP = "leading_group@guangyuan"
FEBRUARY = Span(date(2026, 2, 1), date(2026, 3, 1))


# Periods, without a database


@pytest.mark.parametrize(
    ("every", "day", "begins", "ends"),
    [
        (Period.MONTH, date(2026, 2, 28), date(2026, 2, 1), date(2026, 3, 1)),
        (Period.MONTH, date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
        (Period.QUARTER, date(2026, 5, 1), date(2026, 4, 1), date(2026, 7, 1)),
        (Period.QUARTER, date(2026, 12, 1), date(2026, 10, 1), date(2027, 1, 1)),
        (Period.YEAR, date(2024, 2, 29), date(2024, 1, 1), date(2025, 1, 1)),
    ],
)
def test_a_day_lies_in_one_period(every: Period, day: date, begins: date, ends: date) -> None:
    assert span_of(every, day) == (begins, ends)


@given(st.sampled_from(list(Period)), st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 2_000))
def test_periods_follow_one_another_without_a_gap(every: Period, since: date, days: int) -> None:
    today = since + timedelta(days=days)
    spans = list(spans_over(every, since, today))
    assert all(left.ends_before == right.begins_on for left, right in pairwise(spans))
    assert all(span == span_of(every, span.begins_on) for span in spans)
    if spans:
        assert spans[0].begins_on <= since < spans[0].ends_before
        assert spans[-1].ends_before <= today < span_of(every, spans[-1].ends_before).ends_before
    else:
        assert span_of(every, since).ends_before > today


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize(
    ("ends", "day", "due"),
    [
        (date(2026, 3, 1), 5, "2026-03-05T17:00+08:00"),  # a Thursday
        (date(2026, 4, 1), 5, "2026-04-07T17:00+08:00"),  # Qingming, 4 to 6 April
        (date(2026, 10, 1), 1, "2026-10-08T17:00+08:00"),  # National Day
        (date(2026, 2, 1), 14, "2026-02-14T17:00+08:00"),  # a Saturday that is worked before Spring Festival
    ],
)
def test_due_at_the_close_of_the_day_or_the_next_working_day(ends: date, day: int, due: str, counts: bool) -> None:
    document = SCHEME.document()["calendar"] | {"count_day_of_receipt": counts}
    calendar = calendar_of(type(SCHEME.calendar).model_validate(document))
    assert due_of(calendar, Span(date(2026, 1, 1), ends), day).at == datetime.fromisoformat(due)


def test_every_step_has_a_permission_and_a_state() -> None:
    assert set(PERMISSIONS) == set(ReportAction) == {action for _, action in TRANSITIONS}
    assert allowed_from(ReportStatus.ACCEPTED) == ()


def test_the_scheme_names_roles_that_may() -> None:
    policy = load_policy()
    assert {role.value for role in policy[PERMISSIONS[ReportAction.REPORT_SUBMIT]]} == set(REPORTING_ROLES)
    assert {role.value for role in policy[PERMISSIONS[ReportAction.REPORT_ACCEPT]]} == set(RECEIVING_ROLES)


# The job


class _Bell(Bell):
    tree_version: int | None = None


@pytest.fixture
def work(town: Town, tmp_path: Path) -> Context:
    """A process whose clock stands on 2 March; the schemes were published on 1 January."""
    clock = FixedClock(datetime(2026, 3, 2, 1, tzinfo=UTC))
    return Context(town.database, town.trees, _Bell(), clock, Settings(data_dir=tmp_path))


async def rows(town: Town, **wanted: Any) -> list[asyncpg.Record]:
    found = await town.admin.fetch(
        "select r.*, t.path from reports r join tenants t on t.id = r.tenant_id"
        " where r.city_id = $1 order by begins_on, obligation, path",
        town.world.guangyuan.id,
    )
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


async def monthly(town: Town, work: Context, begins_on: date = FEBRUARY.begins_on) -> uuid.UUID:
    await keep_reports(work)
    (row,) = await rows(town, obligation=MONTHLY, begins_on=begins_on)
    id_: uuid.UUID = row["id"]
    return id_


async def test_each_period_that_is_over_has_one_draft(town: Town, work: Context) -> None:
    assert await keep_reports(work) == 6  # January and February, of each city; January's were due and are chased
    assert [(row["begins_on"].month, row["path"], row["status"], row["late"]) for row in await rows(town)] == [
        (1, "guangyuan", "DUE", True),
        (2, "guangyuan", "DUE", False),
    ]
    assert await keep_reports(work) == 0
    assert (await rows(town))[1]["due_at"] == datetime(2026, 3, 5, 9, tzinfo=UTC)


async def test_a_downtime_is_caught_up_with(town: Town, work: Context) -> None:
    work.clock.advance(timedelta(days=130))  # type: ignore[attr-defined]
    await keep_reports(work)
    assert [row["begins_on"].month for row in await rows(town, obligation=MONTHLY)] == [1, 2, 3, 4, 5, 6]
    quarterly = await rows(town, obligation=QUARTERLY)
    assert [(row["begins_on"].month, row["path"]) for row in quarterly] == [
        *((1, "guangyuan"), (1, "guangyuan.cangxi"), (1, "guangyuan.jiange")),
        *((4, "guangyuan"), (4, "guangyuan.cangxi"), (4, "guangyuan.jiange")),
    ]


async def test_whatever_runs_at_once_makes_each_once(town: Town, work: Context) -> None:
    done = await asyncio.gather(*(keep_reports(work) for _ in range(4)))
    assert sum(done) == 6
    events = await town.admin.fetch("select type, count(*) from events where topic = 'report' group by type order by 1")
    assert [tuple(each) for each in events] == [("CHASED", 2), ("DRAFTED", 4)]


async def test_what_is_outstanding_is_chased_once(town: Town, work: Context) -> None:
    id_ = await monthly(town, work)
    work.clock.at = datetime(2026, 3, 5, 9, tzinfo=UTC)  # type: ignore[attr-defined]
    assert await keep_reports(work) == 2, "told that they are soon due"
    assert await keep_reports(work) == 0, "the moment itself is still in time"
    work.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    assert await keep_reports(work) == 2
    assert await keep_reports(work) == 0
    (row,) = await rows(town, id=id_)
    assert (row["late"], row["chased_at"], row["status"]) == (True, work.clock.now(), "DUE")


# The steps


async def test_handed_in_returned_and_accepted(town: Town, work: Context) -> None:
    town.now = work.clock.now() - timedelta(days=15)
    await town.at(TicketStatus.IN_PROGRESS)
    town.now = work.clock.now()
    id_ = await monthly(town, work)
    await town.do(OFFICE, submit_report, id_, summary="本月运行平稳", expected_version=1)
    (row,) = await rows(town, id=id_)
    content = orjson.loads(row["content"])
    assert (row["status"], row["late"], content["tickets"]["submitted"]) == ("SUBMITTED", False, 1)
    assert set(content) == {"tickets", "frequentSubjects", "overdueDepartments", "listedNotices"}
    await town.do(LEADING_GROUP, return_report, id_, reason="请补充共性问题")
    await town.do(OFFICE, submit_report, id_, summary="已补充")
    await town.do(LEADING_GROUP, accept_report, id_)
    (row,) = await rows(town, id=id_)
    assert (row["status"], row["summary"], row["decision"], row["version"]) == ("ACCEPTED", "已补充", None, 5)
    types = await town.admin.fetch("select type, actor_role from events where subject_id = $1 order by seq", id_)
    assert [tuple(each) for each in types] == [
        *(("DRAFTED", None), ("SUBMITTED", "OFFICE"), ("RETURNED", "LEADING_GROUP")),
        *(("SUBMITTED", "OFFICE"), ("ACCEPTED", "LEADING_GROUP")),
    ]
    with pytest.raises(IllegalTransition):
        await town.do(OFFICE, submit_report, id_, summary="再次报送")


async def test_what_was_handed_in_stands(town: Town, work: Context) -> None:
    id_ = await monthly(town, work)
    town.now = work.clock.now()
    await town.do(OFFICE, submit_report, id_, summary="本月运行平稳")
    (before,) = await rows(town, id=id_)
    await town.at(TicketStatus.IN_PROGRESS)
    work.clock.advance(timedelta(days=3))  # type: ignore[attr-defined]
    await keep_reports(work)
    (after,) = await rows(town, id=id_)
    assert (after["content"], after["late"], after["chased_at"]) == (before["content"], False, None)


async def test_late_is_what_was_first_handed_in_late(town: Town, work: Context) -> None:
    january, february = await monthly(town, work, date(2026, 1, 1)), await monthly(town, work)
    town.now = work.clock.now()
    for id_ in (january, february):
        await town.do(OFFICE, submit_report, id_, summary="报送")
    town.now += timedelta(days=10)
    await town.do(LEADING_GROUP, return_report, february, reason="补充")
    await town.do(OFFICE, submit_report, february, summary="已补充")
    assert [row["late"] for row in await rows(town)] == [True, False]


async def test_nothing_restricted_is_counted(town: Town, work: Context) -> None:
    town.now = work.clock.now() - timedelta(days=15)
    secret = await town.at(TicketStatus.IN_PROGRESS)
    await town.admin.execute("update tickets set secrecy = 'RESTRICTED' where id = $1", secret)
    town.now = work.clock.now()
    id_ = await monthly(town, work)
    (row,) = await rows(town, id=id_)
    assert orjson.loads(row["content"])["tickets"] == {"submitted": 0, "ended": 0, "overdue": 0}


async def test_who_may(town: Town, work: Context) -> None:
    id_ = await monthly(town, work)
    town.now = work.clock.now()
    for login in ("office@anshan", "handler@guangyuan.commerce", "office@guangyuan.cangxi"):
        with pytest.raises(NotFound):
            await town.do(login, submit_report, id_, summary="报送")
        with pytest.raises(NotFound):
            await town.do(login, submit_report, new_id(), summary="报送")
    for login in (SUPERVISION, LEADING_GROUP, "auditor@guangyuan"):
        with pytest.raises(NotResponsible):
            await town.do(login, submit_report, id_, summary="报送")
    await town.do(OFFICE, submit_report, id_, summary="报送")
    for login in (OFFICE, SUPERVISION, "working_group@guangyuan", "auditor@guangyuan"):
        for verb, said in ((accept_report, {}), (return_report, {"reason": "补充"})):
            with pytest.raises(NotResponsible):
                await town.do(login, verb, id_, **said)  # type: ignore[arg-type]


async def test_a_countys_report_is_its_own_to_hand_in(town: Town, work: Context) -> None:
    work.clock.at = datetime(2026, 4, 1, 1, tzinfo=UTC)  # type: ignore[attr-defined]
    await keep_reports(work)
    (row,) = await rows(town, obligation=QUARTERLY, path="guangyuan.cangxi")
    town.now = work.clock.now()
    with pytest.raises(NotResponsible):  # sees it, and is of another tenant
        await town.do(SUPERVISION, submit_report, row["id"], summary="代报")
    with pytest.raises(NotFound):
        await town.do("supervision_officer@guangyuan.jiange", submit_report, row["id"], summary="代报")
    await town.do("supervision_officer@guangyuan.cangxi", submit_report, row["id"], summary="本季度情况")
    await town.do(OFFICE, accept_report, row["id"])


async def test_bad_input(town: Town, work: Context) -> None:
    id_ = await monthly(town, work)
    town.now = work.clock.now()
    for summary, rule in (("", "empty"), ("长" * 10_001, "too_long"), ("空\x00", "characters")):
        with pytest.raises(InvalidInput) as refusal:
            await town.do(OFFICE, submit_report, id_, summary=summary)
        assert refusal.value.rule == rule
    with pytest.raises(Conflict):
        await town.do(OFFICE, submit_report, id_, summary="报送", expected_version=9)
