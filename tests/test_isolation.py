"""One city's data must never be read, inferred or changed from another (domain.md, section 13).

What holds it is asked of the catalogue for every table there is, so that a new table without it fails here.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

import asyncpg
import pytest

import migrations.env_tables
from app.kernel.database import Database, Value, within_request
from app.kernel.tables import Base, new_id
from tests.factories.world import FOUNDED, World, WorldCity

assert migrations.env_tables.MODELS
PLATFORM = {m.class_.__tablename__ for m in Base.registry.mappers if getattr(m.class_, "__platform__", False)}
BUSINESS = sorted(set(Base.metadata.tables) - PLATFORM)

TICKET_TEXT = import_module("migrations.versions.2026_11_22_origins").TEXT
"""What the search of tickets searches."""
TICKET = (
    "insert into tickets (city_id, id, number, version, scheme_version, category, channel, title, body, status, round,"
    " secrecy, reporter_anonymous, submitter_id, submitted_at)"
    " values ($1, $2, $3, 1, 1, 'HELP', 'WEB', $4, $5, 'SUBMITTED', 1, 'NORMAL', false, $6, $7)"
)
EVENT = (
    "insert into events (city_id, id, topic, subject_id, seq, version, type, at, visibility, restricted, data, hash)"
    " values ($1, $2, 'ticket', $3, 1, 1, 'SUBMITTED', $4, 'PUBLIC', false, '{}', '\\x00')"
)


@pytest.fixture
async def filled(world: World, admin: asyncpg.Connection) -> World:
    """The world with at least one row of each city in every business table."""
    for city in world.cities:
        ticket, user = new_id(), world.user(f"intake_agent@{city.path}")
        await admin.execute(TICKET, city.id, ticket, f"{city.path}-1", "用水问题", "园区停水三天", user, FOUNDED)
        await admin.execute("insert into ticket_co_handlers values ($1, $2, $3)", city.id, ticket, city.county_id)
        await admin.execute("insert into ticket_named_persons values ($1, $2, $3, $4)", city.id, ticket, user, FOUNDED)
        await admin.execute(EVENT, city.id, new_id(), ticket, FOUNDED)
        await admin.execute(
            "insert into published_decisions values ($1, $2, $3, $4, 1, 'BIDDING_COMPLAINT', '1号', '责令改正', $5)",
            *(city.id, new_id(), ticket, city.county_id, FOUNDED),
        )
        await admin.execute(
            "insert into idempotency_keys values ($1, $2, 'ticketSubmit', 'k', '\\x00', $3, $4)",
            city.id,
            user,
            ticket,
            FOUNDED,
        )
        await admin.execute(
            "insert into uploads values ($1, $2, $3, 'a.pdf', 5, $4, $4)", city.id, new_id(), user, FOUNDED
        )
        await admin.execute(
            "insert into attachments values"
            " ($1, $2, $3, $2, 'a.pdf', 'application/pdf', 5, $4, false, 'PUBLIC', $5, $6)",
            *(city.id, new_id(), ticket, bytes(32), user, FOUNDED),
        )
        deadline, subject, sample, entry = new_id(), new_id(), new_id(), new_id()
        notice, task, plan, inspection = new_id(), new_id(), new_id(), new_id()
        for statement, *values in (
            (
                "insert into deadlines (city_id, id, subject_id, kind, round, scheme_version, amount, unit, started_at,"
                " due_at, provisional, state)"
                " values ($1, $2, $3, 'HANDLING', 1, 1, 5, 'WORKING_DAYS', $4, $4, false, 'SUSPENDED')",
                *(deadline, ticket, FOUNDED),
            ),
            (
                "insert into deadline_suspensions (city_id, id, deadline_id, from_at, reason)"
                " values ($1, $2, $3, $4, 'TESTING')",
                *(new_id(), deadline, FOUNDED),
            ),
            (
                "insert into quality_samples values ($1, $2, 1, 1, $1, $3::timestamptz - interval '1 day', $3, 1, 1,"
                " '', $3, $4)",
                *(sample, FOUNDED, user),
            ),
            ("insert into quality_checks values ($1, $2, $3)", sample, ticket),
            (
                "insert into quality_entries (city_id, id, version, scheme_version, kind, status, ticket_id, round,"
                " tenant_id, opened_at, awaits_task)"
                " values ($1, $2, 1, 1, 'LOW_SATISFACTION', 'OPEN', $3, 1, $1, $4, false)",
                *(sample, ticket, FOUNDED),
            ),
            (
                "insert into integrity_entries (city_id, id, version, scheme_version, kind, status, title, debtor_id,"
                " amount, opened_on, opened_at, opened_by) values ($1, $2, 1, 1, 'ARREARS', 'OPENED', '拖欠', $3, 5,"
                " '2026-01-01', $4, $5)",
                *(entry, city.county_id, FOUNDED, user),
            ),
            (
                "insert into integrity_instalments (city_id, id, entry_id, amount, paid_on, recorded_at, recorded_by)"
                " values ($1, $2, $2, 1, '2026-01-01', $3, $4)",
                *(entry, FOUNDED, user),
            ),
            (
                "insert into reports (city_id, id, version, scheme_version, obligation, every, begins_on, ends_before,"
                " tenant_id, from_roles, to_roles, copied_to, status, due_at, content, drafted_at) values ($1, $2, 1,"
                " 1, '月报', 'MONTH', '2026-01-01', '2026-02-01', $1, '{}', '{}', '{}', 'DUE', $3, '{}', $3)",
                *(new_id(), FOUNDED),
            ),
            (
                "insert into aggregates (city_id, id, of_city_id, month, version, scheme_version, minimum_cell,"
                " automatic, digest, released_at) values ($1, $2, $1, '2026-01-01', 1, 1, 5, true, '', $3)",
                *(entry, FOUNDED),
            ),
            (
                "insert into aggregate_cells (city_id, aggregate_id, place, measure, withheld)"
                " values ($1, $2, 0, 'RECEIVED', true)",
                entry,
            ),
            (
                "insert into responsibility_lists (city_id, version, digest, published_at) values ($1, 1, '', $2)",
                FOUNDED,
            ),
            (
                "insert into responsibility_subjects (city_id, id, version, code, name, category, tenant_id, level,"
                " keywords) values ($1, $2, 1, '01', '用水', '公用事业', $3, 'CITY', '{}')",
                *(subject, city.county_id),
            ),
            (
                "insert into responsibility_rulings (city_id, ticket_id, subject_id, tenant_id, at)"
                " values ($1, $2, $3, $4, $5)",
                *(ticket, subject, city.county_id, FOUNDED),
            ),
            (
                "insert into responsibility_evidence (city_id, id, tenant_id, tickets, weight, terms)"
                " values ($1, $2, $3, 1, 1, '{停水}')",
                *(new_id(), city.county_id),
            ),
            (
                "insert into responsibility_terms (city_id, term, tenant_id, tickets, weight)"
                " values ($1, '停水', $2, 1, 1)",
                city.county_id,
            ),
            (
                "insert into supervision_notices (city_id, id, number, version, scheme_version, level, kind, ticket_id,"
                " restricted, addressee_id, trigger, times, cause, issued_at, issued_on, reply_due_at, provisional,"
                " listed, may_refer, status) values ($1, $2, 'N', 1, 1, 1, 'REMINDER', $3, false, $4, 'OVERDUE', 1,"
                " 'c', $5, '2026-01-01', $5, false, false, false, 'ISSUED')",
                *(notice, ticket, city.county_id, FOUNDED),
            ),
            (
                "insert into notifications values ($1, $2, $2, $1, 'NOTICE_ISSUED', $3, $4, false, $5)",
                *(new_id(), ticket, notice, FOUNDED),
            ),
            ("insert into work_plans values ($1, $2, 1, $1, null, 2026, '清单', $3, $4)", plan, FOUNDED, user),
            (
                "insert into inspections values ($1, $2, $3, $3, '2026-01-01', 'OPEN', '两人', null, $4, $5)",
                *(inspection, city.county_id, FOUNDED, user),
            ),
            (
                "insert into rectification_tasks (city_id, id, version, scheme_version, source, title, problem,"
                " lead_id, status, running, round, percent, issued_at, due_at, provisional, progress_due_at)"
                " values ($1, $2, 1, 1, 'AUDIT', '材料', '重复', $3, 'ISSUED', true, 1, 0, $4, $4, false, $4)",
                *(task, city.county_id, FOUNDED),
            ),
            ("insert into rectification_co_operators values ($1, $2, $3)", task, city.departments["finance"]),
            ("insert into rectification_milestones values ($1, $2, 1, '公示', '2026-02-01')", task),
            (
                "insert into rectification_progress values ($1, $2, '2026-02-01', $3, '推进中', 50, $4)",
                *(task, city.county_id, FOUNDED),
            ),
            ("insert into notification_marks values ($1, $2, $3, $4)", user, FOUNDED, notice),
            (
                "insert into ticket_transfers (city_id, id, version, direction, peer_id, status, number, category,"
                " secrecy, title, body, reporter_anonymous, reason, offered_at, due_at, provisional, warn_at, chases,"
                " relayed_seq, scheme_version) values ($1, $2, 1, 'RECEIVED', 1, 'OFFERED', 'X', 'HELP', 'NORMAL',"
                " '停水', '停水', false, '由贵市负责', $3, $3, false, $3, 0, 0, 1)",
                *(new_id(), FOUNDED),
            ),
            ("insert into supervision_cursors values ($1, 0)",),
            (
                "insert into ticket_signatures (city_id, ticket_id, submitted_at, bits)"
                " values ($1, $2, $3, repeat('0', 1024)::varbit)",
                *(ticket, FOUNDED),
            ),
        ):
            await admin.execute(statement, city.id, *values)
        await admin.execute(
            "insert into read_log values ($1, $2, $3, $4, 'Q', '{ viewer }', '{}')", city.id, new_id(), user, FOUNDED
        )
    return world


@pytest.fixture
async def application(application_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A bare connection of the application role, outside any bound transaction."""
    connection = await asyncpg.connect(application_url)
    yield connection
    await connection.close()


