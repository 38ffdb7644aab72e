"""One mutation, one transaction, one city: the change and the events that tell of it are committed together."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from sqlalchemy import Executable, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.database import Database
from app.kernel.errors import StaleActor
from app.kernel.events import Author, EventData, chain_hash
from app.kernel.tables import Event, new_id, table_of
from app.kernel.workdays import StateCalendar

EVENTS = table_of(Event)
_APPEND = insert(EVENTS)
# One row of the index for each subject, however many there are and however long their chains.
_HEADS = text(
    """
    select subject.id as subject_id, head.seq, head.hash
    from unnest(cast(:subjects as uuid[])) as subject (id)
    cross join lateral (
      select e.seq, e.hash from events e where e.city_id = :city and e.subject_id = subject.id
      order by e.seq desc limit 1
    ) head
    """
)


class Subject(Protocol):
    """What an event is about: any row with a city, an id and a version."""

    @property
    def city_id(self) -> int: ...
    @property
    def id(self) -> uuid.UUID: ...
    @property
    def version(self) -> int: ...


class Node(Protocol):
    """A tenant as an action meets it. The kernel knows only this much of the tree (`tenants.tree.TenantNode`)."""

    @property
    def id(self) -> int: ...
    @property
    def city_id(self) -> int: ...
    @property
    def county_id(self) -> int | None: ...
    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def scheme_version(self) -> int | None: ...


class Tree(Protocol):
    """The tenant tree as an action meets it (`tenants.tree.TenantTree`), with the state's calendar in force."""

    @property
    def calendar(self) -> StateCalendar: ...
    def by_path(self, path: str, /) -> Node | None: ...
    def by_id(self, tenant_id: int, /) -> Node | None: ...
    def region_of(self, city_id: int, /) -> Node | None: ...
    def cities_of(self, region_id: int, /) -> Sequence[Node]: ...


class Trees(Protocol):
    """Where the tree comes from (`tenants.tree.TenantTreeCache`)."""

    async def get(self, min_version: int | None = None) -> Tree: ...


class Wakeable(Protocol):
    """What is told that events were committed (`events.Sequencer`)."""

    def wake(self, city_id: int) -> None: ...


class Nobody:
    """Where no sequencer runs: that of a server finds the events at its next look."""

    def wake(self, city_id: int) -> None:
        """Nobody is told."""


