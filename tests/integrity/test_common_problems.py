"""The common problems of an accepted report: items of the problem ledger, each once, for who is competent."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.integrity.reports.job import keep_reports
from app.integrity.reports.steps import accept_report, return_report, submit_report
from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.kernel.errors import IllegalTransition
from app.kernel.tables import new_id
from app.tickets.words import TicketStatus
from app.worker import Context
from tenants.schemes.model import Scheme, load_preset
from tests.tickets.town import OFFICE, Bell, Town

MONTHLY = load_preset("guangyuan").scheme.supervision.reports[0].name
LEADING_GROUP = "leading_group@guangyuan"
BEGINNING = datetime(2026, 2, 10, 1, tzinfo=UTC)


class _Bell(Bell):
    tree_version: int | None = None


@pytest.fixture
def work(town: Town, tmp_path: Path) -> Context:
    town.now = BEGINNING
    return Context(town.database, town.trees, _Bell(), FixedClock(BEGINNING), Settings(data_dir=tmp_path))


async def listed(town: Town, version: int, **departments: str) -> dict[str, uuid.UUID]:
    """A version of Guangyuan's responsibility list: codes and who is competent."""
    city_id = town.world.guangyuan.id
    await town.admin.execute(
        "insert into responsibility_lists values ($1, $2, null, $3, $4, null)", city_id, version, bytes(32), BEGINNING
    )
    ids = {}
    for code, department in departments.items():
        ids[code] = new_id()
        await town.admin.execute(
            "insert into responsibility_subjects (city_id, id, version, code, name, category, tenant_id, level,"
            " keywords) values ($1, $2, $3, $4, $5, '市政', $6, 'CITY', '{}')",
            *(city_id, ids[code], version, code, f"事项{code}", town.world.tenant(f"guangyuan.{department}")),
        )
    return ids


async def reported(town: Town, subject: uuid.UUID, count: int) -> None:
    for _ in range(count):
        ticket_id = await town.at(TicketStatus.ACCEPTED)
        await town.admin.execute("update tickets set subject_id = $1 where id = $2", subject, ticket_id)


async def handed_in(town: Town, work: Context, begins_on: date) -> uuid.UUID:
    """The office's report on a month, handed in on the second of the next one."""
    assert isinstance(work.clock, FixedClock)
    following = (begins_on + timedelta(days=32)).replace(day=2)
    work.clock.at = town.now = datetime(following.year, following.month, 2, 1, tzinfo=UTC)
    await keep_reports(work)
    id_: uuid.UUID = await town.admin.fetchval(
        "select id from reports where city_id = $1 and obligation = $2 and begins_on = $3",
        *(town.world.guangyuan.id, MONTHLY, begins_on),
    )
    await town.do(OFFICE, submit_report, id_, summary="本月运行平稳")
    return id_


async def items(town: Town) -> list[dict[str, Any]]:
    rows = await town.admin.fetch("select * from rectification_tasks order by issued_at, cause_key")
    return [dict(row) for row in rows]


async def least(town: Town, tickets: int | None) -> None:
    document = load_preset("guangyuan").scheme.document()
    document["supervision"]["rectification"]["opened_by"]["common_problem_tickets"] = tickets
    text = orjson.dumps(Scheme.model_validate(document).document(), option=orjson.OPT_SORT_KEYS)
    await town.admin.execute(
        "update schemes set document = $1::text::jsonb, digest = $2 where version = 1 and city_id = $3",
        *(text.decode(), hashlib.sha256(text).digest(), town.world.guangyuan.id),
    )


FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)