async def cities_seen(connection: asyncpg.Connection, table: str) -> set[int]:
    return {row[0] for row in await connection.fetch(f"select distinct city_id from {table}")}


# What is seen


async def test_unscoped_the_application_sees_no_city(application: asyncpg.Connection, filled: World) -> None:
    for table in [*BUSINESS, "users", "grants"]:
        assert await cities_seen(application, table) == set(), table


async def test_scoped_it_sees_its_own_city_only(database: Database, filled: World, admin: asyncpg.Connection) -> None:
    for table in [*BUSINESS, "users", "grants"]:
        assert await cities_seen(admin, table) >= {filled.guangyuan.id, filled.anshan.id}, f"{table}: nothing to hide"
        for city in filled.cities:
            async with database.reading(cities=(city.id,)) as reading:
                assert await cities_seen(reading.connection, table) == {city.id}, table


async def test_a_request_of_two_cities_sees_both_and_no_third(database: Database, filled: World) -> None:
    both = (filled.guangyuan.id, filled.anshan.id)
    async with database.reading(cities=both) as reading:
        assert await cities_seen(reading.connection, "tickets") == set(both)
        assert await cities_seen(reading.connection, "users") == set(both)  # and not the platform's own


async def test_a_person_is_found_before_a_city_is_known(database: Database, filled: World) -> None:
    person = filled.user("handler@anshan.commerce")
    async with database.reading(cities=(), user_id=person) as reading:
        assert reading.grants_version == 1
        assert [row[0] for row in await reading.connection.fetch("select id from users")] == [person]
        assert [row[0] for row in await reading.connection.fetch("select user_id from grants")] == [person]
        assert await cities_seen(reading.connection, "tickets") == set()


