"""The tenant tree: lookups, paths compared with their separator, and a cache that is never too old."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from app.kernel.database import Database
from app.kernel.unit_of_work import Trees
from tenants.actions.create_tenant import create_tenant
from tenants.models import RankingGroup, TenantKind
from tenants.provisioning import provision_city
from tenants.schemes.model import load_preset
from tenants.schemes.store import publish_scheme
from tenants.tree import TenantNode, TenantTree, TenantTreeCache, bump_tree_version
from tests.factories.world import World

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def node(node_id: int, path: str, kind: TenantKind, parent_id: int | None, city_id: int) -> TenantNode:
    return TenantNode(
        id=node_id,
        city_id=city_id,
        parent_id=parent_id,
        county_id=node_id if kind is TenantKind.COUNTY else None,
        kind=kind,
        slug=path.rpartition(".")[2],
        path=path,
        name=path,
        division_code=None,
        ranking_group=None,
        number_prefix=None,
        scheme_version=1,
    )


TREE = TenantTree(
    5,
    [
        node(1, "platform", TenantKind.PLATFORM, None, 1),
        node(2, "jn", TenantKind.CITY, 1, 2),
        node(4, "jn.k10", TenantKind.COUNTY, 2, 2),
        node(3, "jn.k1", TenantKind.COUNTY, 2, 2),
        node(5, "gx", TenantKind.REGION, 1, 5),
        node(6, "jn.k1.desk", TenantKind.DEPARTMENT, 3, 2),
    ],
)


def test_a_tenant_is_found_by_id_and_by_path() -> None:
    assert TREE.by_path("jn.k1") is TREE.by_id(3)
    assert TREE.by_path("jn.k2") is None
    assert TREE.by_path("jn\x00") is None
    assert TREE.by_id(99) is None
    assert len(TREE.nodes) == 6


def test_children_keep_their_order() -> None:
    assert [child.path for child in TREE.children(2)] == ["jn.k10", "jn.k1"]
    assert TREE.children(6) == TREE.children(99) == ()


def test_every_tenant_has_its_space() -> None:
    assert TREE.city_of(6) is TREE.by_path("jn")
    assert TREE.city_of(2) is TREE.by_path("jn")
    assert TREE.city_of(1) is TREE.by_path("platform")
    assert TREE.city_of(99) is None
    assert [city.path for city in TREE.cities] == ["jn", "gx"]
    assert TREE.space_ids == (1, 2, 5)


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        ("jn.k1", "jn.k1", True),
        ("jn.k1.desk", "jn.k1", True),
        ("jn.k1.desk", "jn", True),
        ("jn.k10", "jn.k1", False),
        ("jn.k1", "jn.k10", False),
        ("jn", "jn.k1", False),
        ("jnx", "jn", False),
        ("jn", "", False),
    ],
)
def test_paths_are_compared_with_their_separator(inner: str, outer: str, within: bool) -> None:
    assert TenantTree.is_within(inner, outer) is within


async def test_the_tree_is_what_the_tables_say(database: Database, world: World) -> None:
    tree = await TenantTreeCache(database).get()
    assert {tenant.path: tenant.id for tenant in tree.nodes} == world.tenants
    county = tree.by_path("guangyuan.cangxi")
    assert county is not None
    assert (county.kind, county.county_id, county.division_code) == (TenantKind.COUNTY, county.id, "510824")
    assert county.ranking_group is RankingGroup.COUNTIES
    below = tree.by_path("guangyuan.cangxi.housing")
    assert below is not None
    assert (below.parent_id, below.county_id, below.city_id) == (county.id, county.id, world.guangyuan.id)
    assert [tenant.scheme_version for tenant in tree.nodes if tenant.kind is TenantKind.CITY] == [1, 1]
    platform = tree.by_path("platform")
    assert platform is not None
    assert platform.scheme_version is None


async def test_an_empty_platform_has_an_empty_tree(database: Database) -> None:
    tree = await TenantTreeCache(database).get(0)
    assert (tree.version, tree.nodes) == (0, ())


async def test_the_cache_keeps_its_tree_until_it_is_too_old(database: Database) -> None:
    cache = TenantTreeCache(database)
    typed: Trees = cache  # what the unit of work asks for
    empty = await typed.get()
    async with database.session(cities=()) as session:
        city_id = await provision_city(session, "guangyuan", now=NOW)
    assert await cache.get() is empty
    assert await cache.get(empty.version) is empty
    async with database.session(cities=(city_id,)) as session:
        tree = await cache.get(session.info["tree_version"])
    assert tree.by_path("guangyuan.finance") is not None
    assert await cache.get(empty.version) is await cache.get(tree.version) is tree


async def test_every_change_reaches_another_process(database: Database) -> None:
    async with database.session(cities=()) as session:
        city_id = await provision_city(session, "guangyuan", now=NOW)
    other = TenantTreeCache(database)
    await other.get()

    async def seen() -> TenantTree:
        async with database.reading(cities=(city_id,)) as reading:
            return await other.get(reading.tree_version)

    async with database.session(cities=(city_id,)) as session:
        await publish_scheme(
            session, city_id, load_preset("guangyuan").scheme, note="再发布", published_by=None, now=NOW
        )
    city = (await seen()).by_id(city_id)
    assert city is not None
    assert city.scheme_version == 2
    async with database.session(cities=(city_id,)) as session:
        tenant_id = await create_tenant(
            session, parent_path="guangyuan.cangxi", slug="lingjiang", kind=TenantKind.TOWNSHIP, name="陵江镇", now=NOW
        )
    made = (await seen()).by_path("guangyuan.cangxi.lingjiang")
    assert made is not None
    assert made.id == tenant_id
    assert made.scheme_version == 2


async def test_what_is_not_committed_is_not_seen(database: Database) -> None:
    cache = TenantTreeCache(database)
    async with database.session(cities=()) as session:
        await provision_city(session, "guangyuan", now=NOW)
        assert (await cache.get()).nodes == ()
    assert (await cache.get(1)).nodes


async def test_many_that_hold_every_connection_still_get_the_tree(database: Database, world: World) -> None:
    cache = TenantTreeCache(database)
    old = await cache.get()
    async with database.session(cities=()) as session:
        await bump_tree_version(session)
    everybody = asyncio.Barrier(10)

    async def mutation() -> TenantTree:
        async with database.session(cities=(world.guangyuan.id,)) as session:
            await everybody.wait()
            return await cache.get(session.info["tree_version"])

    async def query() -> TenantTree:
        async with database.reading(cities=(world.guangyuan.id,)) as reading:
            await everybody.wait()
            return await cache.get(reading.tree_version)

    async with asyncio.timeout(5):
        trees = await asyncio.gather(*(mutation() for _ in range(5)), *(query() for _ in range(5)))
    assert {id(tree) for tree in trees} == {id(trees[0])}
    assert trees[0].version == old.version + 1


async def test_reloading_leaves_no_connection_behind(database: Database, admin: asyncpg.Connection) -> None:
    cache = TenantTreeCache(database)
    before = await admin.fetchval("select count(*) from pg_stat_activity where datname = current_database()")
    for version in range(1, 6):
        async with database.session(cities=()) as session:
            await bump_tree_version(session)
        assert (await cache.get(version)).version == version
    after = await admin.fetchval("select count(*) from pg_stat_activity where datname = current_database()")
    assert after <= before + 1  # the session's own
