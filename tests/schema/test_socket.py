"""`graphql-transport-ws` on a real server: the protocol, its close codes, its limits, and streams through it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.kernel.database import Database
from tests.factories.world import World
from tests.schema.edge import Edge, Subject, until

FEED = "subscription ($after: String) { ticketFeed(after: $after) { cursor } }"
ONE = "subscription ($id: ID!) { ticketEvents(id: $id) { cursor } }"
DISPATCHER = "dispatcher@guangyuan"
HELLO = {"query": "{ hello }"}


class Client:
    """One connection, spoken to in messages."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, type_: str, **message: Any) -> None:
        await self.connection.send(json.dumps({"type": type_, **message}))

    async def receive(self, seconds: float = 10) -> Any:
        """The next message, which must be a text frame."""
        async with asyncio.timeout(seconds):
            frame = await self.connection.recv()
        assert isinstance(frame, str)
        return json.loads(frame)

    async def closed(self, seconds: float = 10) -> tuple[int, str]:
        """How the server closes; what still comes before is passed over."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""

    async def sign_in(self, token: str | None = None, **payload: Any) -> None:
        if token is not None:
            payload["authorization"] = f"Bearer {token}"
        await self.send("connection_init", payload=payload)
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id_: str, query: str, **variables: Any) -> None:
        await self.send("subscribe", id=id_, payload={"query": query, "variables": variables})

    async def open_stream(self, edge: Edge, id_: str, query: str = FEED, **variables: Any) -> None:
        """Subscribe and wait until the stream is live."""
        before = sum(len(group.members) for feed in edge.hub._feeds.values() for group in feed.groups.values())
        await self.subscribe(id_, query, **variables)
        await until(lambda: sum(len(g.members) for f in edge.hub._feeds.values() for g in f.groups.values()) > before)


class Line:
    """A served edge and how to connect to it."""

    def __init__(self, edge: Edge, host: str) -> None:
        self.edge = edge
        self.host = host

    @contextlib.asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Client]:
        options = {"subprotocols": ["graphql-transport-ws"], "compression": None, **options}
        async with connect(f"ws://{self.host}/graphql", **options) as connection:
            yield Client(connection)


@pytest.fixture
def limits() -> dict[str, Any]:
    return {"ws_init_seconds": 0.4, "ws_operations": 3, "ws_message_bytes": 5_000, "ws_queue": 8, "sockets": 4}


@pytest.fixture
async def line(database: Database, world: World, limits: dict[str, Any]) -> AsyncIterator[Line]:
    edge = Edge(database, world, limits=limits, allowed_origins=("https://portal.example",))
    async with edge.live(), edge.served() as host:
        yield Line(edge, host)


async def test_queries_mutations_and_streams_over_one_socket(line: Line, world: World) -> None:
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.subscribe("q", "query ($name: String) { hello(name: $name) }", name="广元")
        assert await client.receive() == {"id": "q", "type": "next", "payload": {"data": {"hello": "你好 广元"}}}
        assert await client.receive() == {"id": "q", "type": "complete"}
        await client.subscribe("m", "mutation ($text: String!) { note(text: $text) }", text="x")
        assert (await client.receive())["payload"] == {"data": {"note": "x"}}
        assert (await client.receive())["type"] == "complete"
        await client.open_stream(line.edge, "s")
        await client.subscribe("q", "{ me }")  # the id is free again
        assert (await client.receive())["payload"]["data"]["me"] == DISPATCHER
        assert (await client.receive())["type"] == "complete"
        await line.edge.happen(Subject(world.guangyuan.id), "A", "B")
        first, second = await client.receive(), await client.receive()
        assert [each["payload"]["data"]["event"]["type"] for each in (first, second)] == ["A", "B"]
        assert {first["id"], first["type"]} == {"s", "next"}


async def test_a_stream_is_completed_by_its_client_and_resumed_with_its_cursor(line: Line, world: World) -> None:
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.open_stream(line.edge, "s")
        await line.edge.happen(Subject(world.guangyuan.id), "A")
        cursor = (await client.receive())["payload"]["data"]["event"]["cursor"]
        await client.send("complete", id="s")
        await until(lambda: not line.edge.hub._feeds)
        await line.edge.happen(Subject(world.guangyuan.id), "B")
        await client.subscribe("s", FEED, after=cursor)
        assert (await client.receive())["payload"]["data"]["event"]["type"] == "B"


async def test_ids_are_kept_as_they_are(line: Line) -> None:
    async with line.client() as client:
        await client.sign_in()
        for id_ in ('"', "\\", "号", "a" * 200):
            await client.subscribe(id_, "{ hello }")
            assert (await client.receive())["id"] == id_
            assert await client.receive() == {"id": id_, "type": "complete"}


async def test_refusals_are_error_messages_in_the_clients_language(line: Line) -> None:
    async with line.client() as client:
        await client.sign_in(**{"accept-language": "en"})
        for query, code in (
            ("{", "BAD_REQUEST"),
            ("{ nothing }", "BAD_REQUEST"),
            ("{ denied }", "FORBIDDEN"),
            ("{ me }", "UNAUTHENTICATED"),
            (FEED, "UNAUTHENTICATED"),
            ("query ($n: Int!) { whole(number: $n) }", "BAD_USER_INPUT"),
            ("{" + "a:hello " * 60 + "}", "BAD_USER_INPUT"),
            ("{ broken }", "INTERNAL"),
        ):
            await client.subscribe("x", query)
            message = await client.receive()
            assert (message["type"], message["id"]) == ("error", "x")
            assert message["payload"][0]["extensions"]["code"] == code
        assert "Something went wrong on our side" in message["payload"][0]["message"]
        await client.subscribe("x", "{ hello }")
        assert (await client.receive())["type"] == "next"


async def test_a_cursor_of_another_stream(line: Line, world: World) -> None:
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        for after, code in (
            (line.edge.executor.cursors.encode(0, world.anshan.id, "ticketFeed"), "BAD_USER_INPUT"),
            ("nonsense", "BAD_USER_INPUT"),
            (line.edge.executor.cursors.encode(99, world.guangyuan.id, "ticketFeed"), "RESYNC_REQUIRED"),
        ):
            await client.subscribe("s", FEED, after=after)
            assert (await client.receive())["payload"][0]["extensions"]["code"] == code


async def test_ping_and_pong(line: Line) -> None:
    async with line.client() as client:
        await client.send("ping")
        assert await client.receive() == {"type": "pong"}
        await client.send("ping", payload={"a": [1]})
        assert await client.receive() == {"type": "pong", "payload": {"a": [1]}}
        await client.send("pong")
        await client.sign_in()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 4400),
        ("{", 4400),
        ("[]", 4400),
        ("null", 4400),
        ("{}", 4400),
        ('{"type": "start"}', 4400),
        ('{"type": "connection_init", "payload": 7}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }"}}', 4401),
        ('{"type": "complete"}', 4400),
        ('{"type": "' + "x" * 5_000 + '"}', 1009),
        ("[" * 4_000, 4400),
    ],
)
async def test_before_the_acknowledgement(line: Line, text: str, code: int) -> None:
    async with line.client() as client:
        await client.connection.send(text)
        assert (await client.closed())[0] == code


@pytest.mark.parametrize(
    "message",
    [
        {"id": "1"},
        {"payload": HELLO},
        {"id": "", "payload": HELLO},
        {"id": 1, "payload": HELLO},
        {"id": "a" * 201, "payload": HELLO},
        {"id": "1", "payload": {}},
        {"id": "1", "payload": {"query": 1}},
        {"id": "1", "payload": {**HELLO, "variables": "x"}},
        {"id": "1", "payload": [HELLO]},
    ],
)
async def test_subscribe_messages_that_are_wrong(line: Line, message: dict[str, Any]) -> None:
    async with line.client() as client:
        await client.sign_in()
        await client.send("subscribe", **message)
        assert (await client.closed())[0] == 4400


async def test_binary_messages_are_refused(line: Line) -> None:
    async with line.client() as client:
        await client.connection.send(b'{"type": "connection_init"}')
        assert (await client.closed())[0] == 4400


async def test_who_says_nothing_is_closed(line: Line) -> None:
    async with line.client() as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_a_second_initialisation(line: Line) -> None:
    async with line.client() as client:
        await client.sign_in()
        await asyncio.sleep(0.5)  # the time limit no longer holds
        await client.send("connection_init")
        assert (await client.closed())[0] == 4429


async def test_an_id_in_use(line: Line) -> None:
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.open_stream(line.edge, "s")
        await client.subscribe("s", "{ hello }")
        assert await client.closed() == (4409, "Subscriber for s already exists")


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic x", 7, ["Bearer x"], ""])
async def test_a_bad_token(line: Line, authorization: Any) -> None:
    async with line.client() as client:
        await client.send("connection_init", payload={"authorization": authorization})
        assert await client.closed() == (4403, "Forbidden: the token is invalid")


async def test_an_expired_token_and_one_that_expires(line: Line) -> None:
    async with line.client() as client:
        token = line.edge.token(DISPATCHER, lifetime=timedelta(seconds=-5))
        await client.send("connection_init", payload={"authorization": f"Bearer {token}"})
        assert await client.closed() == (4403, "Forbidden: the token is expired")
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER, lifetime=timedelta(seconds=2)))
        await client.open_stream(line.edge, "s")
        assert await client.closed() == (4403, "Forbidden: the token is expired")
    await until(lambda: not line.edge.hub._feeds)


@pytest.mark.parametrize("subprotocols", [None, ["graphql-ws"], ["nonsense"]])
async def test_other_subprotocols_are_refused(line: Line, subprotocols: Any) -> None:
    async with line.client(subprotocols=subprotocols) as client:
        assert await client.closed() == (4406, "Subprotocol not acceptable")


async def test_only_listed_pages_may_connect(line: Line) -> None:
    for origin in ("https://evil.example", "null"):
        with pytest.raises(InvalidStatus):
            async with line.client(origin=origin):
                pass
    for origin in ("https://portal.example", f"http://{line.host}"):
        async with line.client(origin=origin) as client:
            await client.sign_in()


async def test_too_many_operations(line: Line) -> None:
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        for id_ in "abc":
            await client.open_stream(line.edge, id_)
        await client.subscribe("d", "{ hello }")
        assert (await client.receive())["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await client.send("complete", id="a")
        await client.subscribe("d", "{ hello }")
        assert (await client.receive())["type"] == "next"


async def test_too_many_sockets(line: Line) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            await (await stack.enter_async_context(line.client())).sign_in()
        surplus = await stack.enter_async_context(line.client())
        assert await surplus.closed() == (1013, "Too many connections")
    await until(lambda: line.edge.hub.connections == 0)
    async with line.client() as client:
        await client.sign_in()


async def test_a_completed_query_stops_and_a_mutation_is_carried_through(line: Line) -> None:
    line.edge.executor.gate = gate = asyncio.Event()
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.subscribe("q", "{ hello }")
        await client.subscribe("m", "mutation ($text: String!) { note(text: $text) }", text="kept")
        await asyncio.sleep(0.1)
        await client.send("complete", id="q")
        await client.send("complete", id="m")
        await asyncio.sleep(0.1)
        gate.set()
        await until(lambda: line.edge.executor.notes == ["kept"])
        await client.send("ping")
        assert await client.receive() == {"type": "pong"}  # nothing of the two came
    gate.clear()
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.subscribe("m", "mutation ($text: String!) { note(text: $text) }", text="kept too")
        await asyncio.sleep(0.1)
    gate.set()
    await until(lambda: line.edge.executor.notes == ["kept", "kept too"])


async def test_a_client_that_stalls_is_closed_and_the_others_are_not_delayed(line: Line, world: World) -> None:
    """It takes nothing while megabytes come; it may come back with its cursor."""
    city = world.guangyuan.id
    async with line.client() as fast, line.client(max_queue=1) as stalled:
        for client in (fast, stalled):
            await client.sign_in(line.edge.token(DISPATCHER))
            await client.open_stream(line.edge, "s")
        stalled.connection.transport.pause_reading()
        line.edge.executor.padding = "X" * 200_000
        for number in range(60):
            await line.edge.happen(Subject(city), str(number))
            message = await fast.receive()
            assert message["payload"]["data"]["event"]["type"] == str(number)
        await until(lambda: line.edge.hub._feeds[city].followers == 1, 20)
        await until(lambda: line.edge.hub.connections == 1, 20)
        await line.edge.happen(Subject(city), "AFTER")
        assert (await fast.receive())["payload"]["data"]["event"]["type"] == "AFTER"
        stalled.connection.transport.abort()


async def test_a_client_that_is_slow_for_a_moment_is_told_why_it_is_closed(line: Line, world: World) -> None:
    city = world.guangyuan.id
    async with line.client() as slow:
        await slow.sign_in(line.edge.token(DISPATCHER))
        await slow.open_stream(line.edge, "s")
        slow.connection.transport.pause_reading()
        line.edge.executor.padding = "X" * 200_000
        await line.edge.happen(Subject(city), *"X" * 60)
        await until(lambda: not line.edge.hub._feeds, 20)
        slow.connection.transport.resume_reading()
        assert await slow.closed() == (1013, "The client does not keep up: resume from the last cursor")


async def test_a_revocation_ends_the_operation_and_a_deactivation_the_connection(
    line: Line, world: World, admin: asyncpg.Connection
) -> None:
    user_id = world.user(DISPATCHER)
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER), **{"accept-language": "en"})
        await client.open_stream(line.edge, "s")
        await admin.execute("delete from grants where user_id = $1", user_id)
        await admin.execute("update users set grants_version = grants_version + 1 where id = $1", user_id)
        await line.edge.happen(Subject(world.guangyuan.id, user_id), "ROLE_REVOKED", topic="user")
        message = await client.receive()
        assert (message["id"], message["type"]) == ("s", "error")
        assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        await client.subscribe("s", FEED)  # on the same socket, under the new grants
        assert (await client.receive())["payload"][0]["extensions"]["code"] == "FORBIDDEN"

    office = "office@guangyuan"
    async with line.client() as client:
        await client.sign_in(line.edge.token(office))
        await client.open_stream(line.edge, "s")
        await admin.execute("update users set active = false where login = $1", office)
        await line.edge.happen(Subject(world.guangyuan.id, world.user(office)), "ROLE_REVOKED", topic="user")
        assert (await client.receive())["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await client.closed() == (4403, "Forbidden: the token is revoked")


async def test_a_vanished_client_leaves_nothing(line: Line) -> None:
    async with line.client() as client:
        await client.sign_in(line.edge.token(DISPATCHER))
        await client.open_stream(line.edge, "s")
        client.connection.transport.abort()
        await until(lambda: line.edge.hub.connections == 0)
    assert not line.edge.hub._feeds
    assert not line.edge.hub._people
