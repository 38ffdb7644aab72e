"""Clients that keep to no rule, against a real server: told why, held to their share, and nobody else feels them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.conftest import Server
from tests.e2e.client import TICKET_FEED, Follower, Http, Listener, Socket
from tests.e2e.conftest import settle
from tests.e2e.serving import Serving
from tests.e2e.wire import CONTINUATION, PING, PONG, TEXT, Wire, frame, message
from tests.e2e.work import DISPATCHER, SUBMISSION

MISUSER = "office@guangyuan"
SOCKETS = 20
LIMITS = {
    "YINGSHANG_LIMITS__SOCKETS_PER_USER": str(SOCKETS),
    "YINGSHANG_LIMITS__CONCURRENT_REPLAYS": "1",
    "YINGSHANG_LIMITS__STALL_SECONDS": "2",
}
OPERATIONS, GROUPS, MESSAGES = 50, 20, 2_000
"""Limits as they are shipped."""
FEED = 'subscription { ticketFeed(within: "guangyuan") { cursor } }'
LONG = (
    'subscription($after: Cursor) { ticketFeed(within: "guangyuan", after: $after) { cursor node { ticket { '
    + " ".join(f"body{number}: body" for number in range(40))
    + " } } } }"
)
"""More than a megabyte for a ticket with the longest body there may be."""
LONGEST = {**SUBMISSION, "body": "长" * 10_000}
WAIT = 15.0
"""Seconds within which everybody else is served on a machine with much else to do."""
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def rough(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that is misused by all tests of this module, and must serve to the end."""
    with server.clone() as admin_url:
        place = replace(settle(server, admin_url, tmp_path_factory.mktemp("rough")), settings=LIMITS)
        with Serving(place) as serving:
            yield serving
            said = serving.log.read_text()
            assert "Traceback" not in said
            assert "exception" not in said.lower()


def memory(serving: Serving) -> int:
    """Resident bytes of the server."""
    return int(psutil.Process(serving.pid).memory_info().rss)


class Everybody:
    """Those who keep to the rules: a board that is watched, and who writes and reads."""

    def __init__(self, board: Listener, enterprise: Http) -> None:
        self.board = board
        self._enterprise = enterprise

    async def submit(self, **given: Any) -> str:
        """A ticket, which the board must show at once."""
        ticket = (await self._enterprise.verb("ticketSubmit", **{**SUBMISSION, **given}))["ticket"]["id"]
        async with asyncio.timeout(WAIT):
            await self.board.until(lambda: ticket in self.tickets)
        return str(ticket)

    @property
    def tickets(self) -> list[str]:
        return [edge["node"]["ticket"]["id"] for edge in self.board.edges]

    async def are_served(self) -> None:
        """They write, read and are told, as ever."""
        for _ in range(3):
            await self.submit()
        async with asyncio.timeout(WAIT):
            await self._enterprise.ask("{ tickets(first: 1) { totalCount } }")


@asynccontextmanager
async def everybody(serving: Serving) -> AsyncIterator[Everybody]:
    place = serving.place
    async with (
        Http(serving.url, place.token(place.world.guangyuan.enterprise.login)) as enterprise,
        Socket.signed_in(serving.url, place.token(DISPATCHER)) as socket,
    ):
        await socket.start(TICKET_FEED, {"within": "guangyuan"})
        async with Listener(socket) as board:
            async with asyncio.timeout(2 * WAIT):
                while not board.edges:
                    await enterprise.verb("ticketSubmit", **SUBMISSION)
            everybody = Everybody(board, enterprise)
            await everybody.are_served()
            yield everybody


async def let_go(serving: Serving, local_port: int) -> None:
    """Wait until the server holds nothing any more of a connection from that port."""
    process = psutil.Process(serving.pid)
    deadline = time.monotonic() + 30
    while any(each.raddr and each.raddr.port == local_port for each in process.net_connections("tcp")):
        assert time.monotonic() < deadline, "the server keeps a connection of which it has told its client the end"
        await asyncio.sleep(0.1)


async def first_of(wire: Wire, others: Everybody) -> Any:
    """The first edge that a stream shows; from then on it is live."""
    receiving = asyncio.create_task(wire.receive())
    while not receiving.done():
        await others.submit()
    (edge,) = receiving.result()["payload"]["data"].values()
    return edge


