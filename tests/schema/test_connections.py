"""The server's own WebSocket, spoken to in bytes: frames in pieces, frames that are wrong, silence, and the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.kernel.database import Database
from schema.live.beats import TICK, Beats
from schema.live.connections import SocketConnection, text_frame
from tests.e2e.wire import CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, frame, message
from tests.factories.world import World
from tests.schema.edge import Edge, Subject, until

BINARY = 0x2
FEED = "subscription { ticketFeed { cursor } }"
DISPATCHER = "dispatcher@guangyuan"
LIMIT = 20_000
"""What a message may have; the connection itself refuses four times as much."""


@pytest.fixture
def limits() -> dict[str, Any]:
    return {"ws_message_bytes": LIMIT, "heartbeat_seconds": 0.6, "ws_init_seconds": 5.0}


@pytest.fixture
async def edge(database: Database, world: World, limits: dict[str, Any]) -> AsyncIterator[Edge]:
    async with Edge(database, world, limits=limits).live() as edge:
        yield edge


@pytest.fixture
async def url(edge: Edge) -> AsyncIterator[str]:
    async with edge.served() as host:
        yield f"http://{host}/graphql"
    assert edge.hub.connections == 0


async def frames_of(wire: Wire, count: int) -> list[tuple[int, bytes]]:
    """The next frames, of whatever kind."""
    return [await wire._frame() for _ in range(count)]


def connections(edge: Edge) -> list[SocketConnection]:
    """What the server keeps."""
    return [connection for connection in edge.server.server_state.connections if type(connection) is SocketConnection]


async def test_a_message_that_comes_byte_by_byte_and_several_that_come_at_once(url: str) -> None:
    async with Wire(url) as wire:
        for number in message("ping", payload={"in": "pieces"}):
            await wire.send(bytes((number,)))
            await asyncio.sleep(0)
        assert await wire.receive() == {"type": "pong", "payload": {"in": "pieces"}}
        many = [message("ping", payload={"number": number}) for number in range(200)]
        await wire.send(b"".join(many) + many[0][:7])
        for number in range(200):
            assert (await wire.receive())["payload"] == {"number": number}
        await wire.send(many[0][7:])
        assert (await wire.receive())["payload"] == {"number": 0}


async def test_what_follows_the_initialisation_waits_for_it(url: str, edge: Edge, world: World) -> None:
    token = edge.token(DISPATCHER)
    async with Wire(url) as wire:
        await wire.send(
            message("connection_init", payload={"authorization": f"Bearer {token}"})
            + message("subscribe", id="1", payload={"query": "{ me }"})
            + message("ping")
        )
        assert await wire.receive() == {"type": "connection_ack"}
        said = [await wire.receive() for _ in range(3)]
        assert {each["type"] for each in said} == {"next", "complete", "pong"}


async def test_a_message_in_fragments_with_a_ping_between_them(url: str) -> None:
    text = json.dumps({"type": "ping", "payload": {"x": "片" * 500}}).encode()
    async with Wire(url) as wire:
        await wire.send(
            frame(TEXT, text[:401], final=False)  # in the middle of a letter
            + frame(PING, b"between")
            + frame(CONTINUATION, final=False)
            + frame(PONG, b"unasked")
            + frame(CONTINUATION, text[401:])
        )
        assert (await frames_of(wire, 1)) == [(PONG, b"between")]
        assert (await wire.receive())["payload"] == {"x": "片" * 500}
        await wire.send(message("ping"))
        assert await wire.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x02{}", 1002),  # not masked
        (frame(CONTINUATION, b"x"), 1002),
        (frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002),
        (frame(0x3, b"x"), 1002),
        (b"\xc1" + frame(TEXT, b"x")[1:], 1002),  # a reserved bit
        (frame(PING, b"x" * 126), 1002),
        (frame(PONG, b"x" * 126), 1002),
        (b"\x8a\x00", 1002),  # a pong that is not masked
        (frame(PING, final=False), 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(TEXT, b"x" * (4 * LIMIT + 1)), 1009),
        (b"\x81\xff" + (1 << 62).to_bytes(8, "big"), 1009),
        (frame(TEXT, b"x" * 3 * LIMIT, final=False) + frame(CONTINUATION, b"x" * 3 * LIMIT), 1009),
        (frame(TEXT, b"x" * (LIMIT + 1)), 1009),
        (frame(TEXT, b"\xff\xfe"), 4400),  # not UTF-8
        (frame(BINARY, b"x"), 4400),
        (frame(BINARY, b"x", final=False) + frame(CONTINUATION, b"{}"), 4400),
    ],
    ids=lambda value: value[:4].hex() if isinstance(value, bytes) else str(value),
)
async def test_frames_that_are_wrong(url: str, edge: Edge, sent: bytes, code: int) -> None:
    async with Wire(url) as wire:
        await wire.send(sent + frame(PING) * 3)
        assert (await wire.closed())[0] == code
        await wire.send(frame(CLOSE, code.to_bytes(2, "big")))
    await until(lambda: edge.hub.connections == 0 and not connections(edge))


async def test_a_client_that_says_good_bye_is_answered(url: str, edge: Edge) -> None:
    async with Wire(url) as wire:
        await wire.send(message("ping") + frame(CLOSE, (1000).to_bytes(2, "big") + b"done") + message("ping"))
        assert await wire.receive() == {"type": "pong"}
        assert await wire.receive() == (1000, "done")
        assert await wire._reader.read() == b""
        await until(lambda: not connections(edge))


async def test_a_client_that_hangs_up_in_the_middle_of_a_frame(url: str, edge: Edge) -> None:
    async with Wire(url) as wire:
        await wire.send(message("ping") + message("ping")[:5])
        assert await wire.receive() == {"type": "pong"}
        wire._writer.write_eof()
        await until(lambda: edge.hub.connections == 0 and not connections(edge))


async def test_a_client_that_is_closed_and_does_not_answer_is_dropped(
    url: str, edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.live.connections.CLOSE_SECONDS", 0.2)
    async with Wire(url) as wire:
        await wire.send(frame(TEXT, b"nonsense"))
        assert (await wire.closed())[0] == 4400
        assert len(connections(edge)) == 1
        await until(lambda: not connections(edge))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await wire._frame()


async def test_who_gives_no_sign_of_life_is_closed(url: str, edge: Edge, world: World) -> None:
    """A client is asked for one at every heartbeat; anything counts."""
    async with Wire(url) as silent, Wire(url) as answering, Wire(url) as talking:
        for wire in (silent, answering, talking):
            await wire.sign_in(edge.token(DISPATCHER))
        for _ in range(4):
            assert await frames_of(answering, 1) == [(PING, b"")]
            assert await frames_of(talking, 1) == [(PING, b"")]
            await answering.send(frame(PONG))
            await talking.send(message("pong"))
        assert await silent.closed() == (1011, "No sign of life")
        await answering.subscribe("s", FEED)
        await until(lambda: bool(edge.hub._feeds))
        await edge.happen(Subject(world.guangyuan.id), "A")
        while (said := await frames_of(answering, 1))[0][0] == PING:
            await answering.send(frame(PONG))
        assert json.loads(said[0][1])["payload"]["data"]["event"]["type"] == "A"


async def test_a_client_that_takes_nothing_is_not_read_either(url: str, edge: Edge) -> None:
    """Its pings are answered when it reads: what is kept for it stays small."""
    ping = message("ping", payload={"x": "x" * 15_000})
    async with Wire(url) as wire:
        wire._writer.transport.pause_reading()  # type: ignore[attr-defined]
        sending = asyncio.create_task(wire.send(ping * 1_000))
        await until(lambda: any(connection._blocked is not None for connection in connections(edge)))
        (connection,) = connections(edge)
        await asyncio.sleep(0.3)
        assert connection._holds
        assert connection._transport.get_write_buffer_size() < 200_000
        assert not sending.done()
        wire._writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(1_000):
            assert await frames_of(wire, 1) != [(CLOSE, b"")]
        await sending


async def ask(url: str, request: str) -> str:
    """The status line that a handshake is answered with."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request.encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer.split(b"\r\n")[0].decode()


HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    "sec-websocket-version: {version}\r\nsec-websocket-key: {key}\r\n{more}\r\n"
)


@pytest.mark.parametrize(
    ("path", "version", "key", "more", "status"),
    [
        ("/nothing", 13, "AAAAAAAAAAAAAAAAAAAAAA==", "", 403),
        ("/graphql", 13, "AAAAAAAAAAAAAAAAAAAAAA==", "origin: https://evil.example\r\n", 403),
        ("/graphql", 13, "too short", "", 400),
        ("/graphql", 8, "AAAAAAAAAAAAAAAAAAAAAA==", "", 400),
        ("/graphql", 13, "AAAAAAAAAAAAAAAAAAAAAA==", "".join(f"x-{n}: y\r\n" for n in range(200)), 431),
        ("/graphql", 13, "AAAAAAAAAAAAAAAAAAAAAA==", "x : y\r\n", 400),
        ("/graphql?" + "x" * 9_000, 13, "AAAAAAAAAAAAAAAAAAAAAA==", "", 414),
    ],
)
async def test_handshakes_that_are_refused(
    url: str, edge: Edge, path: str, version: int, key: str, more: str, status: int
) -> None:
    answer = await ask(url, HANDSHAKE.format(path=path, version=version, key=key, more=more))
    assert answer.startswith(f"HTTP/1.1 {status} ")
    await until(lambda: not connections(edge))


