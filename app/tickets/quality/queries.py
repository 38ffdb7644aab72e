"""Who sees which entry of the ledger of handling quality, as SQL (see `app.tickets.queries`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, any_, false, or_, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.kernel.tables import Row, table_of
from app.tickets.models import QualityEntry
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, Way, literals

ENTRIES = table_of(QualityEntry)


def entry_visible_to(scope: Scope, e: Row = ENTRIES, bind: Bind | None = None) -> ColumnElement[bool]:
    """The entries of the ledgers that the actor may read: the city's, or those of their counties."""
    bind = bind or literals(scope)
    return and_(
        e.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        entry_within_reach(scope, Permission.TICKET_READ_QUALITY, e, bind),
    )


def entry_within_reach(
    scope: Scope, permission: Permission, e: Row = ENTRIES, bind: Bind | None = None
) -> ColumnElement[bool]:
    """Whether the permission reaches the entry: by whose ledger it stands in."""
    if scope.reach(permission).whole_city:
        return true()
    return or_(false(), *(way.holds for way in ways_to_entries(scope, permission, e, bind or literals(scope))))


def ways_to_entries(scope: Scope, permission: Permission, e: Row, bind: Bind) -> list[Way]:
    """As `entry_within_reach`, of a reach that is not the whole city."""
    counties = scope.reach(permission).counties
    if not counties:
        return []
    name = f"{permission.name.lower()}_kept"
    if len(counties) == 1:  # equality lets an index give the order of a page
        return [Way(e.c.tenant_id == bind(name, lambda who: who.reach(permission).counties[0], Integer()), wide=True)]
    several: Any = bind(f"{name}_all", lambda who: list(who.reach(permission).counties), ARRAY(Integer()))
    return [Way(e.c.tenant_id == any_(several), wide=True, ordered=False)]
