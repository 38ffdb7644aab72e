"""Server-Sent Events, distinct-connections mode: the same streams for networks whose proxies break WebSockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.kernel.database import Database
from tests.factories.world import World
from tests.schema.edge import Edge, Subject, until

FEED = "subscription ($after: String) { ticketFeed(after: $after) { cursor } }"
DISPATCHER = "dispatcher@guangyuan"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)


@pytest.fixture
async def edge(database: Database, world: World) -> AsyncIterator[Edge]:
    async with Edge(database, world).live() as opened:
        yield opened


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with edge.served() as host, httpx.AsyncClient(base_url=f"http://{host}") as opened:
        yield opened


def asking(client: httpx.AsyncClient, edge: Edge, query: str, accept: str = "text/event-stream", **more: Any) -> Any:
    token = edge.token(DISPATCHER, lifetime=more.pop("lifetime", timedelta(hours=1)))
    headers = {"accept": accept, "authorization": f"Bearer {token}", "accept-language": "en"}
    return client.stream("POST", "/graphql", json={"query": query, **more}, headers=headers)


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """The events of a stream, read as the HTML standard reads them; comments are `(":", None)`."""
    text = ""
    async for chunk in response.aiter_text():
        text += chunk
        assert "\r" not in text
        while "\n\n" in text:
            block, _, text = text.partition("\n\n")
            lines = dict(line.partition(": ")[::2] for line in block.split("\n"))
            if block.startswith(":"):
                yield ":", None
            else:
                yield lines["event"], json.loads(lines["data"]) if lines["data"] else None


async def take(stream: AsyncIterator[tuple[str, Any]], *, comments: bool = False) -> tuple[str, Any]:
    async with asyncio.timeout(10):
        async for event in stream:
            if comments or event[0] != ":":
                return event
    raise AssertionError("the stream ended")


async def test_a_stream_and_its_heartbeat(edge: Edge, client: httpx.AsyncClient, world: World) -> None:
    async with asking(client, edge, FEED) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        stream = events(response)
        assert await take(stream, comments=True) == (":", None)
        await until(lambda: edge.hub._feeds and edge.hub._feeds[world.guangyuan.id].groups)
        await edge.happen(Subject(world.guangyuan.id), "A\r\nB\u2028")
        name, data = await take(stream)
        assert (name, data["data"]["event"]["type"]) == ("next", "A\r\nB\u2028")
        assert await take(stream, comments=True) == (":", None)
        assert edge.hub.connections == 1
    await until(lambda: edge.hub.connections == 0)
    assert not edge.hub._feeds
    async with asking(client, edge, FEED, variables={"after": data["data"]["event"]["cursor"]}) as response:
        stream = events(response)
        await edge.happen(Subject(world.guangyuan.id), "C")
        assert (await take(stream))[1]["data"]["event"]["type"] == "C"


async def test_a_query_streams_only_when_no_json_will_do(edge: Edge, client: httpx.AsyncClient) -> None:
    async with asking(client, edge, "{ hello }") as response:
        seen = [event async for event in events(response) if event[0] != ":"]
    assert seen == [("next", {"data": {"hello": "你好 world"}}), ("complete", None)]
    async with asking(client, edge, "{ hello }", accept=URQL) as response:
        assert response.headers["content-type"].startswith("application/graphql-response+json")


async def test_a_subscription_streams_wherever_a_stream_is_acceptable(edge: Edge, client: httpx.AsyncClient) -> None:
    async with asking(client, edge, FEED, accept=URQL) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
    async with asking(client, edge, FEED, accept="application/json") as response:
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", {}, "BAD_REQUEST"),
        ("subscription { nothing }", {}, "BAD_REQUEST"),
        (FEED, {"after": "nonsense"}, "BAD_USER_INPUT"),
        (FEED, {"after": 7.5}, "BAD_USER_INPUT"),
        ("{ broken }", {}, "INTERNAL"),
    ],
)
async def test_refusals_come_through_the_stream(
    edge: Edge, client: httpx.AsyncClient, query: str, variables: dict[str, Any], code: str
) -> None:
    async with asking(client, edge, query, variables=variables) as response:
        assert response.status_code == 200
        seen = [event async for event in events(response) if event[0] != ":"]
    assert [name for name, _ in seen] == ["next", "complete"]
    assert seen[0][1]["errors"][0]["extensions"]["code"] == code


async def test_a_body_that_is_no_request_is_refused_plainly(client: httpx.AsyncClient) -> None:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    assert (await client.post("/graphql", content="{", headers=headers)).status_code == 400
    mutation = {"query": 'mutation { note(text: "x") }'}
    assert (await client.get("/graphql", params=mutation, headers=headers)).status_code == 405
    assert (await client.get("/graphql", params={"query": FEED}, headers=headers)).status_code == 405


async def test_an_expiring_token_ends_the_stream(edge: Edge, client: httpx.AsyncClient) -> None:
    async with asking(client, edge, FEED, lifetime=timedelta(seconds=2)) as response:
        seen = [event async for event in events(response) if event[0] != ":"]
    assert [name for name, _ in seen] == ["next", "complete"]
    assert seen[0][1]["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "rule": "expired"}
    await until(lambda: not edge.hub._feeds)


async def test_a_revocation_ends_the_stream(
    edge: Edge, client: httpx.AsyncClient, world: World, admin: asyncpg.Connection
) -> None:
    user_id = world.user(DISPATCHER)
    async with asking(client, edge, FEED) as response:
        await until(lambda: edge.hub._feeds and edge.hub._feeds[world.guangyuan.id].groups)
        await admin.execute("delete from grants where user_id = $1", user_id)
        await admin.execute("update users set grants_version = grants_version + 1 where id = $1", user_id)
        await edge.happen(Subject(world.guangyuan.id, user_id), "ROLE_REVOKED", topic="user")
        seen = [event async for event in events(response) if event[0] != ":"]
    assert seen[0][1]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_too_many_streams(database: Database, world: World) -> None:
    edge = Edge(database, world, limits={"sockets": 1})
    async with (
        edge.live(),
        edge.served() as host,
        httpx.AsyncClient(base_url=f"http://{host}") as client,
        asking(client, edge, FEED) as response,
        asking(client, edge, FEED) as surplus,
    ):
        assert (response.status_code, surplus.status_code) == (200, 429)


async def test_a_reader_that_stalls_is_dropped(database: Database, world: World) -> None:
    edge = Edge(database, world, limits={"ws_queue": 8, "stall_seconds": 0.5})
    async with edge.live(), edge.served() as host:
        name, port = host.split(":")
        reader, writer = await asyncio.open_connection(name, int(port), limit=1024)
        body = json.dumps({"query": FEED}).encode()
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + edge.token(DISPATCHER).encode() + b"\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: edge.hub._feeds and edge.hub._feeds[world.guangyuan.id].groups)
        edge.executor.padding = "X" * 200_000
        await edge.happen(Subject(world.guangyuan.id), *"X" * 60)
        await until(lambda: edge.hub.connections == 0, 20)
        assert not edge.hub._feeds
        writer.transport.abort()
