"""The event log: what is appended, how it is numbered, how it is read.

An event is inserted by the transaction of the change it tells of (`unit_of_work`) and has no position yet. After the
commit a *sequencer* of any process gives it the next position of its city. Cursors are made of positions only: they
are handed out to committed events alone, so a reader that goes on from a position can never skip a slow committer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import asyncpg
import orjson
from asyncpg.exceptions import InterfaceError, InvalidSQLStatementNameError, PostgresError

from app.kernel.database import Database, within_request
from app.kernel.errors import TooSlow

logger = logging.getLogger(__name__)

CHANNEL = "yingshang_events"
EVERY_CITY = "*"
"""The payload of a notification that concerns more cities than fit into one."""
PAYLOAD_LIMIT = 7_900
"""PostgreSQL refuses notifications of 8,000 bytes and more."""
SEQUENCER_LOCK = 0x59_53_45_51  # "YSEQ": the one advisory lock under which positions are given
EVENTS_PER_TURN = 5_000
"""A turn is one short transaction, also when a whole import waits for its positions."""
PAUSE_SECONDS = 0.01
"""From one turn's beginning to the next one's at least: who commits meanwhile shares it. After a rest none waits."""
POLL_SECONDS = 1.0
"""How long an event can wait whose process was killed between its commit and its wake."""

Scalar = str | int | bool | None
EventData = Mapping[str, Scalar | list[str] | list[int]]


@dataclass(frozen=True, slots=True)
class Author:
    """Who did it: the person, and the tenant and role they did it in. All empty: the system did."""

    user_id: uuid.UUID | None = None
    tenant_id: int | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event as the live path first meets it; what it shows is read by the reader."""

    position: int
    id: uuid.UUID
    topic: str
    subject_id: uuid.UUID
    type: str
    restricted: bool


def canonical_json(value: object) -> bytes:
    """RFC 8785 canonical JSON (UTF-8, keys sorted, no white space) of objects, lists, texts, integers and booleans.

    Floats are refused: their shortest form differs between languages. The same bytes in Python's own words:
    `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()`.
    """
    _refuse_floats(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def chain_hash(event: Mapping[str, Any]) -> bytes:
    """SHA-256 over an event and the hash of the one before it; `event` has the columns of `events` as keys.

    The hashed text is the canonical JSON of one object: `actorId`, `actorRole`, `actorTenantId`, `at` (UTC,
    `2026-01-31T08:00:00.000000Z`), `cityId`, `data`, `id`, `previous` (hexadecimal, null for the first), `restricted`,
    `seq`, `subjectId`, `topic`, `type`, `version`, `visibility`. Position and ordinal are not in it: they come later.
    """
    at: datetime = event["at"]
    previous: bytes | None = event["prev_hash"]
    actor_id: uuid.UUID | None = event["actor_id"]
    document = {
        "actorId": None if actor_id is None else str(actor_id),
        "actorRole": event["actor_role"],
        "actorTenantId": event["actor_tenant_id"],
        "at": at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "cityId": event["city_id"],
        "data": dict(event["data"]),
        "id": str(event["id"]),
        "previous": None if previous is None else previous.hex(),
        "restricted": event["restricted"],
        "seq": event["seq"],
        "subjectId": str(event["subject_id"]),
        "topic": event["topic"],
        "type": event["type"],
        "version": event["version"],
        "visibility": event["visibility"],
    }
    return hashlib.sha256(canonical_json(document)).digest()


def first_broken(events: Iterable[Mapping[str, Any]]) -> int | None:
    """The `seq` of the first event of one subject (given in order) that was altered, lost or put in; none if whole."""
    previous: bytes | None = None
    for expected, event in enumerate(events, start=1):
        if event["seq"] != expected or event["prev_hash"] != previous or event["hash"] != chain_hash(event):
            return expected
        previous = event["hash"]
    return None


async def read_after(database: Database, city_id: int, position: int, limit: int) -> list[FeedEvent]:
    """Up to `limit` numbered events of the city after `position`, in order: one round trip. Raises TooSlow."""
    given = (city_id, position, limit)
    read = await database.value(
        _AFTER, given, cities=(city_id,), user_id=None, grants_version=None, tree_version=None, by_key=True
    )
    return [
        FeedEvent(position, uuid.UUID(event_id), topic, uuid.UUID(subject_id), type_, restricted)
        for position, event_id, topic, subject_id, type_, restricted in orjson.loads(read.data or b"[]")
    ]


async def current_position(connection: asyncpg.Connection, city_id: int) -> int:
    """The last position given in the city; 0 when there is none."""
    position: int | None = await connection.fetchval("select position from event_heads where city_id = $1", city_id)
    return position or 0


async def oldest_position(connection: asyncpg.Connection, city_id: int) -> int:
    """The lowest position from which the city's log can still be read on: one before the oldest event kept."""
    # One statement: between two, an empty log may get its first events, and would seem to begin behind them.
    oldest: int | None = await connection.fetchval(
        "select coalesce((select min(position) - 1 from events where city_id = $1),"
        " (select position from event_heads where city_id = $1))",
        city_id,
    )
    return oldest or 0


class Sequencer:
    """Gives committed events their positions, city by city, and wakes the readers of every process.

    Every process runs one; one advisory lock lets them take turns. A turn numbers everything committed so far in the
    cities it was woken for, so that wakes which come during a turn share the next one, and so do their notifications.
    At every poll a turn is for all cities, which `city_ids` tells: it picks up what a process committed and did not
    live to announce.
    """

    def __init__(
        self,
        database: Database,
        city_ids: Callable[[], Awaitable[tuple[int, ...]]],
        *,
        poll_seconds: float = POLL_SECONDS,
        events_per_turn: int = EVENTS_PER_TURN,
    ) -> None:
        self._database = database
        self._city_ids = city_ids
        self._poll_seconds = poll_seconds
        self._events_per_turn = events_per_turn
        self._woken = asyncio.Event()
        self._cities: set[int] = set()
        self._everywhere = True
        self._task: asyncio.Task[None] | None = None
        self.tree_version: int | None = None
        """The version of the tenant tree at the last poll: `city_ids` must not tell of an older one."""
        self.announces = True
        """Whether the readers are woken; not, where it is measured what that costs."""

    def wake(self, city_id: int) -> None:
        """Something was committed in that city. Never blocks."""
        self._cities.add(city_id)
        self._woken.set()

    async def number_events(self, city_ids: Collection[int] | None = None) -> int:
        """One turn, for all cities or these; returns how many events got their position."""
        async with self._database.connection() as connection:
            if city_ids is None:
                self.tree_version = await connection.fetchval("select tree_version from platform_state")
                city_ids = await self._city_ids()
            turn = self._turn(city_ids)
            try:
                done = await connection.execute(turn)
            except InvalidSQLStatementNameError:  # its first turn on this connection
                await connection.execute(_PREPARE)
                done = await connection.execute(turn)
        numbered = int(done.rpartition(" ")[2])  # UPDATE 3
        if numbered >= self._events_per_turn:  # there may be more
            self._everywhere = True
            self._woken.set()
        return numbered

    def _turn(self, city_ids: Iterable[int]) -> str:
        """A turn as one message, which is one transaction: whoever waits for an event waits for each round trip.

        The lock comes in a statement of its own: the next one then sees all that the turn before has done.
        """
        cities = ",".join(str(int(city_id)) for city_id in sorted(city_ids))
        return (
            f"set transaction read write; select begin_request('{cities}', null);"
            f" select pg_advisory_xact_lock({SEQUENCER_LOCK});"
            f" execute yingshang_number('{{{cities}}}', {self._events_per_turn}, {self.announces})"
        )

    async def run(self) -> None:
        """Take a turn at each wake and at each poll, until cancelled; outlives a lost server."""
        loop = asyncio.get_running_loop()
        rested_at = polled_at = loop.time()
        while True:
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that meets a wake, and we would never end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()
            await asyncio.sleep(rested_at - loop.time())
            self._woken.clear()
            begun_at = loop.time()
            rested_at = begun_at + PAUSE_SECONDS
            everywhere = self._everywhere or begun_at >= polled_at
            if everywhere:
                polled_at = begun_at + self._poll_seconds
            cities, self._cities, self._everywhere = self._cities, set(), False
            try:
                await self.number_events(None if everywhere else cities)
            except (OSError, TooSlow, PostgresError, InterfaceError):
                logger.exception("The sequencer could not take its turn; it tries again")
                self._everywhere = True
                await asyncio.sleep(self._poll_seconds)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name="sequencer")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None


