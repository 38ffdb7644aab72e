"""Lessons: kept beside one another, added up by one at a time, read as one sum before and after."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from app.kernel.database import Database
from app.responsibility import evidence
from app.responsibility.evidence import Lesson, fold, learn, practice
from app.responsibility.suggest import Count, Practice
from tests.factories.world import World

WORDS = {"水压", "不足"}


async def taught(database: Database, city_id: int, *lessons: Lesson, words: set[str] = WORDS) -> None:
    async with database.session(cities=(city_id,)) as session:
        await learn(session, city_id, words, lessons)


async def known(database: Database, city_id: int, seen: int | None = None) -> Practice:
    async with database.session(cities=(seen or city_id,)) as session:
        return await practice(session, city_id, WORDS | {"用电"})


@pytest.fixture(autouse=True)
def never_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "FOLD_EVERY", 1 << 200)


async def test_the_sum_is_the_same_before_in_the_middle_of_and_after_adding_up(
    database: Database, world: World, admin: asyncpg.Connection
) -> None:
    city = world.guangyuan
    commerce, finance = city.departments["commerce"], city.departments["finance"]
    await taught(database, city.id, Lesson(commerce, 1, 1))
    await taught(database, city.id, Lesson(commerce, 1, 1), words={"水压", "电价"})
    await taught(database, city.id, Lesson(finance, 1, 3), Lesson(commerce, -1, -4))
    expected = Practice(
        {
            "水压": {commerce: Count(1, -2), finance: Count(1, 3)},
            "不足": {commerce: Count(0, -3), finance: Count(1, 3)},
        },
        {commerce: Count(1, -4), finance: Count(1, 6)},
    )
    assert await known(database, city.id) == expected
    async with database.session(cities=(city.id,)) as session:
        assert await fold(session, city.id) == 4
        assert await known(database, city.id) == expected  # somebody else reads: nothing is committed
    assert await known(database, city.id) == expected
    assert await admin.fetchval("select count(*) from responsibility_evidence") == 0
    await taught(database, city.id, Lesson(finance, 1, 1), words={"用电"})
    assert (await known(database, city.id)).words["用电"] == {finance: Count(1, 1)}


async def test_two_add_up_at_once_and_nothing_counts_twice(database: Database, world: World) -> None:
    city = world.guangyuan
    commerce = city.departments["commerce"]
    for _ in range(20):
        await taught(database, city.id, Lesson(commerce, 1, 1))

    async def add_up() -> int:
        async with database.session(cities=(city.id,)) as session:
            return await fold(session, city.id)

    assert sum(await asyncio.gather(*(add_up() for _ in range(4)))) == 20
    assert (await known(database, city.id)).tenants == {commerce: Count(20, 40)}


async def test_who_adds_up_is_not_waited_for(database: Database, world: World) -> None:
    city = world.guangyuan
    await taught(database, city.id, Lesson(city.departments["commerce"], 1, 1))
    async with database.session(cities=(city.id,)) as first:
        assert await fold(first, city.id) == 1
        async with asyncio.timeout(5), database.session(cities=(city.id,)) as second:
            assert await fold(second, city.id) == 0
        await taught(database, city.id, Lesson(city.departments["finance"], 1, 1))  # nor is a dispatch


async def test_adding_up_that_fails_loses_nothing(database: Database, world: World) -> None:
    city = world.guangyuan
    commerce = city.departments["commerce"]
    await taught(database, city.id, Lesson(commerce, 1, 1))

    async def fail() -> None:
        async with database.session(cities=(city.id,)) as session:
            await fold(session, city.id)
            raise RuntimeError("after")

    with pytest.raises(RuntimeError, match="after"):
        await fail()
    assert (await known(database, city.id)).tenants == {commerce: Count(1, 2)}


async def test_by_chance_a_dispatch_adds_up(
    database: Database, world: World, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLD_EVERY", 1)
    await taught(database, world.guangyuan.id, Lesson(world.guangyuan.departments["commerce"], 1, 1))
    assert await admin.fetchval("select count(*) from responsibility_evidence") == 0
    assert await admin.fetchval("select count(*) from responsibility_terms") == len(WORDS) + 1


async def test_the_neighbour_knows_nothing(database: Database, world: World) -> None:
    city, neighbour = world.cities
    await taught(database, city.id, Lesson(city.departments["commerce"], 1, 1))
    assert await known(database, neighbour.id) == Practice({}, {})
    assert await known(database, city.id, seen=neighbour.id) == Practice({}, {})  # row-level security, by itself
    with pytest.raises(Exception, match="row-level security"):
        async with database.session(cities=(neighbour.id,)) as session:
            await learn(session, city.id, WORDS, [Lesson(city.departments["commerce"], 1, 1)])
