"""The edge as these tests drive it: the real view, hub, log and sign-in around a small schema of their own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import uvicorn
from graphql import (
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
    get_variable_values,
    validate,
)
from starlette.applications import Starlette

from app.kernel.clock import SystemClock
from app.kernel.config import Limits, Settings
from app.kernel.database import Database
from app.kernel.errors import BadInput, Forbidden, NotFound, StaleActor, TooSlow, Unauthenticated
from app.kernel.events import Author, FeedEvent, Sequencer
from app.kernel.pubsub import Wakeups
from app.kernel.secrets import new_signing_key
from app.kernel.tables import new_id
from app.kernel.unit_of_work import unit_of_work
from app.operations import uploads_of
from authz.actors import Actors
from authz.keys import signing_key
from authz.permissions import Permission
from authz.policy import load_policy
from authz.tokens import TokenIssuer, TokenVerifier
from schema.context import Services, Viewer
from schema.cursors import FeedCursors
from schema.errors import InvalidRequest
from schema.guard import parse_within
from schema.live.hub import Hub
from schema.view import graphql_routes
from tenants.tree import TenantTreeCache
from tests.factories.world import World

SCHEMA = build_schema("""
type Query { hello(name: String): String!  whole(number: Int): Int  me: String!  denied: String  missing: String
             slow: String  broken: String  stale: String  bad: String  node: Node }
