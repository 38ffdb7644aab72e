"""The log under fire: concurrent writers, a slow committer, a rollback, several sequencers, killed processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import asyncpg
import pytest
from sqlalchemy import select

from app.enterprises.models import Enterprise
from app.kernel.database import Database
from app.kernel.events import (
    CHANNEL,
    Author,
    FeedEvent,
    Sequencer,
    current_position,
    first_broken,
    oldest_position,
    read_after,
)
from app.kernel.pubsub import Wakeups
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork, Wakeable, unit_of_work
from tests.factories.world import World

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NOBODY = Author()
WRITERS = 16
COMMITS = 25


@dataclass
class Subject:
    city_id: int
    id: uuid.UUID = field(default_factory=new_id)
    version: int = 1


class Asleep:
    """A sequencer that nobody wakes."""

    def wake(self, city_id: int) -> None:
        pass


async def append(
    database: Database,
    subject: Subject,
    *,
    sequencer: Wakeable,
    events: int = 1,
    before_commit: Callable[[UnitOfWork], Awaitable[None]] | None = None,
) -> list[uuid.UUID]:
    """Commit some events of one subject, whose row is locked if it is an enterprise of the world."""
    opened = unit_of_work(
        database, city_id=subject.city_id, user_id=None, grants_version=None, now=NOW, sequencer=sequencer
    )
    async with opened as uow:
        await uow.session.execute(select(Enterprise.id).filter_by(id=subject.id).with_for_update())
        recorded = [uow.record(subject, "TESTED", author=NOBODY) for _ in range(events)]
        if before_commit is not None:
            await uow.flush_events()
            await before_commit(uow)
    return recorded


async def read_city(database: Database, city_id: int, after: int = 0, limit: int = 10_000) -> list[FeedEvent]:
    return await read_after(database, city_id, after, limit)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


@pytest.fixture
async def open_database(application_url: str) -> AsyncIterator[Callable[[int], Awaitable[Database]]]:
    """Further pools on the test's database, as further processes would have."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(pool_size: int) -> Database:
            database = await Database.open(application_url, pool_size=pool_size, statement_timeout_ms=20_000)
            stack.push_async_callback(database.close)
            return database

        yield open_one


OpenDatabase = Callable[[int], Awaitable[Database]]


@pytest.fixture
def cities(world: World) -> Callable[[], Awaitable[tuple[int, ...]]]:
    async def city_ids() -> tuple[int, ...]:
        return tuple(city.id for city in world.cities)

    return city_ids


Cities = Callable[[], Awaitable[tuple[int, ...]]]


async def follow(database: Database, wakeups: Wakeups, city_id: int, seen: list[FeedEvent]) -> None:
    """What a live stream does: read on from its cursor whenever it is woken."""
    woken = asyncio.Event()

    def on_wake(city_ids: frozenset[int] | None) -> None:
        if city_ids is None or city_id in city_ids:
            woken.set()

    unsubscribe = wakeups.subscribe(on_wake)
    try:
        position = 0
        while True:
            page = await read_city(database, city_id, position, limit=7)
            seen += page
            if page:
                position = page[-1].position
            else:
                await woken.wait()
                woken.clear()
    finally:
        unsubscribe()


