"""Subscribers with the same view, and what they are delivered (`schema.live.hub` tells the whole)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Hashable
from typing import TYPE_CHECKING

from app.kernel.errors import RequestError, StaleActor
from app.kernel.events import FeedEvent
from app.supervision.notifying import TOPIC as NOTIFICATION_TOPIC
from app.supervision.queries import persons_told
from app.tickets.queries import persons_named_on
from authz.permissions import Permission
from schema.context import Subscription
from schema.errors import Internal
from schema.live import retry
from schema.live.outbox import Interrupted
from schema.live.stride import Stride

if TYPE_CHECKING:
    from schema.live.feed import Feed
    from schema.live.member import Member

logger = logging.getLogger(__name__)

BACKLOG = 10_000
"""Events a group may be behind its feed before its members are sent away to resume from their cursors."""
DELIVERIES_PER_TURN = 250
"""Members served before other tasks get a turn."""


class Group:
    """Members with equal views. `taken`: all it has to deliver up to this position has been taken out for delivery."""

    def __init__(self, feed: Feed, key: Hashable, subscription: Subscription) -> None:
        self.feed = feed
        self.key = key
        self.subscription = subscription
        self.subject = (subscription.topic, subscription.subject_id)
        self.members: dict[Member, None] = {}
        self.taken = feed.head
        self._pending: list[FeedEvent] = []
        self._stride = Stride()
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Something is still to be delivered."""
        return self._task is not None

    def push(self, event: FeedEvent) -> None:
        """The feed has read an event that concerns the group."""
        self._pending.append(event)
        if len(self._pending) > BACKLOG:
            self._fail(Interrupted("The stream fell behind: resume from the last cursor"))
        elif self._task is None:
            self._task = asyncio.create_task(self._run(), name="live group")

    def stop(self) -> None:
        """Deliver no more."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._pending and self.members:
                batch, self._pending = self._pending[: self._stride.events], self._pending[self._stride.events :]
                self.taken = batch[-1].position
                await self._deliver(batch, list(self.members))
        except retry.DATABASE_ERRORS:
            logger.exception("Live payloads could not be read")
            self._fail(Interrupted(retry.UNREADABLE))
        except Exception as error:
            self._fail(Internal.logged(error))
        finally:
            self._task = None

    def _fail(self, error: Exception) -> None:
        for member in tuple(self.members):
            member.fail(error)

    async def _deliver(self, batch: list[FeedEvent], members: list[Member]) -> None:
        restricted = [event for event in batch if event.restricted]
        shared = await self._read_shared([event for event in batch if not event.restricted], members)
        self._stride.judge(len(batch), shared)
        named = await self._read_for_named(restricted, members) if restricted else {}
        last = batch[-1].position
        for served, member in enumerate(members, start=1):
            if member.group is self:
                payloads = shared
                if named and member.user_id in named:
                    payloads = sorted((*shared, *named[member.user_id]))
                for position, payload in payloads:
                    if position > member.position:
                        member.sink.deliver(payload)
                member.position = max(member.position, last)
            if served % DELIVERIES_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _read_shared(self, events: list[FeedEvent], members: list[Member]) -> list[tuple[int, bytes]]:
        """What all members get, read with the first one's view: equal keys mean equal views."""
        if events:
            for member in members:
                payloads = await self._read_as(member, events, include_restricted=False)
                if payloads is not None:
                    return payloads
        return []

    async def _read_for_named(
        self, events: list[FeedEvent], members: list[Member]
    ) -> dict[uuid.UUID, list[tuple[int, bytes]]]:
        """What only named persons get, read for each of them who is here: so few that nobody waits for long.

        Tickets can be restricted, and what is told of them; another kind would ask its own slice who is named.
        """
        async with self.feed.hub.services.database.reading(cities=(self.feed.city_id,)) as reading:
            who = persons_told if self.subject[0] == NOTIFICATION_TOPIC else persons_named_on
            named = await who(reading.connection, self.feed.city_id, {event.subject_id for event in events})
        found: dict[uuid.UUID, list[tuple[int, bytes]]] = {}
        for member in members:
            actor, user_id = member.viewer.actor, member.user_id
            if actor is None or user_id is None or user_id in found:
                continue
            if user_id in named or actor.may(Permission.TICKET_READ_RESTRICTED):
                payloads = await self._read_as(member, events, include_restricted=True)
                if payloads is not None:
                    found[user_id] = payloads
        return found

    async def _read_as(
        self, member: Member, events: list[FeedEvent], *, include_restricted: bool
    ) -> list[tuple[int, bytes]] | None:
        """The payloads by position as the member sees them; None when the member is no longer one of us."""
        for pause in (*retry.RETRY_SECONDS, None):
            if member.group is not self:
                return None
            try:
                return await member.read(events, include_restricted=include_restricted)
            except StaleActor:
                member.authorise_again()
            except retry.DATABASE_ERRORS:
                if pause is None:
                    raise
                logger.warning("A live payload could not be read; it is tried again", exc_info=True)
                await asyncio.sleep(pause)
            except RequestError as error:
                member.fail(error)
        return None
