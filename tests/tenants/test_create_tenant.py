"""Tenants are added below others, where their kind may stand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from app.kernel.database import Database
from app.kernel.errors import InvalidInput, NotFound
from tenants.actions.create_tenant import create_tenant
from tenants.models import RankingGroup, TenantKind
from tests.factories.world import World

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
K = TenantKind


async def create(
    database: Database,
    world: World,
    parent_path: str,
    slug: str,
    kind: TenantKind,
    name: str = "新单位",
    division_code: str | None = None,
) -> int:
    async with database.session(cities=(world.guangyuan.id,)) as session:
        return await create_tenant(
            session,
            parent_path=parent_path,
            slug=slug,
            kind=kind,
            name=name,
            division_code=division_code,
            ranking_group=RankingGroup.DEPARTMENTS if kind is K.DEPARTMENT else None,
            now=NOW,
        )


async def test_from_the_county_to_the_village(database: Database, world: World, admin: asyncpg.Connection) -> None:
    county = await create(database, world, "guangyuan", "wangcang", K.COUNTY, " 旺苍县 ", "510821")
    township = await create(database, world, "guangyuan.wangcang", "donghe", K.TOWNSHIP, "东河镇", "510821100")
    village = await create(database, world, "guangyuan.wangcang.donghe", "v1", K.VILLAGE, "一村", "510821100201")
    desk = await create(database, world, "guangyuan.wangcang", "finance", K.DEPARTMENT)
    rows = {row["id"]: row for row in await admin.fetch("select * from tenants")}
    assert rows[village]["path"] == "guangyuan.wangcang.donghe.v1"
    assert rows[county]["name"] == "旺苍县"
    for tenant in (county, township, village, desk):
        assert rows[tenant]["city_id"] == world.guangyuan.id
        assert rows[tenant]["county_id"] == county
        assert rows[tenant]["created_at"] == NOW
    assert [rows[tenant]["parent_id"] for tenant in (county, township, village)] == [
        world.guangyuan.id,
        county,
        township,
    ]
    assert rows[desk]["ranking_group"] == "DEPARTMENTS"
    assert (rows[township]["position"], rows[desk]["position"]) == (1, 2)


@pytest.mark.parametrize(
    ("parent_path", "kind"),
    [
        ("guangyuan", K.TOWNSHIP),
        ("guangyuan", K.VILLAGE),
        ("guangyuan.cangxi", K.COUNTY),
        ("guangyuan.cangxi", K.VILLAGE),
        ("guangyuan.finance", K.DEPARTMENT),
        ("guangyuan.finance", K.COUNTY),
        ("platform", K.DEPARTMENT),
        ("platform", K.COUNTY),
    ],
)
async def test_a_kind_where_it_may_not_stand(
    database: Database, world: World, parent_path: str, kind: TenantKind
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create(database, world, parent_path, "new", kind)
    assert (refused.value.field, refused.value.rule) == ("kind", "not_below")
    assert refused.value.data["kind"] == kind
    assert refused.value.data["kinds"]


@pytest.mark.parametrize("kind", [K.PLATFORM, K.REGION, K.CITY])
async def test_an_isolated_space_needs_a_preset(database: Database, world: World, kind: TenantKind) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create(database, world, "platform", "new", kind)
    assert (refused.value.field, refused.value.rule) == ("kind", "needs_preset")


@pytest.mark.parametrize(
    ("field", "slug", "name", "division_code", "rule"),
    [
        ("slug", "", "名", None, "syntax"),
        ("slug", "New", "名", None, "syntax"),
        ("slug", "a.b", "名", None, "syntax"),
        ("slug", "a\n", "名", None, "syntax"),
        ("slug", "a" * 41, "名", None, "syntax"),
        ("slug", "finance", "名", None, "taken"),
        ("name", "new", "  ", None, "empty"),
        ("name", "new", "名" * 101, None, "too_long"),
        ("name", "new", "名\x00", None, "characters"),
        ("name", "new", "名\ud800", None, "characters"),
        ("divisionCode", "new", "名", "51082", "syntax"),
        ("divisionCode", "new", "名", "510824\n", "syntax"),
        ("divisionCode", "new", "名", "５１０８２４", "syntax"),
    ],
)
async def test_bad_values(
    database: Database,
    world: World,
    admin: asyncpg.Connection,
    field: str,
    slug: str,
    name: str,
    division_code: str | None,
    rule: str,
) -> None:
    before = await admin.fetchval("select count(*) from tenants")
    with pytest.raises(InvalidInput) as refused:
        await create(database, world, "guangyuan", slug, K.DEPARTMENT, name, division_code)
    assert (refused.value.field, refused.value.rule) == (field, rule)
    assert await admin.fetchval("select count(*) from tenants") == before


@pytest.mark.parametrize(
    "parent_path",
    [
        "",
        "guangyuan.nowhere",
        "guangyuan.",
        "nowhere",
        "guangyuan\x00",
        "guangyuan\ud800",
        "广元",
        "guangyuan' or true",
    ],
)
async def test_an_unknown_parent(database: Database, world: World, parent_path: str) -> None:
    with pytest.raises(NotFound):
        await create(database, world, parent_path, "new", K.DEPARTMENT)


async def test_another_citys_tree_cannot_grow(database: Database, world: World) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        await create(database, world, "anshan", "new", K.DEPARTMENT)


async def test_two_at_once_get_two_ids_and_one_slug(
    database: Database, world: World, admin: asyncpg.Connection
) -> None:
    outcomes = await asyncio.gather(
        *(create(database, world, "guangyuan", slug, K.DEPARTMENT) for slug in ("one", "two", "one", "three")),
        return_exceptions=True,
    )
    ids = [outcome for outcome in outcomes if isinstance(outcome, int)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, InvalidInput)]
    assert len(set(ids)) == 3
    assert [refusal.rule for refusal in refusals] == ["taken"]
    assert await admin.fetchval("select count(*) from tenants where name = '新单位'") == 3
