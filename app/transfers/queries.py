"""Who sees which transfer, as SQL (see `app.tickets.queries`): each side its own row, and nothing of the other's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, false, func, select

from app.kernel.tables import Row
from app.kernel.unit_of_work import EVENTS
from app.transfers.models import TRANSFERS
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, literals


def transfer_visible_to(scope: Scope, t: Row = TRANSFERS, bind: Bind | None = None) -> ColumnElement[bool]:
    """The transfers of the city: for its desk, its office, supervision and auditors. No ticket that names its readers
    is among them."""
    if not scope.reach(Permission.TRANSFER_READ).whole_city:
        return false()
    bind = bind or literals(scope)
    return and_(t.c.city_id == bind("city_id", lambda who: who.city_id, Integer()))


def last_heard(sent: Row) -> ColumnElement[Any]:
    """When the sender of a ticket last heard of the other side, or chased it: from then on it waits."""
    told = EVENTS.alias("of_other_side")
    by_events = (
        select(func.max(told.c.at))
        .where(told.c.city_id == sent.c.city_id, told.c.subject_id == sent.c.ticket_id, told.c.data.has_key("via"))
        .scalar_subquery()
    )
    return func.greatest(sent.c.offered_at, sent.c.decided_at, sent.c.chased_at, by_events)
