"""Published schemes: versions in a row, each kept, none that speaks of what the city does not have."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy.exc import DBAPIError

from app.kernel.database import Database
from app.kernel.errors import InvalidInput, NotFound
from tenants.provisioning import provision_city
from tenants.schemes.model import Scheme, SchemeProblems, load_preset
from tenants.schemes.store import current_scheme, publish_scheme, scheme_at

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
async def city_id(database: Database) -> int:
    async with database.session(cities=()) as session:
        return await provision_city(session, "guangyuan", now=NOW)


def variant(**changes: Any) -> Scheme:
    """Guangyuan's scheme with another value at a dotted path (`evaluations__draw__size=100`)."""
    document = load_preset("guangyuan").scheme.document()
    for path, value in changes.items():
        *above, last = path.split("__")
        target = document
        for label in above:
            target = target[int(label)] if label.isdigit() else target[label]
        target[last] = value
    return Scheme.model_validate(document)


async def publish(database: Database, city_id: int, scheme: Scheme, note: str | None = None) -> int:
    async with database.session(cities=(city_id,)) as session:
        return await publish_scheme(session, city_id, scheme, note=note, published_by=None, now=NOW)


async def test_a_published_scheme_is_the_next_version_and_keeps_the_one_before(
    database: Database, city_id: int
) -> None:
    assert await publish(database, city_id, variant(evaluations__draw__size=200), "少抽一百人") == 2
    assert await publish(database, city_id, variant(evaluations__draw__size=100)) == 3
    async with database.session(cities=(city_id,)) as session:
        version, scheme = await current_scheme(session, city_id)
        assert (version, scheme.evaluations.draw.size) == (3, 100)
        sizes = [(await scheme_at(session, city_id, number)).evaluations.draw.size for number in (1, 2, 3)]
    assert sizes == [300, 200, 100]


async def test_what_is_stored_says_who_and_why(database: Database, city_id: int, admin: asyncpg.Connection) -> None:
    author = uuid.uuid4()
    async with database.session(cities=(city_id,)) as session:
        await publish_scheme(session, city_id, variant(name="新方案"), note="年度修订", published_by=author, now=NOW)
    row = await admin.fetchrow("select * from schemes where version = 2")
    assert (row["name"], row["note"], row["published_by"], row["published_at"]) == ("新方案", "年度修订", author, NOW)
    document = orjson.loads(row["document"])
    assert row["digest"] == hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).digest()
    assert document["evaluations"]["scoring"]["survey_weight"] == "0.8"


async def test_numbers_come_back_exact(database: Database, city_id: int) -> None:
    await publish(
        database,
        city_id,
        variant(
            evaluations__scoring__survey_weight="0.7000000001", evaluations__scoring__real_time_weight="0.2999999999"
        ),
    )
    async with database.session(cities=(city_id,)) as session:
        _, scheme = await current_scheme(session, city_id)
    assert scheme.evaluations.scoring.survey_weight == Decimal("0.7000000001")


async def test_a_scheme_is_parsed_once(database: Database, city_id: int) -> None:
    async with database.session(cities=(city_id,)) as session:
        _, first = await current_scheme(session, city_id)
        assert await scheme_at(session, city_id, 1) is first


async def test_there_is_no_scheme_that_was_not_published(database: Database, city_id: int) -> None:
    async with database.session(cities=(city_id, 4_000)) as session:
        for version in (0, 2, -1):
            with pytest.raises(NotFound):
                await scheme_at(session, city_id, version)
        with pytest.raises(NotFound):
            await current_scheme(session, 4_000)


async def test_another_citys_scheme_is_not_there(database: Database, city_id: int) -> None:
    async with database.session(cities=()) as session:
        anshan = await provision_city(session, "anshan", now=NOW)
    async with database.session(cities=(anshan,)) as session:
        assert (await current_scheme(session, anshan))[1].tickets.number_prefix == "AS"
        with pytest.raises(NotFound):
            await current_scheme(session, city_id)
        with pytest.raises(NotFound):
            await scheme_at(session, city_id, 1)
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.session(cities=(anshan,)) as session:
            await publish_scheme(
                session, city_id, load_preset("guangyuan").scheme, note=None, published_by=None, now=NOW
            )


async def test_two_that_publish_at_once_make_two_versions(database: Database, city_id: int) -> None:
    versions = await asyncio.gather(
        *(publish(database, city_id, variant(evaluations__draw__size=size)) for size in (100, 110, 120, 130, 140))
    )
    assert sorted(versions) == [2, 3, 4, 5, 6]


async def test_the_prefix_of_the_numbers_stays(database: Database, city_id: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        await publish(database, city_id, variant(tickets__number_prefix="AS"))
    assert (refused.value.field, refused.value.rule) == ("tickets.number_prefix", "number_prefix")
    assert refused.value.data["prefix"] == "GY"


async def test_a_scheme_speaks_only_of_tenants_that_the_city_has(
    database: Database, city_id: int, admin: asyncpg.Connection
) -> None:
    scheme = variant(
        evaluations__panel__categories__3__counties=[
            *("cangxi", "wangcang", "jiange", "qingchuan", "lizhou", "zhaohua", "chaotian", "economic_zones"),
        ],
        enterprises__grid__0__agency="cangxi",
        rankings__evaluation__groups__1__members=41,
    )
    with pytest.raises(SchemeProblems) as refused:
        await publish(database, city_id, scheme)
    problems = {problem.key: problem for problem in refused.value.problems}
    assert set(problems) == {
        "evaluations.panel.categories[3].counties[7]",
        "enterprises.grid[0].agency",
        "rankings.evaluation.groups[1].members",
    }
    county = problems["evaluations.panel.categories[3].counties[7]"]
    assert str(county) == (
        "evaluations.panel.categories[3].counties[7]: expected a county of the city (did you mean 'economic_zone'?), "
        "got economic_zones"
    )
    assert problems["rankings.evaluation.groups[1].members"].expected == "the 40 tenants of that group"
    assert await admin.fetchval("select count(*) from schemes") == 1


async def test_another_citys_scheme_does_not_fit(database: Database, city_id: int) -> None:
    scheme = load_preset("anshan").scheme
    scheme = scheme.model_copy(update={"tickets": scheme.tickets.model_copy(update={"number_prefix": "GY"})})
    with pytest.raises(SchemeProblems):
        await publish(database, city_id, scheme)