async def test_a_pooled_connection_keeps_nothing_of_the_request_before(application_url: str, filled: World) -> None:
    database = await Database.open(application_url, pool_size=1)
    person = filled.user("handler@guangyuan.commerce")
    try:
        async with database.reading(cities=(filled.guangyuan.id,), user_id=person) as reading:
            first = await reading.connection.fetchval("select pg_backend_pid()")
            assert await cities_seen(reading.connection, "tickets") == {filled.guangyuan.id}
        async with database.connection() as connection:
            assert await connection.fetchval("select pg_backend_pid()") == first
            # After its first local setting the connection holds '' where a fresh one holds null.
            assert await connection.fetchval("select current_setting('app.cities', true)") == ""
            for table in [*BUSINESS, "users", "grants"]:
                assert await cities_seen(connection, table) == set(), table
        async with database.reading(cities=(filled.anshan.id,)) as reading:
            assert await cities_seen(reading.connection, "tickets") == {filled.anshan.id}
            assert await reading.connection.fetchval("select count(*) from users where id = $1", person) == 0
    finally:
        await database.close()


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with database.connection() as connection, connection.transaction():
        await connection.execute("set transaction read write")
        yield connection


@pytest.mark.parametrize("by_key", [False, True])
async def test_a_value_is_read_in_the_cities_of_its_request(
    application_url: str, filled: World, *, by_key: bool
) -> None:
    """One statement makes the settings and reads under them, whatever plan it gets; nothing of them stays."""
    database = await Database.open(application_url, pool_size=1)
    person = filled.user("handler@guangyuan.commerce")
    counted = within_request("select count(*) from tickets where city_id = any ($1::int[])", 1)
    listed = within_request(
        "select array_agg(distinct city_id order by city_id) from tickets where $1::int[] is not null", 1
    )
    both = [filled.guangyuan.id, filled.anshan.id]

    async def value(
        statement: str, cities: Sequence[int], grants_version: int | None, tree_version: int | None
    ) -> Value:
        return await database.value(
            statement,
            [both],
            cities=cities,
            user_id=person,
            grants_version=grants_version,
            tree_version=tree_version,
            by_key=by_key,
        )

    try:
        for _ in range(8):  # with plans of its own, and with the one that is kept
            for city in both:
                assert (await value(listed, [city], 1, None)).data == [city]
            assert (await value(listed, both, 1, 1)).data == sorted(both)
            assert (await value(counted, [], 1, 1)).data == 0
        assert await value(listed, both, 2, 1) == Value(None, 1, 1)  # grants that are not the expected ones
        assert await value(listed, both, None, 1) == Value(None, 1, 1)
        assert await value(listed, both, 1, 0) == Value(None, 1, 1)  # a tree that has moved on
        connections = database._by_key if by_key else database._reads
        connection = await connections.take()  # the only one, which read all of this
        assert await connection.fetchval("select current_setting('app.cities', true)") == ""
        assert await cities_seen(connection, "tickets") == set()
        await connections.give(connection, in_order=True)
    finally:
        await database.close()


