"""Clients as a frontend team would write them: over HTTP, over a WebSocket, and by Server-Sent Events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

PATIENCE = 60.0
"""Seconds that an answer, or an event, may take on a machine with much else to do."""
TRY_AGAIN = (1001, 1006, 1012, 1013)
"""Codes with which a server that goes away, or cannot just now, ends a connection."""
STRICT = "application/graphql-response+json"

EDGE = "cursor node { id type visibility version note ticket { id } }"
TICKET_FEED = (
    f"subscription($within: TenantPath!, $after: Cursor) {{ ticketFeed(within: $within, after: $after) {{ {EDGE} }} }}"
)
TICKET_EVENTS = f"subscription($id: ID!, $after: Cursor) {{ ticketEvents(id: $id, after: $after) {{ {EDGE} }} }}"


class Refused(Exception):
    """The server said no: the errors of the response."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__(json.dumps(errors, ensure_ascii=False))

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]


class Over(Exception):
    """The operation is over, without an error."""


class Closed(Exception):
    """The server closed the connection."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}")


class Http:
    """Asks one server as one person. Use as an async context manager."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        headers = {"accept": STRICT, "accept-language": "en"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self.unanswered = 0
        """Requests that reached somebody, or may have, and got no answer."""
        self._client = httpx.AsyncClient(headers=headers, timeout=PATIENCE, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def post(self, query: str, variables: Mapping[str, Any] | None = None) -> httpx.Response:
        return await self._client.post(self.url, json={"query": query, "variables": variables or {}})

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The response's `data`. Raises Refused for any error."""
        response = (await self.post(query, variables)).json()
        if "errors" in response:
            raise Refused(response["errors"])
        data: dict[str, Any] = response["data"]
        return data

    async def verb(self, name: str, selection: str = "ticket { id number version status }", **given: Any) -> Any:
        """A mutation's payload. Raises Refused for errors, those of the user included."""
        type_name = name[0].upper() + name[1:] + "Input"
        document = (
            f"mutation($input: {type_name}!) {{ {name}(input: $input) "
            f"{{ {selection} userErrors {{ code message path }} }} }}"
        )
        payload = (await self.ask(document, input=given))[name]
        if payload["userErrors"]:
            raise Refused([{**error, "extensions": {"code": error["code"]}} for error in payload["userErrors"]])
        return payload

    async def insist(self, name: str, **given: Any) -> Any:
        """A mutation with its idempotency key, sent until it is answered; the payload."""
        async with asyncio.timeout(2 * PATIENCE):
            while True:
                try:
                    return await self.verb(name, **given)
                except httpx.ConnectError:  # never reached anybody
                    await asyncio.sleep(0.05)
                except httpx.TransportError:
                    self.unanswered += 1

    @contextlib.asynccontextmanager
    async def events(self, query: str, variables: Mapping[str, Any]) -> AsyncIterator[EventStream]:
        """A subscription by Server-Sent Events."""
        request = {"query": query, "variables": variables}
        async with self._client.stream(
            "POST", self.url, json=request, headers={"accept": "text/event-stream"}
        ) as response:
            yield EventStream(response)

    def local_port(self, response: httpx.Response) -> int:
        """The port from which the request was sent."""
        port: int = response.extensions["network_stream"].get_extra_info("client_addr")[1]
        return port


class EventStream:
    """The events of one response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self.completed = False
        self._lines = response.aiter_lines()

    async def next(self) -> Any:
        """The data of the next response. Raises Refused, and Over at the end."""
        event = data = ""
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    data = line.removeprefix("data: ")
                elif event == "complete":
                    self.completed = True
                    break
                elif event == "next":
                    said = json.loads(data)
                    if "errors" in said:
                        raise Refused(said["errors"])
                    return said["data"]
        raise Over


class Socket:
    """One connection of `graphql-transport-ws`, with one operation at a time. Use as an async context manager."""

    def __init__(self, url: str, payload: Mapping[str, Any] | None) -> None:
        self._url = url.replace("http", "ws", 1)
        self._payload = payload
        self._connection: ClientConnection | None = None
        self._operations = 0

    @classmethod
    def signed_in(cls, url: str, token: str) -> Self:
        return cls(url, {"authorization": f"Bearer {token}", "accept-language": "en"})

    @property
    def local_port(self) -> int:
        assert self._connection is not None
        port: int = self._connection.local_address[1]
        return port

    async def __aenter__(self) -> Self:
        self._connection = await connect(
            self._url,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            proxy=None,
            open_timeout=PATIENCE,
            close_timeout=5,
            ping_interval=None,
        )
        try:
            await self._send({"type": "connection_init", "payload": self._payload or {}})
            acknowledged = await self._receive()
            assert acknowledged == {"type": "connection_ack"}, acknowledged
        except BaseException:
            self.cut()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._connection is not None
        await self._connection.close()

    def cut(self) -> None:
        """End the connection as a pulled cable would: no closing handshake."""
        assert self._connection is not None
        self._connection.transport.abort()

    async def start(self, query: str, variables: Mapping[str, Any] | None = None) -> None:
        """Send an operation; `next` gives what it answers."""
        self._operations += 1
        payload = {"query": query, "variables": variables or {}}
        await self._send({"type": "subscribe", "id": str(self._operations), "payload": payload})

    async def complete(self) -> None:
        """Want no more of the operation."""
        await self._send({"type": "complete", "id": str(self._operations)})

    async def next(self) -> Any:
        """The data of the next response. Raises Refused, Closed, and Over when it is complete."""
        while True:
            message = await self._receive()
            if message.get("id") != str(self._operations):
                continue
            if message["type"] == "complete":
                raise Over
            errors = message["payload"] if message["type"] == "error" else message["payload"].get("errors")
            if errors:
                raise Refused(errors)
            return message["payload"]["data"]

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._connection is not None
        await self._connection.send(json.dumps(message))

    async def _receive(self) -> dict[str, Any]:
        assert self._connection is not None
        try:
            async with asyncio.timeout(PATIENCE):
                message: dict[str, Any] = json.loads(await self._connection.recv())
        except ConnectionClosed as closed:
            frame = closed.rcvd
            raise Closed(1006 if frame is None else frame.code, "" if frame is None else frame.reason) from closed
        return message


@dataclass(eq=False, kw_only=True)
class _Noting:
    """Notes in a task of its own what comes, until the end of the block."""

    edges: list[dict[str, Any]] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @property
    def ids(self) -> list[str]:
        return [edge["node"]["id"] for edge in self.edges]

    async def _run(self) -> None:
        raise NotImplementedError


@dataclass(eq=False)
class Listener(_Noting):
    """What comes through a socket, noted as it comes. Use as an async context manager."""

    socket: Socket
    ended: Exception | None = None

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until what came is enough, or is the end."""
        async with asyncio.timeout(PATIENCE):
            while not enough():
                assert self.ended is None, self.ended
                await asyncio.sleep(0.02)

    async def end(self) -> Exception:
        """Wait until the server ends it; how it did."""
        assert self._task is not None
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({self._task})
        assert self.ended is not None
        return self.ended

    async def _run(self) -> None:
        try:
            while True:
                (edge,) = (await self.socket.next()).values()
                self.edges.append(edge)
        except (Refused, Closed, Over) as ended:
            self.ended = ended


@dataclass(eq=False)
class Follower(_Noting):
    """A client that never gives up: it resumes its subscription from the last cursor whenever the connection is lost.

    `edges` are what it was given, in order. A refusal ends it and is raised by whoever waits.
    """

    url: str
    token: str
    query: str
    variables: dict[str, Any]
    connections: int = 0
    _socket: Socket | None = None

    @property
    def local_port(self) -> int:
        assert self._socket is not None
        return self._socket.local_port

    def cut(self) -> None:
        """Lose the connection now."""
        assert self._socket is not None
        self._socket.cut()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until what came is enough."""
        assert self._task is not None
        async with asyncio.timeout(PATIENCE):
            while not enough():
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.02)

    async def _run(self) -> None:
        while True:
            try:
                async with Socket.signed_in(self.url, self.token) as self._socket:
                    self.connections += 1
                    after = {"after": self.edges[-1]["cursor"]} if self.edges else {}
                    await self._socket.start(self.query, {**self.variables, **after})
                    while True:
                        (edge,) = (await self._socket.next()).values()
                        self.edges.append(edge)
            except (OSError, WebSocketException):  # nobody there, or gone in the middle of the handshake
                await asyncio.sleep(0.05)
            except Closed as closed:
                if closed.code not in TRY_AGAIN:
                    raise
