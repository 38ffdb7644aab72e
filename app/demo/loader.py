"""Puts the demonstration into the database: cities, logins, enterprises, tickets with their lives.

Everything has a fixed id and each city is loaded in one transaction, so that a second run changes nothing, a larger
one adds what is missing, and an interrupted one leaves nothing half done. Row-level security refuses COPY, so rows are
copied into temporary tables and inserted from there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

import asyncpg
import orjson
from sqlalchemy import NullPool, func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.demo import enterprises as invented
from app.demo.city import FIRST_ID, LAST_ID, DemoCity, DemoKind, DemoTenant, demo_id, index_of
from app.demo.enterprises import DemoEnterprise, enterprises
from app.demo.ledgers import has_ledgers, make_ledgers
from app.demo.logins import ROLE_NAMES, enterprise_login, enterprise_user_id, staff_logins
from app.demo.responsibility import NOTE, RULING_COLUMNS, TERM_COLUMNS, Taught, drafts_of
from app.demo.supervision import NOTICE_COLUMNS, NOTIFICATION_COLUMNS, event_of
from app.demo.tickets import (
    CO_HANDLER_COLUMNS,
    DEADLINE_COLUMNS,
    EVENT_COLUMNS,
    NAMED_PERSON_COLUMNS,
    TICKET_COLUMNS,
    DemoTicket,
    tickets,
)
from app.kernel.database import OWNER_ROLE
from app.kernel.events import SEQUENCER_LOCK
from app.responsibility.store import present_version, publish, subjects_at
from app.responsibility.suggest import Subject
from app.tickets.signing import sign_missing
from authz.roles import Role
from tenants.models import TenantKind
from tenants.provisioning import provision_city
from tenants.schemes.model import Scheme
from tenants.schemes.older import completed
from tenants.tree import load_tree

T = TypeVar("T")

PRESETS: Final = ("guangyuan", "anshan")
"""The cities of the demonstration."""
REGION: Final = ("guangxi", "nanning", "liuzhou")
"""A region with two of its cities, for what crosses their borders. Its desk has no enterprises of its own."""
PARTS: Final = {"guangxi": 0, "nanning": 10, "liuzhou": 10}
"""Cities that are smaller: they have this part of the enterprises and tickets, a tenth or none."""

REPORTERS: Final = 20_000
"""Only so many enterprises of a city report anything, which also bounds the memory that loading takes."""

_YEAR: Final = timedelta(days=370)
"""A little more than the tickets spread over."""
_BATCH: Final = 2_000
_EVENTS_AT_ONCE: Final = 100_000
_USER_COLUMNS: Final = ("id", "city_id", "login", "name", "active", "demo", "created_at")
_GRANT_COLUMNS: Final = ("city_id", "id", "user_id", "tenant_id", "role", "enterprise_id", "granted_at")

_PUBLISH: Final = (
    "insert into published_decisions"
    " (city_id, id, ticket_id, tenant_id, scheme_version, category, number, text, published_at)"
    " select city_id, md5(id::text)::uuid, id, lead_id, scheme_version, category, decision_number, resolution,"
    " decision_published_at from tickets"
    " where city_id = $1 and id between $2 and $3 and decision_published_at is not null on conflict do nothing"
)

Progress = Callable[[str, int, int], None]
"""Told what is being loaded (`鞍山市: tickets`), how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one city has now, and how much of it this run added."""

    city: DemoCity
    enterprises: int
    tickets: int
    added_enterprises: int
    added_tickets: int


def unseen(_what: str, _done: int, _total: int) -> None:
    """The progress that nobody watches."""


async def load_demo(
    admin_url: str,
    *,
    enterprises: int,
    tickets: int,
    now: datetime,
    founded: datetime | None = None,
    presets: Sequence[str] = PRESETS,
    progress: Progress = unseen,
) -> list[Loaded]:
    """Bring every city of the demonstration to at least so many enterprises and tickets each (those of the region to a
    tenth); nothing is taken away.

    `admin_url` logs in as an administrator who may act as the owner of the tables. `now` is the end of the year that
    the tickets spread over; a city that is new was `founded` before it unless a moment is given. The ledgers are filled
    once, of a city that has tickets. Raises asyncpg.PostgresError and OSError when the server refuses.
    """
    city_ids = await _provision(admin_url, presets, founded or now - _YEAR)
    connection = await _connect(admin_url)
    try:
        lists = await _publish_lists(admin_url, connection, city_ids, now)
        loaded = [
            await _load_city(
                *(connection, id_, _part(preset, enterprises), _part(preset, tickets), now, progress, lists[id_])
            )
            for preset, id_ in zip(presets, city_ids, strict=True)
        ]
        await _load_platform_staff(connection, now)
        await _fill_ledgers(admin_url, [each for each in loaded if each.tickets], now)
        if any(city.added_enterprises or city.added_tickets for city in loaded):
            await connection.execute(
                "analyze tenants, users, grants, enterprises, tickets, ticket_co_handlers, ticket_named_persons,"
                " deadlines, events, supervision_notices, notifications, rectification_tasks, integrity_entries,"
                " reports, responsibility_terms, responsibility_rulings"
            )
            await connection.execute("vacuum (analyze) ticket_signatures")  # so that its index alone is read
        return loaded
    finally:
        await connection.close()


def _part(preset: str, whole: int) -> int:
    part = PARTS.get(preset, 1)
    return whole // part if part else 0


async def _connect(admin_url: str) -> asyncpg.Connection:
    """As the owner of the tables, so that an administrator who is no superuser can load too."""
    connection: asyncpg.Connection = await asyncpg.connect(admin_url)
    await connection.execute(f"set role {OWNER_ROLE}")
    return connection


async def _provision(admin_url: str, presets: Sequence[str], now: datetime) -> list[int]:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(admin_url), poolclass=NullPool)
    try:
        async with engine.begin() as transaction:
            return [await provision_city(transaction, preset, now=now) for preset in presets]
    finally:
        await engine.dispose()


async def _publish_lists(
    admin_url: str, connection: asyncpg.Connection, city_ids: Sequence[int], now: datetime
) -> dict[int, Sequence[Subject]]:
    """The responsibility list in force of each city: the demonstration's where none was published yet."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(admin_url), poolclass=NullPool)
    lists: dict[int, Sequence[Subject]] = {}
    try:
        for city_id in city_ids:
            async with connection.transaction(), AsyncSession(engine) as session, session.begin():
                await _touch(connection, city_id)
                city = await read_city(connection, city_id)
                await session.execute(select(func.set_config("app.cities", str(city_id), True)))
                version = await present_version(session, city_id)
                if version == 0:
                    version = await publish(session, city_id, drafts_of(city), note=NOTE, now=now)
                lists[city_id] = await subjects_at(session, city_id, version)
        return lists
    finally:
        await engine.dispose()