async def test_what_reads_cannot_write(database: Database, filled: World) -> None:
    for statement in ("update tickets set title = 'x'", "delete from grants", "create table x ()"):
        async with database.reading(cities=(filled.guangyuan.id,)) as reading:
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await reading.connection.execute(statement)
    async with database.connection() as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("insert into users (id) values (gen_random_uuid())")


async def test_a_cancelled_request_leaves_no_city_behind(application_url: str, filled: World) -> None:
    database = await Database.open(application_url, pool_size=1)
    try:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with database.reading(cities=(filled.guangyuan.id,)) as reading:
                await reading.connection.execute("select 1 / 0")
        async with database.connection() as connection:
            assert await cities_seen(connection, "tickets") == set()
    finally:
        await database.close()


async def test_the_owner_is_bound_too(admin: asyncpg.Connection, filled: World) -> None:
    async with admin.transaction():
        await admin.execute("set local role yingshang_owner")
        for table in BUSINESS:
            assert await cities_seen(admin, table) == set(), table
        await admin.execute("select begin_request($1, null)", str(filled.anshan.id))
        assert await cities_seen(admin, "tickets") == {filled.anshan.id}


async def test_what_may_be_read_by_everybody_is_names_only(application: asyncpg.Connection, filled: World) -> None:
    assert await application.fetchval("select count(*) from tenants") == len(filled.tenants)
    assert await application.fetchval("select tree_version from platform_state") == 1
    # The state's own calendar, and where people and tenants are told of.
    assert {"calendar_days", "calendars", "grants", "platform_state", "tenants", "users"} == PLATFORM


# What is changed


@pytest.mark.parametrize("table", BUSINESS)
async def test_no_row_is_written_into_another_city(
    database: Database, filled: World, admin: asyncpg.Connection, table: str
) -> None:
    """INSERT of a copy under the neighbour's id is refused whatever else the row holds."""
    columns = [
        row[0]
        for row in await admin.fetch(
            "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and attidentity = ''"
            " and attgenerated = '' and not attisdropped",
            table,
        )
    ]
    listed = ", ".join(f'"{column}"' for column in columns)
    copied = ", ".join("$1::int" if column == "city_id" else f'"{column}"' for column in columns)
    async with writing(database) as connection:
        await connection.execute("select begin_request($1, null)", str(filled.guangyuan.id))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                f"insert into {table} ({listed}) select {copied} from {table} limit 1", filled.anshan.id
            )