async def test_every_event_once_and_in_order(
    world: World, admin: asyncpg.Connection, cities: Cities, open_database: OpenDatabase
) -> None:
    """16 writers, one that holds its transaction 1.5 s, one that rolls back, a long transaction elsewhere."""
    writing, following = await open_database(WRITERS + 2), await open_database(4)
    sequencers = [Sequencer(await open_database(2), cities) for _ in range(3)]
    notifications: list[str] = []
    await admin.add_listener(CHANNEL, lambda *message: notifications.append(message[3]))
    shared = [Subject(city.id, enterprise.id) for city in world.cities for enterprise in city.enterprises]
    committed: dict[int, list[uuid.UUID]] = defaultdict(list)
    seen: dict[int, list[FeedEvent]] = {city.id: [] for city in world.cities}
    city_id = world.guangyuan.id

    async def write(writer: int) -> None:
        own = Subject(world.cities[writer % 2].id)
        for number in range(COMMITS):
            subject = own if number % 2 else shared[(writer + number) % len(shared)]
            sequencer = sequencers[(writer + number) % len(sequencers)]
            committed[subject.city_id] += await append(
                writing, subject, sequencer=sequencer, events=1 + (writer + number) % 3
            )

    overtaken: list[int] = []

    async def hold(_uow: UnitOfWork) -> None:
        before = len(await read_city(following, city_id))
        await asyncio.sleep(1.5)
        overtaken.append(len(await read_city(following, city_id)) - before)

    async def write_slowly() -> list[uuid.UUID]:
        return await append(writing, Subject(city_id), sequencer=sequencers[0], before_commit=hold)

    undone: list[uuid.UUID] = []

    async def write_in_vain() -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with unit_of_work(
                writing, city_id=city_id, user_id=None, grants_version=None, now=NOW, sequencer=sequencers[1]
            ) as uow:
                undone.append(uow.record(Subject(city_id), "TESTED", author=NOBODY))
                await uow.flush_events()
                await asyncio.sleep(0.3)
                raise ZeroDivisionError

    async with contextlib.AsyncExitStack() as stack:
        for sequencer in sequencers:
            await stack.enter_async_context(sequencer)
        wakeups = await stack.enter_async_context(Wakeups(following))
        await wakeups.connected()
        followers = [
            asyncio.create_task(follow(following, wakeups, followed, events)) for followed, events in seen.items()
        ]
        # A long transaction of somebody else: a reader that waits for the oldest transaction would wait for it.
        elsewhere = admin.transaction()
        await elsewhere.start()
        await admin.execute("create table elsewhere (id int)")

        slow, _, *_ = await asyncio.gather(write_slowly(), write_in_vain(), *map(write, range(WRITERS)))
        committed[city_id] += slow

        async def all_seen() -> bool:
            return all(len(seen[city.id]) >= len(committed[city.id]) for city in world.cities)

        await until(all_seen)
        await elsewhere.rollback()
        await asyncio.sleep(0.2)  # whatever came twice would come now
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    assert overtaken[0] > 0, "the slow committer delays only itself"
    commits = WRITERS * COMMITS + 1
    for city in world.cities:
        events = seen[city.id]
        assert [event.position for event in events] == list(range(1, len(events) + 1)), "no gaps, no repeats"
        assert sorted(event.id for event in events) == sorted(committed[city.id]), "every committed event, once"
        assert not {event.id for event in events} & set(undone)
        rows = await admin.fetch("select * from events where city_id = $1 order by position", city.id)
        assert len(rows) == len(events)
        by_subject: dict[uuid.UUID, list[dict[str, object]]] = defaultdict(list)
        for row in rows:
            by_subject[row["subject_id"]].append({**row, "data": {}})
        for subject_events in by_subject.values():
            assert [event["seq"] for event in subject_events] == list(range(1, len(subject_events) + 1))
            assert first_broken(subject_events) is None
    assert 0 < len(notifications) < commits


async def test_one_turn_one_notification(
    world: World, database: Database, admin: asyncpg.Connection, cities: Cities
) -> None:
    notifications: list[str] = []
    await admin.add_listener(CHANNEL, lambda *message: notifications.append(message[3]))
    for number in range(30):
        await append(database, Subject(world.cities[number % 2].id), sequencer=Asleep())
    assert await read_city(database, world.guangyuan.id) == [], "without a position nobody sees it"
    sequencer = Sequencer(database, cities)
    assert await sequencer.number_events() == 30
    assert await sequencer.number_events() == 0
    await until(lambda: _true(len(notifications) == 1))
    await asyncio.sleep(0.1)
    assert notifications == [f"{world.guangyuan.id},{world.anshan.id}"]


async def _true(value: bool) -> bool:
    return value


