"""Tickets whose clocks are overdue: as the product keeps them, made many at once."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from app.kernel.events import chain_hash
from app.kernel.tables import new_id

TICKET = (
    *("city_id", "id", "number", "version", "scheme_version", "category", "channel", "title", "body", "status"),
    *("round", "secrecy", "reporter_anonymous", "submitter_id", "submitted_at", "due_at"),
)
EVENT = (
    *("city_id", "id", "topic", "subject_id", "seq", "version", "type", "at", "visibility", "restricted", "data"),
    "hash",
)
CLOCK = (
    *("city_id", "id", "subject_id", "kind", "round", "scheme_version", "amount", "unit", "started_at", "due_at"),
    *("provisional", "state", "warn_at", "warned_at"),
)


async def make_late(
    admin: asyncpg.Connection, city_id: int, submitter: uuid.UUID, count: int, *, now: datetime, warned: bool = False
) -> list[uuid.UUID]:
    """So many tickets that were just submitted and whose verification is long due, one microsecond after the other;
    `warned`: of the warning they have told. The connection is the superuser's. Their ids, the most overdue first."""
    ids = [new_id() for _ in range(count)]
    begun = now - timedelta(days=30)
    tickets, events, clocks = [], [], []
    for number, id_ in enumerate(ids):
        due_at = now - timedelta(days=7) + timedelta(microseconds=number)
        warn_at = due_at - timedelta(days=1)
        tickets.append(
            (
                *(city_id, id_, f"LATE-{id_}", 1, 1, "HELP", "WEB", "迟迟没有答复", "一直没有人联系", "SUBMITTED"),
                *(1, "NORMAL", False, submitter, begun, due_at),
            )
        )
        events.append(_submission(city_id, id_, begun))
        clocks.append(
            (
                *(city_id, new_id(), id_, "VERIFICATION", 1, 1, 1, "WORKING_DAYS", begun, due_at),
                *(False, "RUNNING", warn_at, warn_at if warned else None),
            )
        )
    for table, columns, rows in (("tickets", TICKET, tickets), ("events", EVENT, events), ("deadlines", CLOCK, clocks)):
        await admin.copy_records_to_table(table, columns=columns, records=rows)
    return ids


def _submission(city_id: int, ticket_id: uuid.UUID, at: datetime) -> tuple[Any, ...]:
    data = {"toStatus": "SUBMITTED", "round": 1}
    event: dict[str, Any] = {
        "city_id": city_id,
        "id": new_id(),
        "topic": "ticket",
        "subject_id": ticket_id,
        "seq": 1,
        "version": 1,
        "type": "SUBMITTED",
        "at": at,
        "visibility": "PUBLIC",
        "restricted": False,
        "data": data,
    }
    system = {"actor_id": None, "actor_tenant_id": None, "actor_role": None, "prev_hash": None}
    event["hash"] = chain_hash(event | system)
    event["data"] = orjson.dumps(data).decode()
    return tuple(event[column] for column in EVENT)
