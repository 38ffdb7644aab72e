"""GraphQL over WebSocket, the protocol `graphql-transport-ws`: one connection, many operations.

Close codes, chosen so that the usual clients do the right thing:

    4400 BadRequest, 4401 Unauthorized (a `subscribe` before the acknowledgement), 4406 (another subprotocol, such as
    the legacy `graphql-ws`), 4409 (an id in use), 4429 (a second `connection_init`): the client is wrong; it gives up.
    4403 Forbidden: the token is refused, has expired, or its person is no longer active. Clients retry, and ask for
    a fresh token when they do.
    4408: no `connection_init` in time.
    1011: no sign of life between two heartbeats; clients reconnect.
    1008, 1009: too many messages (`connections.SocketConnection`), a message too big: it gives up.
    1013 Try again later: the client does not keep up, the server or the person has too many connections, or the
    database is away. Clients reconnect and resume from their last cursor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from app.kernel.errors import RateLimited, Unauthenticated
from schema.context import Services, Viewer
from schema.errors import format_errors
from schema.http import BadRequest, Parameters, headers_of, locale_of, origin_allowed, parameters_of
from schema.live.beats import Beats
from schema.live.connections import CLOSE_SECONDS, SOCKET, SocketConnection, text_frame, text_head
from schema.live.hub import Hub
from schema.live.member import Member
from schema.live.outbox import SLOW, Interrupted, Outbox
from schema.viewers import sign_in, with_current_grants

logger = logging.getLogger(__name__)

SUBPROTOCOL = "graphql-transport-ws"
LONGEST_ID = 200

TOO_BIG = 1009
INTERNAL_ERROR = KEEPALIVE_TIMEOUT = 1011
TRY_AGAIN_LATER = 1013
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
NO_SUBPROTOCOL = 4406
INIT_TIMEOUT = 4408
ID_IN_USE = 4409
TOO_MANY_INITS = 4429


class SocketEndpoint:
    """The WebSocket side of `/graphql`, for servers with `connections.SocketConnection`."""

    def __init__(self, services: Services, hub: Hub) -> None:
        self.services = services
        self.hub = hub
        self.beats = Beats()
        self.mutations: set[asyncio.Task[None]] = set()
        """Mutations whose client went away: they finish, so that nothing is left in doubt."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Shake hands, or refuse; from then on the connection is told what its client does."""
        socket: SocketConnection = scope["extensions"][SOCKET]
        headers = headers_of(scope)
        if not origin_allowed(headers, self.services.settings.allowed_origins):
            return socket.refuse()
        if SUBPROTOCOL not in scope["subprotocols"]:
            socket.accept()
            return socket.close(NO_SUBPROTOCOL, "Subprotocol not acceptable")
        if self.hub.connections >= self.services.settings.limits.sockets:
            socket.accept(subprotocol=SUBPROTOCOL)
            return socket.close(TRY_AGAIN_LATER, "Too many connections")
        return _Connection(self, socket, headers.get("accept-language")).begin()


