"""Subscribers get every event they may see, in order and once: past a slow committer, a killed server, a cut line."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
from sqlalchemy import select

from app.kernel.clock import SystemClock
from app.kernel.database import Database
from app.kernel.events import Author
from app.kernel.unit_of_work import unit_of_work
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from schema import ids
from tests.e2e.client import TICKET_EVENTS, TICKET_FEED, Follower
from tests.e2e.log import event_id, events_of, nothing_is_half_done, settled
from tests.e2e.serving import Serving
from tests.e2e.work import DISPATCHER, Office, office

SLOW_SECONDS = 1.5
WRITERS = 5


class Nobody:
    """A sequencer that is not told: the server's own must find what this process has committed."""

    def wake(self, city_id: int) -> None:
        pass


async def comment_slowly(database: Database, ticket: str, *, held: asyncio.Event, go_on: asyncio.Event) -> uuid.UUID:
    """A comment that is written to the log, and committed only a good while later; the event's id."""
    found = ids.decode(ticket)
    opened = unit_of_work(
        database, city_id=found.city_id, user_id=None, grants_version=None, now=SystemClock().now(), sequencer=Nobody()
    )
    async with opened as uow:
        row = await uow.session.scalar(select(Ticket).where(Ticket.id == found.key).with_for_update())
        assert row is not None
        event = uow.record(row, EVENT_TYPES[Action.COMMENT], author=Author(), note="缓慢提交")
        await uow.flush_events()
        held.set()
        await asyncio.sleep(SLOW_SECONDS)
        await go_on.wait()
    return event


async def begin(follower: Follower, people: Office, ticket: str) -> None:
    """Comment on the ticket until the follower is told: from then on it must miss nothing."""
    spoken = 0
    while not follower.edges:
        spoken += 1
        await people.comment(people.enterprise, ticket, f"开始 {ticket} {spoken}")
        await asyncio.sleep(0.1)


async def test_every_event_once_and_in_order(serving: Serving, admin: asyncpg.Connection, database: Database) -> None:
    place = serving.place
    async with office(serving) as people:
        watched = await people.submit("所跟踪的")
        held, go_on = asyncio.Event(), asyncio.Event()
        async with (
            Follower(serving.url, place.token(DISPATCHER), TICKET_FEED, {"within": "guangyuan"}) as board,
            Follower(serving.url, place.token(people.enterprise), TICKET_EVENTS, {"id": watched}) as tracking,
        ):
            await begin(board, people, watched)
            await begin(tracking, people, watched)
            async with asyncio.TaskGroup() as work:
                slow = work.create_task(comment_slowly(database, watched, held=held, go_on=go_on))
                await held.wait()
                done, seen = len(people.confirmed), len(board.edges)
                for writer in range(WRITERS):
                    work.create_task(people.carry(f"工单 {writer}"))
                await people.until(done + 5)
                board.cut()
                tracking.cut()
                await people.until(done + 12)
                await board.until(lambda: len(board.edges) >= seen + 5)  # written after the slow one, and numbered
                serving.kill()
                go_on.set()
                await slow  # committed while nobody numbers or tells
                work.create_task(people.carry_on(watched, "所跟踪的"))
                await asyncio.to_thread(serving.start)
                await board.until(lambda: board.connections == 3)
                board.cut()
            await settled(admin)
            log = await events_of(admin)
            last = event_id(log[-1])
            await board.until(lambda: last in board.ids)
            of_watched = [event for event in log if ids.encode("T", event["city_id"], event["subject_id"]) == watched]
            public = [event_id(event) for event in of_watched if event["visibility"] == "PUBLIC"]
            await tracking.until(lambda: public[-1] in tracking.ids)

        # The board's people are staff: they see the internal comments too.
        whole = [event_id(event) for event in log]
        assert board.ids == whole[whole.index(board.ids[0]) :]
        assert tracking.ids == public[public.index(tracking.ids[0]) :]
        assert {edge["node"]["visibility"] for edge in board.edges} == {"PUBLIC", "INTERNAL"}
        assert {edge["node"]["visibility"] for edge in tracking.edges} == {"PUBLIC"}
        assert board.connections == 4
        assert tracking.connections == 3

    # The slow one really was overtaken: in the log it stands behind events that were written after it.
    written = {event["id"]: (event["ordinal"], event["position"]) for event in log}
    ordinal, position = written[slow.result()]
    assert any(later > ordinal and before < position for later, before in written.values())
    await nothing_is_half_done(admin)
