"""One transaction: change and events together, or neither."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.kernel.database import Database
from app.kernel.errors import StaleActor
from app.kernel.events import Author, first_broken
from app.kernel.tables import new_id
from app.kernel.unit_of_work import Node, Tree, UnitOfWork, unit_of_work
from tests.factories.world import World

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class Subject:
    city_id: int
    id: uuid.UUID
    version: int = 1


class Wakes:
    def __init__(self) -> None:
        self.count = 0

    def wake(self, city_id: int) -> None:
        self.count += 1


async def timeline(admin: asyncpg.Connection, subject_id: uuid.UUID) -> list[dict[str, Any]]:
    await admin.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=__import__("json").loads)
    return [
        dict(row) for row in await admin.fetch("select * from events where subject_id = $1 order by seq", subject_id)
    ]


async def test_events_are_committed_with_the_change(
    world: World, database: Database, admin: asyncpg.Connection
) -> None:
    wakes, city_id = Wakes(), world.guangyuan.id
    subject, other = Subject(city_id, new_id()), Subject(city_id, new_id())
    agent = world.user("intake_agent@guangyuan")
    author = Author(agent, city_id, "INTAKE_AGENT")
    opened: dict[str, Any] = {"city_id": city_id, "user_id": agent, "grants_version": 1, "sequencer": wakes}
    async with unit_of_work(database, now=NOW, **opened) as uow:
        first = uow.record(subject, "SUBMITTED", author=author, new=True, toStatus="SUBMITTED", note=None)
        subject.version = 2
        uow.record(subject, "ACCEPTED", author=author, fromStatus="SUBMITTED", coHandlers=[3, 1], justified=False)
        uow.record(other, "ROLE_GRANTED", topic="user", author=Author(), visibility="INTERNAL", restricted=True)
        assert wakes.count == 0
    assert wakes.count == 1
    async with unit_of_work(database, now=NOW, **opened) as uow:
        uow.record(subject, "COMMENTED", author=author, note='企业 "A" \\ \u2028 🏭')
    events = await timeline(admin, subject.id)
    assert [(event["seq"], event["version"], event["type"]) for event in events] == [
        (1, 1, "SUBMITTED"),
        (2, 2, "ACCEPTED"),
        (3, 2, "COMMENTED"),
    ]
    assert events[0]["id"] == first
    assert events[0]["data"] == {"toStatus": "SUBMITTED"}, "what has no value is left out"
    assert events[1]["data"] == {"fromStatus": "SUBMITTED", "coHandlers": [3, 1], "justified": False}
    assert events[2]["data"] == {"note": '企业 "A" \\ \u2028 🏭'}
    assert {(event["actor_id"], event["actor_tenant_id"], event["actor_role"]) for event in events} == {
        (agent, city_id, "INTAKE_AGENT")
    }
    assert all(event["at"] == NOW and event["position"] is None for event in events)
    assert first_broken(events) is None, "the stored rows verify"
    (granted,) = await timeline(admin, other.id)
    assert (granted["seq"], granted["topic"], granted["visibility"], granted["restricted"]) == (
        1,
        "user",
        "INTERNAL",
        True,
    )


async def test_an_exception_undoes_everything(world: World, database: Database, admin: asyncpg.Connection) -> None:
    wakes = Wakes()

    async def change_and_fail() -> None:
        async with unit_of_work(
            database, city_id=world.guangyuan.id, user_id=None, grants_version=None, now=NOW, sequencer=wakes
        ) as uow:
            uow.record(Subject(world.guangyuan.id, new_id()), "TESTED", author=Author())
            await uow.flush_events()
            await uow.session.execute(text("update enterprises set name = 'x'"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert wakes.count == 0
    assert await admin.fetchval("select count(*) from events") == 0
    assert await admin.fetchval("select count(*) from enterprises where name = 'x'") == 0


async def test_nothing_recorded_wakes_nobody(world: World, database: Database) -> None:
    wakes = Wakes()
    async with unit_of_work(
        database, city_id=world.guangyuan.id, user_id=None, grants_version=None, now=NOW, sequencer=wakes
    ):
        pass
    assert wakes.count == 0


async def test_two_flushes_make_one_chain(world: World, database: Database, admin: asyncpg.Connection) -> None:
    subject = Subject(world.guangyuan.id, new_id())
    async with unit_of_work(
        database, city_id=world.guangyuan.id, user_id=None, grants_version=None, now=NOW, sequencer=Wakes()
    ) as uow:
        uow.record(subject, "ONE", author=Author(), new=True)
        await uow.flush_events()
        uow.record(subject, "TWO", author=Author())
        uow.record(subject, "THREE", author=Author())
    events = await timeline(admin, subject.id)
    assert [event["type"] for event in events] == ["ONE", "TWO", "THREE"]
    assert first_broken(events) is None


async def test_a_stale_or_revoked_actor_does_nothing(
    world: World, database: Database, admin: asyncpg.Connection
) -> None:
    agent = world.user("intake_agent@guangyuan")

    async def attempt(user_id: uuid.UUID, grants_version: int) -> None:
        async with unit_of_work(
            database,
            city_id=world.guangyuan.id,
            user_id=user_id,
            grants_version=grants_version,
            now=NOW,
            sequencer=Wakes(),
        ):
            pass

    await attempt(agent, 1)
    await admin.execute("update users set grants_version = 2 where id = $1", agent)
    with pytest.raises(StaleActor) as stale:
        await attempt(agent, 1)
    assert stale.value.user_id == agent
    await attempt(agent, 2)
    await admin.execute("update users set active = false where id = $1", agent)
    with pytest.raises(StaleActor):
        await attempt(agent, 2)
    with pytest.raises(StaleActor):
        await attempt(new_id(), 1)


async def test_one_city_only(world: World, database: Database, admin: asyncpg.Connection) -> None:
    async with unit_of_work(
        database, city_id=world.guangyuan.id, user_id=None, grants_version=None, now=NOW, sequencer=Wakes()
    ) as uow:
        with pytest.raises(ValueError, match="cannot tell of city"):
            uow.record(Subject(world.anshan.id, new_id()), "TESTED", author=Author())
        await uow.session.execute(text("update enterprises set address = 'moved'"))
    moved = await admin.fetch("select distinct city_id from enterprises where address = 'moved'")
    assert [row["city_id"] for row in moved] == [world.guangyuan.id]


async def test_the_tree_is_as_new_as_the_transaction(
    world: World, database: Database, admin: asyncpg.Connection
) -> None:
    class Nothing:
        def by_path(self, path: str, /) -> Node | None:
            return None

        def by_id(self, tenant_id: int, /) -> Node | None:
            return None

    class Trees:
        asked: int | None = None

        async def get(self, min_version: int | None = None) -> Tree:
            self.asked = min_version
            return Nothing()

    trees = Trees()
    version = await admin.fetchval("update platform_state set tree_version = tree_version + 5 returning tree_version")
    opened: dict[str, Any] = {"city_id": world.guangyuan.id, "user_id": None, "grants_version": None}
    async with unit_of_work(database, now=NOW, sequencer=Wakes(), trees=trees, **opened) as uow:
        assert uow.tree.by_path("guangyuan") is None
    assert trees.asked == version
    async with unit_of_work(database, now=NOW, sequencer=Wakes(), **opened) as without:
        with pytest.raises(RuntimeError):
            _ = without.tree
    assert isinstance(without, UnitOfWork)
