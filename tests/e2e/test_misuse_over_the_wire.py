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

import httpx
import psutil
import pytest

from app.kernel.config import Settings
from schema import ids
from schema.cursors import FeedCursors
from tests.conftest import Server
from tests.e2e.client import TICKET_EVENTS, TICKET_FEED, Follower, Http, Listener, Socket
from tests.e2e.conftest import settle
from tests.e2e.serving import Serving
from tests.e2e.wire import CONTINUATION, PING, PONG, TEXT, Wire, frame, message
from tests.e2e.work import DISPATCHER, SUBMISSION

MISUSER = "office@guangyuan"
SOCKETS = 20
REPLAY_EVENTS = 80
LIMITS = {
    "YINGSHANG_LIMITS__SOCKETS_PER_USER": str(SOCKETS),
    "YINGSHANG_LIMITS__CONCURRENT_REPLAYS": "1",
    "YINGSHANG_LIMITS__STALL_SECONDS": "2",
    "YINGSHANG_LIMITS__REPLAY_EVENTS": str(REPLAY_EVENTS),
    "YINGSHANG_LIMITS__ANSWER_BYTES": "4000000",
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
            assert "Traceback" not in said, said[-5_000:]


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


MESSAGES_OF = {
    "malformed_cursor": ("BAD_USER_INPUT", "游标不正确。", "The cursor is malformed."),
    "foreign_cursor": ("BAD_USER_INPUT", "该游标属于另一个列表。", "The cursor belongs to another list or stream."),
    "too_old": (
        "RESYNC_REQUIRED",
        "无法从该游标继续,请重新读取后再订阅。",
        "The stream cannot be continued from this cursor. Read afresh, then subscribe anew.",
    ),
}
MESSAGES_OF["ahead"] = MESSAGES_OF["too_old"]


async def refusal_by_socket(serving: Serving, query: str, variables: dict[str, Any], language: str) -> Any:
    async with Wire(serving.url) as wire:
        token = serving.place.token(MISUSER)
        payload = {"authorization": f"Bearer {token}", "accept-language": language}
        await wire.send(message("connection_init", payload=payload))
        assert await wire.receive() == {"type": "connection_ack"}
        await wire.subscribe("s", query, **variables)
        said = await wire.receive()
        assert (said["type"], said["id"]) == ("error", "s")
        # The connection is as good as before.
        await wire.subscribe("s", "{ viewer { user { login } } }")
        assert (await wire.receive())["payload"]["data"]["viewer"]["user"]["login"] == MISUSER
        return said["payload"]


async def refusal_by_event_stream(serving: Serving, query: str, variables: dict[str, Any], language: str) -> Any:
    token = serving.place.token(MISUSER)
    async with httpx.AsyncClient(trust_env=False, timeout=WAIT) as client:
        response = await client.post(
            serving.url,
            json={"query": query, "variables": variables},
            headers={
                "accept": "text/event-stream",
                "accept-language": language,
                "authorization": f"Bearer {token}",
            },
        )
    event, data, _, complete, *_ = response.text.removeprefix(":\n\n").split("\n")
    assert (response.status_code, event, complete) == (200, "event: next", "event: complete")
    return json.loads(data.removeprefix("data: "))["errors"]


@pytest.mark.parametrize("refused", [refusal_by_socket, refusal_by_event_stream])
async def test_cursors_that_lead_nowhere(rough: Serving, refused: Any) -> None:
    place = rough.place
    city = place.world.guangyuan
    async with everybody(rough) as others, Http(rough.url, place.token(city.enterprise.login)) as enterprise:
        watched, another = await others.submit(), await others.submit()
        while (head := await position_of(rough, others)) <= REPLAY_EVENTS + 5:
            await asyncio.gather(*(enterprise.verb("ticketSubmit", **SUBMISSION) for _ in range(8)))
            await others.submit()
        cursors = FeedCursors(Settings(data_dir=place.data_dir).signing_key_text().encode())
        events_of, feed = "ticketEvents:{}", "ticketFeed"
        other_city = place.world.anshan.id
        cases = {
            cursors.encode(3, city.id, events_of.format(ids.decode_as(another, "T").key)): "foreign_cursor",
            cursors.encode(3, other_city, events_of.format(ids.decode_as(watched, "T").key)): "foreign_cursor",
            cursors.encode(3, city.id, feed): "foreign_cursor",
            "nonsense": "malformed_cursor",
            "": "malformed_cursor",
            "游标" * 1_000: "malformed_cursor",
            "\x00" * 22: "malformed_cursor",
            "A" * 22: "foreign_cursor",
            cursors.encode(0, city.id, events_of.format(ids.decode_as(watched, "T").key)): "too_old",
            cursors.encode(head + 1_000, city.id, events_of.format(ids.decode_as(watched, "T").key)): "ahead",
            cursors.encode(2**62, city.id, events_of.format(ids.decode_as(watched, "T").key)): "ahead",
        }
        for cursor, rule in cases.items():
            code, chinese, english = MESSAGES_OF[rule]
            for language, text in (("zh-CN", chinese), ("en", english)):
                (error,) = await refused(rough, TICKET_EVENTS, {"id": watched, "after": cursor}, language)
                assert error["extensions"] == {"code": code, "rule": rule}, cursor[:50]
                assert error["message"] == text
        await others.are_served()


async def position_of(serving: Serving, others: Everybody) -> int:
    """Where the city's log has got to: what the board's last cursor stands for."""
    cursors = FeedCursors(Settings(data_dir=serving.place.data_dir).signing_key_text().encode())
    return cursors.decode(others.board.edges[-1]["cursor"], serving.place.world.guangyuan.id, "ticketFeed")


def fragments(count: int) -> str:
    """A document of so many fragments, each spread once."""
    listed = " ".join(f"...f{number}" for number in range(count))
    return f"{{ {listed} }} " + " ".join(f"fragment f{number} on Query {{ __typename }}" for number in range(count))


DOCUMENTS = {
    "ten thousand fragments": fragments(10_000),
    "as many as fit into a message": fragments(1_000),
    "one field a hundred thousand times": "{" + " a" * 100_000 + "}",
    "half a million comments": "#\n" * 500_000 + "{ __typename }",
    "a megabyte of one name": "{" + "x" * 1_000_000 + "}",
    "a megabyte of braces": "{a" * 400_000,
    "a megabyte and more": "{" + "长" * 400_000 + "}",
}


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_documents_that_are_too_large(rough: Serving, document: str) -> None:
    """By whatever way they come: refused in the client's language, and cheaply."""
    text = DOCUMENTS[document]
    token = rough.place.token(MISUSER)
    async with everybody(rough) as others:
        before = memory(rough)
        async with httpx.AsyncClient(trust_env=False, timeout=WAIT) as client:
            for accept in ("application/graphql-response+json", "text/event-stream"):
                for language in ("zh-CN", "en"):
                    headers = {"accept": accept, "accept-language": language, "authorization": f"Bearer {token}"}
                    response = await client.post(rough.url, json={"query": text}, headers=headers)
                    said = response.text
                    if said.startswith(":"):
                        said = said.split("\ndata: ")[1].split("\n")[0]
                    (error,) = json.loads(said)["errors"]
                    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "BAD_REQUEST")
                    assert len(response.content) < 2_000, "it is not sent back"
                    if error["extensions"]["code"] == "BAD_USER_INPUT" or "rule" in error["extensions"]:
                        assert error["message"].isascii() == (language == "en")
        await others.are_served()
        async with Wire(rough.url) as wire:
            await wire.sign_in(token)
            await wire.subscribe("s", text)
            answer = await wire.receive()
            if len(text.encode()) > 262_144:  # the server's own limit: what is only a little too big is told why
                assert answer[0] == 1009
            elif len(text.encode()) > 65_000:
                assert answer == (1009, "The message is too big")
            else:
                assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await others.are_served()
        assert memory(rough) - before < 30 * MEGABYTE


