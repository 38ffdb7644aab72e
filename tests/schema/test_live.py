"""The live path on a real log: nothing lost, nothing twice, nobody served what is not theirs, nobody waited for."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.kernel.database import Database
from app.kernel.errors import Forbidden, RateLimited, ResyncRequired, TooSlow, Unauthenticated
from app.kernel.events import current_position
from schema.live.feed import Feed
from schema.live.hub import Hub
from schema.live.member import Member
from schema.live.outbox import Interrupted, Outbox
from tests.factories.world import World
from tests.schema.edge import Edge, Inbox, Subject, until

FEED = "subscription ($after: String, $personal: Boolean) { ticketFeed(after: $after, personal: $personal) { cursor } }"
ONE = "subscription ($id: ID!, $after: String) { ticketEvents(id: $id, after: $after) { cursor } }"
DISPATCHER = "dispatcher@guangyuan"


@pytest.fixture
async def edge(database: Database, world: World) -> AsyncIterator[Edge]:
    async with Edge(database, world).live() as opened:
        yield opened


@pytest.fixture
def city(world: World) -> int:
    return world.guangyuan.id


async def subscribe(
    edge: Edge, login: str = DISPATCHER, query: str = FEED, sink: Inbox | None = None, **variables: Any
) -> tuple[Member, Inbox]:
    inbox = sink or Inbox()
    viewer = await edge.viewer(login)
    prepared = await edge.executor.prepare(query, None, viewer=viewer)
    return await edge.hub.subscribe(prepared, variables, viewer, inbox), inbox


async def numbered(edge: Edge, city_id: int, position: int) -> None:
    """Wait until the log has got so far."""

    async def reached() -> bool:
        async with edge.database.reading(cities=(city_id,)) as reading:
            return await current_position(reading.connection, city_id) >= position

    async with asyncio.timeout(10):
        while not await reached():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def revoke(admin: asyncpg.Connection, edge: Edge, login: str, city_id: int) -> None:
    """Take all of a person's grants away, as the action does: the version rises and the city's log tells of it."""
    assert edge.world is not None
    user_id = edge.world.user(login)
    await admin.execute("delete from grants where user_id = $1", user_id)
    await admin.execute("update users set grants_version = grants_version + 1 where id = $1", user_id)
    await edge.happen(Subject(city_id, user_id), "ROLE_REVOKED", topic="user")


async def test_events_arrive_in_order(edge: Edge, city: int) -> None:
    _, inbox = await subscribe(edge)
    subject = Subject(city)
    await edge.happen(subject, "A", "B")
    await edge.happen(Subject(city), "C")
    await inbox.until(3)
    assert inbox.types == ["A", "B", "C"]
    assert inbox.positions == [1, 2, 3]


async def test_a_stream_begins_at_the_moment_of_subscribing(edge: Edge, city: int) -> None:
    await edge.happen(Subject(city), "BEFORE")
    await numbered(edge, city, 1)
    _, inbox = await subscribe(edge)
    await edge.happen(Subject(city), "AFTER")
    await inbox.until(1)
    assert inbox.types == ["AFTER"]


async def test_neighbours_see_nothing(edge: Edge, world: World) -> None:
    _, here = await subscribe(edge, DISPATCHER)
    _, there = await subscribe(edge, "dispatcher@anshan")
    await edge.happen(Subject(world.anshan.id), "THERE")
    await edge.happen(Subject(world.guangyuan.id), "HERE")
    await there.until(1)
    await here.until(1)
    assert (here.types, there.types) == (["HERE"], ["THERE"])


async def test_one_object_and_one_topic_only(edge: Edge, city: int) -> None:
    watched = Subject(city)
    _, inbox = await subscribe(edge, query=ONE, id=str(watched.id))
    await edge.happen(Subject(city), "ANOTHER")
    await edge.happen(watched, "NOT A TICKET'S", topic="scheme")
    await edge.happen(watched, "MINE")
    await inbox.until(1)
    await asyncio.sleep(0.1)
    assert inbox.types == ["MINE"]


async def test_a_group_reads_its_payload_once(edge: Edge, city: int) -> None:
    inboxes = [(await subscribe(edge))[1] for _ in range(20)]
    await edge.happen(Subject(city), "A")
    for inbox in inboxes:
        await inbox.until(1)
    assert len(edge.executor.reads) == 1


async def test_other_views_are_other_groups(edge: Edge, city: int) -> None:
    await subscribe(edge, DISPATCHER)
    await subscribe(edge, "office@guangyuan")
    _, inbox = await subscribe(edge, DISPATCHER, personal=True)
    await edge.happen(Subject(city), "A")
    await inbox.until(1)
    await until(lambda: len(edge.executor.reads) == 3)


async def test_what_was_missed_is_replayed_once_and_in_order(edge: Edge, city: int) -> None:
    for name in "ABCDE":
        await edge.happen(Subject(city), name)
    await numbered(edge, city, 5)
    after = edge.executor.cursors.encode(2, city, "ticketFeed")
    _, inbox = await subscribe(edge, after=after)
    await edge.happen(Subject(city), "F")
    await inbox.until(4)
    assert inbox.types == ["C", "D", "E", "F"]


async def test_replay_into_a_running_group(edge: Edge, city: int) -> None:
    """The group is far ahead of the joiner, whose events are no longer all in memory."""
    _, first = await subscribe(edge)
    await edge.happen(Subject(city), *["EARLY"] * 450)
    await first.until(450)
    _, late = await subscribe(edge, after=edge.executor.cursors.encode(0, city, "ticketFeed"))
    await edge.happen(Subject(city), "LAST")
    await late.until(451)
    await first.until(451)
    assert late.positions == first.positions == list(range(1, 452))


async def test_no_gap_and_nothing_twice_among_concurrent_appends(edge: Edge, city: int) -> None:
    """Joiners come at random places while eight writers append and some commit late; a few leave and come back."""
    chance = random.Random(7)
    writers, commits = 8, 25
    total = writers * commits * 2
    cursors = edge.executor.cursors

    async def write() -> None:
        for _ in range(commits):
            await edge.happen(Subject(city), "X", "Y")
            await asyncio.sleep(chance.random() * 0.02)

    async def watch_for_a_while(after: int) -> list[int]:
        member, inbox = await subscribe(edge, after=cursors.encode(after, city, "ticketFeed"))
        with contextlib.suppress(TimeoutError):
            await until(lambda: inbox.positions[-1:] == [total], chance.choice([0.05, 0.3, 20]))
        member.cancel()
        assert not inbox.ended
        return inbox.positions

    async def watch(start: int) -> list[int]:
        seen: list[int] = []
        while not seen or seen[-1] < total:
            seen += await watch_for_a_while(seen[-1] if seen else start)
        return seen

    writing = [asyncio.create_task(write()) for _ in range(writers)]
    watching = []
    for _ in range(30):
        await asyncio.sleep(0.02)
        async with edge.database.reading(cities=(city,)) as reading:
            head = await current_position(reading.connection, city)
        start = chance.randint(0, head)
        watching.append((start, asyncio.create_task(watch(start))))
    await asyncio.gather(*writing)
    for start, task in watching:
        assert await task == list(range(start + 1, total + 1))


async def test_a_joiner_never_takes_what_the_group_has_already_taken_out(edge: Edge, city: int) -> None:
    """The group waits for its payload while somebody joins with the cursor just before it."""
    _, first = await subscribe(edge)
    edge.executor.reading = asyncio.Event()
    await edge.happen(Subject(city), "A")
    await until(lambda: edge.executor.reads)
    _, second = await subscribe(edge, after=edge.executor.cursors.encode(0, city, "ticketFeed"))
    await asyncio.sleep(0.05)
    edge.executor.reading.set()
    edge.executor.reading = None
    await edge.happen(Subject(city), "B")
    await first.until(2)
    await second.until(2)
    assert first.types == second.types == ["A", "B"]


async def test_a_feed_that_is_behind_does_not_repeat_what_a_joiner_need_not_get(
    edge: Edge, city: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event is in the log before this process has read it; who subscribes in between begins after it."""
    _, first = await subscribe(edge)
    gate, read = asyncio.Event(), Feed._read

    async def read_late(feed: Feed, position: int) -> Any:
        await gate.wait()
        return await read(feed, position)

    monkeypatch.setattr(Feed, "_read", read_late)
    await edge.happen(Subject(city), "A")
    await numbered(edge, city, 1)
    _, second = await subscribe(edge)
    _, third = await subscribe(edge, after=edge.executor.cursors.encode(0, city, "ticketFeed"))
    gate.set()
    await edge.happen(Subject(city), "B")
    await first.until(2)
    await second.until(1)
    await third.until(2)
    assert (first.types, second.types, third.types) == (["A", "B"], ["B"], ["A", "B"])


