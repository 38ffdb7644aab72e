"""What is measured on: cities after the preset `guangyuan` (8 counties, 40 departments), one of them large.

A twentieth of the large city's tickets are whole lives of the demonstration, copied in as `make demo` does. The
database multiplies them, a few minutes apart, and gives the other cities their share. Everything of a multiplied
ticket is as the product would have it (clocks, signatures, positions) except that its events' hashes are the
original's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from app.demo.loader import load_demo
from app.kernel.database import OWNER_ROLE
from tenants.provisioning import provision_city
from tests.benchmarks.frame import City, say

PRESET = "guangyuan"
COPIES = 20
"""How many tickets of the large city share one life."""
ENTERPRISES = 2_000
SMALL_ENTERPRISES = 100
SMALL = 1_000
"""Tickets of the cities beside the large one."""
OF_TICKETS = {
    "tickets": "id",
    "events": "subject_id",
    "deadlines": "subject_id",
    "ticket_signatures": "ticket_id",
    "ticket_co_handlers": "ticket_id",
    "ticket_named_persons": "ticket_id",
}
"""Tables that are multiplied, and the column that says of which ticket a row is."""


async def load(admin_url: str, *, tickets: int, cities: int = 3, now: datetime) -> list[City]:
    """Load `cities` cities, the first of them with so many tickets of the year before `now`; the large one first.

    A database that was loaded before is taken as it is.
    """
    begun = time.monotonic()
    if kept := await _loaded_before(admin_url):
        return kept
    lives = -(-tickets // COPIES)
    (loaded,) = await load_demo(admin_url, enterprises=ENTERPRISES, tickets=lives, presets=(PRESET,), now=now)
    large = loaded.city
    ids = await _provision(admin_url, [f"{PRESET}_{number}" for number in range(2, cities + 1)], now)
    admin = await asyncpg.connect(admin_url)
    try:
        await _prepare(admin)
        for table, of_ticket in OF_TICKETS.items():
            await admin.execute(f"create table bench.{table} as select * from {table}")
            await admin.execute(f"create index on bench.{table} ({of_ticket})")
        await admin.execute(
            "create table bench.enterprises as select *, row_number() over (order by id) - 1 as place from enterprises"
        )
        await admin.execute("create index on bench.enterprises (place)")
        await admin.execute("analyze")
        await admin.execute(f"truncate {', '.join(OF_TICKETS)} cascade")
        indexes = await _drop_indexes(admin, OF_TICKETS)
        found = [City(large.id, large.path, lives * COPIES)]
        found += [City(id_, path, min(SMALL, lives)) for path, id_ in ids.items()]
        await _multiply(admin, found[0], large.id, COPIES, 0)
        for place, city in enumerate(found[1:]):
            await _settle(admin, city, large.id, COPIES + place)
        await asyncio.gather(*(_create(admin_url, share) for share in (indexes[::2], indexes[1::2])))
        await _tidy(admin)
        counts = [f"{await admin.fetchval(f'select count(*) from {table}'):,} {table}" for table in OF_TICKETS]
        await _remember(admin, found)
    finally:
        await admin.close()
    say(f"loaded {cities} cities in {time.monotonic() - begun:.0f} s: {', '.join(counts[:3])}")
    return found


async def add_cities(admin_url: str, there: Sequence[City], *, cities: int, tickets: int, now: datetime) -> list[City]:
    """Bring a loaded database to so many cities; those that come anew have so many tickets each. Returns all."""
    begun = time.monotonic()
    paths = [f"{PRESET}_{number}" for number in range(len(there) + 1, cities + 1)]
    ids = await _provision(admin_url, paths, now)
    added = [City(id_, path, tickets) for path, id_ in ids.items()]
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute("set session_replication_role = replica")
        for place, city in enumerate(added):
            await _settle(admin, city, there[0].id, COPIES + len(there) + place)
        await _remember(admin, added)
        await _tidy(admin)
    finally:
        await admin.close()
    say(f"{len(added)} cities more in {time.monotonic() - begun:.0f} s")
    return [*there, *added]


async def _loaded_before(admin_url: str) -> list[City]:
    admin = await asyncpg.connect(admin_url)
    try:
        if await admin.fetchval("select to_regclass('bench.cities')") is None:
            return []
        return [City(**row) for row in await admin.fetch("select * from bench.cities order by tickets desc, id")]
    finally:
        await admin.close()


async def _remember(admin: asyncpg.Connection, cities: Sequence[City]) -> None:
    await admin.execute("create table if not exists bench.cities (id int, path text, tickets int)")
    await admin.executemany(
        "insert into bench.cities values ($1, $2, $3)", [(city.id, city.path, city.tickets) for city in cities]
    )


async def _provision(admin_url: str, slugs: Sequence[str], now: datetime) -> dict[str, int]:
    async def connect() -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(admin_url)
        await connection.execute(f"set role {OWNER_ROLE}")
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as transaction:
            return {slug: await provision_city(transaction, PRESET, slug=slug, now=now) for slug in slugs}
    finally:
        await engine.dispose()


async def _prepare(admin: asyncpg.Connection) -> None:
    """The rows are whole already: no foreign key is looked up for each of them."""
    await admin.execute("set session_replication_role = replica")
    await admin.execute("set synchronous_commit = off; set work_mem = '256MB'")
    await admin.execute("create schema bench")
    # The first two bytes of an invented id are the same for all of them: here they tell the copies apart.
    await admin.execute(
        "create function bench.of_copy(id uuid, copy int) returns uuid language sql immutable return"
        " (to_hex(56881 + copy) || substr(id::text, 5))::uuid"
    )


async def _drop_indexes(admin: asyncpg.Connection, tables: Iterable[str]) -> list[str]:
    """All that no foreign key stands on: made at once, over all rows, they cost a fraction. Returns what makes them."""
    rows = await admin.fetch(
        """
        select i.indrelid::regclass::text as table, c.relname as name, k.conname is not null as constrains,
          coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(c.oid)) as definition
        from pg_index i join pg_class c on c.oid = i.indexrelid
        left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
        where i.indrelid = any($1::text[]::regclass[])
          and not exists (select from pg_constraint f where f.conindid = i.indexrelid and f.contype = 'f')
        order by c.relname like '%text' desc
        """,
        list(tables),
    )
    made = []
    for table, name, constrains, definition in rows:
        await admin.execute(f"alter table {table} drop constraint {name}" if constrains else f"drop index {name}")
        made.append(f"alter table {table} add constraint {name} {definition}" if constrains else definition)
    return made


async def _create(admin_url: str, indexes: Sequence[str]) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("set maintenance_work_mem = '512MB'; set max_parallel_maintenance_workers = 0")
        for index in indexes:
            await connection.execute(index)
    finally:
        await connection.close()


async def _settle(admin: asyncpg.Connection, city: City, from_id: int, copy: int) -> None:
    """A small city: the first enterprises of the large one, and the lives of its last tickets, once each."""
    offset = city.id - from_id
    own = {"city_id": f"{city.id}", "id": f"bench.of_copy(s.id, {copy})", "county_id": f"s.county_id + {offset}"}
    await _insert(admin, "enterprises", own, f"where s.place < {SMALL_ENTERPRISES}", "s.id")
    await _multiply(admin, city, from_id, 1, copy)


async def _multiply(admin: asyncpg.Connection, city: City, from_id: int, copies: int, first: int) -> None:
    """Give the city the last lives of the stage, `copies` times, in the order of their time."""
    offset = city.id - from_id
    lives = city.tickets // copies
    own = {
        "tickets": {"number": "s.number || c", "origin_number": f"s.origin_number || '-' || {first} + c"},
        "events": {"position": "row_number() over (order by s.position, c)"},
    }
    if offset:  # another city has its own tenants, a few enterprises, and tickets that know nothing of each other
        enterprise = (
            f"(select bench.of_copy(e.id, {first}) from bench.enterprises e where s.enterprise_id is not null"
            f" and e.place = abs(hashtext(s.id::text)) % {SMALL_ENTERPRISES})"
        )
        own["tickets"] |= {"enterprise_id": enterprise, "subject_id": "null", "repeat_of_id": "null"}
        own["tickets"] |= {"merged_into_id": "null"}
    for table, of_ticket in OF_TICKETS.items():
        order = {"tickets": "s.submitted_at, s.id, c", "events": "s.position, c"}.get(table, f"s.{of_ticket}, c")
        changed = {
            "city_id": str(city.id),
            **{name: f"bench.of_copy(s.{name}, {first} + c)" for name in ("id", of_ticket)},
            **{name: f"bench.of_copy(s.{name}, {first} + c)" for name in ("repeat_of_id", "merged_into_id")},
            **{name: f"s.{name} + {offset}" for name in ("county_id", "lead_id", "lead_county_id", "actor_tenant_id")},
            "tenant_id": f"s.tenant_id + {offset}",
            **own.get(table, {}),
        }
        last = f"(select id from bench.tickets order by submitted_at desc, id desc limit {lives})"
        which = f"cross join generate_series(0, {copies - 1}) c where s.{of_ticket} in {last}"
        await _insert(admin, table, changed, which, order)
    await admin.execute(
        "update event_heads set position = (select coalesce(max(position), 0) from events where city_id = $1)"
        " where city_id = $1",
        city.id,
    )


async def _insert(admin: asyncpg.Connection, table: str, changed: Mapping[str, str], which: str, order: str) -> None:
    """Insert rows of the stage `s`, some columns changed; the moments of copy `c` lie a few minutes earlier."""
    rows = await admin.fetch(
        "select column_name as name, data_type as type from information_schema.columns where table_schema = 'public'"
        " and table_name = $1 and is_identity = 'NO' and is_generated = 'NEVER' order by ordinal_position",
        table,
    )
    shifted = "case when s.{0} < '9000-01-01' then s.{0} - c * interval '7 minutes' else s.{0} end"
    values = [
        changed.get(name) or (shifted.format(name) if type_.startswith("timestamp") and " c " in which else f"s.{name}")
        for name, type_ in rows
    ]
    await admin.execute(
        f"insert into {table} ({', '.join(row['name'] for row in rows)})"
        f" select {', '.join(values)} from bench.{table} s {which} order by {order}"
    )


async def _tidy(admin: asyncpg.Connection) -> None:
    """As a city is that has run for a while: visible to index-only scans, its statistics known, written to disk."""
    await admin.execute("vacuum (analyze)")
    await admin.execute("checkpoint")