async def test_wakes_during_a_turn_share_the_next(world: World, database: Database, cities: Cities) -> None:
    class Counting(Sequencer):
        turns = 0

        async def number_events(self, city_ids: Collection[int] | None = None) -> int:
            self.turns += 1
            await asyncio.sleep(0.05)
            return await super().number_events(city_ids)

    async with Counting(database, cities, poll_seconds=60) as sequencer:
        for _ in range(20):
            await append(database, Subject(world.guangyuan.id), sequencer=sequencer)
        await until(lambda: _numbered(database, world.guangyuan.id, 20))
        assert sequencer.turns < 20


async def test_a_turn_is_for_the_cities_that_have_news(world: World, database: Database, cities: Cities) -> None:
    """Of hundreds of cities, those at rest cost a commit elsewhere nothing."""
    here, there = world.guangyuan.id, world.anshan.id
    async with Sequencer(database, cities, poll_seconds=60) as sequencer:
        await append(database, Subject(here), sequencer=sequencer)
        await until(lambda: _numbered(database, here, 1))
        await append(database, Subject(there), sequencer=Asleep())
        await append(database, Subject(here), sequencer=sequencer)
        await until(lambda: _numbered(database, here, 2))
        assert await _numbered(database, there, 0)


async def test_who_is_busy_finds_what_nobody_announced_all_the_same(
    world: World, database: Database, cities: Cities
) -> None:
    here, there = world.guangyuan.id, world.anshan.id
    async with Sequencer(database, cities, poll_seconds=0.3) as sequencer:
        await append(database, Subject(here), sequencer=sequencer)
        await until(lambda: _numbered(database, here, 1))
        await append(database, Subject(there), sequencer=Asleep())

        async def found() -> bool:
            sequencer.wake(here)
            return await _numbered(database, there, 1)

        await until(found)


async def _numbered(database: Database, city_id: int, count: int) -> bool:
    return len(await read_city(database, city_id)) == count


async def test_what_is_too_much_for_one_turn_takes_several(world: World, database: Database, cities: Cities) -> None:
    for city in world.cities:
        await append(database, Subject(city.id), events=12, sequencer=Asleep())
    sequencer = Sequencer(database, cities, poll_seconds=60, events_per_turn=10)
    assert await sequencer.number_events() == 10
    async with sequencer:  # it goes on by itself
        await until(lambda: _numbered(database, world.anshan.id, 12))
    for city in world.cities:
        events = await read_city(database, city.id)
        assert [event.position for event in events] == list(range(1, 13))
        assert [event.id for event in events] == sorted(event.id for event in events), "in the order of recording"


async def test_positions_of_a_city_are_its_own(world: World, database: Database, cities: Cities) -> None:
    sequencer = Sequencer(database, cities)
    async with database.reading(cities=(world.anshan.id,)) as reading:
        assert await current_position(reading.connection, world.anshan.id) == 0
        assert await oldest_position(reading.connection, world.anshan.id) == 0
    await append(database, Subject(world.guangyuan.id), events=3, sequencer=Asleep())
    await sequencer.number_events()
    await append(database, Subject(world.anshan.id), sequencer=Asleep())
    await sequencer.number_events()
    assert [event.position for event in await read_city(database, world.guangyuan.id)] == [1, 2, 3]
    assert [event.position for event in await read_city(database, world.anshan.id)] == [1]
    assert [event.position for event in await read_city(database, world.guangyuan.id, 1, 1)] == [2]
    async with database.reading(cities=(world.guangyuan.id,)) as reading:
        assert await current_position(reading.connection, world.guangyuan.id) == 3
        assert await oldest_position(reading.connection, world.guangyuan.id) == 0
        neighbours = "select position from events where city_id = $1"
        assert await reading.connection.fetch(neighbours, world.anshan.id) == [], "the neighbour reads nothing"
        assert await current_position(reading.connection, world.anshan.id) == 0