type Node { name: String  node: Node }
type Mutation { note(text: String!): String! }
type Subscription { ticketEvents(id: ID!, after: String): Edge!  ticketFeed(after: String, personal: Boolean): Edge! }
type Edge { cursor: String!  position: Int!  id: ID!  type: String! }
""")


@dataclass(frozen=True)
class FakePrepared:
    document: Any
    operation: OperationDefinitionNode
    operation_type: str
    text: str


@dataclass
class Stream:
    """A subscription that shows where an event lies in the log, so that a test sees what came and what did not."""

    executor: FakeExecutor
    topic: str
    topic_city: int
    subject_id: uuid.UUID | None
    group_key: Hashable
    after: int | None
    name: str

    async def read(
        self, events: Sequence[FeedEvent], viewer: Viewer, *, include_restricted: bool
    ) -> list[bytes | None]:
        executor = self.executor
        executor.reads.append((viewer.user_id, [event.position for event in events], include_restricted))
        if executor.reading is not None:
            await executor.reading.wait()
        if executor.failures:
            raise executor.failures.pop(0)
        assert viewer.actor is not None
        async with executor.database.reading(cities=(self.topic_city,), user_id=viewer.user_id) as reading:
            if reading.grants_version != viewer.actor.grants_version:
                raise StaleActor(viewer.user_id)
        return [self._payload(event, viewer, include_restricted=include_restricted) for event in events]

    def _payload(self, event: FeedEvent, viewer: Viewer, *, include_restricted: bool) -> bytes | None:
        named = (event.subject_id, viewer.user_id) in self.executor.named
        if event.restricted and not (include_restricted and named):
            return None
        cursor = self.executor.cursors.encode(event.position, self.topic_city, self.name)
        edge = {"cursor": cursor, "position": event.position, "id": str(event.id), "type": event.type}
        return orjson.dumps({"data": {"event": edge, "padding": self.executor.padding}})


@dataclass
class FakeExecutor:
    """Answers the small schema by graphql-core, with the refusals that the real one can raise."""

    database: Database
    cursors: FeedCursors
    limits: Limits
    actors: Actors
    documents: dict[tuple[str, str | None], FakePrepared] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    named: set[tuple[uuid.UUID, uuid.UUID | None]] = field(default_factory=set)
    reads: list[tuple[uuid.UUID | None, list[int], bool]] = field(default_factory=list)
    prepared_streams: int = 0
    failures: list[Exception] = field(default_factory=list)
    reading: asyncio.Event | None = None
    gate: asyncio.Event | None = None
    padding: str = ""
    stale: int = 0

    async def prepare(self, query: str, operation_name: str | None, *, viewer: Viewer) -> FakePrepared:
        known = self.documents.get((query, operation_name))
        if known is None:
            known = self.documents[query, operation_name] = self._prepare(query, operation_name)
        return known

    def _prepare(self, query: str, operation_name: str | None) -> FakePrepared:
        try:
            document = parse_within(query, self.limits)
        except GraphQLError as error:
            raise InvalidRequest([error]) from error
        if errors := validate(SCHEMA, document):
            raise InvalidRequest(errors)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise InvalidRequest([GraphQLError("Which operation?")])
        return FakePrepared(document, operation, operation.operation.value, query)

    async def execute(self, prepared: FakePrepared, variables: Mapping[str, Any] | None, viewer: Viewer) -> bytes:
        given = get_variable_values(SCHEMA, prepared.operation.variable_definitions or (), dict(variables or {}))
        if isinstance(given, list):
            raise InvalidRequest(given, code="BAD_USER_INPUT")
        fields = {field_.name.value for field_ in prepared.operation.selection_set.selections}
        refusals = {
            "denied": Forbidden("ticket:read"),
            "missing": NotFound(kind="Ticket"),
            "slow": TooSlow(),
            "broken": RuntimeError("the secret detail"),
            "bad": BadInput("malformed_id", id="x"),
        }
        for name in fields & refusals.keys():
            raise refusals[name]
        if "me" in fields and viewer.actor is None:
            raise Unauthenticated("missing")
        if "stale" in fields and self.stale:
            self.stale -= 1
            raise StaleActor(viewer.user_id)
        if self.gate is not None:
            await self.gate.wait()
        text = (variables or {}).get("text")
        if prepared.operation.operation is OperationType.MUTATION and isinstance(text, str):
            self.notes.append(text)
        root = {
            "hello": lambda _info, name="world": f"你好 {name}",
            "whole": lambda _info, number=0: number,
            "me": None if viewer.actor is None else viewer.actor.login,
            "note": text or "",
            "stale": "fresh",
        }
        result = execute(
            SCHEMA, prepared.document, root, variable_values=dict(variables or {}), operation_name=_name(prepared)
        )
        return orjson.dumps(result.formatted)

    async def prepare_subscription(
        self, prepared: FakePrepared, variables: Mapping[str, Any] | None, viewer: Viewer
    ) -> Stream:
        self.prepared_streams += 1
        given = get_variable_values(SCHEMA, prepared.operation.variable_definitions or (), dict(variables or {}))
        if isinstance(given, list):
            raise InvalidRequest(given, code="BAD_USER_INPUT")
        if viewer.actor is None:
            raise Unauthenticated("missing")
        if not viewer.actor.may(Permission.TICKET_READ):
            raise Forbidden(Permission.TICKET_READ)
        city_id = viewer.actor.city_id
        async with self.database.reading(cities=(city_id,), user_id=viewer.user_id) as reading:
            if reading.grants_version != viewer.actor.grants_version:
                raise StaleActor(viewer.user_id)
        wanted = dict(variables or {})
        after = wanted.pop("after", None)
        subject = uuid.UUID(wanted["id"]) if "id" in wanted else None
        name = f"ticketEvents:{subject}" if subject else "ticketFeed"
        person = viewer.user_id if wanted.get("personal") else None
        roles = tuple(sorted(viewer.actor.roles))
        return Stream(
            executor=self,
            topic="ticket",
            topic_city=city_id,
            subject_id=subject,
            group_key=(prepared.text, tuple(sorted(wanted.items())), viewer.locale, city_id, roles, person),
            after=None if after is None else self.cursors.decode(after, city_id, name),
            name=name,
        )


def _name(prepared: FakePrepared) -> str | None:
    return prepared.operation.name.value if prepared.operation.name else None


@dataclass
class Subject:
    city_id: int
    id: uuid.UUID = field(default_factory=new_id)
    version: int = 1


class Edge:
    """One process of the product at its edge."""

    def __init__(self, database: Database, world: World | None = None, **settings: Any) -> None:
        limits = Limits(**{"heartbeat_seconds": 0.2, "live_poll_seconds": 0.5, **settings.pop("limits", {})})
        self.settings = Settings(limits=limits, **settings)
        self.database = database
        self.world = world
        self.key = signing_key(new_signing_key())
        verifier = TokenVerifier(self.key)
        actors = Actors(database, load_policy(), verifier)
        cursors = FeedCursors(b"a secret of the tests")
        self.executor = FakeExecutor(database, cursors, limits, actors)
        self.clock = SystemClock()
        self.services = Services(
            settings=self.settings,
            clock=self.clock,
            database=database,
            trees=TenantTreeCache(database),
            actors=actors,
            verifier=verifier,
            cursors=cursors,
            sequencer=Sequencer(database, self._city_ids, poll_seconds=0.5),
            wakeups=Wakeups(database),
            uploads=uploads_of(self.settings, database),
            reader=None,
            executor=self.executor,
        )
        self.hub = Hub(self.services)
        self.app = Starlette(routes=graphql_routes(self.services, self.hub))

    async def _city_ids(self) -> tuple[int, ...]:
        assert self.world is not None
        return tuple(city.id for city in self.world.cities)

    @contextlib.asynccontextmanager
    async def live(self) -> AsyncIterator[Edge]:
        """With the log being numbered, told and read."""
        async with self.services.wakeups, self.services.sequencer, self.hub:
            await self.services.wakeups.connected()
            yield self

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """On a port of the loopback; yields `127.0.0.1:<port>`."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            self.app,
            log_level="error",
            lifespan="off",
            http="schema.live.connections:HttpConnection",
            ws="schema.live.connections:SocketConnection",
            ws_per_message_deflate=False,
            ws_max_size=4 * self.settings.limits.ws_message_bytes,
            timeout_graceful_shutdown=1,
        )
        server = self.server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
            listening.close()

    def token(self, login: str, *, lifetime: timedelta = timedelta(hours=1)) -> str:
        """A token of a person of the world."""
        assert self.world is not None
        return TokenIssuer(self.key).issue(self.world.user(login), now=datetime.now(UTC), lifetime=lifetime)

    async def viewer(self, login: str) -> Viewer:
        """A person of the world, asking now, in English."""
        assert self.world is not None
        return Viewer(await self.services.actors.load(self.world.user(login)), "en", self.clock.now())

    async def happen(
        self, subject: Subject, *types: str, topic: str = "ticket", restricted: bool = False
    ) -> list[uuid.UUID]:
        """Commit events of one subject."""
        opened = unit_of_work(
            self.database,
            city_id=subject.city_id,
            user_id=None,
            grants_version=None,
            now=self.clock.now(),
            sequencer=self.services.sequencer,
        )
        async with opened as uow:
            return [
                uow.record(
                    subject, type_, topic=topic, author=Author(), restricted=restricted, new=subject.version == 0
                )
                for type_ in types
            ]


@dataclass
class Inbox:
    """A sink that keeps what it is given. Without `taking` it has no room, of itself `stop_after` so many payloads."""

    payloads: list[Any] = field(default_factory=list)
    ended: list[Exception | None] = field(default_factory=list)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    stop_after: int | None = None

    def __post_init__(self) -> None:
        self.taking.set()

    def deliver(self, payload: bytes) -> None:
        self.payloads.append(orjson.loads(payload)["data"]["event"])
        if len(self.payloads) == self.stop_after:
            self.taking.clear()

    async def room(self) -> None:
        await self.taking.wait()

    def end(self, error: Exception | None) -> None:
        self.ended.append(error)

    @property
    def types(self) -> list[str]:
        return [payload["type"] for payload in self.payloads]

    @property
    def positions(self) -> list[int]:
        return [payload["position"] for payload in self.payloads]

    async def until(self, count: int, seconds: float = 10.0) -> None:
        """Wait for that many payloads."""
        await until(lambda: len(self.payloads) >= count, seconds)


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait for a condition to hold."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
