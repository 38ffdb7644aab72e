"""Once the state's holidays are published, the decision on a transfer is due at another time, on both sides, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from app import doctor, operations
from app.deadlines.moving import moving
from app.kernel.events import first_broken
from app.operations import MOVERS
from tests.transfers.conftest import DESK, MONDAY, THERE, Across
from tests.transfers.test_transfers import change_scheme

TUESDAY_OFF = "日期,是否上班,名称\n2026-01-01,休息,元旦\n2026-03-03,休息,特别假日\n"
"""The day on whose close the decision on what was offered on Monday would be due."""
BEFORE, AFTER = "2026-03-03T09:00:00+00:00", "2026-03-04T09:00:00+00:00"


async def published(a: Across, url: str, folder: Path, text: str = TUESDAY_OFF) -> None:
    file = folder / "calendar.csv"
    file.write_text(text)
    assert (await operations.import_calendar(url, file, note=None, login=None, now=a.clock.now()))[2]


async def moved(a: Across, url: str) -> list[tuple[str, str, str, str]]:
    """By city, what the operator is told of transfers."""
    found = await operations.move_all_deadlines(url, now=a.clock.now())
    return [
        (city, each.what, each.before.isoformat(), each.after.isoformat())
        for city, (_, all_) in sorted(found.items())
        for each in all_
        if each.kind == "TRANSFER"
    ]


async def rows(admin: asyncpg.Connection) -> list[asyncpg.Record]:
    """Both sides' rows, the sender's first."""
    found: list[asyncpg.Record] = await admin.fetch("select * from ticket_transfers order by direction desc, id")
    return found


async def test_both_sides_move_and_hear_of_it_once(
    across: Across, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    a = across
    ticket = await a.offered()
    number = (await a.offer())["number"]
    await published(a, application_url, tmp_path)
    assert (await a.offer())["dueAt"] == BEFORE, "nothing moves by itself"
    assert await moved(a, application_url) == [("anshan", number, BEFORE, AFTER)]
    sent, received = await rows(admin)
    for row in (sent, received):
        assert (row["due_at"].isoformat(), row["calendar_version"], row["provisional"]) == (AFTER, 1, False)
        assert (row["version"], row["scheme_version"]) == (1, 1)
        assert row["warn_at"] == datetime(2026, 3, 4, 6, 18, tzinfo=UTC), "80 % of 13.5 hours"
    await a.relay()
    for login in (DESK, THERE):
        (shown,) = await a.transfers(login)
        assert shown["dueAt"] == AFTER
        assert (await a.told(login)).count("TRANSFER_MOVED") == 1
    (told,) = [each for each in await a.timeline(DESK, ticket) if each["type"] == "TRANSFER_MOVED"]
    assert (told["dueAt"], told["visibility"]) == (AFTER, "INTERNAL")
    reporter = await a.timeline(a.api.world.guangyuan.enterprise.login, ticket)
    assert "TRANSFER_MOVED" not in [each["type"] for each in reporter], "it is between the two offices"
    events = await admin.fetch("select * from events where subject_id = $1 order by seq", sent["ticket_id"])
    assert first_broken([dict(event) | {"data": orjson.loads(event["data"])} for event in events]) is None
    assert await moved(a, application_url) == []
    assert (await a.told(DESK)).count("TRANSFER_MOVED") == 1


async def test_who_has_nothing_to_do_with_it_hears_nothing(
    across: Across, application_url: str, tmp_path: Path
) -> None:
    a = across
    await a.offered()
    await published(a, application_url, tmp_path)
    await moved(a, application_url)
    for login in ("handler@guangyuan.commerce", "handler@anshan.commerce"):
        assert await a.told(login) == []


async def test_what_was_told_of_the_time_before_is_told_of_the_new_one(
    across: Across, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    a = across
    await a.offered()
    a.clock.at = MONDAY + timedelta(days=1, hours=9)
    await a.late()
    assert await a.told(THERE) == ["TRANSFER_OFFERED", "TRANSFER_OVERDUE"]
    await published(a, application_url, tmp_path)
    await moved(a, application_url)
    assert [(row["missed_at"], row["warned_at"]) for row in await rows(admin)] == [(None, None)] * 2
    assert (await a.offer())["overdue"] is False
    await a.late()
    assert (await a.told(THERE)).count("TRANSFER_OVERDUE") == 1, "it is not late any more"
    a.clock.at = MONDAY + timedelta(days=2, hours=9)
    await a.late()
    await a.late()
    for login, times in ((THERE, 2), (DESK, 2)):
        assert (await a.told(login)).count("TRANSFER_OVERDUE") == times


async def test_what_is_late_by_both_is_not_told_of_twice(across: Across, application_url: str, tmp_path: Path) -> None:
    a = across
    await a.offered()
    a.clock.at = MONDAY + timedelta(days=10)
    await a.late()
    await published(a, application_url, tmp_path)
    assert len(await moved(a, application_url)) == 1
    await a.late()
    for login in (DESK, THERE):
        assert (await a.told(login)).count("TRANSFER_OVERDUE") == 1
    assert (await a.offer())["overdue"] is True


async def test_what_is_decided_stays_and_what_is_offered_afterwards_goes_by_the_new_calendar(
    across: Across, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    a = across
    await a.accepted()
    before = await rows(admin)
    await published(a, application_url, tmp_path)
    assert await moved(a, application_url) == []
    assert await rows(admin) == before
    await a.offered()
    offer = await a.offer()
    assert offer["dueAt"] == AFTER
    assert {row["calendar_version"] for row in await rows(admin) if row["status"] == "OFFERED"} == {1}


async def test_it_keeps_the_scheme_under_which_it_was_offered(
    across: Across, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    """A rule that the receiving side publishes afterwards is for what is offered afterwards."""
    a = across
    await a.offered()
    await admin.execute(
        "insert into schemes (city_id, version, name, document, digest, published_at)"
        " select city_id, 2, name, document, digest, now() from schemes where city_id = $1",
        a.api.world.anshan.id,
    )
    await change_scheme(admin, "anshan", ("cross_city", "decision"), '{"amount": 9, "unit": "WORKING_DAYS"}')
    await admin.execute(
        "update schemes s set document = g.document, digest = g.digest from schemes g"
        " where s.city_id = $1 and s.version = 1 and g.city_id = $2 and g.version = 1",
        *(a.api.world.anshan.id, a.api.world.guangyuan.id),
    )
    await published(a, application_url, tmp_path)
    ((_, _, _, after),) = await moved(a, application_url)
    assert after == AFTER


async def test_workers_at_once_move_it_once_while_the_desk_decides(
    across: Across, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    a = across
    for _ in range(3):
        await a.offered()
    offers = await a.transfers(THERE)
    await published(a, application_url, tmp_path)
    job = moving("transfers", MOVERS["transfers"])
    await asyncio.gather(
        *(job.turn(a.context) for _ in range(3)),
        a.decision(THERE, transferId=offers[0]["id"], accept=True),
    )
    told: list[Any] = await admin.fetch(
        "select subject_id from events where type = 'TRANSFER_MOVED' and topic = 'ticket'"
    )
    assert len(told) == len({each["subject_id"] for each in told})
    assert len(told) in (2, 3)
    assert (await a.told(DESK)).count("TRANSFER_MOVED") == len(told)
    assert await job.turn(a.context) == 0, "nothing is left"


async def test_an_unpublished_year_is_provisional_and_the_operator_is_told(
    across: Across, admin: asyncpg.Connection, application_url: str, tmp_path: Path
) -> None:
    a = across
    year = (await a.context.tree()).calendar.first_unpublished
    a.clock.at = datetime(year - 1, 12, 31, 2, tzinfo=UTC)
    await a.offered()
    assert [row["provisional"] for row in await rows(admin)] == [True, True]
    assert f" {year} (" in (found := await doctor._calendar(admin)).says
    clocks = await admin.fetchval("select count(*) from deadlines where provisional and ended_at is null")
    assert f" {year} ({clocks + 1:,})" in found.says, "one, though it has two sides"
    await published(a, application_url, tmp_path, f"日期,是否上班,名称\n{year}-01-01,休息,元旦\n")
    await moved(a, application_url)
    assert [row["provisional"] for row in await rows(admin)] == [False, False]
    assert (await doctor._calendar(admin)).do == ""


@pytest.mark.parametrize("accept", [True, False])
async def test_it_can_be_decided_on_after_it_moved(
    across: Across, application_url: str, tmp_path: Path, accept: bool
) -> None:
    a = across
    await a.offered()
    await published(a, application_url, tmp_path)
    await moved(a, application_url)
    payload = await a.decide(accept=accept, reason="按职责分工办理。", expectedVersion=1)
    assert payload["userErrors"] == []
