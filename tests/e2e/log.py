"""What the database holds, read behind the server's back, and what must be true of it at any time."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson

from app.kernel.events import first_broken
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import INITIAL, next_round, outcomes
from app.tickets.words import NO_STEPS, TicketStatus
from schema import ids

PATIENCE = 60.0
ACTION_OF = {event: action for action, event in EVENT_TYPES.items()}


async def settled(admin: asyncpg.Connection) -> None:
    """Wait until every committed event has its position, and then find no gap among them."""
    async with asyncio.timeout(PATIENCE):
        while await admin.fetchval("select exists(select from events where position is null)"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for city in await admin.fetch(
        "select h.city_id, h.position, array_agg(e.position order by e.position) as positions"
        " from event_heads h join events e using (city_id) group by 1, 2"
    ):
        assert city["positions"] == list(range(1, city["position"] + 1)), "positions have no gap and no twin"


async def events_of(admin: asyncpg.Connection, *, topic: str = "ticket") -> list[dict[str, Any]]:
    """Every event of the topic, in the order of the log; the data as Python values."""
    rows = await admin.fetch("select * from events where topic = $1 order by city_id, position, ordinal", topic)
    return [{**row, "data": orjson.loads(row["data"])} for row in rows]


def by_subject(events: Sequence[dict[str, Any]]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """The events of each subject, in order."""
    found = defaultdict(list)
    for event in sorted(events, key=lambda event: event["seq"]):
        found[event["subject_id"]].append(event)
    return dict(found)


def event_id(event: dict[str, Any]) -> str:
    """The id by which clients know it."""
    return ids.encode("TE", event["city_id"], event["id"])


async def nothing_is_half_done(admin: asyncpg.Connection) -> None:
    """Every ticket is what its chain of events replays to, from its submission on; and no event lacks its ticket, no
    idempotency key its change."""
    tickets = {row["id"]: row for row in await admin.fetch("select * from tickets")}
    timelines = by_subject(await events_of(admin))
    assert timelines.keys() == tickets.keys()
    for ticket_id, (first, *later) in timelines.items():
        assert first_broken([first, *later]) is None, "the chain of hashes is whole"
        assert (first["type"], first["version"], first["data"]["toStatus"]) == ("SUBMITTED", 1, INITIAL)
        status, current_round, version = INITIAL, 1, 1
        for event in later:
            if event["type"] not in NO_STEPS:
                after = TicketStatus(event["data"]["toStatus"])
                assert event["data"]["fromStatus"] == status
                assert after in outcomes(status, ACTION_OF[event["type"]])
                current_round = next_round(status, after, current_round)
                status, version = after, version + 1
            assert event["version"] == version, "versions have no gap"
        ticket = tickets[ticket_id]
        assert (ticket["status"], ticket["round"], ticket["version"]) == (status, current_round, version)
    assert len({ticket["number"] for ticket in tickets.values()}) == len(tickets)
    keys = await admin.fetch("select mutation, subject_id, count(*) as claimed from idempotency_keys group by 1, 2")
    for key in keys:
        kind = MUTATION_EVENTS.get(key["mutation"])
        if kind is not None:
            told = [
                event
                for event in timelines.get(key["subject_id"], ())
                if event["type"] == kind and event["actor_id"] is not None  # the system's own work needs no key
            ]
            assert len(told) == key["claimed"], f"{key['mutation']} was claimed {key['claimed']} times, told {told}"


MUTATION_EVENTS = {
    "ticketSubmit": "SUBMITTED",
    "ticketAccept": "ACCEPTED",
    "ticketDispatch": "DISPATCHED",
    "ticketAcknowledge": "ACKNOWLEDGED",
    "ticketComment": "COMMENTED",
    "ticketResolve": "RESOLVED",
    "ticketFollowUp": "FOLLOWED_UP",
}
"""The event that each of these leaves behind, once for every key that was given with it."""
