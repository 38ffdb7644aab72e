"""The demonstration's ledgers: every list has something to show, and a worker finds nothing to do in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import orjson
import pytest

from app.demo.loader import load_demo
from app.integrity.reports.job import keep_reports
from app.integrity.words import IntegrityStatus, ReportStatus
from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.kernel.database import Database
from app.kernel.events import first_broken
from app.kernel.unit_of_work import Nobody
from app.rectification.overdue import tell_overdue
from app.rectification.words import RectificationStatus
from app.supervision.follower import follow
from app.tickets.sweep import sweep_deadlines
from app.worker import Context
from tenants.schemes.words import IntegrityKind, RectificationSource
from tenants.tree import TenantTreeCache
from tests.conftest import Server

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
CITIES = "select id from tenants where path = any('{guangyuan,anshan}') order by id"


class Still(Nobody):
    """No sequencer runs here."""

    tree_version: int | None = None


@pytest.fixture(scope="session")
def filled(server: Server) -> str:
    """A template with the demonstration and its ledgers in it."""
    template, _ = server.told("ledgers", partial(load_demo, enterprises=30, tickets=250, now=NOW))
    return template


@pytest.fixture
def template(filled: str) -> str:
    return filled


async def seen(admin: asyncpg.Connection, query: str) -> list[set[str]]:
    """The values of a column in each of the two cities."""
    return [
        {row[0] for row in await admin.fetch(query, city)} for city in [row["id"] for row in await admin.fetch(CITIES)]
    ]


@pytest.mark.parametrize(
    ("query", "all_of"),
    [
        ("select status from rectification_tasks where city_id = $1", RectificationStatus),
        ("select status from integrity_entries where city_id = $1", IntegrityStatus),
        ("select kind from integrity_entries where city_id = $1", IntegrityKind),
        ("select status from reports where city_id = $1", ReportStatus),
    ],
)
async def test_every_list_shows_every_state(admin: asyncpg.Connection, query: str, all_of: type) -> None:
    for values in await seen(admin, query):
        assert values == {each.value for each in all_of}  # type: ignore[attr-defined]


async def test_tasks_come_from_everywhere_with_milestones_and_progress(admin: asyncpg.Connection) -> None:
    sources = {each.value for each in RectificationSource}
    for values in await seen(admin, "select source from rectification_tasks where city_id = $1"):
        assert sources - {"NOTICE"} <= values
    for table, least in (
        ("rectification_milestones", 20),
        ("rectification_progress", 5),
        ("rectification_co_operators", 5),
        ("inspections", 3),
        ("work_plans", 1),
        ("integrity_instalments", 7),
    ):
        counts = await admin.fetch(f"select count(*) from {table} group by city_id")
        assert [row[0] >= least for row in counts] == [True, True], table
    late = await admin.fetchval(
        "select count(*) from rectification_tasks where running and due_at < $1 and overdue_at is not null", NOW
    )
    assert late > 2


async def test_the_ledger_adds_up(admin: asyncpg.Connection) -> None:
    wrong = await admin.fetchval(
        "select count(*) from integrity_entries e where cleared <> coalesce((select sum(amount) from"
        " integrity_instalments i where i.city_id = e.city_id and i.entry_id = e.id), 0)"
    )
    assert wrong == 0
    assert await admin.fetchval("select count(*) from integrity_instalments where amount < 0") == 2


async def test_its_events_are_whole_numbered_and_of_the_past(admin: asyncpg.Connection) -> None:
    chains: dict[object, list[dict[str, object]]] = {}
    for row in await admin.fetch("select * from events where topic <> 'ticket' order by city_id, subject_id, seq"):
        chains.setdefault(row["subject_id"], []).append(dict(row) | {"data": orjson.loads(row["data"])})
    assert all(first_broken(chain) is None for chain in chains.values())
    assert all(event["at"] <= NOW for chain in chains.values() for event in chain)  # type: ignore[operator]
    assert await admin.fetchval("select count(*) from events where position is null") == 0
    assert await admin.fetchval("select count(*) from event_heads h join supervision_cursors c using (city_id)") == 2
    behind = await admin.fetchval(
        "select count(*) from event_heads h join supervision_cursors c using (city_id) where c.position <> h.position"
    )
    assert behind == 0


async def test_a_worker_that_begins_then_finds_nothing(
    admin: asyncpg.Connection, database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, signing_key=None)
    context = Context(database, TenantTreeCache(database), Still(), FixedClock(NOW), settings)
    for turn in (sweep_deadlines, follow, tell_overdue, keep_reports):
        assert await turn(context) == 0, turn.__name__


async def test_a_second_run_makes_no_second_ledger(admin: asyncpg.Connection, admin_url: str) -> None:
    counted = "select (select count(*) from rectification_tasks) + (select count(*) from integrity_entries) * 1000"
    before = await admin.fetchval(counted)
    await load_demo(admin_url, enterprises=40, tickets=300, now=NOW + timedelta(days=5))
    assert await admin.fetchval(counted) == before


async def test_the_neighbour_sees_none_of_it(admin: asyncpg.Connection, database: Database) -> None:
    cities = [row["id"] for row in await admin.fetch(CITIES)]
    for own in cities:
        async with database.reading(cities=(own,)) as reading:
            for table in ("rectification_tasks", "integrity_entries", "reports", "inspections", "work_plans"):
                found = await reading.connection.fetch(f"select distinct city_id from {table}")
                assert [row["city_id"] for row in found] == [own]