async def test_what_many_have_becomes_an_item(town: Town, work: Context) -> None:
    await least(town, 3)
    subjects = await listed(town, 1, W01="commerce", W02="finance")
    await reported(town, subjects["W01"], 3)
    await reported(town, subjects["W02"], 2)
    id_ = await handed_in(town, work, FEBRUARY)
    assert await items(town) == [], "not before it is accepted"
    await town.do(LEADING_GROUP, return_report, id_, reason="请补充共性问题")
    await town.do(OFFICE, submit_report, id_, summary="已补充")
    await town.do(LEADING_GROUP, accept_report, id_)
    (item,) = await items(town)
    assert (item["source"], item["lead_id"], item["status"], item["title"]) == (
        *("PROBLEM_LIST", town.world.tenant("guangyuan.commerce"), "ISSUED"),
        "事项W01 2026-02",
    )
    assert item["problem"] == f"{MONTHLY} 2026-02: 事项W01 × 3"
    # 30 working days after Monday 2 March: Qingming takes the 6th of April.
    assert item["due_at"] == datetime(2026, 4, 14, 9, tzinfo=UTC)
    (event,) = await town.timeline(item["id"])
    assert (event["type"], event["actor_id"]) == ("ISSUED", None)
    with pytest.raises(IllegalTransition):
        await town.do(LEADING_GROUP, accept_report, id_)
    assert len(await items(town)) == 1
    assert (
        await town.admin.fetchval("select count(*) from rectification_tasks where city_id <> $1", item["city_id"]) == 0
    )


async def test_one_item_while_it_is_worked_on(town: Town, work: Context) -> None:
    await least(town, 1)
    subjects = await listed(town, 1, W01="commerce")
    await reported(town, subjects["W01"], 1)
    await town.do(LEADING_GROUP, accept_report, await handed_in(town, work, FEBRUARY))
    town.now = datetime(2026, 3, 20, 1, tzinfo=UTC)
    await reported(town, subjects["W01"], 1)
    march = await handed_in(town, work, MARCH)
    await town.do(LEADING_GROUP, accept_report, march)
    assert len(await items(town)) == 1
    # Struck off, and here again.
    await town.admin.execute(
        "update rectification_tasks set status = 'CLOSED', running = false, submitted_at = $1, closed_at = $1,"
        " look_back_until = $1",
        town.now,
    )
    await reported(town, subjects["W01"], 1)
    await town.do(LEADING_GROUP, accept_report, await handed_in(town, work, date(2026, 4, 1)))
    assert [item["cause_key"] for item in await items(town)] == [
        "COMMON_PROBLEM:W01:2026-02",
        "COMMON_PROBLEM:W01:2026-04",
    ]


async def test_given_to_whom_the_list_in_force_names(town: Town, work: Context) -> None:
    await least(town, 1)
    subjects = await listed(town, 1, W01="commerce", W02="commerce")
    await reported(town, subjects["W01"], 1)
    await reported(town, subjects["W02"], 1)
    await listed(town, 2, W01="finance")  # and W02 is nobody's any more
    await town.do(LEADING_GROUP, accept_report, await handed_in(town, work, FEBRUARY))
    (item,) = await items(town)
    assert item["lead_id"] == town.world.tenant("guangyuan.finance")


@pytest.mark.parametrize("tickets", [None, 2])
async def test_the_scheme_says_whether(town: Town, work: Context, tickets: int | None) -> None:
    await least(town, tickets)
    subjects = await listed(town, 1, W01="commerce")
    await reported(town, subjects["W01"], 1)
    await town.do(LEADING_GROUP, accept_report, await handed_in(town, work, FEBRUARY))
    assert await items(town) == []


async def test_nothing_restricted_is_a_common_problem(town: Town, work: Context) -> None:
    await least(town, 1)
    subjects = await listed(town, 1, W01="commerce")
    await reported(town, subjects["W01"], 1)
    await town.admin.execute("update tickets set secrecy = 'RESTRICTED'")
    await town.do(LEADING_GROUP, accept_report, await handed_in(town, work, FEBRUARY))
    assert await items(town) == []


async def test_accepted_by_two_at_once_it_opens_one(town: Town, work: Context) -> None:
    await least(town, 1)
    subjects = await listed(town, 1, W01="commerce")
    await reported(town, subjects["W01"], 1)
    id_ = await handed_in(town, work, FEBRUARY)
    await asyncio.gather(*(town.do(LEADING_GROUP, accept_report, id_) for _ in range(3)), return_exceptions=True)
    assert len(await items(town)) == 1
