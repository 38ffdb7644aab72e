"""Who sees which transfer, as SQL (see `app.tickets.queries`): each side its own row, and nothing of the other's."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, and_, false

from app.kernel.tables import Row
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