async def test_a_socket_that_is_never_read(rough: Serving) -> None:
    """Forty megabytes for a client that takes none: it is hung up on, and finds all of them when it returns."""
    token = rough.place.token(MISUSER)
    async with everybody(rough) as others, Wire(rough.url) as wire:
        await wire.sign_in(token)
        await wire.subscribe("s", LONG)
        cursor = (await first_of(wire, others))["cursor"]
        begun = len(others.board.edges)
        before = memory(rough)
        most = 0
        for _ in range(30):
            await others.submit(**LONGEST)
            most = max(most, memory(rough))
        assert most - before < 25 * MEGABYTE
        await let_go(rough, wire.local_port)
        await others.are_served()
        place = rough.place
        async with Follower(
            rough.url, place.token(MISUSER), TICKET_FEED, {"within": "guangyuan", "after": cursor}
        ) as back:
            last = others.board.ids[-1]
            await back.until(lambda: last in back.ids)
            whole = others.board.ids
            assert back.ids == whole[whole.index(back.ids[0]) :]
            assert whole.index(back.ids[0]) <= begun, "nothing after its cursor is missing"
            shown = [edge["cursor"] for edge in others.board.edges]
            assert shown[shown.index(cursor) + 1 :] == [edge["cursor"] for edge in back.edges]


