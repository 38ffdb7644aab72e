"""GraphQL over WebSocket, the protocol `graphql-transport-ws`: one connection, many operations.

Close codes, chosen so that the usual clients do the right thing:

    4400 BadRequest, 4401 Unauthorized (a `subscribe` before the acknowledgement), 4406 (another subprotocol, such as
    the legacy `graphql-ws`), 4409 (an id in use), 4429 (a second `connection_init`): the client is wrong; it gives up.
    4403 Forbidden: the token is refused, has expired, or its person is no longer active. Clients retry, and ask for
    a fresh token when they do.
    4408: no `connection_init` in time.
    1008, 1009: too many messages (`connections.SocketConnection`), a message too big: it gives up.
    1013 Try again later: the client does not keep up, the server or the person has too many connections, or the
    database is away. Clients reconnect and resume from their last cursor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.kernel.errors import RateLimited, Unauthenticated
from schema.context import Services, Viewer
from schema.errors import format_errors
from schema.http import BadRequest, Parameters, headers_of, locale_of, origin_allowed, parameters_of
from schema.live.hub import Hub, Member
from schema.live.outbox import SLOW, Interrupted, Outbox, size_of
from schema.viewers import sign_in, with_current_grants

logger = logging.getLogger(__name__)

SUBPROTOCOL = "graphql-transport-ws"
CLOSE_SECONDS = 5.0
"""How long a client may take to receive why it is closed."""
LONGEST_ID = 200
LONGEST_REASON = 120
"""Bytes; the protocol has room for 123."""

TRY_AGAIN_LATER = 1013
TOO_BIG = 1009
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
NO_SUBPROTOCOL = 4406
INIT_TIMEOUT = 4408
ID_IN_USE = 4409
TOO_MANY_INITS = 4429


class SocketEndpoint:
    """The WebSocket side of `/graphql`."""

    def __init__(self, services: Services, hub: Hub) -> None:
        self.services = services
        self.hub = hub
        self.mutations: set[asyncio.Task[None]] = set()
        """Mutations whose client went away: they finish, so that nothing is left in doubt."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        connection = await self._accept(websocket)
        if connection is None:
            return
        self.hub.connections += 1
        try:
            await connection.run()
        finally:
            self.hub.connections -= 1

    async def _accept(self, websocket: WebSocket) -> _Connection | None:
        """Shake hands, or refuse. (Apart, since what it needs would live as long as the connection otherwise.)"""
        headers = headers_of(websocket.scope)
        if not origin_allowed(headers, self.services.settings.allowed_origins):
            await websocket.close()  # before the handshake: 403
            return None
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(NO_SUBPROTOCOL, "Subprotocol not acceptable")
            return None
        await websocket.accept(SUBPROTOCOL)
        if self.hub.connections >= self.services.settings.limits.sockets:
            await websocket.close(TRY_AGAIN_LATER, "Too many connections")
            return None
        return _Connection(self, websocket, headers.get("accept-language"))


