"""Workers that are killed while they take events from one city to the other: nothing is lost, nothing is told twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import asyncpg

from app.kernel.events import first_broken
from app.transfers.relay import EVERY
from schema import ids
from tests.e2e.log import by_subject, events_of, settled
from tests.e2e.serving import PATIENCE, Place
from tests.e2e.test_worker_crash import Workers, workers
from tests.factories.world import WorldCity
from tests.schema.conftest import Api, opened

__all__ = ["workers"]

TRANSFERS, SAYINGS = 40, 2
WORKERS, KILLS = 3, 4
TO_TELL = (
    "select count(*) from ticket_transfers t where ended_at is null and exists (select from events e"
    " where e.city_id = t.city_id and e.subject_id = t.ticket_id and e.seq > t.relayed_seq)"
)
"""Sides of transfers with something that the other side has not been told of."""


class Passed(NamedTuple):
    """A ticket that went from one city to the other: its id on either side."""

    here: str
    there: str


async def pass_on(api: Api, origin: WorldCity, peer: WorldCity, name: str) -> Passed:
    """A ticket of the origin's first enterprise that the peer has accepted; both sides have said something since."""
    enterprise, desk = origin.enterprise.login, f"intake_agent@{origin.path}"
    here = (await api.submit(enterprise, body=f"{name}号问题一直没有人处理。"))["id"]
    await api.verb(desk, "ticketTransfer", "id", ticketId=here, to=peer.path, reason="该事项由对方有关部门负责。")
    offers = (
        await api.data(
            f"intake_agent@{peer.path}",
            "{ ticketTransfers(first: 100, filter: {status: [OFFERED], direction: RECEIVED}) "
            "{ edges { node { id body } } } }",
        )
    )["ticketTransfers"]["edges"]
    (offer,) = (edge["node"]["id"] for edge in offers if edge["node"]["body"].startswith(f"{name}号"))
    decided = await api.data(
        f"intake_agent@{peer.path}",
        "mutation($id: ID!) { ticketTransferDecide(input: {transferId: $id, accept: true}) "
        "{ ticketTransfer { ticket { id } } userErrors { message } } }",
        id=offer,
    )
    there = decided["ticketTransferDecide"]["ticketTransfer"]["ticket"]["id"]
    for n in range(SAYINGS):
        for login, ticket, side in (
            (enterprise, here, "这边"),
            (f"intake_agent@{peer.path}", there, "那边"),
        ):
            said = f"{side}{name}-{n}"
            await api.verb(login, "ticketComment", "id", ticketId=ticket, body=said, visibility="PUBLIC")
    return Passed(here, there)


async def below(admin: asyncpg.Connection, number: int, workers: Workers) -> int:
    """Wait until less than so many sides have something to tell; how many have."""
    until = time.monotonic() + PATIENCE
    while (there := await admin.fetchval(TO_TELL)) >= number:
        assert time.monotonic() < until, f"{there} transfers are not relayed:\n{workers.said()}"
        await asyncio.sleep(0.005)
    return int(there)


async def test_a_relay_killed_at_random_has_told_each_side_everything_once(
    place: Place, admin: asyncpg.Connection, workers: Workers, tmp_path: Path
) -> None:
    assert timedelta(seconds=5) > EVERY, "a worker that was killed is soon followed by another's turn"
    world, chance = place.world, random.Random()
    cities = (world.guangyuan, world.anshan)
    async with opened(world, place.application_url, tmp_path) as api:
        both_ways = [await pass_on(api, *(cities if n % 2 else cities[::-1]), f"{n}") for n in range(TRANSFERS)]
        for _ in range(WORKERS):
            workers.start()
        left = 2 * TRANSFERS
        assert await admin.fetchval(TO_TELL) == left
        for _ in range(KILLS):
            left = await below(admin, left, workers)  # somebody is at it
            await asyncio.sleep(chance.uniform(0, 0.05))
            left = await admin.fetchval(TO_TELL)
            assert left, "all was told before anybody was killed: it takes more transfers"
            assert workers.end(chance.choice(workers.running), signal.SIGKILL) == -signal.SIGKILL
            workers.start()
        await below(admin, 1, workers)
        await settled(admin)

    timelines = {
        (events[0]["city_id"], subject): events for subject, events in by_subject(await events_of(admin)).items()
    }
    assert all(first_broken(events) is None for events in timelines.values())
    for n, passed in enumerate(both_ways):
        for ticket in passed:
            found = ids.decode(ticket)
            events = timelines[found.city_id, found.key]
            said = Counter(event["data"]["note"] for event in events if event["type"] == "COMMENTED")
            assert said == Counter(f"{side}{n}-{each}" for side in ("这边", "那边") for each in range(SAYINGS))
            for side in ("这边", "那边"):  # in the order in which they were said
                notes = [e["data"]["note"] for e in events if e["type"] == "COMMENTED" and side in e["data"]["note"]]
                assert notes == sorted(notes)
            versions = [event["version"] for event in events]
            assert versions == sorted(versions)