async def test_an_event_stream_that_is_never_read(rough: Serving) -> None:
    url = urlsplit(rough.url)
    body = json.dumps({"query": LONG}).encode()
    async with everybody(rough) as others:
        reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1_024)
        writer.write(
            f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {rough.place.token(MISUSER)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await reader.readuntil(b"\r\n\r\n")
        before = memory(rough)
        for _ in range(25):
            await others.submit(**LONGEST)
        assert memory(rough) - before < 25 * MEGABYTE
        await let_go(rough, writer.get_extra_info("sockname")[1])
        await others.are_served()
        writer.transport.abort()


ACCEPT = 'mutation { ticketAccept(input: {ticketId: "T_AAAAAgGiAc8ErXGJnWivQwSWzhI"}) { userErrors { code } } }'
"""Of a ticket that is not there."""


def dropped(query: str) -> bytes:
    """An operation that its client wants, and does not."""
    return message("subscribe", id="s", payload={"query": query}) + message("complete", id="s")


FLOODS = {
    "pings": frame(PING, b"x" * 125) * 2_000,
    "pongs": frame(PONG, b"x" * 125) * 2_000,
    "fragments without an end": frame(TEXT, final=False) + frame(CONTINUATION, final=False) * 20_000,
    "pings of the protocol": message("ping", payload={"x": "y" * 50}) * 2_000,
    "pongs of the protocol": message("pong") * 2_000,
    "streams opened and closed": dropped(FEED) * 1_000,
    "queries asked and dropped": dropped("{ tickets(first: 50) { totalCount } }") * 1_000,
    "mutations asked and dropped": dropped(ACCEPT) * 1_000,
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood(rough: Serving, flood: str) -> None:
    """Whatever it consists of, it ends with its socket, and has taken neither memory nor time from anybody."""
    async with everybody(rough) as others, Wire(rough.url) as wire:
        await wire.sign_in(rough.place.token(MISUSER))
        before = memory(rough)
        sending = asyncio.create_task(wire.send(FLOODS[flood] * 25))
        await others.are_served()
        assert await wire.closed() == (1008, "Too many messages")
        await sending
        assert memory(rough) - before < 15 * MEGABYTE
        await others.are_served()


async def test_ten_thousand_subscriptions_on_one_socket(rough: Serving) -> None:
    async with everybody(rough) as others, Wire(rough.url) as wire:
        before = memory(rough)
        await wire.sign_in(rough.place.token(MISUSER))
        for number in range(MESSAGES - 500):
            await wire.subscribe(str(number), FEED)
        await wire.send(message("ping"))
        refusals = []
        while (said := await wire.receive())["type"] != "pong":
            if said["type"] == "error":
                refusals.append(said["payload"][0])
        assert len(refusals) == MESSAGES - 500 - OPERATIONS
        assert {each["extensions"]["code"] for each in refusals} == {"RATE_LIMITED"}
        assert {each["message"] for each in refusals} == {"该连接上的并发操作过多(最多 50 个)。"}
        sending = asyncio.create_task(
            wire.send(b"".join(message("subscribe", id=f"x{n}", payload={"query": FEED}) for n in range(8_500)))
        )
        await others.are_served()
        assert await wire.closed() == (1008, "Too many messages")
        await sending
        assert memory(rough) - before < 25 * MEGABYTE


async def test_ten_thousand_subscriptions_on_many_sockets(rough: Serving) -> None:
    """One person gets so many sockets, with so many operations each, of so few kinds; the others get theirs."""
    token = rough.place.token(MISUSER)
    each = 10_000 // SOCKETS
    async with everybody(rough) as others, AsyncExitStack() as stack:
        before = memory(rough)
        wires = [await stack.enter_async_context(Wire(rough.url)) for _ in range(SOCKETS)]
        for wire in wires:
            await wire.sign_in(token)
        surplus = await stack.enter_async_context(Wire(rough.url))
        await surplus.send(message("connection_init", payload={"authorization": f"Bearer {token}"}))
        assert await surplus.closed() == (1013, "Too many connections of one person")
        async with Http(rough.url, token) as http:
            response = await http._client.post(
                rough.url, json={"query": FEED}, headers={"accept": "text/event-stream", "accept-language": "en"}
            )
        assert response.status_code == 429
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "RATE_LIMITED", "rule": "sockets_per_user"}
        assert error["message"].startswith(f"You have too many live connections open (at most {SOCKETS})")

        refused = 0
        for wire in wires:
            for number in range(each):
                await wire.subscribe(str(number), FEED)
            await wire.send(message("ping"))
            while (said := await wire.receive())["type"] != "pong":
                refused += said["type"] == "error"
        assert refused == SOCKETS * (each - OPERATIONS)
        await others.are_served()
        assert memory(rough) - before < 60 * MEGABYTE
    async with everybody(rough) as others, Wire(rough.url) as wire:
        await wire.sign_in(token)
        await wire.subscribe("s", FEED)
        await first_of(wire, others)


async def test_different_streams_on_many_sockets(rough: Serving) -> None:
    """Each kind costs a reading of every event: so many of them, over all the sockets of a person."""
    token = rough.place.token(MISUSER)
    async with everybody(rough) as others, AsyncExitStack() as stack:
        refusals: list[Any] = []
        shown: set[tuple[int, str]] = set()

        async def listen(number: int, wire: Wire) -> None:
            while True:
                said = await wire.receive()
                if said["type"] == "error":
                    refusals.append(said["payload"][0])
                else:
                    shown.add((number, said["id"]))

        async with asyncio.TaskGroup() as listening:
            tasks = []
            for number in range(3):
                wire = await stack.enter_async_context(Wire(rough.url))
                await wire.sign_in(token)
                tasks.append(listening.create_task(listen(number, wire)))
                for place in range(10):
                    await wire.subscribe(str(place), FEED.replace("cursor", f"cursor a{number}{place}: cursor"))
            async with asyncio.timeout(WAIT):
                while len(refusals) < 3 * 10 - GROUPS:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            while len(shown) < GROUPS:
                await others.submit()
            await others.are_served()
            for task in tasks:
                task.cancel()
        assert len(shown) == GROUPS
        assert len(refusals) == 3 * 10 - GROUPS
        assert {each["extensions"]["rule"] for each in refusals} == {"live_groups"}
        assert {each["message"] for each in refusals} == {"您打开的实时订阅过多(最多 20 种)。"}


async def test_replays_that_are_left_in_the_middle(rough: Serving) -> None:
    """More than may run at a time, none of them read, then gone: the next in the line is served."""
    place = rough.place
    async with everybody(rough) as others, AsyncExitStack() as stack:
        after = others.board.edges[0]["cursor"]
        for _ in range(30):
            await others.submit(**LONGEST)
        before = memory(rough)
        for _ in range(8):
            wire = await stack.enter_async_context(Wire(rough.url))
            await wire.sign_in(place.token(MISUSER))
            for number in range(5):
                await wire.subscribe(str(number), LONG, after=after)
        # Another person's replay goes on beside them, while they are there and when they are gone.
        for _ in range(2):
            async with Follower(
                rough.url, place.token(DISPATCHER), TICKET_FEED, {"within": "guangyuan", "after": after}
            ) as other:
                last = others.board.ids[-1]
                await other.until(lambda last=last, other=other: last in other.ids)
                assert other.ids == others.board.ids[1:]
            await stack.aclose()
            await others.are_served()
        assert memory(rough) - before < 60 * MEGABYTE
        async with Follower(
            rough.url, place.token(MISUSER), TICKET_FEED, {"within": "guangyuan", "after": after}
        ) as again:
            last = others.board.ids[-1]
            await again.until(lambda: last in again.ids)
            assert again.ids == others.board.ids[1:]