async def test_an_empty_log_that_fills_just_then_begins_at_its_beginning(
    world: World, database: Database, cities: Cities
) -> None:
    """Whoever holds the cursor of the empty log has missed nothing, however many statements it takes to say so."""
    sequencer, city_id = Sequencer(database, cities), world.anshan.id

    class FillingUp:
        """A connection on which events come in after every statement."""

        def __init__(self, connection: asyncpg.Connection) -> None:
            self.connection = connection

        async def fetchval(self, *query: object) -> object:
            value = await self.connection.fetchval(*query)
            await append(database, Subject(city_id), events=2, sequencer=Asleep())
            await sequencer.number_events()
            return value

    async with database.reading(cities=(city_id,)) as reading:
        assert await oldest_position(cast(asyncpg.Connection, FillingUp(reading.connection)), city_id) == 0


async def test_a_space_without_a_head_gets_one(
    world: World, database: Database, admin: asyncpg.Connection, cities: Cities
) -> None:
    await admin.execute("delete from event_heads")
    for _ in range(2):
        await append(database, Subject(world.anshan.id), events=2, sequencer=Asleep())
        await Sequencer(database, cities).number_events()
    assert [event.position for event in await read_city(database, world.anshan.id)] == [1, 2, 3, 4]


async def test_the_oldest_position_is_where_the_kept_log_begins(
    world: World, database: Database, admin: asyncpg.Connection, cities: Cities
) -> None:
    city_id = world.guangyuan.id
    await append(database, Subject(city_id), events=5, sequencer=Asleep())
    await Sequencer(database, cities).number_events()
    await admin.execute("delete from events where city_id = $1 and position <= 3", city_id)
    async with database.reading(cities=(city_id,)) as reading:
        assert await oldest_position(reading.connection, city_id) == 3
    await admin.execute("delete from events where city_id = $1", city_id)
    async with database.reading(cities=(city_id,)) as reading:
        assert await oldest_position(reading.connection, city_id) == 5


COMMIT_AND_HANG = """
import asyncio, sys, time, uuid
from datetime import UTC, datetime
from app.kernel.database import Database
from app.kernel.events import Author
from app.kernel.unit_of_work import unit_of_work

class Subject:
    city_id, id, version = int(sys.argv[2]), uuid.UUID(sys.argv[3]), 1

class Hang:
    def wake(self, city_id: int):
        print("committed", flush=True)
        time.sleep(600)

async def main():
    database = await Database.open(sys.argv[1], pool_size=1)
    async with unit_of_work(database, city_id=Subject.city_id, user_id=None, grants_version=None,
                            now=datetime(2026, 3, 2, tzinfo=UTC), sequencer=Hang()) as uow:
        uow.record(Subject(), "TESTED", author=Author())

asyncio.run(main())
"""


async def test_killed_between_commit_and_wake(
    world: World, database: Database, application_url: str, cities: Cities
) -> None:
    city_id, subject_id = world.guangyuan.id, new_id()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMIT_AND_HANG, application_url, str(city_id), str(subject_id)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"committed\n"
    assert await read_city(database, city_id) == []
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    async with Sequencer(database, cities, poll_seconds=0.1):  # nobody wakes it
        await until(lambda: _numbered(database, city_id, 1))
    assert [event.subject_id for event in await read_city(database, city_id)] == [subject_id]


async def test_a_sequencer_outlives_its_connection(
    world: World, database: Database, admin: asyncpg.Connection, cities: Cities
) -> None:
    async with Sequencer(database, cities, poll_seconds=0.1) as sequencer:
        await append(database, Subject(world.guangyuan.id), sequencer=sequencer)
        await until(lambda: _numbered(database, world.guangyuan.id, 1))
        await _disconnect(admin)
        await until(lambda: _survives(append(database, Subject(world.guangyuan.id), sequencer=sequencer)))
        await until(lambda: _survives(_numbered(database, world.guangyuan.id, 2)))