async def _fill_ledgers(admin_url: str, loaded: Sequence[Loaded], now: datetime) -> None:
    """The ledgers of the cities that have none, each in a transaction of its own."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: _connect(admin_url),
        poolclass=NullPool,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    try:
        async with engine.connect() as reading:
            tree = await load_tree(reading)
        for each in loaded:
            async with AsyncSession(engine) as session, session.begin():
                await session.execute(select(func.set_config("app.cities", str(each.city.id), True)))
                if not await has_ledgers(session, each.city):
                    owners = list(enterprises(each.city, 0, min(each.enterprises, 10)))
                    await make_ledgers(session, tree, each.city, owners, now=now)
    finally:
        await engine.dispose()


async def _load_city(
    connection: asyncpg.Connection,
    city_id: int,
    enterprises: int,
    tickets: int,
    now: datetime,
    progress: Progress,
    subjects: Sequence[Subject],
) -> Loaded:
    async with connection.transaction():
        await _touch(connection, city_id)
        city = await read_city(connection, city_id)
        await _load_staff(connection, city.id, city.tenants, now)
        had_enterprises = await _loaded_so_far(connection, "enterprises", city_id)
        if enterprises > had_enterprises:
            await _load_enterprises(connection, city, had_enterprises, enterprises, now, progress)
        had_tickets = await _loaded_so_far(connection, "tickets", city_id)
        if tickets > had_tickets:
            reporters = min(REPORTERS, max(enterprises, had_enterprises))
            taught = Taught(city, subjects)
            await _load_tickets(connection, city, reporters, had_tickets, tickets, now, progress, taught)
            await _teach(connection, taught)
    return Loaded(
        city,
        enterprises=max(enterprises, had_enterprises),
        tickets=max(tickets, had_tickets),
        added_enterprises=max(0, enterprises - had_enterprises),
        added_tickets=max(0, tickets - had_tickets),
    )


async def read_city(connection: asyncpg.Connection, city_id: int) -> DemoCity:
    """A provisioned city with its tree and its present scheme; the transaction must be bound to it."""
    rows = await connection.fetch(
        "select id, kind, slug, path, name, county_id, division_code from tenants where city_id = $1 order by id",
        city_id,
    )
    scheme = await connection.fetchrow(
        "select version, document from schemes where city_id = $1 order by version desc limit 1", city_id
    )
    nodes = tuple(DemoTenant(**row) for row in rows)
    root = next(node for node in nodes if node.id == city_id)
    return DemoCity(
        id=city_id,
        path=root.path,
        name=root.name,
        division_code=root.division_code or "000000",
        tenants=nodes,
        scheme=Scheme.model_validate(completed(orjson.loads(scheme["document"]))),
        scheme_version=scheme["version"],
    )


async def _load_staff(connection: asyncpg.Connection, city_id: int, nodes: Sequence[DemoTenant], now: datetime) -> None:
    logins = staff_logins(city_id, nodes)
    await _add_users(
        connection,
        [(login.id, city_id, login.login, login.name, True, True, now) for login in logins],
        [(city_id, login.grant_id, login.id, login.tenant_id, login.role.value, None, now) for login in logins],
    )


async def _load_platform_staff(connection: asyncpg.Connection, now: datetime) -> None:
    """The platform's own logins. Its node is made with the first city."""
    async with connection.transaction():
        rows = await connection.fetch(
            "select id, kind, slug, path, name, county_id, division_code from tenants where kind = $1",
            TenantKind.PLATFORM.value,
        )
        for row in rows:
            await _touch(connection, row["id"])
            await _load_staff(connection, row["id"], [DemoTenant(**row)], now)


