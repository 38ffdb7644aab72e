"""Misuse of streams that needs a steady hand: what is held back here is held back at the very moment that matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.kernel.database import Database
from tests.factories.world import World
from tests.schema.edge import Edge, Subject, until
from tests.schema.test_live import numbered
from tests.schema.test_socket import FEED, Line

DISPATCHER, OFFICE = "dispatcher@guangyuan", "office@guangyuan"
NOTE = "mutation ($text: String!) { note(text: $text) }"


@pytest.fixture
def limits() -> dict[str, Any]:
    return {"ws_operations": 3, "concurrent_replays": 1}


@pytest.fixture
async def line(database: Database, world: World, limits: dict[str, Any]) -> AsyncIterator[Line]:
    edge = Edge(database, world, limits=limits)
    async with edge.live(), edge.served() as host:
        yield Line(edge, host)


async def test_mutations_that_nobody_waits_for_count_until_they_are_done(line: Line) -> None:
    line.edge.executor.gate = gate = asyncio.Event()
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER), **{"accept-language": "en"})
        for number in range(5):
            await client.subscribe(str(number), NOTE, text=str(number))
            await client.send("complete", id=str(number))
        for number in (3, 4):
            refusal = await client.receive()
            assert (refusal["type"], refusal["id"]) == ("error", str(number))
            (error,) = refusal["payload"]
            assert error["extensions"] == {"code": "RATE_LIMITED", "rule": "operations"}
            assert error["message"] == "Too many operations on this connection (at most 3)."
        gate.set()
        await until(lambda: line.edge.executor.notes == ["0", "1", "2"])
        await client.subscribe("next", NOTE, text="next")
        assert (await client.receive())["payload"]["data"]["note"] == "next"


@pytest.fixture
async def missed(line: Line, world: World) -> str:
    """The cursor before five events of the city."""
    city = world.guangyuan.id
    await line.edge.happen(Subject(city), *"ABCDE")
    await numbered(line.edge, city, 5)
    return line.edge.executor.cursors.encode(0, city, "ticketFeed")


async def five(client: Any) -> list[str]:
    return [(await client.receive())["payload"]["data"]["event"]["type"] for _ in range(5)]


async def test_a_replay_whose_client_is_gone_gives_its_turn_back(line: Line, missed: str) -> None:
    """Gone while its payloads are being read, in the one place there is: the next in the line takes it."""
    reads = line.edge.executor.reads
    line.edge.executor.reading = gate = asyncio.Event()
    async with line.client() as gone, line.client() as waiting:
        await gone.sign_in(line.edge.token(DISPATCHER))
        await waiting.sign_in(line.edge.token(OFFICE))
        await gone.subscribe("s", FEED, after=missed)
        await until(lambda: len(reads) == 1)
        await waiting.subscribe("s", FEED, after=missed)
        await asyncio.sleep(0.2)
        assert len(reads) == 1
        gone.connection.transport.abort()
        await until(lambda: len(reads) == 2)
        gate.set()
        assert await five(waiting) == list("ABCDE")
    await until(lambda: not line.edge.hub._people)
    assert not line.edge.hub.replays.locked()


async def test_who_replays_much_does_not_stand_before_who_replays_little(line: Line, world: World, missed: str) -> None:
    """Three replays of one person come before another's one: it is the second to be read all the same."""
    reads = line.edge.executor.reads
    line.edge.executor.reading = gate = asyncio.Event()
    async with line.client() as many, line.client() as one:
        await many.sign_in(line.edge.token(DISPATCHER))
        await one.sign_in(line.edge.token(OFFICE))
        for number in range(3):
            await many.subscribe(str(number), FEED, after=missed)
        await until(lambda: len(reads) == 1)
        await asyncio.sleep(0.2)
        await one.subscribe("s", FEED, after=missed)
        await asyncio.sleep(0.2)
        gate.set()
        assert await five(one) == list("ABCDE")
        received = await five(many) + await five(many) + await five(many)
        assert sorted(received) == sorted("ABCDE" * 3)
    people = [world.user(login) for login in (DISPATCHER, OFFICE, DISPATCHER, DISPATCHER)]
    assert [user for user, _, _ in reads] == people


async def test_large_payloads_are_read_few_at_a_time(line: Line, world: World) -> None:
    """A replay of hundreds of events holds no more of them in memory than a client can be sent."""
    city = world.guangyuan.id
    await line.edge.happen(Subject(city), *["X"] * 150)
    await numbered(line.edge, city, 150)
    line.edge.executor.padding = "X" * 100_000
    async with line.client(max_size=None) as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.subscribe("s", FEED, after=line.edge.executor.cursors.encode(0, city, "ticketFeed"))
        seen = [(await client.receive())["payload"]["data"]["event"]["position"] for _ in range(150)]
    assert seen == list(range(1, 151))
    first, *others = [len(positions) for _, positions, _ in line.edge.executor.reads]
    assert first == 10
    assert max(others) <= 3
