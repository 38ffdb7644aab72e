from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import orjson
import pytest

from app.demo.city import DemoKind, demo_id
from app.demo.loader import Loaded, load_demo
from app.demo.logins import enterprise_user_id, login_id
from app.kernel.database import Database
from app.kernel.events import first_broken
from tests.conftest import Server

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
TABLES = (
    "tenants", "schemes", "users", "grants", "enterprises", "tickets", "ticket_co_handlers", "ticket_named_persons",
    "events", "event_heads", "platform_state", "published_decisions", "responsibility_lists", "responsibility_subjects",
    "responsibility_rulings", "responsibility_terms", "deadlines", "supervision_notices", "notifications",
    "rectification_tasks", "rectification_milestones", "rectification_progress", "work_plans", "inspections",
    "integrity_entries", "integrity_instalments", "reports", "supervision_cursors",
)  # fmt: skip


@pytest.fixture(scope="session")
def kept(server: Server) -> tuple[str, list[Loaded]]:
    """A template with the demonstration in it, and what was loaded."""
    template, loaded = server.told("demonstration", partial(load_demo, enterprises=60, tickets=400, now=NOW))
    return template, loaded


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("kept")[0] if "loaded" in request.fixturenames else None


@pytest.fixture
def loaded(kept: tuple[str, list[Loaded]], admin_url: str) -> list[Loaded]:
    """The demonstration in this test's database."""
    return kept[1]


async def contents(admin: asyncpg.Connection) -> dict[str, list[str]]:
    """Everything that the demonstration writes, row by row."""
    return {
        table: [row[0] for row in await admin.fetch(f"select t::text from {table} t order by t::text")]
        for table in TABLES
    }


async def test_both_cities_have_what_was_asked(loaded: list[Loaded], admin: asyncpg.Connection) -> None:
    assert [(city.city.path, city.added_enterprises, city.added_tickets) for city in loaded] == [
        ("guangyuan", 60, 400),
        ("anshan", 60, 400),
    ]
    for city in loaded:
        for table, count in (("enterprises", 60), ("tickets", 400)):
            assert await admin.fetchval(f"select count(*) from {table} where city_id = $1", city.city.id) == count
        assert await admin.fetchval("select count(*) from users where city_id = $1 and not demo", city.city.id) == 0


async def test_decisions_on_tenders_are_published_where_the_city_takes_them(
    loaded: list[Loaded], admin: asyncpg.Connection
) -> None:
    query = (
        "select t.path, count(*) = count(d.id) and bool_and(d.number = i.decision_number and d.tenant_id = i.lead_id)"
        " from tickets i join tenants t on t.id = i.city_id"
        " left join published_decisions d on d.city_id = i.city_id and d.ticket_id = i.id"
        " where i.decision_published_at is not null group by t.path"
    )
    assert [tuple(row) for row in await admin.fetch(query)] == [("guangyuan", True)]


async def test_a_second_run_changes_nothing(loaded: list[Loaded], admin_url: str, admin: asyncpg.Connection) -> None:
    before = await contents(admin)
    again = await load_demo(admin_url, enterprises=60, tickets=400, now=NOW + timedelta(days=3))
    assert [(city.added_enterprises, city.added_tickets) for city in again] == [(0, 0), (0, 0)]
    assert await contents(admin) == before


async def test_a_larger_run_adds_only_what_is_missing(
    loaded: list[Loaded], admin_url: str, admin: asyncpg.Connection
) -> None:
    before = await contents(admin)
    await load_demo(admin_url, enterprises=80, tickets=500, now=NOW)
    after = await contents(admin)
    assert len(after["tickets"]) == 1_000
    assert len(after["enterprises"]) == 160
    for table in ("tickets", "enterprises", "users", "grants", "events"):
        assert set(before[table]) <= set(after[table])
    assert await positions_are_gapless(admin)


async def test_a_smaller_run_takes_nothing_away(
    loaded: list[Loaded], admin_url: str, admin: asyncpg.Connection
) -> None:
    before = await contents(admin)
    smaller = await load_demo(admin_url, enterprises=1, tickets=1, now=NOW)
    assert [(city.enterprises, city.tickets) for city in smaller] == [(60, 400), (60, 400)]
    assert await contents(admin) == before


async def positions_are_gapless(admin: asyncpg.Connection) -> bool:
    rows = await admin.fetch(
        "select h.position as head, count(e.id) as events, min(e.position) as first, max(e.position) as last,"
        " count(distinct e.position) as positions"
        " from event_heads h join events e using (city_id) group by h.city_id, h.position"
    )
    return len(rows) == 2 and all(
        row["first"] == 1 and row["head"] == row["last"] == row["events"] == row["positions"] for row in rows
    )


async def test_events_are_numbered_without_gaps_in_the_order_of_time(
    loaded: list[Loaded], admin: asyncpg.Connection
) -> None:
    assert await positions_are_gapless(admin)
    out_of_order = await admin.fetchval(
        "select count(*) from (select at < lag(at) over (partition by city_id order by position) as back from events"
        " where topic = 'ticket') e where back"
    )
    assert out_of_order == 0
    ordinals = await admin.fetchval(
        "select count(*) from"
        " (select ordinal < lag(ordinal) over (partition by city_id order by position) as back from events) e"
        " where back"
    )
    assert ordinals == 0


async def test_every_chain_verifies_as_stored(loaded: list[Loaded], admin: asyncpg.Connection) -> None:
    rows = await admin.fetch("select * from events order by city_id, subject_id, seq")
    chains: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        event = dict(row)
        event["data"] = orjson.loads(event["data"])
        chains.setdefault((row["city_id"], row["subject_id"]), []).append(event)
    assert sum(chain[0]["topic"] == "ticket" for chain in chains.values()) == 800
    assert all(first_broken(chain) is None for chain in chains.values())


