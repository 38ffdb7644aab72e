"""Workers that are killed in the middle of their work, that end when told to, and that work inside a server."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from schema import ids
from tests.e2e.client import TICKET_FEED, Listener, Socket
from tests.e2e.log import events_of, nothing_is_half_done, settled
from tests.e2e.serving import PATIENCE, PROGRAM, Place, Serving
from tests.factories.late import make_late
from tests.factories.world import WorldCity

LATE = 6_000
WORKERS, KILLS = 3, 4
DUE = "select count(*) from deadlines where fires_at is not null"


class Workers:
    """`yingshang worker`, several times at one place; each is ended by its own id."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._log = place.data_dir / "workers.log"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    [PROGRAM, "worker"], env=self._place.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def end(self, worker: subprocess.Popen[bytes], how: signal.Signals) -> int:
        self.running.remove(worker)
        worker.send_signal(how)
        return worker.wait(PATIENCE)

    def said(self) -> str:
        return self._log.read_text(errors="replace")


@pytest.fixture
def workers(place: Place) -> Iterator[Workers]:
    with _ended(Workers(place)) as workers:
        yield workers


@contextmanager
def _ended(workers: Workers) -> Iterator[Workers]:
    try:
        yield workers
    finally:
        for worker in list(workers.running):
            workers.end(worker, signal.SIGKILL)


async def left(admin: asyncpg.Connection) -> int:
    found: int = await admin.fetchval(DUE)
    return found


async def below(admin: asyncpg.Connection, number: int, workers: Workers) -> int:
    """Wait until less than so many clocks are to be told of; how many are."""
    until = time.monotonic() + PATIENCE
    while (there := await left(admin)) >= number:
        assert time.monotonic() < until, f"{there} clocks are not told of:\n{workers.said()}"
        await asyncio.sleep(0.005)
    return there


@pytest.mark.long
async def test_workers_killed_at_random_have_told_of_each_deadline_once(
    place: Place, admin: asyncpg.Connection, workers: Workers
) -> None:
    world, chance = place.world, random.Random()
    late: dict[uuid.UUID, int] = {}
    for city, count in ((world.guangyuan, LATE), (world.anshan, LATE // 4)):
        submitter = world.user(f"intake_agent@{city.path}")
        made = await make_late(admin, city.id, submitter, count, now=datetime.now(UTC))
        late |= dict.fromkeys(made, city.id)
    for _ in range(WORKERS):
        workers.start()
    due = len(late)
    for _ in range(KILLS):
        due = await below(admin, due, workers)  # somebody is at work
        await asyncio.sleep(chance.uniform(0, 0.05))
        due = await left(admin)
        assert due, "all was done before anybody was killed: it takes more deadlines"
        assert workers.end(chance.choice(workers.running), signal.SIGKILL) == -signal.SIGKILL
        workers.start()
    await below(admin, 1, workers)
    await settled(admin)
    await nothing_is_half_done(admin)
    told = Counter(
        (event["subject_id"], event["city_id"], event["type"], event["data"].get("deadlineKind"))
        for event in await events_of(admin)
        if event["type"] != "SUBMITTED"
    )
    kinds = ("DEADLINE_WARNED", "DEADLINE_MISSED")
    assert told == Counter((id_, city, kind, "VERIFICATION") for id_, city in late.items() for kind in kinds)
    assert await admin.fetchval("select count(*) from deadlines where warned_at is null or missed_at is null") == 0


async def test_a_worker_that_is_told_to_end_finishes_its_turn(
    place: Place, admin: asyncpg.Connection, workers: Workers
) -> None:
    submitter = place.world.user("intake_agent@guangyuan")
    await make_late(admin, place.world.guangyuan.id, submitter, LATE, now=datetime.now(UTC))
    for how in (signal.SIGTERM, signal.SIGINT):
        workers.start()
        before = await left(admin)
        await below(admin, before, workers)
        assert workers.end(workers.running[0], how) == 0, workers.said()
        assert 0 < await left(admin) < before
        await nothing_is_half_done(admin)
    assert workers.said() == "", "an end in order has nothing to say"


async def test_a_server_tells_of_deadlines_beside_serving(serving: Serving, admin: asyncpg.Connection) -> None:
    """Who watches the city's board sees what became overdue, and the neighbour does not."""
    place, world = serving.place, serving.place.world

    async def late(city: WorldCity) -> str:
        submitter = world.user(f"intake_agent@{city.path}")
        (made,) = await make_late(admin, city.id, submitter, 1, now=datetime.now(UTC))
        return ids.encode("T", city.id, made)

    async with AsyncExitStack() as stack:

        async def watch(city: WorldCity) -> Listener:
            token = place.token(f"dispatcher@{city.path}")
            socket = await stack.enter_async_context(Socket.signed_in(serving.url, token))
            await socket.start(TICKET_FEED, {"within": city.path})
            listener = await stack.enter_async_context(Listener(socket))
            while not listener.edges:  # a subscription says nothing of having begun
                await late(city)
                await asyncio.sleep(0.5)
            return listener

        desk, neighbour = await watch(world.guangyuan), await watch(world.anshan)

        def told(listener: Listener, ticket: str) -> list[str]:
            return [edge["node"]["type"] for edge in listener.edges if edge["node"]["ticket"]["id"] == ticket]

        for city, watching, other in ((world.guangyuan, desk, neighbour), (world.anshan, neighbour, desk)):
            ticket = await late(city)
            await watching.until(lambda watching=watching, ticket=ticket: len(told(watching, ticket)) >= 3)  # type: ignore[misc]
            assert told(watching, ticket) == ["SUBMITTED", "DEADLINE_WARNED", "DEADLINE_MISSED"]
            assert told(other, ticket) == []
