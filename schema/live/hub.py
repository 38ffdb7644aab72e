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
import logging
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from asyncpg.exceptions import InterfaceError, PostgresError

from app.kernel.errors import RateLimited, RequestError, ResyncRequired, StaleActor, TooSlow
from app.kernel.events import FeedEvent, current_position, oldest_position, read_after
from app.tickets.queries import persons_named_on
from authz.permissions import Permission
from schema.context import Prepared, Services, Subscription, Viewer
from schema.errors import Internal
from schema.live.outbox import Interrupted
from schema.viewers import with_current_grants

logger = logging.getLogger(__name__)

PAGE = 200
"""Events read from the log, or delivered, at a time."""
FIRST_STRIDE = 10
"""Events whose payloads are read first, while nothing is known of their size."""
STRIDE_BYTES = 262_144
"""What the payloads that are read together should come to."""
KEPT_EVENTS = 2_000
"""Events of a city kept for those who join a little late."""
BACKLOG = 10_000
"""Events a group may be behind its feed before its members are sent away to resume from their cursors."""
DELIVERIES_PER_TURN = 250
"""Members served before other tasks get a turn."""
USER_TOPIC = "user"
"""The topic of the events that tell of changed grants; the subject is the user."""
RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0, 5.0)
"""The pauses before a payload is read again when the database fails."""
STOPPING = "The server is stopping: resume from the last cursor"
UNREADABLE = "The events cannot be read at the moment: resume from the last cursor"
DATABASE_ERRORS = (OSError, TooSlow, PostgresError, InterfaceError)


class Sink(Protocol):
    """Where a subscription's responses go."""

    def deliver(self, payload: bytes) -> None:
        """Send one response. Never blocks."""

    async def room(self) -> None:
        """Wait until the client has taken what was delivered. Raises Interrupted."""

    def end(self, error: Exception | None) -> None:
        """The stream is over: completed (None), refused, or to be resumed (Interrupted)."""


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