@pytest.mark.parametrize(("after", "rule"), [(99, "ahead"), (0, "too_old")])
async def test_cursors_that_cannot_be_continued(database: Database, world: World, after: int, rule: str) -> None:
    city = world.guangyuan.id
    async with Edge(database, world, limits={"replay_events": 3}).live() as edge:
        await edge.happen(Subject(city), *"ABCDE")
        await numbered(edge, city, 5)
        with pytest.raises(ResyncRequired) as caught:
            await subscribe(edge, after=edge.executor.cursors.encode(after, city, "ticketFeed"))
        assert caught.value.rule == rule
        _, inbox = await subscribe(edge, after=edge.executor.cursors.encode(2, city, "ticketFeed"))
        await inbox.until(3)


async def test_a_cursor_before_the_oldest_event_kept(edge: Edge, city: int, admin: asyncpg.Connection) -> None:
    await edge.happen(Subject(city), *"ABCDE")
    await numbered(edge, city, 5)
    await admin.execute("delete from events where position <= 3")
    with pytest.raises(ResyncRequired):
        await subscribe(edge, after=edge.executor.cursors.encode(2, city, "ticketFeed"))
    _, inbox = await subscribe(edge, after=edge.executor.cursors.encode(3, city, "ticketFeed"))
    await inbox.until(2)
    assert inbox.types == ["D", "E"]


