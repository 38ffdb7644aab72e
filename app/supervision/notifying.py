"""Tells the people of a tenant: a row to look up, and an event that reaches them live."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import insert

from app.kernel.events import Author
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.queries import NOTIFICATIONS
from app.supervision.words import NotificationKind

TOPIC = "notification"
_INSERT = insert(NOTIFICATIONS)


@dataclass(frozen=True, slots=True)
class _Told:
    """The subject of a notification's event: nothing else ever happens to it."""

    city_id: int
    id: uuid.UUID
    version: int = 1


def notify(
    uow: UnitOfWork,
    tenant_id: int,
    kind: NotificationKind,
    *,
    ticket_id: uuid.UUID | None = None,
    notice_id: uuid.UUID | None = None,
    transfer_id: uuid.UUID | None = None,
    aggregate_id: uuid.UUID | None = None,
    task_id: uuid.UUID | None = None,
    report_id: uuid.UUID | None = None,
    entry_id: uuid.UUID | None = None,
    restricted: bool = False,
) -> None:
    """Tell the tenant's people of a ticket, a notice, a transfer, released aggregates, a task, a report or an entry of
    the integrity ledger. These must be in the database by now."""
    told = _Told(uow.city_id, new_id())
    event_id = uow.record(
        *(told, kind), topic=TOPIC, author=Author(), visibility="INTERNAL", restricted=restricted, new=True
    )
    uow.defer(
        _INSERT,
        {
            "city_id": uow.city_id,
            "id": event_id,
            "subject_id": told.id,
            "tenant_id": tenant_id,
            "kind": kind.value,
            "ticket_id": ticket_id,
            "notice_id": notice_id,
            "transfer_id": transfer_id,
            "aggregate_id": aggregate_id,
            "task_id": task_id,
            "report_id": report_id,
            "entry_id": entry_id,
            "restricted": restricted,
            "at": uow.now,
        },
    )