async def _load_enterprises(
    connection: asyncpg.Connection, city: DemoCity, start: int, stop: int, now: datetime, progress: Progress
) -> None:
    done = start
    for batch in _batches(enterprises(city, start, stop)):
        async with _staged(connection, "enterprises", invented.COLUMNS) as stage:
            await stage([_with_json(enterprise.row) for enterprise in batch])
            await connection.execute(_insert("enterprises", invented.COLUMNS))
        await _add_users(
            connection,
            [_enterprise_user(city, enterprise, now) for enterprise in batch],
            [_enterprise_grant(city, enterprise, now) for enterprise in batch],
        )
        done += len(batch)
        progress(f"{city.name}: enterprises", done, stop)


async def _add_users(
    connection: asyncpg.Connection, users: Sequence[tuple[Any, ...]], grants: Sequence[tuple[Any, ...]]
) -> None:
    """Add those that are not there. A login that somebody else has already gets no grant from here."""
    async with _staged(connection, "users", _USER_COLUMNS) as stage:
        await stage(users)
        await connection.execute(_insert("users", _USER_COLUMNS))
    async with _staged(connection, "grants", _GRANT_COLUMNS) as stage:
        await stage(grants)
        await connection.execute(
            _insert("grants", _GRANT_COLUMNS, "where exists (select from users u where u.id = s.user_id and u.demo)")
        )


