"""Misuse of streams that needs a steady hand: what is held back here is held back at the very moment that matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.kernel.database import Database
from tests.factories.world import World
from tests.schema.edge import Edge, until
from tests.schema.test_socket import Line

DISPATCHER = "dispatcher@guangyuan"
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
