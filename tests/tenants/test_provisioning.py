"""Cities are made from presets, whole and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.kernel.database import Database
from app.kernel.errors import InvalidInput
from tenants.models import TenantKind
from tenants.provisioning import PLATFORM_ID, ensure_platform, provision_city, touching
from tenants.schemes.model import load_preset
from tenants.schemes.store import current_scheme
from tenants.tree import TenantTreeCache

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


async def provision(database: Database, preset: str, slug: str | None = None) -> int:
    async with database.session(cities=()) as session:
        return await provision_city(session, preset, now=NOW, slug=slug)


@pytest.fixture
async def engine(admin_url: str) -> AsyncIterator[AsyncEngine]:
    """The operator's own login, with no setting of cities."""
    made = create_async_engine(admin_url.replace("postgresql://", "postgresql+asyncpg://"))
    yield made
    await made.dispose()


async def test_guangyuan_stands_whole(database: Database, admin: asyncpg.Connection) -> None:
    city_id = await provision(database, "guangyuan")
    rows = {row["path"]: row for row in await admin.fetch("select * from tenants")}
    assert len(rows) == 1 + 1 + 48
    city, county, department = rows["guangyuan"], rows["guangyuan.cangxi"], rows["guangyuan.finance"]
    assert (city["id"], city["city_id"], city["parent_id"], city["county_id"]) == (city_id, city_id, PLATFORM_ID, None)
    assert (city["kind"], city["name"], city["number_prefix"]) == ("CITY", "广元市", "GY")
    assert (county["parent_id"], county["county_id"], county["kind"]) == (city_id, county["id"], "COUNTY")
    assert (county["division_code"], county["ranking_group"]) == ("510824", "COUNTIES")
    assert (department["county_id"], department["kind"], department["name"]) == (None, "DEPARTMENT", "市财政局")
    assert {row["city_id"] for row in rows.values()} == {PLATFORM_ID, city_id}
    assert {row["created_at"] for row in rows.values()} == {NOW}
    heads = await admin.fetch("select city_id, position from event_heads order by city_id")
    assert [tuple(head) for head in heads] == [(PLATFORM_ID, 0), (city_id, 0)]
    assert await admin.fetchval("select array_agg(city_id || ':' || version) from schemes") == [f"{city_id}:1"]


async def test_once_is_enough(database: Database, admin: asyncpg.Connection) -> None:
    first = await provision(database, "guangyuan")
    before = await admin.fetch("select * from tenants order by id")
    version = await admin.fetchval("select tree_version from platform_state")
    assert await provision(database, "guangyuan") == first
    assert await admin.fetch("select * from tenants order by id") == before
    assert await admin.fetchval("select count(*) from schemes") == 1
    assert await admin.fetchval("select tree_version from platform_state") == version


async def test_what_is_missing_is_added_and_the_rest_left(database: Database, admin: asyncpg.Connection) -> None:
    city_id = await provision(database, "guangyuan")
    await admin.execute("update tenants set name = '苍溪' where path = 'guangyuan.cangxi'")
    await admin.execute("delete from tenants where path = 'guangyuan.tax'")
    version = await admin.fetchval("select tree_version from platform_state")
    await provision(database, "guangyuan")
    assert await admin.fetchval("select name from tenants where path = 'guangyuan.cangxi'") == "苍溪"
    assert await admin.fetchval("select city_id from tenants where path = 'guangyuan.tax'") == city_id
    assert await admin.fetchval("select tree_version from platform_state") > version


async def test_two_cities_side_by_side(database: Database) -> None:
    guangyuan, anshan = await provision(database, "guangyuan"), await provision(database, "anshan")
    tree = await TenantTreeCache(database).get()
    assert [city.path for city in tree.cities] == ["guangyuan", "anshan"]
    assert tree.space_ids == (PLATFORM_ID, guangyuan, anshan)
    assert [len(tree.children(city)) for city in (guangyuan, anshan)] == [48, 37]


async def test_the_same_preset_under_another_slug(database: Database) -> None:
    ids = [await provision(database, "guangyuan", slug) for slug in (None, "guangyuan_test", "guangyuan_train")]
    assert len(set(ids)) == 3
    async with database.session(cities=ids) as session:
        prefixes = [(await current_scheme(session, city_id))[1].tickets.number_prefix for city_id in ids]
    assert prefixes == ["GY", "GYA", "GYB"]
    tree = await TenantTreeCache(database).get()
    assert [city.number_prefix for city in tree.cities] == prefixes
    node = tree.by_path("guangyuan_train.finance")
    assert node is not None
    assert node.city_id == ids[2]