class TestRestricted:
    """Events for named persons."""

    async def name(self, admin: asyncpg.Connection, edge: Edge, subject: Subject, login: str) -> None:
        """Name a person on a restricted ticket."""
        assert edge.world is not None
        user_id = edge.world.user(login)
        edge.executor.named.add((subject.id, user_id))
        await admin.execute("alter table ticket_named_persons disable trigger all")  # the ticket itself is not needed
        await admin.execute(
            "insert into ticket_named_persons (city_id, ticket_id, user_id, named_at) values ($1, $2, $3, now())",
            subject.city_id,
            subject.id,
            user_id,
        )

    async def test_only_named_persons_get_them_and_in_their_place(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        secret = Subject(city)
        await self.name(admin, edge, secret, DISPATCHER)
        _, named = await subscribe(edge, DISPATCHER)
        _, named_too = await subscribe(edge, DISPATCHER)
        _, other = await subscribe(edge, "office@guangyuan")
        for restricted in (False, True, False):
            await edge.happen(secret, "SECRET" if restricted else "OPEN", restricted=restricted)
        for inbox, count in ((named, 3), (named_too, 3), (other, 2)):
            await inbox.until(count)
        await asyncio.sleep(0.1)
        assert named.types == named_too.types == ["OPEN", "SECRET", "OPEN"]
        assert other.types == ["OPEN", "OPEN"]

    async def test_who_is_neither_named_nor_an_auditor_is_not_even_looked_up(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        secret = Subject(city)
        await self.name(admin, edge, secret, DISPATCHER)
        for login in (DISPATCHER, "office@guangyuan", "intake_agent@guangyuan", "auditor@guangyuan"):
            await subscribe(edge, login)
        await edge.happen(secret, "SECRET", restricted=True)
        await until(lambda: len(edge.executor.reads) >= 2)
        await asyncio.sleep(0.1)
        assert edge.world is not None
        asked = {user for user, _, restricted in edge.executor.reads if restricted}
        assert asked == {edge.world.user(DISPATCHER), edge.world.user("auditor@guangyuan")}
        assert all(restricted for _, _, restricted in edge.executor.reads)

    async def test_replay_gives_them_to_named_persons_only(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        secret = Subject(city)
        await self.name(admin, edge, secret, DISPATCHER)
        await edge.happen(secret, "SECRET", restricted=True)
        await edge.happen(Subject(city), "OPEN")
        await numbered(edge, city, 2)
        after = edge.executor.cursors.encode(0, city, "ticketFeed")
        _, named = await subscribe(edge, DISPATCHER, after=after)
        _, other = await subscribe(edge, "office@guangyuan", after=after)
        await named.until(2)
        await other.until(1)
        await asyncio.sleep(0.05)
        assert (named.types, other.types) == (["SECRET", "OPEN"], ["OPEN"])


class TestGrants:
    """Rights that change under way."""

    async def test_a_revocation_ends_the_stream_before_the_next_event(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        _, revoked = await subscribe(edge, DISPATCHER)
        _, stays = await subscribe(edge, "office@guangyuan")
        await edge.happen(Subject(city), "BEFORE")
        await revoked.until(1)
        await revoke(admin, edge, DISPATCHER, city)
        await edge.happen(Subject(city), "AFTER")
        await stays.until(2)
        await until(lambda: revoked.ended)
        assert revoked.types == ["BEFORE"]
        assert [type(error) for error in revoked.ended] == [Forbidden]

    async def test_events_already_waiting_are_looked_at_again_under_the_new_grants(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        _, revoked = await subscribe(edge, DISPATCHER)
        edge.executor.reading = asyncio.Event()
        await edge.happen(Subject(city), "IN FLIGHT")
        await until(lambda: edge.executor.reads)
        await revoke(admin, edge, DISPATCHER, city)
        await until(lambda: revoked.ended)
        edge.executor.reading.set()
        await asyncio.sleep(0.1)
        assert revoked.types == []

    async def test_a_new_grant_moves_the_stream_to_another_group_without_loss(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        assert edge.world is not None
        _, inbox = await subscribe(edge, DISPATCHER)
        _, other = await subscribe(edge, DISPATCHER)
        await edge.happen(Subject(city), "A")
        user_id = edge.world.user(DISPATCHER)
        await admin.execute(
            "insert into grants (city_id, id, user_id, tenant_id, role, granted_at)"
            " values ($1, $2, $3, $1, 'OFFICE', now())",
            city,
            uuid.uuid4(),
            user_id,
        )
        await admin.execute("update users set grants_version = grants_version + 1 where id = $1", user_id)
        await edge.happen(Subject(city, user_id), "ROLE_GRANTED", topic="user")
        await edge.happen(Subject(city), "B")
        await inbox.until(2)
        await other.until(2)
        await edge.happen(Subject(city), "C")
        await inbox.until(3)
        await other.until(3)
        assert inbox.types == other.types == ["A", "B", "C"]
        assert not inbox.ended

    async def test_a_change_in_the_middle_of_a_replay_repeats_nothing(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        assert edge.world is not None
        await edge.happen(Subject(city), *"ABCDE")
        await numbered(edge, city, 5)
        slow = Inbox(stop_after=2)
        await subscribe(edge, DISPATCHER, sink=slow, after=edge.executor.cursors.encode(0, city, "ticketFeed"))
        await slow.until(2)
        before = edge.executor.prepared_streams
        await admin.execute("update users set grants_version = grants_version + 1 where login = $1", DISPATCHER)
        await edge.happen(Subject(city, edge.world.user(DISPATCHER)), "ROLE_GRANTED", topic="user")
        await numbered(edge, city, 6)
        await asyncio.sleep(0.1)
        slow.taking.set()
        await slow.until(5)
        await asyncio.sleep(0.1)
        assert slow.types == ["A", "B", "C", "D", "E"]
        assert edge.executor.prepared_streams > before

    async def test_a_client_that_leaves_in_the_middle_of_a_replay(self, edge: Edge, city: int) -> None:
        await edge.happen(Subject(city), *"ABCDE")
        await numbered(edge, city, 5)
        inbox = Inbox(stop_after=2)
        after = edge.executor.cursors.encode(0, city, "ticketFeed")
        member, _ = await subscribe(edge, DISPATCHER, sink=inbox, after=after)
        await inbox.until(2)
        member.cancel()
        inbox.taking.set()
        await asyncio.sleep(0.1)
        assert (inbox.types, inbox.ended) == (["A", "B"], [])
        assert not edge.hub._feeds

    async def test_a_delivery_that_finds_the_connection_closed(
        self, edge: Edge, city: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As a full outbox does: it closes the connection, which cancels the stream that is just delivering."""
        await edge.happen(Subject(city), *"ABCDE")
        await numbered(edge, city, 5)

        class Closing(Inbox):
            def deliver(self, payload: bytes) -> None:
                super().deliver(payload)
                if len(self.payloads) == 2:
                    members[0].cancel()

        inbox = Closing()
        after = edge.executor.cursors.encode(0, city, "ticketFeed")
        members = [(await subscribe(edge, DISPATCHER, sink=inbox, after=after))[0]]
        await inbox.until(2)
        await asyncio.sleep(0.1)
        assert (inbox.types, inbox.ended) == (["A", "B"], [])
        assert not caplog.records

    async def test_many_changes_among_many_events_lose_and_repeat_nothing(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        assert edge.world is not None
        user_id = edge.world.user(DISPATCHER)
        inboxes = [(await subscribe(edge, DISPATCHER))[1] for _ in range(5)]

        async def change() -> None:
            for _ in range(15):
                await admin.execute("update users set grants_version = grants_version + 1 where id = $1", user_id)
                await edge.happen(Subject(city, user_id), "ROLE_GRANTED", topic="user")
                await asyncio.sleep(0.01)

        async def write() -> None:
            for _ in range(100):
                await edge.happen(Subject(city), "X")

        await asyncio.gather(change(), write(), write())
        for inbox in inboxes:
            await inbox.until(200)
            assert inbox.positions == sorted(set(inbox.positions))
            assert len(inbox.positions) == 200
            assert not inbox.ended

    async def test_a_change_between_authorising_and_watching_is_noticed(
        self, edge: Edge, city: int, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The one moment at which neither the version nor the log would tell, had they been looked at in that order."""
        follow = Hub.feed_of

        async def revoked_just_now(hub: Hub, city_id: int) -> Any:
            feed = await follow(hub, city_id)
            await admin.execute("delete from grants where user_id = $1", edge.world.user(DISPATCHER))  # type: ignore[union-attr]
            await admin.execute("update users set grants_version = grants_version + 1 where login = $1", DISPATCHER)
            return feed

        monkeypatch.setattr(Hub, "feed_of", revoked_just_now)
        with pytest.raises(Forbidden):
            await subscribe(edge, DISPATCHER)

    async def test_a_person_no_longer_active_is_unauthenticated(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        assert edge.world is not None
        _, inbox = await subscribe(edge, DISPATCHER)
        await admin.execute("update users set active = false where login = $1", DISPATCHER)
        await edge.happen(Subject(city, edge.world.user(DISPATCHER)), "ROLE_REVOKED", topic="user")
        await until(lambda: inbox.ended)
        assert isinstance(inbox.ended[0], Unauthenticated)

    async def test_grants_found_changed_while_reading_for_a_group(
        self, edge: Edge, city: int, admin: asyncpg.Connection
    ) -> None:
        """Changed in another city: this city's log does not tell, the version does."""
        inboxes = [(await subscribe(edge, DISPATCHER))[1] for _ in range(3)]
        await admin.execute("update users set grants_version = grants_version + 1 where login = $1", DISPATCHER)
        await edge.happen(Subject(city), "A")
        await edge.happen(Subject(city), "B")
        for inbox in inboxes:
            await inbox.until(2)
            assert inbox.types == ["A", "B"]


class TestLimits:
    """Everything is bounded."""

    async def test_different_streams_of_one_person(self, database: Database, world: World) -> None:
        async with Edge(database, world, limits={"live_groups_per_user": 2}).live() as edge:
            ids = [str(uuid.uuid4()) for _ in range(3)]
            first, _ = await subscribe(edge, query=ONE, id=ids[0])
            await subscribe(edge, query=ONE, id=ids[1])
            await subscribe(edge, query=ONE, id=ids[1])  # the same once more is no other
            with pytest.raises(RateLimited):
                await subscribe(edge, query=ONE, id=ids[2])
            await subscribe(edge, "office@guangyuan", query=ONE, id=ids[2])
            first.cancel()
            await subscribe(edge, query=ONE, id=ids[2])

    async def test_what_is_left_is_forgotten(self, edge: Edge) -> None:
        members = [(await subscribe(edge))[0] for _ in range(5)]
        for member in members:
            member.cancel()
            member.cancel()
        assert not edge.hub._feeds
        assert not edge.hub._people

    async def test_a_refused_subscription_leaves_nothing(self, edge: Edge) -> None:
        with pytest.raises(Forbidden):
            await subscribe(edge, "city_administrator@guangyuan")
        assert not edge.hub._feeds
        assert not edge.hub._people

    async def test_a_slow_replay_delays_nobody_and_goes_live_later(self, edge: Edge, city: int) -> None:
        await edge.happen(Subject(city), *"ABC")
        await numbered(edge, city, 3)
        slow = Inbox()
        slow.taking.clear()
        await subscribe(edge, sink=slow, after=edge.executor.cursors.encode(0, city, "ticketFeed"))
        _, fast = await subscribe(edge)
        await edge.happen(Subject(city), "D")
        await fast.until(1)
        assert slow.types == []
        slow.taking.set()
        await edge.happen(Subject(city), "E")
        await slow.until(5)
        assert slow.types == ["A", "B", "C", "D", "E"]


class TestTrouble:
    """A database that fails for a while, and faults of our own."""

    async def test_a_payload_is_read_again(self, edge: Edge, city: int) -> None:
        _, inbox = await subscribe(edge)
        edge.executor.failures = [TooSlow(), ConnectionResetError()]
        await edge.happen(Subject(city), "A")
        await inbox.until(1)
        assert not inbox.ended

    async def test_a_stream_that_cannot_be_read_is_interrupted_not_skipped(
        self, edge: Edge, city: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("schema.live.retry.RETRY_SECONDS", (0.01, 0.01))
        _, inbox = await subscribe(edge)
        edge.executor.failures = [OSError() for _ in range(3)]
        await edge.happen(Subject(city), "A")
        await until(lambda: inbox.ended)
        assert isinstance(inbox.ended[0], Interrupted)
        assert not inbox.payloads

    async def test_a_fault_of_ours_is_logged_once_for_all(
        self, edge: Edge, city: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        inboxes = [(await subscribe(edge))[1] for _ in range(10)]
        edge.executor.failures = [ValueError("a bug")]
        await edge.happen(Subject(city), "A")
        for inbox in inboxes:
            await until(lambda inbox=inbox: inbox.ended)
        assert caplog.text.count("ValueError: a bug") == 1
        assert len({error.correlation_id for inbox in inboxes for error in inbox.ended}) == 1  # type: ignore[union-attr]

    async def test_the_feed_outlives_the_database(self, edge: Edge, city: int, admin: asyncpg.Connection) -> None:
        _, inbox = await subscribe(edge)
        await edge.happen(Subject(city), "A")
        await inbox.until(1)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = 'yingshang_app' and datname = current_database()"
        )
        await asyncio.sleep(0.2)
        for _ in range(20):
            with contextlib.suppress(Exception):
                await edge.happen(Subject(city), "B")
                break
            await asyncio.sleep(0.1)
        await inbox.until(2, 20)
        assert inbox.types == ["A", "B"]
        assert not inbox.ended

    async def test_stopping_tells_the_streams_to_resume(self, database: Database, world: World) -> None:
        async with Edge(database, world).live() as edge:
            _, inbox = await subscribe(edge)
        assert isinstance(inbox.ended[0], Interrupted)


class Line:
    """A connection that can be made to take nothing; one that does not tell `now` has to be waited for always."""

    def __init__(self, now: bool) -> None:
        self.now = now
        self.sent: list[bytes] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.lost = False

    async def send(self, part: bytes) -> None:
        await self.writable.wait()
        if self.lost:
            raise OSError
        self.sent.append(part)

    def send_now(self, part: bytes) -> bool:
        ready = self.now and self.writable.is_set() and not self.lost
        if ready:
            self.sent.append(part)
        return ready


def letters(text: str) -> list[bytes]:
    """Each of the letters by itself."""
    return [letter.encode() for letter in text]


class TestOutbox:
    """What is still to be sent to one client."""

    @pytest.fixture(params=[True, False])
    def line(self, request: pytest.FixtureRequest) -> Line:
        return Line(now=request.param)

    def outbox(self, line: Line, full: list[bool], limit: int = 3, limit_bytes: int = 100) -> Outbox:
        return Outbox(line, limit=limit, limit_bytes=limit_bytes, on_full=lambda: full.append(True))

    async def test_a_client_that_takes_is_served_at_once(self, line: Line) -> None:
        outbox = self.outbox(line, [])
        for part in letters("abcdef"):
            outbox.offer(part)
        assert line.sent == letters("abcdef")

    async def test_what_a_slow_client_is_sent_waits_in_order(self, line: Line) -> None:
        full = list[bool]()
        outbox = self.outbox(line, full)
        line.writable.clear()
        for part in letters("abcd"):
            outbox.offer(part)
        assert line.sent == []
        line.writable.set()
        await outbox.flush()
        outbox.offer(b"e")
        assert line.sent == letters("abcde")
        assert not full

    @pytest.mark.parametrize("parts", [letters("abcde"), [b"a", b"x" * 60, b"y" * 60]])
    async def test_a_full_queue_is_told_once_and_then_nothing_is_sent(self, line: Line, parts: list[bytes]) -> None:
        full = list[bool]()
        outbox = self.outbox(line, full)
        line.writable.clear()
        for part in [*parts, b"more", b"and more"]:
            outbox.offer(part)
        assert full == [True]
        line.writable.set()
        await asyncio.sleep(0.01)
        assert line.sent == []

    async def test_room_waits_for_progress_and_gives_up_without_any(self, line: Line) -> None:
        outbox = self.outbox(line, [], limit=4)
        line.writable.clear()
        for part in letters("abcde"):
            outbox.offer(part)
        with pytest.raises(Interrupted):
            await outbox.room(0.05)
        waiting = asyncio.create_task(outbox.room(5))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        line.writable.set()
        await waiting
        await outbox.flush()
        assert line.sent == letters("abcde")

    async def test_a_lost_connection_swallows_the_rest(self, line: Line) -> None:
        outbox = self.outbox(line, [])
        line.lost = True
        outbox.offer(b"a")
        outbox.offer(b"b")
        line.lost = False
        outbox.offer(b"c")
        assert line.sent == []
        line = Line(line.now)
        outbox = self.outbox(line, [])
        line.writable.clear()
        outbox.offer(b"a")
        line.lost = True
        line.writable.set()
        await outbox.flush()
        outbox.offer(b"b")
        assert line.sent == []
