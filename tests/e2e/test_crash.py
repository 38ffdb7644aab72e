"""`kill -9` of the server at any moment loses no confirmed mutation, repeats none, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import asyncpg
import httpx
import pytest

from schema import ids
from tests.e2e.client import Http
from tests.e2e.log import PATIENCE, by_subject, events_of, nothing_is_half_done, settled
from tests.e2e.serving import Serving
from tests.e2e.work import AGENT, MUTATIONS_OF_A_ROAD, SUBMISSION, office

WRITERS, ROADS, KILLS = 6, 2, 2
ACCEPT = (
    "mutation($input: TicketAcceptInput!) { ticketAccept(input: $input) { ticket { version enterprise { name } } } }"
)


async def test_every_confirmed_mutation_is_there_once(serving: Serving, admin: asyncpg.Connection) -> None:
    """Writers who insist, and a server that dies under them again and again."""
    chance = random.Random()
    async with office(serving) as people, asyncio.TaskGroup() as writers:

        async def write(writer: int) -> None:
            for road in range(ROADS):
                await people.carry(f"{writer}-{road}")

        for writer in range(WRITERS):
            writers.create_task(write(writer))
        for _ in range(KILLS):
            await people.until(len(people.confirmed) + chance.randint(5, 30))
            await asyncio.sleep(chance.uniform(0, 0.05))
            before = people.unanswered
            serving.kill()
            await asyncio.to_thread(serving.start)
            assert people.unanswered > before, "the server died while nobody was asking it anything"

    await settled(admin)
    await nothing_is_half_done(admin)
    events = await events_of(admin)
    there = Counter(
        (ids.encode("T", event["city_id"], event["subject_id"]), event["type"], event["data"].get("note"))
        for event in events
    )
    assert there == Counter((each.ticket, each.event, each.note) for each in people.confirmed)
    assert len(events) == WRITERS * ROADS * MUTATIONS_OF_A_ROAD
    assert await admin.fetchval("select count(*) from idempotency_keys") == len(events)
    bodies = await admin.fetch("select body, status from tickets")
    assert Counter(row["body"] for row in bodies) == Counter(f"{w}-{r}" for w in range(WRITERS) for r in range(ROADS))
    assert {row["status"] for row in bodies} == {"CLOSED"}
    states = {
        (ids.encode("T", event["city_id"], event["subject_id"]), event["version"], event["data"]["toStatus"])
        for event in events
        if event["type"] != "COMMENTED"
    }
    # A mutation that was committed, not answered and sent again is answered with the ticket as it is by then.
    assert {(each.ticket, each.version, each.status) for each in people.confirmed} <= states


async def test_between_commit_and_answer_and_in_the_middle(
    serving: Serving, admin: asyncpg.Connection, admin_url: str
) -> None:
    """The two moments that matter, held still: one mutation is committed but not answered, another has taken its key
    and changed its ticket but not told the log."""
    place = serving.place
    async with (
        Http(serving.url, place.token(place.world.guangyuan.enterprise.login)) as enterprise,
        Http(serving.url, place.token(AGENT)) as agent,
    ):
        committed, halfway = [
            (await enterprise.verb("ticketSubmit", **SUBMISSION, idempotencyKey=key))["ticket"]["id"]
            for key in ("committed", "halfway")
        ]
        given = {
            ticket: {"ticketId": ticket, "expectedVersion": 1, "idempotencyKey": f"accept {ticket}"}
            for ticket in (committed, halfway)
        }
        asked = []
        holder = await asyncpg.connect(admin_url)
        await holder.execute("begin; lock table enterprises in access exclusive mode")  # what the answer must read
        asked.append(asyncio.create_task(agent.post(ACCEPT, {"input": given[committed]})))
        await _until(admin, "select exists(select from events where type = 'ACCEPTED')")
        await holder.execute("lock table events in share row exclusive mode")  # what the commit must write
        asked.append(asyncio.create_task(agent.post(ACCEPT, {"input": given[halfway]})))
        await _until(
            admin,
            "select exists(select from pg_locks where not granted and relation = 'events'::regclass)"
            " and exists(select from pg_stat_activity where query ilike 'insert into events%')",
        )
        assert not any(each.done() for each in asked)
        serving.kill()
        for each in asked:
            with pytest.raises(httpx.TransportError):
                await each
        await holder.close()

        # Nobody has started anything again: this is what the dead server left.
        await _until(admin, "select not exists(select from pg_locks where not granted)")
        await nothing_is_half_done(admin)
        timelines = by_subject(await events_of(admin))
        types = {ids.encode("T", told[0]["city_id"], told[0]["subject_id"]): len(told) for told in timelines.values()}
        assert types == {committed: 2, halfway: 1}
        keys = await admin.fetch("select key from idempotency_keys where mutation = 'ticketAccept'")
        assert [row["key"] for row in keys] == [f"accept {committed}"]

        await asyncio.to_thread(serving.start)
        for ticket in (committed, halfway, committed, halfway):
            payload = await agent.verb("ticketAccept", **given[ticket])
            assert payload["ticket"]["version"] == 2
            assert payload["ticket"]["status"] == "ACCEPTED"

    await settled(admin)
    await nothing_is_half_done(admin)
    assert Counter(event["type"] for event in await events_of(admin)) == {"SUBMITTED": 2, "ACCEPTED": 2}


async def _until(admin: asyncpg.Connection, condition: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await admin.fetchval(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