class Stride:
    """How many events' payloads are read together, so that they come to about `STRIDE_BYTES`: as the last ones did."""

    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events = FIRST_STRIDE

    def judge(self, events: int, payloads: Iterable[tuple[int, bytes]]) -> None:
        """So many were read, and gave these."""
        size = sum(len(payload) for _, payload in payloads)
        fitting = events * STRIDE_BYTES // size if size else PAGE
        self.events = max(1, min(PAGE, 4 * self.events, fitting))


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
            except DATABASE_ERRORS:
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
        except DATABASE_ERRORS:
            logger.exception("Live payloads could not be read")
            self._fail(Interrupted(UNREADABLE))
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

        Tickets are the only objects that can be restricted; another kind would ask its own slice who is named.
        """
        async with self.feed.hub.services.database.reading(cities=(self.feed.city_id,)) as reading:
            named = await persons_named_on(
                reading.connection, self.feed.city_id, {event.subject_id for event in events}
            )
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
        for pause in (*RETRY_SECONDS, None):
            if member.group is not self:
                return None
            try:
                return await member.read(events, include_restricted=include_restricted)
            except StaleActor:
                member.authorise_again()
            except DATABASE_ERRORS:
                if pause is None:
                    raise
                logger.warning("A live payload could not be read; it is tried again", exc_info=True)
                await asyncio.sleep(pause)
            except RequestError as error:
                member.fail(error)
        return None


class Member:
    """One subscription of one client. `position`: it has got, or need not get, everything up to there."""

    __slots__ = (
        "_closed",
        "_feed",
        "_prepared",
        "_stale",
        "_subscription",
        "_task",
        "_variables",
        "group",
        "hub",
        "position",
        "sink",
        "viewer",
    )

    def __init__(
        self, hub: Hub, prepared: Prepared, variables: Mapping[str, Any] | None, viewer: Viewer, sink: Sink
    ) -> None:
        self.hub = hub
        self.viewer = viewer
        self.sink: Sink = sink
        self.position = 0
        self.group: Group | None = None
        self._prepared = prepared
        self._variables = variables
        self._subscription: Subscription | None = None
        self._feed: Feed | None = None
        self._task: asyncio.Task[None] | None = None
        self._stale = False
        self._closed = False

    @property
    def user_id(self) -> uuid.UUID | None:
        """Whose stream it is."""
        return self.viewer.user_id

    async def open(self) -> None:
        """Authorise, find the place in the log, and begin."""
        services = self.hub.services

        async def place(viewer: Viewer) -> tuple[Viewer, int, int]:
            subscription = await services.executor.prepare_subscription(self._prepared, self._variables, viewer)
            city_id = subscription.topic_city
            # The order matters. From here on the feed tells of changed grants; a change before it shows in the
            # version that is read after it. A change between would otherwise be noticed by nobody.
            if self._feed is None or self._feed.city_id != city_id:
                self._leave_feed()
                self._feed = await self.hub.feed_of(city_id)
            self.viewer, self._subscription = viewer, subscription
            self.hub.register(self, (city_id, subscription.group_key))
            async with services.database.reading(cities=(city_id,), user_id=viewer.user_id) as reading:
                if viewer.actor is not None and reading.grants_version != viewer.actor.grants_version:
                    raise StaleActor(viewer.user_id)
                current = await current_position(reading.connection, city_id)
                oldest = await oldest_position(reading.connection, city_id)
            return viewer, current, oldest

        _, current, oldest = await with_current_grants(services, self.viewer, place)
        assert self._subscription is not None
        after = self._subscription.after
        if after is not None:
            if after > current:
                raise ResyncRequired("ahead")
            if after < oldest or current - after > self.hub.limits.replay_events:
                raise ResyncRequired("too_old")
        self.position = current if after is None else after
        if self._closed:
            return
        if self._stale or not self._join():
            self._start_catching_up()

    async def read(self, events: Iterable[FeedEvent], *, include_restricted: bool) -> list[tuple[int, bytes]]:
        """The payloads, by position, of the events that this viewer may see now."""
        wanted = list(events)
        if not wanted:
            return []
        assert self._subscription is not None
        viewer = self.viewer.at(self.hub.services.clock.now())
        payloads = await self._subscription.read(wanted, viewer, include_restricted=include_restricted)
        return [
            (event.position, payload) for event, payload in zip(wanted, payloads, strict=True) if payload is not None
        ]

    def authorise_again(self) -> None:
        """The grants have changed: get nothing more until they have been looked at."""
        self._stale = True
        if self.group is not None:
            assert self._feed is not None
            self._feed.remove(self)
            self._start_catching_up()

    def cancel(self) -> None:
        """The client wants no more, or is gone."""
        self._closed = True
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self.group is not None and self._feed is not None:
            self._feed.remove(self)
        self.hub.unregister(self)
        self._leave_feed()

    def fail(self, error: Exception) -> None:
        """End the stream, telling the client why."""
        if not self._closed:
            self.cancel()
            self.sink.end(error)

    def _leave_feed(self) -> None:
        if self._feed is not None:
            feed, self._feed = self._feed, None
            self.hub.release(feed)

    def joined(self, group: Group) -> None:
        """Be live from now on."""
        self.group = group
        self._subscription = group.subscription  # as good as its own, which costs more than all else of an idle member

    def _join(self) -> bool:
        assert self._feed is not None
        assert self._subscription is not None
        return self._feed.add(self, self._subscription)

    def _start_catching_up(self) -> None:
        self._task = asyncio.create_task(self._catch_up(), name="live catch-up")

    async def _catch_up(self) -> None:
        """Be authorised anew where needed, replay what is missing, and go live."""
        pauses = iter(RETRY_SECONDS)
        stride = Stride()
        try:
            while not self._closed and (self._stale or not self._join()):
                try:
                    if self._stale:
                        await self._authorise()
                    else:
                        async with self.hub.turns_of(self):
                            await self._replay_some(stride)
                    pauses = iter(RETRY_SECONDS)
                except DATABASE_ERRORS as error:
                    pause = next(pauses, None)
                    if pause is None:
                        raise Interrupted(UNREADABLE) from error
                    await asyncio.sleep(pause)
        except Exception as error:
            self.fail(error)
        finally:
            self._task = None

    async def _authorise(self) -> None:
        services = self.hub.services
        viewer = self.viewer.at(services.clock.now())
        async with self.hub.turns_of(self), self.hub.replays:
            self._stale = False  # a change from here on is not in what is loaded now
            try:
                if viewer.actor is not None:
                    viewer = viewer.acting_as(await services.actors.load(viewer.actor.user_id))
                subscription = await services.executor.prepare_subscription(self._prepared, self._variables, viewer)
            except StaleActor as stale:
                self._stale = True
                if stale.user_id is not None:
                    services.actors.forget(stale.user_id)
                return
            except DATABASE_ERRORS:
                self._stale = True
                raise
        self.viewer, self._subscription = viewer, subscription
        self.hub.register(self, (subscription.topic_city, subscription.group_key))

    async def _replay_some(self, stride: Stride) -> None:
        assert self._feed is not None
        assert self._subscription is not None
        subject = (self._subscription.topic, self._subscription.subject_id)
        async with self.hub.replays:
            page = await self._feed.after(self.position)
            if not page:  # the log ends before where the group is: it is not the log it was
                raise ResyncRequired("ahead")
            wanted = [event for event in page if event.topic == subject[0] and subject[1] in (None, event.subject_id)]
            reached = page[-1].position
            if len(wanted) > stride.events:
                del wanted[stride.events :]
                reached = wanted[-1].position
            try:
                payloads = await self.read(wanted, include_restricted=True)
            except StaleActor:
                self._stale = True
                return
        stride.judge(len(wanted), payloads)
        for position, payload in payloads:
            await self.sink.room()
            if self._stale or self._closed:  # what is left is read again under the new grants
                return
            self.sink.deliver(payload)
            self.position = position
        self.position = reached


__all__ = ["Feed", "Group", "Hub", "Member", "Sink"]