async def test_answers_that_are_too_large(rough: Serving) -> None:
    """Six megabytes of what is stored, and a hundred that it would be by another way: neither is made."""
    bodies = " ".join(f"body{number}: body" for number in range(40))
    documents = [
        f"{{ tickets(first: 5) {{ edges {{ node {{ {bodies} }} }} }} }}",
        "{ tickets(first: 5) { edges { node { timeline(first: 100) { edges { node { ticket { "
        f"{bodies} repeats(first: 10) {{ edges {{ node {{ body }} }} }} }} }} }} }} }} }} }} }}",
    ]
    token = rough.place.token(MISUSER)
    async with everybody(rough) as others, httpx.AsyncClient(trust_env=False, timeout=WAIT) as client:
        for _ in range(5):
            await others.submit(**LONGEST)
        before = memory(rough)
        for query in documents:
            for language, text in (
                ("zh-CN", "查询结果超过 4000000 字节:请减小分页大小,或少查询长文本字段。"),
                ("en", "The answer is larger than 4000000 bytes: ask for smaller pages, or for fewer long texts."),
            ):
                headers = {"accept-language": language, "authorization": f"Bearer {token}"}
                response = await client.post(rough.url, json={"query": query}, headers=headers)
                (error,) = response.json()["errors"]
                assert error["extensions"] == {"code": "BAD_USER_INPUT", "rule": "answer_too_large"}
                assert error["message"] == text
        async with Wire(rough.url) as wire:
            await wire.sign_in(token)
            await wire.subscribe("s", documents[0])
            assert (await wire.receive())["payload"][0]["extensions"]["rule"] == "answer_too_large"
        assert memory(rough) - before < 15 * MEGABYTE, "nothing of it has come to the server"
        await others.are_served()