async def test_a_lost_listener_wakes_everybody_when_it_is_back(
    world: World, database: Database, admin: asyncpg.Connection, cities: Cities
) -> None:
    wakes: list[frozenset[int] | None] = []
    async with Wakeups(database) as wakeups:
        wakeups.subscribe(wakes.append)
        await until(lambda: _true(wakes == [None]))
        await append(database, Subject(world.anshan.id), sequencer=Asleep())
        await Sequencer(database, cities).number_events()
        await until(lambda: _true(wakes == [None, frozenset({world.anshan.id})]))
        await _disconnect(admin)
        await until(lambda: _true(wakes[2:] == [None]))
        await until(lambda: _survives(append(database, Subject(world.guangyuan.id), sequencer=Asleep())))
        await until(lambda: _survives(Sequencer(database, cities).number_events()))
        await until(lambda: _true(wakes[3:] == [frozenset({world.guangyuan.id})]))


async def test_who_unsubscribed_is_left_alone(world: World, database: Database, cities: Cities) -> None:
    wakes: list[frozenset[int] | None] = []
    others: list[frozenset[int] | None] = []
    async with Wakeups(database) as wakeups:
        unsubscribe = wakeups.subscribe(wakes.append)
        wakeups.subscribe(others.append)
        await wakeups.connected()
        unsubscribe()
        await append(database, Subject(world.anshan.id), sequencer=Asleep())
        await Sequencer(database, cities).number_events()
        await until(lambda: _true(len(others) == 2))
    assert wakes == [None]


async def _disconnect(admin: asyncpg.Connection) -> None:
    """End every connection of the application to this database, as a restarting server does."""
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and usename = 'yingshang_app'"
    )


async def _survives(work: Awaitable[object]) -> bool:
    """Whether it worked; a pool may first hand out the connections that were just ended."""
    try:
        return bool(await work)
    except Exception:
        return False


class _Idle(Sequencer):
    """Takes turns that number nothing, without a database."""

    async def number_events(self, city_ids: Collection[int] | None = None) -> int:
        await asyncio.sleep(0)
        return 0


async def test_it_ends_also_when_it_is_woken_just_then() -> None:
    async def nowhere() -> tuple[int, ...]:
        return ()

    for ticks in range(12):
        async with asyncio.timeout(2) as limit:
            async with _Idle(cast(Database, None), nowhere, poll_seconds=0.05) as sequencer:
                await asyncio.sleep(0.01)
                sequencer.wake(1)
                for _ in range(ticks):
                    await asyncio.sleep(0)
        assert not limit.expired(), f"woken {ticks} turns of the loop before the end"


async def test_a_turn_is_one_message(
    world: World, database: Database, cities: Cities, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for an event waits for each round trip of it."""
    sequencer = Sequencer(database, cities)
    await sequencer.number_events([world.guangyuan.id])  # prepares its statement
    sent: list[str] = []
    execute = asyncpg.Connection.execute

    async def noted(connection: asyncpg.Connection, query: str, *arguments: object) -> str:
        sent.append(query)
        done: str = await execute(connection, query, *arguments)
        return done

    await append(database, Subject(world.guangyuan.id), events=3, sequencer=Asleep())
    monkeypatch.setattr(asyncpg.Connection, "execute", noted)
    assert await sequencer.number_events([world.guangyuan.id]) == 3
    assert len(sent) == 1


async def test_a_turn_that_tells_nobody(
    world: World, database: Database, admin: asyncpg.Connection, cities: Cities
) -> None:
    notifications: list[str] = []
    await admin.add_listener(CHANNEL, lambda *message: notifications.append(message[3]))
    await append(database, Subject(world.guangyuan.id), sequencer=Asleep())
    sequencer = Sequencer(database, cities)
    sequencer.announces = False
    assert await sequencer.number_events() == 1
    sequencer.announces = True
    await append(database, Subject(world.anshan.id), sequencer=Asleep())
    assert await sequencer.number_events() == 1
    await until(lambda: _true(bool(notifications)))
    assert notifications == [str(world.anshan.id)]