async def test_neither_update_nor_delete_reaches_another_city(
    database: Database, filled: World, admin: asyncpg.Connection
) -> None:
    async with writing(database) as connection:
        await connection.execute("select begin_request($1, null)", str(filled.guangyuan.id))
        for statement in (
            "update tickets set title = 'x' where city_id = $1",
            "update enterprises set name = 'x' where city_id = $1",
            "update events set position = 7 where city_id = $1",
            "update event_heads set position = 7 where city_id = $1",
            "update users set active = false where city_id = $1",
            "delete from ticket_co_handlers where city_id = $1",
            "delete from ticket_named_persons where city_id = $1",
            "delete from grants where city_id = $1",
        ):
            touched = await connection.execute(statement, filled.anshan.id)
            assert touched.rsplit(" ", 1)[1] == "0", statement
    assert await admin.fetchval("select title from tickets where city_id = $1", filled.anshan.id) == "用水问题"


@pytest.mark.parametrize("table", ["tickets", "enterprises"])
async def test_no_row_is_moved_into_another_city(database: Database, filled: World, table: str) -> None:
    async with writing(database) as connection:
        await connection.execute("select begin_request($1, null)", str(filled.guangyuan.id))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                f"update {table} set city_id = $2 where city_id = $1", filled.guangyuan.id, filled.anshan.id
            )


async def test_nobody_gives_themselves_a_role_or_a_new_name(database: Database, filled: World) -> None:
    person = filled.user("handler@guangyuan.commerce")
    async with writing(database) as connection:
        await connection.execute("select begin_request('', $1)", str(person))
        assert await connection.execute("update users set name = 'x', grants_version = 9") == "UPDATE 0"
        assert await connection.execute("delete from grants") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                "insert into grants (city_id, id, user_id, tenant_id, role, granted_at)"
                " values ($1, $2, $3, $1, $4, $5)",
                filled.guangyuan.id,
                new_id(),
                person,
                "CITY_ADMINISTRATOR",
                FOUNDED,
            )


@pytest.mark.parametrize(
    "statement",
    [
        "delete from events",
        "update events set data = '{}'",
        "update events set hash = '\\x01'",
        "truncate events",
        "update idempotency_keys set digest = '\\x01'",
        "delete from idempotency_keys",
        "update read_log set operation = 'x'",
        "delete from read_log",
        "update schemes set document = '{}'",
        "delete from schemes",
        "delete from tickets",
        "delete from enterprises",
        "update tenants set name = 'x'",
        "delete from tenants",
        "delete from users",
        "update users set login = 'x'",
        "update grants set role = 'AUDITOR'",
        "insert into platform_state values (2, 0)",
        "delete from platform_state",
        "alter table events disable row level security",
        "create table mine (id int)",
        "set role yingshang_owner",
        "set role yingshang_definer",
    ],
)
async def test_what_stands_stands(database: Database, filled: World, statement: str) -> None:
    async with writing(database) as connection:
        await connection.execute("select begin_request($1, null)", str(filled.guangyuan.id))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_sequencer_may_number_events(database: Database, filled: World) -> None:
    async with writing(database) as connection:
        await connection.execute("select begin_request($1, null)", str(filled.guangyuan.id))
        assert await connection.execute("update events set position = 1 where position is null") == "UPDATE 1"


# What the catalogue says


async def test_every_table_is_isolated(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        """
        select c.relname::text as name, c.relrowsecurity, c.relforcerowsecurity,
               array(select pg_get_expr(polqual, polrelid) from pg_policy where polrelid = c.oid) as policies
        from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
        """
    )
    tables = {row["name"]: row for row in rows}
    assert set(tables) == {*BUSINESS, *PLATFORM, "alembic_version"}
    for name in [*BUSINESS, *PLATFORM]:
        row = tables[name]
        assert row["relrowsecurity"], name
        assert row["relforcerowsecurity"], name
        assert row["policies"], name
    for name in BUSINESS:
        (policy,) = tables[name]["policies"]
        assert "city_id = ANY" in policy, name
        assert "app.cities" in policy, name


