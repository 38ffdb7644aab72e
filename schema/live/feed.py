"""The log of a city, read once for all its subscribers (`schema.live.hub` tells the whole)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from app.kernel.events import FeedEvent, current_position, read_after
from schema.context import Subscription
from schema.live import retry
from schema.live.group import Group
from schema.live.stride import PAGE

if TYPE_CHECKING:
    from schema.live.hub import Hub
    from schema.live.member import Member

logger = logging.getLogger(__name__)

KEPT_EVENTS = 2_000
"""Events of a city kept for those who join a little late."""
USER_TOPIC = "user"
"""The topic of the events that tell of changed grants; the subject is the user."""


class Feed:
    """The log of one city, read once for everybody. `head` is the last position read."""

    def __init__(self, hub: Hub, city_id: int) -> None:
        self.hub = hub
        self.city_id = city_id
        self.head = 0
        self.followers = 0
        self.groups: dict[Hashable, Group] = {}
        self._by_subject: dict[tuple[str, uuid.UUID | None], dict[Group, None]] = {}
        self._kept: list[FeedEvent] = []
        self._kept_after = 0
        self._woken = asyncio.Event()
        self._start = asyncio.create_task(self._read_head(), name=f"live feed {city_id} start")
        self._task: asyncio.Task[None] | None = None

    async def started(self) -> None:
        """Wait until the head is known."""
        await asyncio.shield(self._start)

    def wake(self) -> None:
        """There may be news."""
        self._woken.set()

    def stop(self) -> None:
        """Read no more."""
        self._start.cancel()
        if self._task is not None:
            self._task.cancel()
        for group in self.groups.values():
            group.stop()

    async def after(self, position: int) -> Sequence[FeedEvent]:
        """The next page of events after a position, from memory where it reaches."""
        if position >= self._kept_after:
            first = bisect_right(self._kept, position, key=lambda event: event.position)
            return self._kept[first : first + PAGE]
        return await self._read(position)

    def add(self, member: Member, subscription: Subscription) -> bool:
        """Take the member into its group if it has got all that the group has taken out; one step, no gap."""
        key = subscription.group_key
        group = self.groups.get(key)
        if member.position < (self.head if group is None else group.taken):
            return False
        if group is None:
            group = self.groups[key] = Group(self, key, subscription)
            self._by_subject.setdefault(group.subject, {})[group] = None
        group.members[member] = None
        member.joined(group)
        return True

    def remove(self, member: Member) -> None:
        """Take the member out of its group; its position then says what it has got."""
        group = member.group
        if group is None:
            return
        member.group = None
        del group.members[member]
        if not group.busy:  # nothing for it is on its way: it has got all up to the head
            member.position = max(member.position, self.head)
        if not group.members:
            del self.groups[group.key]
            groups = self._by_subject[group.subject]
            del groups[group]
            if not groups:
                del self._by_subject[group.subject]
            group.stop()

    async def _read_head(self) -> None:
        async with self.hub.services.database.reading(cities=(self.city_id,)) as reading:
            self.head = self._kept_after = await current_position(reading.connection, self.city_id)
        self._task = asyncio.create_task(self._run(), name=f"live feed {self.city_id}")

    async def _run(self) -> None:
        self._woken.set()  # what came before we listened
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                full = True
                while full:  # what was numbered since has woken us anew
                    events = await self._read(self.head)
                    for event in events:
                        self._take(event)
                    self._trim()
                    full = len(events) == PAGE
            except retry.DATABASE_ERRORS:
                logger.warning("The live feed of city %s could not read; it tries again", self.city_id, exc_info=True)
                await asyncio.sleep(1)
                self._woken.set()

    async def _read(self, position: int) -> list[FeedEvent]:
        return await read_after(self.hub.services.database, self.city_id, position, PAGE)

    def _take(self, event: FeedEvent) -> None:
        self._kept.append(event)
        self.head = event.position
        if event.topic == USER_TOPIC:
            # Before anything after it is handed out: what follows a revocation never reaches its person.
            self.hub.grants_changed(event.subject_id)
        for subject in ((event.topic, event.subject_id), (event.topic, None)):
            for group in tuple(self._by_subject.get(subject, ())):
                group.push(event)

    def _trim(self) -> None:
        if len(self._kept) > 2 * KEPT_EVENTS:
            self._kept_after = self._kept[-KEPT_EVENTS - 1].position
            del self._kept[:-KEPT_EVENTS]
