"""Once the state's holidays are published, every open deadline is worked out anew, and says so where it moved."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from app import doctor, operations
from app.deadlines.moving import move_batch
from app.kernel.events import first_broken
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.resolve import resolve
from app.tickets.actions.resume import resume
from app.tickets.actions.suspend import suspend
from app.tickets.actions.withdraw import withdraw
from app.tickets.clocks import NEVER
from app.tickets.moving import move_deadlines
from app.tickets.words import TicketStatus
from tenants.schemes.words import SuspensionReason
from tests.tickets.town import HANDLER, Town

S = TicketStatus
SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = "日期,是否上班,名称\n2026-01-01,休息,元旦\n2026-03-05,休息,特别假日\n"


def local(month: int, day: int, hour: int = 17) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=SHANGHAI)


async def published(town: Town, url: str, folder: Path, text: str = CALENDAR) -> int:
    file = folder / "calendar.csv"
    file.write_text(text)
    return (await operations.import_calendar(url, file, note=None, login=None, now=town.now))[1]


async def clocks(town: Town, ticket_id: uuid.UUID) -> dict[str, tuple[datetime, int, bool]]:
    rows = await town.admin.fetch("select * from deadlines where subject_id = $1", ticket_id)
    return {row["kind"]: (row["due_at"], row["calendar_version"], row["provisional"]) for row in rows}


async def moves(town: Town, ticket_id: uuid.UUID) -> list[Any]:
    rows = await town.admin.fetch(
        "select visibility, data, version, actor_id from events where subject_id = $1 and type = 'DEADLINE_MOVED'"
        " order by seq",
        ticket_id,
    )
    return [(row["visibility"], orjson.loads(row["data"]), row["version"], row["actor_id"]) for row in rows]


async def test_what_is_open_moves_and_tells_so_and_what_is_over_stays(
    town: Town, application_url: str, tmp_path: Path
) -> None:
    town.now = local(3, 3, 10).astimezone(UTC)
    open_, done, dispatched = [await town.at(state) for state in (S.IN_PROGRESS, S.IN_PROGRESS, S.DISPATCHED)]
    await town.do(HANDLER, resolve, done, reply="已疏通排水管道")
    before = {each: await clocks(town, each) for each in (open_, done, dispatched)}
    shown = {each: await town.row(each) for each in before}
    assert before[open_]["HANDLING"][:2] == (local(3, 10), 0)

    assert await published(town, application_url, tmp_path) == 1
    assert {each: await clocks(town, each) for each in before} == before, "nothing moves by itself"
    found = await operations.move_all_deadlines(application_url, now=town.now)
    looked_at, moved = found["guangyuan"]
    assert (looked_at, found["anshan"]) == (5, (0, []))
    assert sorted((each.what, each.kind, each.before, each.after) for each in moved) == sorted(
        [
            (shown[open_]["number"], "HANDLING", local(3, 10), local(3, 11)),
            (shown[done]["number"], "FOLLOW_UP", local(3, 6), local(3, 9)),
            (shown[dispatched]["number"], "HANDLING", local(3, 10), local(3, 11)),
        ]
    )
    after = await clocks(town, open_)
    assert after["HANDLING"] == (local(3, 11), 1, False)
    assert after["FIRST_CONTACT"] == (local(3, 4), 1, False)
    assert after["ACKNOWLEDGEMENT"] == before[open_]["ACKNOWLEDGEMENT"]
    row = await town.row(open_)
    assert (row["due_at"], row["resolve_due_at"]) == (local(3, 4), local(3, 11))
    assert row["version"] == shown[open_]["version"]
    row = await town.row(done)
    assert (row["due_at"], row["resolve_due_at"]) == (local(3, 9), shown[done]["resolve_due_at"])
    row = await town.row(dispatched)
    assert (row["due_at"], row["acknowledge_due_at"], row["resolve_due_at"]) == (local(3, 4), local(3, 4), local(3, 11))

    ((visibility, data, version, actor),) = await moves(town, open_)
    assert (visibility, version, actor) == ("PUBLIC", shown[open_]["version"], None)
    assert data == {
        "deadlineKind": "HANDLING",
        "deadlineRound": 1,
        "dueAt": "2026-03-11T09:00:00Z",
        "previousDueAt": "2026-03-10T09:00:00Z",
    }
    assert [each[0] for each in await moves(town, done)] == ["INTERNAL"]
    events = await town.admin.fetch("select * from events where subject_id = $1 order by seq", open_)
    assert first_broken([dict(event) | {"data": orjson.loads(event["data"])} for event in events]) is None

    assert (await operations.move_all_deadlines(application_url, now=town.now))["guangyuan"] == (0, [])
    assert len(await moves(town, open_)) == 1


async def test_what_is_begun_or_resumed_afterwards_goes_by_the_new_calendar(
    town: Town, application_url: str, tmp_path: Path
) -> None:
    town.now = local(3, 3, 10).astimezone(UTC)
    waiting = await town.at(S.IN_PROGRESS)
    await town.do(HANDLER, suspend, waiting, reason=SuspensionReason.TESTING, note="等待检测结论")
    await published(town, application_url, tmp_path)
    assert (await operations.move_all_deadlines(application_url, now=town.now))["guangyuan"][0] == 2
    assert (await town.row(waiting))["due_at"] == local(3, 4)
    assert (await clocks(town, waiting))["HANDLING"] == (local(3, 11), 1, False)
    await town.do(HANDLER, resume, waiting)
    assert (await clocks(town, waiting))["HANDLING"][1] == 1
    begun = await town.at(S.DISPATCHED)
    await town.do(HANDLER, acknowledge, begun)
    assert {version for _, version, _ in (await clocks(town, begun)).values()} == {1}


async def test_turns_at_once_move_each_only_once(town: Town, application_url: str, tmp_path: Path) -> None:
    town.now = local(3, 3, 10).astimezone(UTC)
    tickets = [await town.at(S.IN_PROGRESS) for _ in range(5)]
    await published(town, application_url, tmp_path)
    city = town.world.guangyuan.id
    await asyncio.gather(
        *(move_batch(town.database, town.trees, town.bell, city, move_deadlines, now=town.now) for _ in range(3)),
        *(town.do(HANDLER, resolve, each, reply="已疏通排水管道") for each in tickets[:2]),
    )
    for each in tickets[2:]:
        assert len(await moves(town, each)) == 1
        assert (await clocks(town, each))["HANDLING"][:2] == (local(3, 11), 1)


async def test_what_was_provisional_is_settled_by_the_import(town: Town, application_url: str, tmp_path: Path) -> None:
    unpublished = (await town.trees.get()).calendar.first_unpublished
    town.now = datetime(unpublished - 1, 12, 30, 10, tzinfo=SHANGHAI).astimezone(UTC)
    ticket = await town.at(S.IN_PROGRESS)
    assert (await clocks(town, ticket))["HANDLING"][2]
    told = await doctor._calendar(town.admin)
    assert told.ok, "nobody did anything wrong"
    assert f" {unpublished} (" in told.says
    assert "yingshang import calendar" in told.do
    await published(town, application_url, tmp_path, f"day,worked,name\n{unpublished}-01-01,off,元旦\n")
    await operations.move_all_deadlines(application_url, now=town.now)
    assert not (await clocks(town, ticket))["HANDLING"][2]
    assert (await doctor._calendar(town.admin)).do == ""


async def test_a_clock_that_is_set_back_ends_no_step_before_it_began(town: Town) -> None:
    town.now = local(3, 3, 10).astimezone(UTC)
    ticket = await town.at(S.IN_PROGRESS)
    town.now = local(3, 2, 10).astimezone(UTC)
    await town.do(HANDLER, suspend, ticket, reason=SuspensionReason.TESTING, note="等待检测结论")
    town.now = local(3, 1, 10).astimezone(UTC)
    await town.do(HANDLER, resume, ticket)
    await town.do(HANDLER, resolve, ticket, reply="已疏通排水管道")
    rows = await town.admin.fetch("select * from deadlines where subject_id = $1 and kind = 'HANDLING'", ticket)
    assert [(row["state"], row["ended_at"] == row["started_at"]) for row in rows] == [("MET", True)]


@pytest.mark.parametrize("days", [1, 90])
async def test_what_ends_while_it_stands_still_was_not_missed(town: Town, days: int) -> None:
    town.now = local(3, 3, 10).astimezone(UTC)
    ticket = await town.at(S.IN_PROGRESS)
    await town.do(HANDLER, suspend, ticket, reason=SuspensionReason.TESTING, note="等待检测结论")
    town.now = datetime.fromtimestamp(town.now.timestamp() + days * 86_400, UTC)
    await town.do(town.enterprise, withdraw, ticket)
    rows = await town.admin.fetch("select state from deadlines where subject_id = $1 and kind = 'HANDLING'", ticket)
    assert [row["state"] for row in rows] == ["CANCELLED"]
    assert (await town.row(ticket))["due_at"] == NEVER