class _Connection:
    """One client."""

    __slots__ = (
        "_acknowledged",
        "_carried_through",
        "_closing",
        "_endpoint",
        "_expiry",
        "_init_timer",
        "_initialised",
        "_language",
        "_main",
        "_websocket",
        "operations",
        "outbox",
        "viewer",
    )

    def __init__(self, endpoint: SocketEndpoint, websocket: WebSocket, language: str | None) -> None:
        limits = endpoint.services.settings.limits
        self._endpoint = endpoint
        self._websocket = websocket
        self._language = language
        self._initialised = False
        self._acknowledged = False
        self._carried_through = 0
        self._closing: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._init_timer: asyncio.TimerHandle | None = None
        self._main: asyncio.Task[None] | None = None
        self.viewer: Viewer | None = None
        self.operations: dict[str, _Operation] = {}
        self.outbox = Outbox(
            websocket.send,
            _text_frame,
            limit=limits.ws_queue,
            limit_bytes=limits.ws_queue_bytes,
            on_full=self._on_full,
        )

    @property
    def services(self) -> Services:
        return self._endpoint.services

    @property
    def hub(self) -> Hub:
        return self._endpoint.hub

    def carry_through(self, mutation: asyncio.Task[None]) -> None:
        """Let a mutation finish that nobody waits for any more; it counts as an operation until then."""
        self._endpoint.mutations.add(mutation)
        self._carried_through += 1
        mutation.add_done_callback(self._carried)

    def _carried(self, mutation: asyncio.Task[None]) -> None:
        self._endpoint.mutations.discard(mutation)
        self._carried_through -= 1

    async def run(self) -> None:
        """Serve the client until either side closes."""
        self._main = asyncio.current_task()
        self._init_timer = asyncio.get_running_loop().call_later(
            self.services.settings.limits.ws_init_seconds, self.close, INIT_TIMEOUT, "Connection initialisation timeout"
        )
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if self._closing is None:
                    await self._take(message.get("text"))
                    await asyncio.sleep(0)  # what has come already is taken without a pause otherwise
        except WebSocketDisconnect:
            return
        except asyncio.CancelledError:
            if self._closing is None:
                raise
            # A client that takes nothing does not take the closing either: the server drops it when we return.
        finally:
            for timer in (self._init_timer, self._expiry):
                if timer is not None:
                    timer.cancel()
            self._stop_operations()
            self.outbox.close()
            if self.viewer is not None:
                self.hub.leave(self.viewer.user_id)

    def close(self, code: int, reason: str) -> None:
        """Close the connection, having sent what was offered, if the client takes it soon."""
        if self._closing is None:
            self._stop_operations()
            self._closing = asyncio.create_task(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.outbox.flush()
                self.outbox.close()
                await self._websocket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
        except TimeoutError:
            self.outbox.close()
            if self._main is not None:
                self._main.cancel()
        except (OSError, RuntimeError, WebSocketDisconnect, asyncio.CancelledError):
            pass  # closed already

    def _on_full(self) -> None:
        self.close(TRY_AGAIN_LATER, SLOW)

    def _stop_operations(self) -> None:
        for operation in tuple(self.operations.values()):
            operation.cancel()

    async def _take(self, text: str | None) -> None:
        if text is None:
            return self.close(BAD_REQUEST, "Only text messages are understood")
        if size_of(text) > self.services.settings.limits.ws_message_bytes:
            return self.close(TOO_BIG, "The message is too big")
        try:
            message = orjson.loads(text)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            message = None
        if not isinstance(message, dict):
            return self.close(BAD_REQUEST, "Invalid message: not a JSON object")
        payload = message.get("payload")
        match message.get("type"):
            case "connection_init" if isinstance(payload, dict | None):
                await self._initialise(payload or {})
            case "ping" if isinstance(payload, dict | None):
                pong = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
                self.outbox.offer(_json(pong))
            case "pong":
                pass
            case "subscribe":
                self._subscribe(message.get("id"), payload)
            case "complete" if isinstance(message.get("id"), str):
                operation = self.operations.get(message["id"])
                if operation is not None:
                    operation.cancel()
            case _:
                self.close(BAD_REQUEST, "Invalid message")
        return None

    async def _initialise(self, payload: Mapping[str, Any]) -> None:
        if self._initialised:
            return self.close(TOO_MANY_INITS, "Too many initialisation requests")
        self._initialised = True
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None
        language = payload.get("accept-language")
        locale = locale_of(language if isinstance(language, str) else self._language)
        try:
            signed_in = await sign_in(self.services, payload.get("authorization"), locale)
            self.hub.enter(signed_in.viewer.user_id)
        except RateLimited:
            return self.close(TRY_AGAIN_LATER, "Too many connections of one person")
        except Unauthenticated as error:
            return self.close(FORBIDDEN, f"Forbidden: the token is {error.rule}")
        except Exception:
            logger.exception("A sign-in failed")
            return self.close(TRY_AGAIN_LATER, "The sign-in cannot be checked at the moment")
        self.viewer = signed_in.viewer
        if signed_in.expires_at is not None:
            remaining = (signed_in.expires_at - self.services.clock.now()).total_seconds()
            self._expiry = asyncio.get_running_loop().call_later(
                remaining, self.close, FORBIDDEN, "Forbidden: the token is expired"
            )
        self._acknowledged = True
        self.outbox.offer('{"type":"connection_ack"}')
        return None

    def _subscribe(self, operation_id: object, payload: object) -> None:
        if not self._acknowledged or self.viewer is None:
            return self.close(UNAUTHORIZED, "Unauthorized: connection_init comes first")
        if not isinstance(operation_id, str) or not 0 < len(operation_id) <= LONGEST_ID:
            return self.close(BAD_REQUEST, "Invalid message: id")
        if operation_id in self.operations:
            return self.close(ID_IN_USE, f"Subscriber for {operation_id} already exists")
        try:
            parameters = parameters_of(payload)
        except BadRequest as error:
            return self.close(BAD_REQUEST, f"Invalid message: {error.rule} {error.data.get('parameter', 'payload')}")
        operation = _Operation(self, operation_id)
        limit = self.services.settings.limits.ws_operations
        if len(self.operations) + self._carried_through >= limit:
            return operation.end(RateLimited("operations", limit=limit))
        self.operations[operation_id] = operation
        operation.start(parameters)
        return None


class _Operation:
    """One operation of a connection, and where its responses go: a query or mutation answers once, a stream goes on."""

    __slots__ = ("_connection", "_id", "_is_mutation", "_member", "_opening", "_task")

    def __init__(self, connection: _Connection, operation_id: str) -> None:
        self._connection = connection
        self._id = operation_id
        self._opening = f'{{"id":{_json(operation_id)},"type":"next","payload":'
        self._task: asyncio.Task[None] | None = None
        self._member: Member | None = None
        self._is_mutation = False

    def start(self, parameters: Parameters) -> None:
        """Carry it out in a task of its own."""
        self._task = asyncio.create_task(self._run(parameters), name="socket operation")

    def cancel(self) -> None:
        """The client wants no more of it."""
        self._forget()
        if self._member is not None:
            self._member.cancel()
        if self._task is None or self._task is asyncio.current_task():
            return
        if self._is_mutation:
            self._connection.carry_through(self._task)
        else:
            self._task.cancel()

    def deliver(self, payload: str) -> None:
        """Send one response."""
        self._connection.outbox.offer(f"{self._opening}{payload}}}")

    async def room(self) -> None:
        """Wait for a client that is slow right now. Raises Interrupted."""
        await self._connection.outbox.room(self._connection.services.settings.limits.stall_seconds)

    def end(self, error: Exception | None) -> None:
        """Complete, or tell why not. An interrupted stream and a person no longer active end the connection."""
        connection = self._connection
        self._forget()
        if error is None:
            connection.outbox.offer(f'{{"id":{_json(self._id)},"type":"complete"}}')
            return
        if isinstance(error, Interrupted):
            connection.close(TRY_AGAIN_LATER, error.reason)
            return
        locale = "zh-CN" if connection.viewer is None else connection.viewer.locale
        errors = _json(format_errors(error, locale))
        connection.outbox.offer(f'{{"id":{_json(self._id)},"type":"error","payload":{errors}}}')
        if isinstance(error, Unauthenticated) and error.rule == "revoked":
            connection.close(FORBIDDEN, "Forbidden: the token is revoked")

    def _forget(self) -> None:
        self._connection.operations.pop(self._id, None)

    async def _run(self, parameters: Parameters) -> None:
        connection = self._connection
        assert connection.viewer is not None
        services = connection.services
        try:
            viewer = connection.viewer.at(services.clock.now())
            if viewer.actor is not None:
                viewer = viewer.acting_as(await services.actors.load(viewer.actor.user_id))
            body = await with_current_grants(services, viewer, lambda viewer: self._perform(parameters, viewer))
            if body is not None:
                await self.room()
                if self._open:
                    self.deliver(body.decode())
                    self.end(None)
        except Exception as error:
            if self._open:
                self.end(error)
        finally:
            self._task = None

    @property
    def _open(self) -> bool:
        return self._connection.operations.get(self._id) is self

    async def _perform(self, parameters: Parameters, viewer: Viewer) -> bytes | None:
        connection = self._connection
        executor = connection.services.executor
        prepared = executor.prepare(parameters.query, parameters.operation_name, viewer=viewer)
        if prepared.operation_type != "subscription":
            self._is_mutation = prepared.operation_type == "mutation"
            return await executor.execute(prepared, parameters.variables, viewer)
        member = await connection.hub.subscribe(prepared, parameters.variables, viewer, self)
        if self._open:
            self._member = member
        else:  # completed by the client in the meantime
            member.cancel()
        return None


def _text_frame(text: str) -> dict[str, str]:
    return {"type": "websocket.send", "text": text}


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()