async def test_an_application_that_fails_in_the_handshake(
    url: str, edge: Edge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bool:
        raise ValueError("on purpose")

    monkeypatch.setattr("schema.live.socket.origin_allowed", fail)
    request = HANDSHAKE.format(path="/graphql", version=13, key="AAAAAAAAAAAAAAAAAAAAAA==", more="")
    assert (await ask(url, request)).startswith("HTTP/1.1 500 ")
    assert "on purpose" in caplog.text


async def test_nothing_is_compressed(url: str) -> None:
    async with Wire(url) as wire:
        assert "sec-websocket-extensions" not in wire.headers
        assert "sec-websocket-protocol: graphql-transport-ws" in wire.headers


async def test_the_server_says_that_it_stops(edge: Edge) -> None:
    async with edge.served() as host:
        wire = await Wire(f"http://{host}/graphql").__aenter__()
        await wire.send(message("ping"))
        assert await wire.receive() == {"type": "pong"}
    assert (await wire.closed())[0] == 1012
    await wire.__aexit__()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
async def test_frames_are_as_long_as_they_say(size: int) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(text_frame(b"x" * (size // 2), b"x" * (size - size // 2)))
    wire = Wire("http://x")
    wire._reader = reader
    assert await wire._frame() == (TEXT, b"x" * size)
    assert reader._buffer == b""  # type: ignore[attr-defined]


class Beating:
    def __init__(self) -> None:
        self.beats: list[float] = []

    def beat(self, now: float) -> None:
        self.beats.append(now)


async def test_beats() -> None:
    """Each is called once, in time, unless it is forgotten; one that is called may ask for the next at once."""
    loop = asyncio.get_running_loop()
    beats = Beats()
    now = loop.time()
    early, late, forgotten = Beating(), Beating(), Beating()

    class Again(Beating):
        def beat(self, now: float) -> None:
            super().beat(now)
            if len(self.beats) < 3:
                beats.at(now, self)

    again = Again()
    beats.at(now + 0.1, early)
    beats.at(now + 0.6, late)
    beats.at(now, again)
    slot = beats.at(now + 0.1, forgotten)
    beats.forget(slot, forgotten)
    beats.forget(slot, forgotten)
    beats.forget(7, forgotten)
    await until(lambda: bool(late.beats))
    assert len(early.beats) == len(late.beats) == 1
    assert now + 0.1 <= early.beats[0] < late.beats[0]
    assert late.beats[0] >= now + 0.6
    await until(lambda: len(again.beats) == 3)
    assert not forgotten.beats
    await asyncio.sleep(2 * TICK)
    assert beats._timer is None, "who has nothing to do needs no timer"
    assert not beats._slots