_AFTER = within_request(
    "select json_agg(json_build_array(position, id, topic, subject_id, type, restricted) order by position)"
    " from (select position, id, topic, subject_id, type, restricted from events"
    " where city_id = $1 and position > $2 order by position limit $3) found",
    3,
)

# `ordinal` is taken at insert while the subject's row is locked, so events of one subject keep their order; the
# heads' rows are written under the advisory lock only. Prepared once on a connection: its plan costs as much as seven
# turns. The notification tells every process, with the commit, which cities have news: once in a turn.
_PREPARE = f"""
prepare yingshang_number (int[], int, bool) as
with waiting as materialized (
  select city_id, id, ordinal from events
  where position is null and city_id = any($1)
  order by city_id, ordinal limit $2
), fresh as materialized (
  select city_id, id, row_number() over (partition by city_id order by ordinal) as place from waiting
), counted as (
  select city_id, count(*) as events from fresh group by city_id
), news as (
  select string_agg(city_id::text, ',' order by city_id) as cities from counted having $3 and count(*) > 0
), told as materialized (
  select pg_notify('{CHANNEL}', case when length(cities) < {PAYLOAD_LIMIT} then cities else '{EVERY_CITY}' end)
  from news
), heads as (
  insert into event_heads as h (city_id, position) select city_id, events from counted
  on conflict (city_id) do update set position = h.position + excluded.position
  returning h.city_id, h.position
)
update events e set position = h.position - c.events + f.place
from fresh f join heads h on h.city_id = f.city_id join counted c on c.city_id = f.city_id left join told on true
where e.city_id = f.city_id and e.id = f.id
"""  # noqa: S608 - constants


_HARMLESS = frozenset({str, int, bool, type(None)})


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical form")
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for item in value:
        if type(item) not in _HARMLESS:  # nearly all are: a call for each would cost as much as the hash
            _refuse_floats(item)