@pytest.mark.parametrize("slug", ["", "Guangyuan", "guang.yuan", "1st", "a" * 41, "guangyuan\n", "a;drop", "广元"])
async def test_a_malformed_slug_is_refused(database: Database, slug: str, admin: asyncpg.Connection) -> None:
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "guangyuan", slug)
    assert (refused.value.field, refused.value.rule) == ("slug", "syntax")
    assert await admin.fetchval("select count(*) from tenants") == 0


async def test_an_unknown_preset_is_refused(database: Database, admin: asyncpg.Connection) -> None:
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "atlantis")
    assert refused.value.rule == "unknown_preset"
    assert await admin.fetchval("select count(*) from tenants") == 0


@pytest.mark.parametrize("slug", ["guangyuan", "platform"])
async def test_a_slug_of_something_else_is_refused(database: Database, slug: str) -> None:
    await provision(database, "guangyuan")
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "anshan", slug)
    assert (refused.value.field, refused.value.rule) == ("slug", "taken")


async def test_a_failure_half_way_leaves_nothing(
    database: Database, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("tenants.provisioning.publish_scheme", fails)
    with pytest.raises(ZeroDivisionError):
        await provision(database, "guangyuan")
    assert await admin.fetchval("select count(*) from tenants") == 0
    assert await admin.fetchval("select count(*) from event_heads") == 0


async def test_many_at_once_make_each_city_once(database: Database, admin: asyncpg.Connection) -> None:
    ids = await asyncio.gather(
        *(
            provision(database, preset, slug)
            for preset in ("guangyuan", "anshan")
            for slug in (None, f"{preset}_b", None)
        )
    )
    assert len(set(ids)) == 4
    assert await admin.fetchval("select count(*) from tenants where kind = 'CITY'") == 4
    assert await admin.fetchval("select count(distinct number_prefix) from tenants") == 4
    assert await admin.fetchval("select count(*) from schemes") == 4
    assert await admin.fetchval("select array_agg(id order by id) from tenants") == list(range(1, 2 + 2 * 49 + 2 * 38))


async def test_an_operators_connection_does_as_well(engine: AsyncEngine, database: Database) -> None:
    async with engine.begin() as connection:
        city_id = await provision_city(connection, "anshan", now=NOW)
    async with database.session(cities=(city_id,)) as session:
        version, scheme = await current_scheme(session, city_id)
    assert (version, scheme) == (1, load_preset("anshan").scheme)


async def test_the_platform_is_made_once(database: Database, admin: asyncpg.Connection) -> None:
    for _ in range(2):
        async with database.session(cities=()) as session:
            assert await ensure_platform(session, now=NOW) == PLATFORM_ID
    (row,) = await admin.fetch("select * from tenants")
    assert (row["id"], row["city_id"], row["path"], row["kind"]) == (1, 1, "platform", TenantKind.PLATFORM)
    assert await admin.fetchval("select array_agg(city_id) from event_heads") == [1]


async def test_the_platform_state_is_made_where_it_is_missing(engine: AsyncEngine, admin: asyncpg.Connection) -> None:
    await admin.execute("delete from platform_state")
    async with engine.begin() as connection:
        await provision_city(connection, "guangyuan", now=NOW)
    assert await admin.fetchval("select tree_version from platform_state where id = 1") > 0


async def test_a_transaction_sees_no_more_afterwards_than_before(database: Database) -> None:
    async with database.session(cities=(7,)) as session:
        city_id = await provision_city(session, "guangyuan", now=NOW)
        assert await session.scalar(select(func.current_setting("app.cities"))) == "7"
        async with touching(session, city_id):
            assert await session.scalar(select(func.current_setting("app.cities"))) == f"{city_id},7"


async def test_touching_works_where_nothing_was_set(engine: AsyncEngine) -> None:
    async def setting(connection: AsyncConnection) -> str | None:
        value: str | None = await connection.scalar(select(func.current_setting("app.cities", True)))
        return value

    async with engine.begin() as connection:
        async with touching(connection, 3), touching(connection, 12):
            assert await setting(connection) == "3,12"
        assert await setting(connection) == ""