class _Connection:
    """One client. Between messages it costs no task and no timer of its own."""

    __slots__ = (
        "_acknowledged",
        "_beat_at",
        "_carried_through",
        "_closing",
        "_endpoint",
        "_expires",
        "_initialised",
        "_initialising",
        "_language",
        "_socket",
        "operations",
        "outbox",
        "viewer",
    )

    def __init__(self, endpoint: SocketEndpoint, socket: SocketConnection, language: str | None) -> None:
        limits = endpoint.services.settings.limits
        self._endpoint = endpoint
        self._socket = socket
        self._language = language
        self._acknowledged = False
        self._carried_through = 0
        self._closing: asyncio.Task[None] | None = None
        self._initialising: asyncio.TimerHandle | asyncio.Task[None] | None = None
        """The time limit; then the sign-in."""
        self._initialised = False
        self._expires = math.inf
        self._beat_at = 0
        self.viewer: Viewer | None = None
        self.operations: dict[str, _Operation] = {}
        self.outbox = Outbox(socket, limit=limits.ws_queue, limit_bytes=limits.ws_queue_bytes, on_full=self._on_full)

    @property
    def services(self) -> Services:
        return self._endpoint.services

    @property
    def hub(self) -> Hub:
        return self._endpoint.hub

    def begin(self) -> None:
        """Accept the connection. Raises ConnectionResetError."""
        loop = asyncio.get_running_loop()
        limits = self.services.settings.limits
        self._socket.accept(self, SUBPROTOCOL)
        self.hub.connections += 1
        self._initialising = loop.call_later(
            limits.ws_init_seconds, self.close, INIT_TIMEOUT, "Connection initialisation timeout"
        )
        self._beat_at = self._endpoint.beats.at(loop.time() + limits.heartbeat_seconds, self)

    def lost(self) -> None:
        """The client is gone."""
        if self._initialising is not None:
            self._initialising.cancel()
        self._endpoint.beats.forget(self._beat_at, self)
        self._stop_operations()
        self.outbox.close()
        self.hub.connections -= 1
        if self.viewer is not None:
            self.hub.leave(self.viewer.user_id)

    def beat(self, now: float) -> None:
        """Part with a client whose token has expired or that is silent, and ask the others for a sign of life."""
        if now >= self._expires:
            self.close(FORBIDDEN, "Forbidden: the token is expired")
        elif not self._socket.probe():
            self.close(KEEPALIVE_TIMEOUT, "No sign of life")
        else:
            later = now + self.services.settings.limits.heartbeat_seconds
            self._beat_at = self._endpoint.beats.at(min(later, self._expires), self)

    def carry_through(self, mutation: asyncio.Task[None]) -> None:
        """Let a mutation finish that nobody waits for any more; it counts as an operation until then."""
        self._endpoint.mutations.add(mutation)
        self._carried_through += 1
        mutation.add_done_callback(self._carried)

    def _carried(self, mutation: asyncio.Task[None]) -> None:
        self._endpoint.mutations.discard(mutation)
        self._carried_through -= 1

    def send(self, *parts: bytes) -> None:
        """Send one message, of parts that make it up. Never blocks."""
        self.outbox.offer(text_frame(*parts))

    def close(self, code: int, reason: str) -> None:
        """Close the connection, having sent what was offered, if the client takes it soon."""
        if self._closing is None:
            self._stop_operations()
            self._closing = asyncio.create_task(self._close(code, reason), name="socket close")

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.outbox.flush()
        self.outbox.close()
        self._socket.close(code, reason)

    def _on_full(self) -> None:
        self.close(TRY_AGAIN_LATER, SLOW)

    def _stop_operations(self) -> None:
        for operation in tuple(self.operations.values()):
            operation.cancel()

    def received(self, message: bytes | None) -> None:
        """Do what the client says."""
        if self._closing is not None:
            return
        try:
            self._take(message)
        except Exception:
            logger.exception("A message could not be taken")
            self.close(INTERNAL_ERROR, "Something went wrong on our side")

    def _take(self, text: bytes | None) -> None:
        if text is None:
            return self.close(BAD_REQUEST, "Only text messages are understood")
        if len(text) > self.services.settings.limits.ws_message_bytes:
            return self.close(TOO_BIG, "The message is too big")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            return self.close(BAD_REQUEST, "Invalid message: not a JSON object")
        payload = message.get("payload")
        match message.get("type"):
            case "connection_init" if isinstance(payload, dict | None):
                self._initialise(payload or {})
            case "ping" if isinstance(payload, dict | None):
                self.send(orjson.dumps({"type": "pong"} if payload is None else {"type": "pong", "payload": payload}))
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

    def _initialise(self, payload: Mapping[str, Any]) -> None:
        if self._initialised:
            return self.close(TOO_MANY_INITS, "Too many initialisation requests")
        self._initialised = True
        if self._initialising is not None:
            self._initialising.cancel()
        self._initialising = asyncio.create_task(self._sign_in(payload), name="socket sign-in")
        self._socket.hold()  # what comes next is for who this is
        return None

    async def _sign_in(self, payload: Mapping[str, Any]) -> None:
        language = payload.get("accept-language")
        locale = locale_of(language if isinstance(language, str) else self._language)
        try:
            signed_in = await sign_in(self.services, payload.get("authorization"), locale)
            self.hub.enter(signed_in.viewer.user_id)
        except RateLimited:
            self.close(TRY_AGAIN_LATER, "Too many connections of one person")
        except Unauthenticated as error:
            self.close(FORBIDDEN, f"Forbidden: the token is {error.rule}")
        except Exception:
            logger.exception("A sign-in failed")
            self.close(TRY_AGAIN_LATER, "The sign-in cannot be checked at the moment")
        else:
            self.viewer = signed_in.viewer
            if signed_in.expires_at is not None:
                self._expire_in((signed_in.expires_at - self.services.clock.now()).total_seconds())
            self._acknowledged = True
            self.send(b'{"type":"connection_ack"}')
        finally:
            self._initialising = None
            self._language = None
            self._socket.release()

    def _expire_in(self, seconds: float) -> None:
        beats = self._endpoint.beats
        now = asyncio.get_running_loop().time()
        self._expires = now + seconds
        if seconds < self.services.settings.limits.heartbeat_seconds:
            beats.forget(self._beat_at, self)
            self._beat_at = beats.at(self._expires, self)

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
        self._opening = b'{"id":' + orjson.dumps(operation_id) + b',"type":"next","payload":'
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

    def deliver(self, payload: bytes) -> None:
        """Send one response."""
        opening = self._opening
        head = text_head(len(opening) + len(payload) + 1)
        self._connection.outbox.offer(b"".join((head, opening, payload, b"}")))

    async def room(self) -> None:
        """Wait for a client that is slow right now. Raises Interrupted."""
        await self._connection.outbox.room(self._connection.services.settings.limits.stall_seconds)

    def end(self, error: Exception | None) -> None:
        """Complete, or tell why not. An interrupted stream and a person no longer active end the connection."""
        connection = self._connection
        self._forget()
        if error is None:
            connection.send(orjson.dumps({"id": self._id, "type": "complete"}))
            return
        if isinstance(error, Interrupted):
            connection.close(TRY_AGAIN_LATER, error.reason)
            return
        locale = "zh-CN" if connection.viewer is None else connection.viewer.locale
        answer = {"id": self._id, "type": "error", "payload": format_errors(error, locale)}
        connection.send(orjson.dumps(answer, default=str))
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
                    self.deliver(body)
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
        prepared = await executor.prepare(parameters.query, parameters.operation_name, viewer=viewer)
        if prepared.operation_type != "subscription":
            self._is_mutation = prepared.operation_type == "mutation"
            return await executor.execute(prepared, parameters.variables, viewer)
        member = await connection.hub.subscribe(prepared, parameters.variables, viewer, self)
        if self._open:
            self._member = member
        else:  # completed by the client in the meantime
            member.cancel()
        return None
