"""Once the state's holidays are published, whatever is due in working time moves, once, and whom it concerns hears."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from app import doctor, operations
from app.deadlines.moving import move_batch, moving
from app.integrity.reports.job import keep_reports
from app.integrity.reports.steps import submit_report
from app.jobs import Years
from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.operations import MOVERS
from app.rectification.actions.accept import accept
from app.rectification.actions.close import close
from app.rectification.actions.issue import Draft, issue
from app.rectification.actions.plan import plan
from app.rectification.actions.submit import submit
from app.rectification.overdue import tell_overdue
from app.supervision.actions.issue import issue as issue_notice
from app.supervision.actions.reply import reply
from app.supervision.follower import chase_city
from app.tickets.sweep import sweep_deadlines
from app.tickets.words import TicketStatus
from app.worker import Context
from tenants.schemes.words import RectificationSource, TriggerKind
from tests.tickets.test_moving import local, published
from tests.tickets.town import HANDLER, LEAD, OFFICE, Bell, Town

S = TicketStatus
TUESDAY = local(3, 3, 10).astimezone(UTC)
"""The imported calendar makes Thursday, 5 March 2026, a day off, and takes every other holiday of the year away."""
COMMERCE = "guangyuan.commerce"


class _Bell(Bell):
    tree_version: int | None = None


@pytest.fixture
def work(town: Town, tmp_path: Path) -> Context:
    town.now = TUESDAY
    clock = FixedClock(TUESDAY)
    return Context(town.database, town.trees, _Bell(), clock, Settings(data_dir=tmp_path))


async def told(town: Town, kind: str, city: str = "guangyuan") -> list[str]:
    rows = await town.admin.fetch(
        "select t.path from notifications n join tenants t on t.id = n.tenant_id join tenants c on c.id = n.city_id"
        " where n.kind = $1 and c.path = $2 order by 1",
        *(kind, city),
    )
    return [row["path"] for row in rows]


async def moves(town: Town, subject_id: uuid.UUID, kind: str = "MOVED") -> list[dict[str, Any]]:
    rows = await town.admin.fetch(
        "select data, version, visibility, actor_id from events where subject_id = $1 and type = $2 order by seq",
        *(subject_id, kind),
    )
    assert all(row["visibility"] == "INTERNAL" and row["actor_id"] is None for row in rows)
    return [orjson.loads(row["data"]) | {"version": row["version"]} for row in rows]


async def stored(town: Town, table: str, id_: uuid.UUID) -> asyncpg.Record:
    row = await town.admin.fetchrow(f"select * from {table} where id = $1", id_)
    assert row is not None
    return row


async def imported(town: Town, url: str, folder: Path) -> tuple[int, list[tuple[str, str, datetime, datetime]]]:
    await published(town, url, folder)
    found = await operations.move_all_deadlines(url, now=town.now)
    looked_at, moved = found["guangyuan"]
    return looked_at, sorted((each.what, each.kind, each.before, each.after) for each in moved)


async def reminded(town: Town) -> tuple[uuid.UUID, uuid.UUID]:
    """A ticket of commerce, and the reminder about it."""
    ticket = await town.at(S.IN_PROGRESS)
    notice = await town.do(
        OFFICE, issue_notice, trigger=TriggerKind.OVERDUE, reason="已超期,请限期办结。", ticket_id=ticket
    )
    return ticket, notice


async def task(town: Town, **given: Any) -> uuid.UUID:
    draft = Draft(title="公示清单", problem="重复收取材料", lead=COMMERCE, **given)
    return (await town.do(OFFICE, issue, draft, source=RectificationSource.NOTICE)).id


async def test_the_reply_to_a_notice(town: Town, work: Context, application_url: str, tmp_path: Path) -> None:
    ticket, notice = await reminded(town)
    answered = (await reminded(town))[1]
    await town.do(HANDLER, reply, answered, reply="已办结")
    before = await stored(town, "supervision_notices", answered)
    number = (await stored(town, "supervision_notices", notice))["number"]
    _, moved = await imported(town, application_url, tmp_path)
    assert [each for each in moved if each[1] == "REPLY"] == [(number, "REPLY", local(3, 5), local(3, 6))]
    row = await stored(town, "supervision_notices", notice)
    assert (row["reply_due_at"], row["calendar_version"], row["version"]) == (local(3, 6), 1, 1)
    assert await stored(town, "supervision_notices", answered) == before, "what is answered stays"
    (data,) = await moves(town, ticket, "NOTICE_MOVED")
    assert data == {
        "notice": str(notice),
        "noticeNumber": number,
        "noticeLevel": 1,
        "dueAt": "2026-03-06T09:00:00Z",
        "previousDueAt": "2026-03-05T09:00:00Z",
        "version": (await town.row(ticket))["version"],
    }
    assert await told(town, "NOTICE_MOVED") == [COMMERCE]
    assert await told(town, "NOTICE_MOVED", "anshan") == []


async def test_a_notice_after_the_import_goes_by_it(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    await imported(town, application_url, tmp_path)
    row = await stored(town, "supervision_notices", (await reminded(town))[1])
    assert (row["reply_due_at"], row["calendar_version"]) == (local(3, 6), 1)


async def test_a_reminder_that_was_chased_is_waited_for_again(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    ticket, notice = await reminded(town)
    town.now = local(3, 5, 18).astimezone(UTC)
    assert await chase_city(work, town.world.guangyuan.id, town.now) == 1
    raised = "select count(*) from supervision_notices where ticket_id = $1 and level = 2"
    assert await town.admin.fetchval(raised, ticket) == 1
    await imported(town, application_url, tmp_path)
    assert (await stored(town, "supervision_notices", notice))["chased_at"] is None
    assert await chase_city(work, town.world.guangyuan.id, town.now) == 0, "it is not late any more"
    assert await chase_city(work, town.world.guangyuan.id, local(3, 6, 18)) == 1
    assert await town.admin.fetchval(raised, ticket) == 1, "its cause has raised one"


async def test_a_task_in_working_days_and_none_by_a_date(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    in_days, by_date = await task(town), await task(town, due_on=date(2026, 3, 5))
    _, moved = await imported(town, application_url, tmp_path)
    assert moved == [(f"{COMMERCE} (2026-03-03)", "RECTIFICATION", local(3, 17), local(3, 18))]
    row = await stored(town, "rectification_tasks", in_days)
    assert (row["due_at"], row["calendar_version"], row["version"]) == (local(3, 18), 1, 1)
    (data,) = await moves(town, in_days)
    assert data == {"round": 1, "dueAt": "2026-03-18T09:00:00Z", "previousDueAt": "2026-03-17T09:00:00Z", "version": 1}
    row = await stored(town, "rectification_tasks", by_date)
    assert (row["due_at"], row["calendar_version"], row["provisional"]) == (local(3, 5), 1, False)
    assert await moves(town, by_date) == []
    assert await told(town, "TASK_MOVED") == [COMMERCE]


async def test_a_task_is_overdue_once_more_when_its_new_date_is_missed(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    id_ = await task(town)
    work.clock.at = town.now = local(3, 17, 18).astimezone(UTC)  # type: ignore[attr-defined]
    assert await tell_overdue(work) == 1
    await imported(town, application_url, tmp_path)
    assert await tell_overdue(work) == 0
    work.clock.at = local(3, 18, 18)  # type: ignore[attr-defined]
    assert [await tell_overdue(work) for _ in range(2)] == [1, 0]
    assert len(await moves(town, id_, "OVERDUE")) == 2
    assert await told(town, "TASK_OVERDUE") == [COMMERCE] * 2


async def test_the_end_of_looking_back(town: Town, work: Context, application_url: str, tmp_path: Path) -> None:
    id_ = await task(town)
    await town.do(LEAD, plan, id_, measures="取消重复材料")
    await town.do(LEAD, submit, id_, result="已取消")
    await town.do(OFFICE, accept, id_)
    await town.do(OFFICE, close, id_)
    before = await stored(town, "rectification_tasks", id_)
    # 60 working days after 3 March: with the holidays of April and May, and without them but for 5 March.
    assert before["look_back_until"] == local(5, 29)
    _, moved = await imported(town, application_url, tmp_path)
    assert [each[1:] for each in moved] == [("LOOK_BACK", local(5, 29), local(5, 27))]
    after = await stored(town, "rectification_tasks", id_)
    assert (after["look_back_until"], after["due_at"]) == (local(5, 27), before["due_at"])
    assert len(await moves(town, id_)) == 1


async def report(town: Town) -> asyncpg.Record:
    row = await town.admin.fetchrow(
        "select * from reports where city_id = $1 and every = 'MONTH' and begins_on = '2026-02-01'",
        town.world.guangyuan.id,
    )
    assert row is not None
    return row


async def test_a_report_is_waited_for_until_its_new_day(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    work.clock.at = local(3, 2, 10)  # type: ignore[attr-defined]
    await keep_reports(work)
    assert (await report(town))["due_at"] == local(3, 5)
    work.clock.at = town.now = local(3, 5, 18).astimezone(UTC)  # type: ignore[attr-defined]
    await keep_reports(work)
    assert ((await report(town))["late"], (await report(town))["chased_at"]) == (True, town.now)
    _, moved = await imported(town, application_url, tmp_path)
    assert ("guangyuan 响应处置月度监测报告 2026-02-01", "REPORT", local(3, 5), local(3, 6)) in moved
    row = await report(town)
    assert (row["due_at"], row["late"], row["chased_at"], row["calendar_version"]) == (local(3, 6), False, None, 1)
    assert len(await moves(town, row["id"])) == 1
    assert "guangyuan" in await told(town, "REPORT_MOVED")
    await town.do(OFFICE, submit_report, row["id"], summary="本月运行平稳")
    assert not (await report(town))["late"]


async def test_a_report_is_told_of_when_it_is_soon_due_once(town: Town, work: Context) -> None:
    work.clock.at = local(3, 2, 9)  # type: ignore[attr-defined]
    await keep_reports(work)
    assert await told(town, "REPORT_WARNED") == []
    assert (await report(town))["warn_at"] == local(3, 5, 10) + timedelta(minutes=24)  # 22.4 of 28 hours
    work.clock.at = local(3, 5, 10) + timedelta(minutes=25)  # type: ignore[attr-defined]
    await asyncio.gather(*(keep_reports(work) for _ in range(3)))
    assert await told(town, "REPORT_WARNED") == ["guangyuan"]
    row = await report(town)
    assert (row["warned_at"], row["version"]) == (work.clock.now(), 1)
    assert len(await moves(town, row["id"], "WARNED")) == 1
    assert await told(town, "REPORT_WARNED", "anshan") == ["anshan"]


async def test_a_clock_that_is_set_back_tells_nothing_twice(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    work.clock.at = local(3, 2, 10)  # type: ignore[attr-defined]
    await keep_reports(work)
    id_ = await task(town)
    for moment in (local(3, 17, 18), local(3, 2, 10), local(3, 17, 18)):
        work.clock.at = moment  # type: ignore[attr-defined]
        await keep_reports(work)
        await tell_overdue(work)
    assert len(await moves(town, id_, "OVERDUE")) == 1
    assert len(await moves(town, (await report(town))["id"], "CHASED")) == 1
    town.now = local(3, 2, 10).astimezone(UTC)
    await imported(town, application_url, tmp_path)
    await imported(town, application_url, tmp_path)
    assert len(await moves(town, id_)) == len(await moves(town, (await report(town))["id"])) == 1


async def test_workers_at_once_move_each_once(town: Town, work: Context, application_url: str, tmp_path: Path) -> None:
    work.clock.at = local(3, 2, 10)  # type: ignore[attr-defined]
    await keep_reports(work)
    tickets = [(await reminded(town))[0] for _ in range(3)]
    tasks = [await task(town) for _ in range(3)]
    await published(town, application_url, tmp_path)
    jobs = [moving(name, step) for name, step in MOVERS.items()]
    await asyncio.gather(*(job.turn(work) for job in jobs for _ in range(3)))
    for each in tickets:
        assert len(await moves(town, each, "NOTICE_MOVED")) == 1
        assert len(await town.timeline(each)) == len({event["seq"] for event in await town.timeline(each)})
    for each in tasks:
        assert len(await moves(town, each)) == 1
    assert len(await moves(town, (await report(town))["id"])) == 1
    assert len(await told(town, "NOTICE_MOVED")) == len(await told(town, "TASK_MOVED")) == 3
    assert [await job.turn(work) for job in jobs] == [0] * len(jobs), "nothing is left"


async def test_a_batch_that_is_cut_off_leaves_nothing_half_moved(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    tasks = [await task(town) for _ in range(2)]
    await published(town, application_url, tmp_path)
    city = town.world.guangyuan.id

    async def dies(uow: Any) -> Any:
        await MOVERS["rectification tasks"](uow)
        raise ConnectionError("the process is gone")

    with pytest.raises(ConnectionError):
        await move_batch(town.database, town.trees, town.bell, city, dies, now=town.now)
    assert [await moves(town, each) for each in tasks] == [[], []]
    assert {(await stored(town, "rectification_tasks", each))["due_at"] for each in tasks} == {local(3, 17)}
    found = await move_batch(town.database, town.trees, town.bell, city, MOVERS["rectification tasks"], now=town.now)
    assert (found[0], len(found[1])) == (2, 2)


async def test_what_reaches_into_an_unpublished_year_is_provisional_until_it_is_published(
    town: Town, work: Context, application_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    year = (await town.trees.get()).calendar.first_unpublished
    town.now = datetime(year - 1, 12, 30, 2, tzinfo=UTC)
    (_, notice), in_days, by_date = await reminded(town), await task(town), await task(town, due_on=date(year, 1, 15))
    work.clock.at = datetime(year, 1, 2, 2, tzinfo=UTC)  # type: ignore[attr-defined]
    await keep_reports(work)
    waiting = {"supervision_notices": [notice], "rectification_tasks": [in_days]}
    for table, ids in waiting.items():
        assert all([(await stored(town, table, each))["provisional"] for each in ids])
    assert not (await stored(town, "rectification_tasks", by_date))["provisional"], "somebody gave that date"
    reports = "select count(*) from reports where provisional and city_id = $1"
    assert await town.admin.fetchval(reports, town.world.guangyuan.id) >= 1
    years = Years()
    for _ in range(2):
        assert await years.turn(work) == 0
    found = await doctor._calendar(town.admin)
    assert [record.getMessage() for record in caplog.records] == [f"{found.says} {found.do}"], "once"
    clocks = await town.admin.fetchval("select count(*) from deadlines where provisional and ended_at is null")
    open_reports = await town.admin.fetchval("select count(*) from reports where provisional and status = 'DUE'")
    assert f" {year} ({clocks + 2 + open_reports:,})" in found.says
    await published(town, application_url, tmp_path, f"day,worked,name\n{year}-01-01,off,元旦\n")
    await operations.move_all_deadlines(application_url, now=town.now)
    for table, ids in waiting.items():
        assert not any([(await stored(town, table, each))["provisional"] for each in ids])
    assert await town.admin.fetchval(reports, town.world.guangyuan.id) == 0
    assert (await doctor._calendar(town.admin)).do == ""
    await years.turn(work)
    assert "published" in caplog.records[-1].getMessage()
    await years.turn(work)
    assert len(caplog.records) == 2


async def test_what_is_late_by_both_calendars_is_not_told_of_twice(
    town: Town, work: Context, application_url: str, tmp_path: Path
) -> None:
    """A time that was missed and moves to another one in the past: nobody was late a second time."""
    work.clock.at = local(3, 2, 10)  # type: ignore[attr-defined]
    await keep_reports(work)
    ticket, notice = await reminded(town)
    id_ = await task(town)

    async def everything() -> list[Any]:
        for turn in (sweep_deadlines, keep_reports, tell_overdue):
            await turn(work)
        await chase_city(work, town.world.guangyuan.id, town.now)
        missed = await town.admin.fetch(
            "select data ->> 'deadlineKind' as kind from events where subject_id = $1 and type = 'DEADLINE_MISSED'"
            " order by 1",
            ticket,
        )
        chased = (await stored(town, "supervision_notices", notice))["chased_at"]
        return [
            *([row["kind"] for row in missed], chased),
            *(len(await moves(town, id_, "OVERDUE")), len(await moves(town, (await report(town))["id"], "CHASED"))),
            (await report(town))["late"],
        ]

    work.clock.at = town.now = local(4, 1, 10).astimezone(UTC)  # type: ignore[attr-defined]
    once = await everything()
    assert once == [["FIRST_CONTACT", "HANDLING"], town.now, 1, 1, True]
    work.clock.at = town.now = local(4, 2, 10).astimezone(UTC)  # type: ignore[attr-defined]
    _, moved = await imported(town, application_url, tmp_path)
    assert {each[1] for each in moved} >= {"HANDLING", "REPLY", "RECTIFICATION", "REPORT"}
    assert await everything() == once
