"""A region and its cities are made whole, once, and each is a space of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

from app.kernel.database import Database
from app.kernel.errors import InvalidInput
from authz.roles import GRANTABLE_AT, Role
from tenants.models import TenantKind
from tenants.provisioning import PLATFORM_ID, provision_city
from tenants.tree import TenantTree, TenantTreeCache
from tests.factories.world import World, add_region

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ALL = ("guangxi", "nanning", "liuzhou")


async def provision(database: Database, preset: str, slug: str | None = None, region: str | None = None) -> int:
    async with database.session(cities=()) as session:
        return await provision_city(session, preset, now=NOW, slug=slug, region=region)


async def test_from_scratch_and_again(database: Database, admin: asyncpg.Connection) -> None:
    ids = [await provision(database, preset) for preset in ALL]
    before = await admin.fetch("select * from tenants order by id")
    version = await admin.fetchval("select tree_version from platform_state")
    assert [await provision(database, preset) for preset in ALL] == ids
    assert await admin.fetch("select * from tenants order by id") == before
    assert await admin.fetchval("select tree_version from platform_state") == version
    assert await admin.fetchval("select array_agg(city_id || ':' || version order by city_id) from schemes") == [
        f"{id_}:1" for id_ in ids
    ]


async def test_a_city_lies_in_its_region_and_is_no_part_of_it(database: Database) -> None:
    region, nanning, liuzhou = [await provision(database, preset) for preset in ALL]
    guangyuan = await provision(database, "guangyuan")
    tree = await TenantTreeCache(database).get()
    assert [node.path for node in tree.cities_of(region)] == ["nanning", "liuzhou"]
    assert tree.region_of(nanning) is tree.region_of(liuzhou) is tree.by_id(region)
    assert tree.region_of(guangyuan) is None
    assert tree.region_of(region) is None
    finance = tree.by_path("guangxi.finance")
    assert finance is not None
    assert tree.region_of(finance.id) is None
    assert tree.cities_of(nanning) == ()
    assert {node.city_id for node in tree.nodes if TenantTree.is_within(node.path, "guangxi")} == {region}
    assert tree.space_ids == (PLATFORM_ID, region, nanning, liuzhou, guangyuan)
    qingxiu = tree.by_path("nanning.qingxiu")
    assert qingxiu is not None
    assert qingxiu.city_id == nanning


async def test_a_city_waits_for_its_region(database: Database, admin: asyncpg.Connection) -> None:
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "nanning")
    assert (refused.value.field, refused.value.rule) == ("region", "no_such_region")
    assert await admin.fetchval("select count(*) from tenants") == 0


@pytest.mark.parametrize("above", ["guangyuan", "guangyuan.finance", "platform", "", "nowhere"])
async def test_what_is_no_region_is_refused_as_one(database: Database, above: str) -> None:
    await provision(database, "guangyuan")
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "anshan", region=above)
    assert (refused.value.field, refused.value.rule) == ("region", "no_such_region")


async def test_a_region_has_none_above_it(database: Database) -> None:
    await provision(database, "guangxi")
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "guangxi", "guangxi_b", region="guangxi")
    assert refused.value.rule == "not_for_regions"


async def test_a_trial_region_has_cities_of_its_own(database: Database) -> None:
    for preset, slug, region in (
        ("guangxi", "guangxi", None),
        ("guangxi", "guangxi_b", None),
        ("nanning", "nanning", None),
        ("nanning", "nanning_b", "guangxi_b"),
    ):
        await provision(database, preset, slug, region)
    tree = await TenantTreeCache(database).get()
    regions = {node.path: (tree.region_of(node.id) or node).path for node in tree.cities}
    assert regions == {
        "guangxi": "guangxi",
        "guangxi_b": "guangxi_b",
        "nanning": "guangxi",
        "nanning_b": "guangxi_b",
    }
    with pytest.raises(InvalidInput) as refused:
        await provision(database, "nanning", "nanning", "guangxi_b")  # it cannot be had by another
    assert refused.value.rule == "taken"


def test_a_region_is_staffed_like_a_city() -> None:
    for role, kinds in GRANTABLE_AT.items():
        if role is not Role.ENTERPRISE_USER:  # whose enterprise is a city's
            assert (TenantKind.REGION in kinds) == (TenantKind.CITY in kinds), role


async def test_neither_reads_the_others_rows(
    database: Database, world: World, admin_url: str, admin: asyncpg.Connection
) -> None:
    region = await add_region(admin_url, world)
    tables = [
        row["table_name"]
        for row in await admin.fetch(
            "select c.table_name from information_schema.columns c join information_schema.tables t"
            " on t.table_name = c.table_name and t.table_schema = c.table_schema and t.table_type = 'BASE TABLE'"
            " where c.column_name = 'city_id' and c.table_schema = 'public' and c.table_name <> 'tenants'"
        )
    ]
    assert {"tickets", "enterprises", "events", "grants", "schemes", "users"} <= set(tables)
    for own, others in (
        (region.desk, (region.nanning, region.liuzhou)),
        (region.nanning, (region.desk, region.liuzhou)),
    ):
        async with database.session(cities=(own.id,)) as session:
            for table in tables:
                seen = await session.scalars(text(f"select distinct city_id from {table}"))
                assert set(seen) <= {own.id}, table
            users = set(await session.scalars(text("select login from users")))
        assert f"office@{own.path}" in users
        assert not any(login.endswith(f"@{other.path}") for login in users for other in others)