async def test_the_other_city_stays_out_of_sight(loaded: list[Loaded], database: Database) -> None:
    guangyuan, anshan = (city.city.id for city in loaded)
    for own in (guangyuan, anshan):
        async with database.reading(cities=(own,)) as reading:
            for table in ("enterprises", "tickets", "ticket_co_handlers", "events", "users", "grants"):
                cities = await reading.connection.fetch(f"select distinct city_id from {table}")
                assert [row["city_id"] for row in cities] == [own]
    async with database.reading(cities=()) as reading:
        for table in ("enterprises", "tickets", "events", "users", "grants"):
            assert await reading.connection.fetchval(f"select count(*) from {table}") == 0


async def test_who_is_named_on_a_restricted_ticket_is_there(admin_url: str, admin: asyncpg.Connection) -> None:
    await load_demo(admin_url, enterprises=20, tickets=2_000, now=NOW, presets=("guangyuan",))
    restricted = await admin.fetchval("select count(*) from tickets where secrecy = 'RESTRICTED'")
    officer = await admin.fetchval(
        "select count(*) from ticket_named_persons where user_id = $1", login_id("supervision_officer@guangyuan")
    )
    assert officer == restricted > 0


async def test_logins_hold_their_one_role(loaded: list[Loaded], admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        "select u.login, u.id, u.demo, g.role, t.path from users u join grants g on g.user_id = u.id"
        " join tenants t on t.id = g.tenant_id"
    )
    found = {row["login"]: row for row in rows}
    assert len(found) == len(rows)
    for login in (
        "intake_agent@guangyuan",
        "dispatcher@guangyuan",
        "office@guangyuan",
        "handler@guangyuan.finance",
        "department_lead@anshan.tax",
        "handler@guangyuan.cangxi",
        "supervision_officer@guangyuan",
        "city_administrator@guangyuan",
        "auditor@guangyuan",
        "evaluation_manager@anshan",
        "platform_operator@platform",
    ):
        role, _, path = login.partition("@")
        assert (found[login]["role"].lower(), found[login]["path"]) == (role, path)
        assert found[login]["id"] == login_id(login)
    enterprise = await admin.fetchrow(
        "select e.credit_code, g.user_id from enterprises e join grants g on g.enterprise_id = e.id where e.id = $1",
        demo_id("guangyuan", DemoKind.ENTERPRISE, 7),
    )
    assert enterprise["user_id"] == enterprise_user_id(loaded[0].city, 7)
    assert found[f"enterprise@{enterprise['credit_code']}"]["role"] == "ENTERPRISE_USER"


async def test_a_login_that_is_somebodys_gets_no_grant(
    loaded: list[Loaded], admin_url: str, admin: asyncpg.Connection
) -> None:
    """The demonstration never raises the rights of a real user whose login happens to be one of its own."""
    login = "auditor@guangyuan"
    await admin.execute("delete from grants where user_id = $1", login_id(login))
    await admin.execute("update users set demo = false where login = $1", login)
    await load_demo(admin_url, enterprises=60, tickets=400, now=NOW)
    assert await admin.fetchval("select count(*) from grants where user_id = $1", login_id(login)) == 0


async def test_progress_is_told_to_the_end(admin_url: str) -> None:
    told: list[tuple[str, int, int]] = []
    await load_demo(
        admin_url,
        enterprises=10,
        tickets=30,
        now=NOW,
        presets=("anshan",),
        progress=lambda what, done, total: told.append((what, done, total)),
    )
    last = {what: (done, total) for what, done, total in told}
    assert len(last) == 4
    assert all(done == total for done, total in last.values())


async def test_the_lists_and_what_the_tickets_taught(loaded: list[Loaded], admin: asyncpg.Connection) -> None:
    for city in loaded:
        subjects = await admin.fetchval(
            "select count(*) from responsibility_subjects where city_id = $1 and version = 1", city.city.id
        )
        assert subjects > 50
        led = await admin.fetchval(
            "select sum(tickets) from responsibility_terms where city_id = $1 and term = ''", city.city.id
        )
        dispatched = await admin.fetchval(
            "select count(*) from tickets where city_id = $1 and lead_id is not null and secrecy = 'NORMAL'",
            city.city.id,
        )
        assert 0.5 * dispatched < led <= dispatched  # those of a county's own desk teach nothing
        # A word stands in no more of a department's tickets than it has.
        assert not await admin.fetchval(
            "select count(*) from responsibility_terms w join responsibility_terms a"
            " on a.city_id = w.city_id and a.tenant_id = w.tenant_id and a.term = '' where w.tickets > a.tickets"
        )
    restricted = await admin.fetchval(
        "select count(*) from responsibility_rulings r join tickets t on t.id = r.ticket_id"
        " where t.secrecy = 'RESTRICTED'"
    )
    assert restricted == 0


async def test_a_list_that_somebody_published_stays(
    loaded: list[Loaded], admin_url: str, admin: asyncpg.Connection
) -> None:
    await admin.execute(
        "insert into responsibility_lists select city_id, 2, null, digest, published_at, null from responsibility_lists"
    )
    await load_demo(admin_url, enterprises=60, tickets=420, now=NOW)
    assert await admin.fetchval("select max(version) from responsibility_lists") == 2


async def test_a_worker_finds_nothing_that_fell_due_before(loaded: list[Loaded], admin: asyncpg.Connection) -> None:
    assert await admin.fetchval("select count(*) from deadlines where fires_at < $1", NOW) == 0
    assert await admin.fetchval("select count(*) from deadlines where missed_at is not null") > 20
