"""One subscription of one client, from its first authorisation to its end (`schema.live.hub` tells the whole)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from app.kernel.errors import ResyncRequired, StaleActor
from app.kernel.events import FeedEvent, current_position, oldest_position
from schema.context import Prepared, Subscription, Viewer
from schema.live import retry
from schema.live.outbox import Interrupted
from schema.live.stride import Stride
from schema.viewers import with_current_grants

if TYPE_CHECKING:
    from schema.live.feed import Feed
    from schema.live.group import Group
    from schema.live.hub import Hub


class Sink(Protocol):
    """Where a subscription's responses go."""

    def deliver(self, payload: bytes) -> None:
        """Send one response. Never blocks."""

    async def room(self) -> None:
        """Wait until the client has taken what was delivered. Raises Interrupted."""

    def end(self, error: Exception | None) -> None:
        """The stream is over: completed (None), refused, or to be resumed (Interrupted)."""


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
        pauses = iter(retry.RETRY_SECONDS)
        stride = Stride()
        try:
            while not self._closed and (self._stale or not self._join()):
                try:
                    if self._stale:
                        await self._authorise()
                    else:
                        async with self.hub.turns_of(self):
                            await self._replay_some(stride)
                    pauses = iter(retry.RETRY_SECONDS)
                except retry.DATABASE_ERRORS as error:
                    pause = next(pauses, None)
                    if pause is None:
                        raise Interrupted(retry.UNREADABLE) from error
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
            except retry.DATABASE_ERRORS:
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