async def test_every_key_of_a_business_table_leads_with_the_city(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        """
        select i.indexrelid::regclass::text as key, i.indrelid::regclass::text as name, a.attname::text as first
        from pg_index i
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indisunique and i.indrelid::regclass::text = any ($1)
        """,
        BUSINESS,
    )
    assert {row["name"] for row in rows} == set(BUSINESS)
    assert [row["key"] for row in rows if row["first"] != "city_id"] == []


async def test_the_application_owns_nothing_and_cannot_bypass(admin: asyncpg.Connection) -> None:
    assert (
        await admin.fetchval(
            "select count(*) from pg_shdepend where deptype = 'o' and refobjid = 'yingshang_app'::regrole"
        )
        == 0
    )
    role = await admin.fetchrow(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = $1",
        "yingshang_app",
    )
    assert tuple(role) == (False,) * 5
    assert await admin.fetchval("select count(*) from pg_auth_members where member = 'yingshang_app'::regrole") == 0
    assert not await admin.fetchval("select pg_has_role('yingshang_owner', 'yingshang_definer', 'member')")


async def test_only_the_audited_searches_look_past_row_level_security(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        "select oid::regprocedure::text, pg_get_userbyid(proowner)::text, proconfig from pg_proc"
        " where prosecdef and pronamespace = 'public'::regnamespace order by 1"
    )
    assert [(row[0], row[1]) for row in rows] == [
        ("search_enterprises(text)", "yingshang_definer"),
        ("search_tickets(text)", "yingshang_definer"),
    ]
    for row in rows:
        assert "search_path=pg_catalog, public, pg_temp" in row["proconfig"]


# The searches


async def search(
    database: Database, city: WorldCity | None, query: str, function: str = "search_tickets"
) -> set[uuid.UUID]:
    async with database.reading(cities=(city.id,) if city is not None else ()) as reading:
        return {row[0] for row in await reading.connection.fetch(f"select {function}($1)", query)}


async def test_a_search_finds_in_the_requests_cities_only(database: Database, filled: World) -> None:
    found = {city.path: await search(database, city, "停水三天") for city in filled.cities}
    assert [len(ids) for ids in found.values()] == [1, 1]
    assert found["guangyuan"].isdisjoint(found["anshan"])
    assert await search(database, None, "停水三天") == set()
    names = {city.path: await search(database, city, "食品", "search_enterprises") for city in filled.cities}
    assert names == {city.path: {city.enterprises[0].id} for city in filled.cities}
    assert await search(database, None, "食品", "search_enterprises") == set()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("停水", True),  # two characters: no trigram
        ("水", True),
        ("园区停水三天", True),
        ("用水问题", True),
        ("guangyuan-1", True),  # the number
        ("GUANGYUAN-1", True),
        ("停电", False),
        ("%", False),
        ("_", False),
        ("园_停", False),
        ("\\", False),
        ("'; drop table tickets; --", False),
    ],
)
async def test_a_search_is_literal(database: Database, filled: World, query: str, found: bool) -> None:
    assert len(await search(database, filled.guangyuan, query)) == int(found)


async def test_a_rare_word_is_found_by_the_index(database: Database, filled: World, admin: asyncpg.Connection) -> None:
    user = filled.user("intake_agent@guangyuan")
    await admin.executemany(
        TICKET,
        [
            (filled.guangyuan.id, new_id(), f"GY-{n}", f"办理事项{n}", "反映道路施工" * 20, user, FOUNDED)
            for n in range(2_000)
        ],
    )
    await admin.execute("analyze tickets")
    async with admin.transaction():
        await admin.execute("set local random_page_cost = 1.1")
        plan = await admin.fetch(
            f"explain select id from tickets where city_id = $1 and character_pairs(city_id, {TICKET_TEXT}) @> $2",
            *(filled.guangyuan.id, [f"{filled.guangyuan.id}停水"]),
        )
    assert any("ix_tickets_text" in row[0] for row in plan), "\n".join(row[0] for row in plan)
    assert len(await search(database, filled.guangyuan, "停水三天")) == 1
    assert len(await search(database, filled.guangyuan, "反映道路")) == 2_000