async def test_documents_that_are_ever_new(rough: Serving) -> None:
    """A person's documents wait for one another: whoever else has one, new or known, is served in between."""
    shown = "number title body status statusLabel lead { name path } timeline(first: 2) { totalCount }"

    def document(name: str) -> str:
        pages = (f"p{n}: tickets(first: 1) {{ edges {{ node {{ {name}: number {shown} }} }} }}" for n in range(2))
        return f"{{ {' '.join(pages)} }}"

    place = rough.place
    headers = {"authorization": f"Bearer {place.token(MISUSER)}"}
    limits = httpx.Limits(max_connections=200)
    async with (
        everybody(rough) as others,
        Http(rough.url, place.token(DISPATCHER)) as colleague,
        httpx.AsyncClient(trust_env=False, timeout=4 * WAIT, limits=limits, headers=headers) as client,
    ):
        before = memory(rough)
        crowd = [
            asyncio.create_task(client.post(rough.url, json={"query": document(f"n{number}")})) for number in range(20)
        ]
        await others.are_served()
        async with asyncio.timeout(WAIT):
            await colleague.ask(document("new"))
        assert not all(task.done() for task in crowd), "a colleague's document has not waited for them all"
        assert {response.status_code for response in await asyncio.gather(*crowd)} == {200}
        assert memory(rough) - before < 60 * MEGABYTE
        await others.are_served()


async def test_messages_that_are_too_big(rough: Serving) -> None:
    """Counted in bytes as they come over the wire, whole or in pieces."""
    query = "{ __typename }"
    async with everybody(rough) as others:
        for text, taken in (("#" + "x" * 65_000, True), ("#" + "x" * 66_000, False), ("#" + "长" * 22_000, False)):
            async with Wire(rough.url) as wire:
                await wire.sign_in(rough.place.token(MISUSER))
                raw = json.dumps(
                    {"type": "subscribe", "id": "s", "payload": {"query": f"{query} {text}"}}, ensure_ascii=False
                ).encode()
                half = len(raw) // 2
                await wire.send(frame(TEXT, raw[:half], final=False) + frame(CONTINUATION, raw[half:]))
                if taken:
                    assert (await wire.receive())["payload"] == {"data": {"__typename": "Query"}}
                else:
                    assert await wire.closed() == (1009, "The message is too big")
        await others.are_served()


async def test_nothing_is_compressed_whatever_is_offered(rough: Serving) -> None:
    """A client offers it with every handshake: a bomb of a kilobyte would be a megabyte here."""
    async with Wire(rough.url) as wire:
        assert "deflate" not in wire.headers