class UnitOfWork:
    """What an action works with: the open transaction of one city, the time, and the events it will leave behind.

    Actions never commit. The tenant tree is handed in by the edge, so that the kernel imports nothing of ours.
    """

    def __init__(self, session: AsyncSession, *, city_id: int, now: datetime, tree: Tree | None = None) -> None:
        self.session = session
        self.city_id = city_id
        self.now = now
        self._tree = tree
        self._pending: list[dict[str, Any]] = []
        self._deferred: list[tuple[Executable, dict[str, Any]]] = []
        self._endings: list[Callable[[], Awaitable[None]]] = []
        self._new: set[uuid.UUID] = set()
        self.told: set[int] = set()
        """The cities in whose logs something was recorded."""

    @asynccontextmanager
    async def beside(self, city_id: int) -> AsyncIterator[UnitOfWork]:
        """The same transaction in another city, whose rows are seen for as long as the block runs, and no longer.

        For what concerns two cities at once: each side's rows and events are written in its own space.
        """
        there = UnitOfWork(self.session, city_id=city_id, now=self.now, tree=self._tree)
        setting = select(func.current_setting("app.cities", True))
        await self.session.flush()
        before = str(await self.session.scalar(setting) or "")
        both = sorted({int(city) for city in before.split(",") if city} | {city_id})
        await self._see(",".join(map(str, both)))
        yield there
        await there.flush_events()
        await self.session.flush()
        self.told |= there.told
        # Not in a `finally`: after an error the transaction takes no more statements, and its settings end with it.
        await self._see(before)

    async def _see(self, cities: str) -> None:
        await self.session.execute(select(func.set_config("app.cities", cities, True)))

    @property
    def tree(self) -> Tree:
        """The tenant tree, at least as new as this transaction."""
        if self._tree is None:
            raise RuntimeError("this unit of work was opened without `trees`")
        return self._tree

    def record(
        self,
        subject: Subject,
        event_type: str,
        /,
        *,
        topic: str = "ticket",
        author: Author,
        visibility: str = "PUBLIC",
        restricted: bool = False,
        new: bool = False,
        **data: str | int | bool | list[str] | list[int] | None,
    ) -> uuid.UUID:
        """Note what happened to the subject, at its present version; returns the event's id.

        The caller holds the subject's row locked, or has just made it (`new`): that keeps its events in order.
        `data` has camelCase keys; those without a value are left out.
        """
        if subject.city_id != self.city_id:
            raise ValueError(f"a unit of work of city {self.city_id} cannot tell of city {subject.city_id}")
        facts: EventData = {key: value for key, value in data.items() if value is not None}
        event_id = new_id()
        self._pending.append(
            {
                "city_id": self.city_id,
                "id": event_id,
                "topic": topic,
                "subject_id": subject.id,
                "version": subject.version,
                "type": str(event_type),
                "at": self.now,
                "actor_id": author.user_id,
                "actor_tenant_id": author.tenant_id,
                "actor_role": author.role,
                "visibility": str(visibility),
                "restricted": restricted,
                "data": dict(facts),
            }
        )
        if new:
            self._new.add(subject.id)
        return event_id

    def defer(self, statement: Executable, parameters: dict[str, Any]) -> None:
        """Have a statement executed with the events: it goes along with a change, and nothing waits for its answer."""
        self._deferred.append((statement, parameters))

    def at_end(self, ending: Callable[[], Awaitable[None]]) -> None:
        """Have this done once the action is done: it may read what that left, and record events of its own."""
        self._endings.append(ending)

    async def flush_events(self) -> None:
        """Append what was recorded, each event chained to the one before it of the same subject."""
        endings, self._endings = self._endings, []
        for ending in endings:
            await ending()
        deferred, self._deferred = self._deferred, []
        for _, same in groupby(deferred, key=lambda each: id(each[0])):  # an import has hundreds
            run = list(same)
            parameters = [each[1] for each in run]
            await self.session.execute(run[0][0], parameters if len(run) > 1 else parameters[0])
        pending, self._pending = self._pending, []
        if not pending:
            return
        heads = await self._heads({event["subject_id"] for event in pending} - self._new)
        for event in pending:
            seq, previous = heads.get(event["subject_id"], (0, None))
            event["seq"] = seq + 1
            event["prev_hash"] = previous
            event["hash"] = chain_hash(event)
            heads[event["subject_id"]] = (event["seq"], event["hash"])
        self._new.clear()  # their rows are in the log now: another flush must look for them
        await self.session.execute(_APPEND, pending if len(pending) > 1 else pending[0])
        self.told.add(self.city_id)

    async def _heads(self, subject_ids: set[uuid.UUID]) -> dict[uuid.UUID, tuple[int, bytes | None]]:
        if not subject_ids:
            return {}
        rows = await self.session.execute(_HEADS, {"city": self.city_id, "subjects": list(subject_ids)})
        return {row.subject_id: (row.seq, row.hash) for row in rows}


@asynccontextmanager
async def unit_of_work(
    database: Database,
    *,
    city_id: int,
    user_id: uuid.UUID | None,
    grants_version: int | None,
    now: datetime,
    sequencer: Wakeable,
    trees: Trees | None = None,
    also_cities: Sequence[int] = (),
) -> AsyncIterator[UnitOfWork]:
    """One transaction of one city; committed at the end with its events, undone as a whole by any exception.

    `grants_version` is the one the actor was cached under: when the user's has moved on, `StaleActor` is raised before
    anything is done; None does not check (the system's own work). `trees` gives actions `uow.tree`.
    `also_cities` are further spaces the transaction may touch (a platform operator's grant in a city).
    """
    async with database.session(cities=(city_id, *also_cities), user_id=user_id) as session:
        if grants_version is not None and session.info["grants_version"] != grants_version:
            raise StaleActor(user_id)
        tree = None if trees is None else await trees.get(session.info["tree_version"])
        uow = UnitOfWork(session, city_id=city_id, now=now, tree=tree)
        yield uow
        await uow.flush_events()
    for told in uow.told:
        sequencer.wake(told)