async def _load_tickets(
    connection: asyncpg.Connection,
    city: DemoCity,
    reporters: int,
    start: int,
    stop: int,
    now: datetime,
    progress: Progress,
    taught: Taught,
) -> None:
    pool = list(enterprises(city, 0, reporters))
    async with (
        _staged(connection, "tickets", TICKET_COLUMNS) as stage_tickets,
        _staged(connection, "ticket_co_handlers", CO_HANDLER_COLUMNS) as stage_co_handlers,
        _staged(connection, "ticket_named_persons", NAMED_PERSON_COLUMNS) as stage_named_persons,
        _staged(connection, "deadlines", DEADLINE_COLUMNS) as stage_deadlines,
        _staged(connection, "supervision_notices", NOTICE_COLUMNS) as stage_notices,
        _staged(connection, "notifications", NOTIFICATION_COLUMNS) as stage_notifications,
        _staged(connection, "events", EVENT_COLUMNS) as stage_events,
    ):
        done = start
        for batch in _batches(tickets(city, pool, start, stop, now=now)):
            await stage_tickets([ticket.row for ticket in batch])
            taught.add(batch)
            await stage_co_handlers(_flat(batch, "co_handlers"))
            await stage_named_persons(_flat(batch, "named_persons"))
            await stage_deadlines(_flat(batch, "deadlines"))
            await stage_notices(_flat(batch, "notices"))
            notifications = _flat(batch, "notifications")
            await stage_notifications(notifications)
            await stage_events([*_flat(batch, "events"), *map(event_of, notifications)])
            done += len(batch)
            progress(f"{city.name}: tickets", done, stop)
        # A number that a real ticket has by now keeps a demonstration's ticket out, and all that belongs to it.
        await connection.execute(_insert("tickets", TICKET_COLUMNS))
        kept = "where exists (select from tickets t where t.city_id = s.city_id and t.id = s.ticket_id)"
        await connection.execute(_insert("ticket_co_handlers", CO_HANDLER_COLUMNS, kept))
        known = "and exists (select from users u where u.id = s.user_id)"
        await connection.execute(_insert("ticket_named_persons", NAMED_PERSON_COLUMNS, f"{kept} {known}"))
        await connection.execute(_PUBLISH, city.id, FIRST_ID, LAST_ID)
        of_kept = "where exists (select from tickets t where t.city_id = s.city_id and t.id = s.subject_id)"
        await connection.execute(_insert("deadlines", DEADLINE_COLUMNS, of_kept))
        await connection.execute(_insert("supervision_notices", NOTICE_COLUMNS, kept))
        told = "and (s.notice_id is null or exists (select from supervision_notices n where n.id = s.notice_id))"
        await connection.execute(_insert("notifications", NOTIFICATION_COLUMNS, f"{kept} {told}"))
        await _number_events(connection, city, progress)
    unsigned = stop - start
    await sign_missing(
        connection, city.id, progress=lambda signed: progress(f"{city.name}: duplicates", signed, max(unsigned, signed))
    )


async def _teach(connection: asyncpg.Connection, taught: Taught) -> None:
    """What the tickets' dispatches and arbitrations have taught, beside what is known already."""
    async with _staged(connection, "responsibility_terms", TERM_COLUMNS) as stage:
        await stage(list(taught.rows()))
        await connection.execute(
            "insert into responsibility_terms as t (city_id, term, tenant_id, tickets, weight)"
            " select city_id, term, tenant_id, tickets, weight from demo_responsibility_terms"
            " on conflict (city_id, term, tenant_id)"
            " do update set tickets = t.tickets + excluded.tickets, weight = t.weight + excluded.weight"
        )
    async with _staged(connection, "responsibility_rulings", RULING_COLUMNS) as stage:
        await stage(taught.rulings)
        await connection.execute(_insert("responsibility_rulings", RULING_COLUMNS))


