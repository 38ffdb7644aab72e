"""The one live path: each city's log is read once, each payload once per group of subscribers with the same view.

    Hub      one per process: wakes the feeds of the cities that have news, knows whose streams are whose
    Feed     one per city with subscribers: reads the log in order and hands each event to the groups it concerns
    Group    subscribers who get the same payloads: one ordered task, started when there is something to deliver
    Member   one subscription of one client: authorised, replaying alone what it missed, or live in a group

A member that has missed something (a cursor, new grants) replays alone until it has reached what its group has taken
out for delivery, and joins in the same step of the event loop: no gap, no event twice. Each event belongs to exactly
one of: taken by the group before the member joined (the member has replayed it), pending or not yet read (the group
will deliver it, and members skip what lies at or before their own position).
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Hashable, Mapping
from types import TracebackType
from typing import Any, Self

from app.kernel.errors import RateLimited
from schema.context import Prepared, Services, Viewer
from schema.live.feed import Feed
from schema.live.member import Member, Sink
from schema.live.outbox import Interrupted

STOPPING = "The server is stopping: resume from the last cursor"


class Hub:
    """The live streams of this process. Use as an async context manager while the process serves."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.limits = services.settings.limits
        self.connections = 0
        """Open sockets and event streams; counted by those who open them, at most `limits.sockets`."""
        self.replays = asyncio.Semaphore(self.limits.concurrent_replays)
        """Taken while the database is read for one who catches up."""
        self._feeds: dict[int, Feed] = {}
        self._people: dict[uuid.UUID, _Person] = {}
        self._sockets: Counter[uuid.UUID | None] = Counter()
        self._poll: asyncio.Task[None] | None = None
        self._unsubscribe: Any = None
        self._stopping = False

    async def __aenter__(self) -> Self:
        self._unsubscribe = self.services.wakeups.subscribe(self._wake)
        self._poll = asyncio.create_task(self._poll_feeds(), name="live poll")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._unsubscribe()
        assert self._poll is not None
        self._poll.cancel()
        self.stop()
        for feed in tuple(self._feeds.values()):
            feed.stop()

    def stop(self) -> None:
        """Open no further stream, and end those that are open: their clients resume where they find a server."""
        self._stopping = True
        for person in tuple(self._people.values()):
            for member in tuple(person.members):
                member.fail(Interrupted(STOPPING))

    async def subscribe(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, viewer: Viewer, sink: Sink
    ) -> Member:
        """Open a stream: from now on, or from the cursor in its variables. The caller cancels it.

        Raises what the executor refuses with, ResyncRequired (`too_old`, `ahead`), RateLimited (`live_groups`) and
        Interrupted (the server is stopping).
        """
        if self._stopping:
            raise Interrupted(STOPPING)
        member = Member(self, prepared, variables, viewer, sink)
        try:
            await member.open()
        except BaseException:
            member.cancel()
            raise
        return member

    async def feed_of(self, city_id: int) -> Feed:
        """The city's feed, with its head read. The caller releases it."""
        feed = self._feeds.get(city_id)
        if feed is None:
            feed = self._feeds[city_id] = Feed(self, city_id)
        feed.followers += 1
        try:
            await feed.started()
        except BaseException:
            self.release(feed)
            raise
        return feed

    def release(self, feed: Feed) -> None:
        """One follower less; a feed without any stops."""
        feed.followers -= 1
        if not feed.followers and self._feeds.get(feed.city_id) is feed:
            del self._feeds[feed.city_id]
            feed.stop()

    def enter(self, user_id: uuid.UUID | None) -> None:
        """One more socket or event stream of this person; all who have not signed in count as one.

        Raises RateLimited: nobody alone can use up what all share.
        """
        if self._sockets[user_id] >= self.limits.sockets_per_user:
            raise RateLimited("sockets_per_user", limit=self.limits.sockets_per_user)
        self._sockets[user_id] += 1

    def leave(self, user_id: uuid.UUID | None) -> None:
        """One less."""
        self._sockets[user_id] -= 1
        if not self._sockets[user_id]:
            del self._sockets[user_id]

    def register(self, member: Member, key: Hashable) -> None:
        """Note whose stream it is. Raises RateLimited when the person watches too many different things."""
        if member.user_id is None:
            return
        self.unregister(member)
        person = self._people.get(member.user_id) or _Person(self.limits.concurrent_replays)
        if key not in person.groups and len(person.groups) >= self.limits.live_groups_per_user:
            raise RateLimited("live_groups", limit=self.limits.live_groups_per_user)
        self._people[member.user_id] = person
        person.members[member] = key
        person.groups[key] += 1

    def unregister(self, member: Member) -> None:
        """Forget whose stream it was."""
        person = self._people.get(member.user_id) if member.user_id is not None else None
        if person is None or member not in person.members:
            return
        key = person.members.pop(member)
        person.groups[key] -= 1
        if not person.groups[key]:
            del person.groups[key]
        if not person.members and member.user_id is not None:
            del self._people[member.user_id]

    def turns_of(self, member: Member) -> asyncio.Semaphore:
        """Taken before `replays`, and held until what was read is delivered: so many of one person's streams catch up
        at a time that nobody waits behind more of them, and what they hold for slow clients stays small.
        """
        assert member.user_id is not None
        return self._people[member.user_id].turns

    def grants_changed(self, user_id: uuid.UUID) -> None:
        """Nothing more goes to this person's streams until each has been authorised anew."""
        self.services.actors.forget(user_id)
        person = self._people.get(user_id)
        if person is not None:
            for member in tuple(person.members):
                member.authorise_again()

    def _wake(self, city_ids: frozenset[int] | None) -> None:
        for city_id in self._feeds if city_ids is None else self._feeds.keys() & city_ids:
            self._feeds[city_id].wake()

    async def _poll_feeds(self) -> None:
        """The net under the notifications."""
        while True:
            await asyncio.sleep(self.limits.live_poll_seconds)
            self._wake(None)


class _Person:
    """The streams of one user: each with what it shows, so that different ones can be counted."""

    __slots__ = ("groups", "members", "turns")

    def __init__(self, concurrent_replays: int) -> None:
        self.turns = asyncio.Semaphore(concurrent_replays)
        self.members: dict[Member, Hashable] = {}
        self.groups: Counter[Hashable] = Counter()