async def _number_events(connection: asyncpg.Connection, city: DemoCity, progress: Progress) -> None:
    """Append the events in the order in which they happened, with their positions, as the sequencer would have."""
    await connection.execute("select pg_advisory_xact_lock($1)", SEQUENCER_LOCK)
    before: int = await connection.fetchval("select position from event_heads where city_id = $1", city.id)
    columns = ", ".join(EVENT_COLUMNS)
    await connection.execute(
        f"create temporary table demo_numbered on commit drop as"  # noqa: S608 - our own names
        f" select row_number() over (order by at, subject_id, seq) as place, {columns} from demo_events s"
        " where exists (select from tickets t where t.city_id = s.city_id and t.id = s.subject_id)"
        " or exists (select from notifications n where n.city_id = s.city_id and n.id = s.id)"
    )
    total: int = await connection.fetchval("select count(*) from demo_numbered")
    for first in range(0, total, _EVENTS_AT_ONCE):
        last = min(first + _EVENTS_AT_ONCE, total)
        await connection.execute(
            f"insert into events ({columns}, position) select {columns}, $1::bigint + place"  # noqa: S608
            " from demo_numbered where place > $2 and place <= $3 order by place",
            before,
            first,
            last,
        )
        progress(f"{city.name}: events", last, total)
    await connection.execute("update event_heads set position = $2 where city_id = $1", city.id, before + total)
    # Nobody is told of, or reminded of, what happened in the past that was made up.
    await connection.execute(
        "insert into supervision_cursors (city_id, position) values ($1, $2)"
        " on conflict (city_id) do update set position = $2",
        *(city.id, before + total),
    )
    await connection.execute("drop table demo_numbered")


async def _touch(connection: asyncpg.Connection, city_id: int) -> None:
    """Bind the transaction to the city: row-level security holds for the owner of the tables too."""
    await connection.execute("select set_config('app.cities', $1, true)", str(city_id))


async def _loaded_so_far(connection: asyncpg.Connection, table: str, city_id: int) -> int:
    """How many of the demonstration's rows were ever made: their ids count."""
    last = await connection.fetchval(
        f"select id from {table} where city_id = $1 and id between $2 and $3 order by id desc limit 1",  # noqa: S608
        city_id,
        FIRST_ID,
        LAST_ID,
    )
    return 0 if last is None else index_of(last) + 1


Stage = Callable[[Sequence[tuple[Any, ...]]], Any]


@asynccontextmanager
async def _staged(connection: asyncpg.Connection, table: str, columns: Sequence[str]) -> AsyncIterator[Stage]:
    """A temporary table `demo_<table>` with these columns, and the function that copies rows into it."""
    listed = ", ".join(columns)
    await connection.execute(
        f"create temporary table demo_{table} on commit drop as select {listed} from {table} with no data"  # noqa: S608
    )

    async def copy(rows: Sequence[tuple[Any, ...]]) -> None:
        await connection.copy_records_to_table(f"demo_{table}", columns=columns, records=rows)

    yield copy
    await connection.execute(f"drop table demo_{table}")


def _insert(table: str, columns: Sequence[str], condition: str = "") -> str:
    listed = ", ".join(columns)
    return f"insert into {table} ({listed}) select {listed} from demo_{table} s {condition} on conflict do nothing"  # noqa: S608


def _enterprise_user(city: DemoCity, enterprise: DemoEnterprise, now: datetime) -> tuple[Any, ...]:
    name = f"{ROLE_NAMES[Role.ENTERPRISE_USER]}({enterprise.name})"
    login = enterprise_login(enterprise.credit_code)
    return enterprise_user_id(city, enterprise.index), city.id, login, name, True, True, now


def _enterprise_grant(city: DemoCity, enterprise: DemoEnterprise, now: datetime) -> tuple[Any, ...]:
    grant_id = demo_id(city.path, DemoKind.ENTERPRISE_GRANT, enterprise.index)
    user_id = enterprise_user_id(city, enterprise.index)
    return city.id, grant_id, user_id, city.id, Role.ENTERPRISE_USER.value, enterprise.id, now


def _with_json(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(orjson.dumps(value).decode() if isinstance(value, dict) else value for value in row)


def _flat(batch: Iterable[DemoTicket], rows: str) -> list[tuple[Any, ...]]:
    return [row for ticket in batch for row in getattr(ticket, rows)]


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
