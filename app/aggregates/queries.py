"""Who sees which aggregates, as SQL: one expression for the actions and for the reader."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, and_, false, true

from app.aggregates.models import Aggregate, AggregateCell
from app.kernel.tables import Row, table_of
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, literals

AGGREGATES = table_of(Aggregate)
CELLS = table_of(AggregateCell)


def visible_to(scope: Scope, a: Row = AGGREGATES, bind: Bind | None = None) -> ColumnElement[bool]:
    """The aggregates in the actor's own space: of a city its own, of a region those of its cities."""
    bind = bind or literals(scope)
    in_space: ColumnElement[bool] = a.c.city_id == bind("city_id", lambda who: who.city_id, Integer())
    return and_(in_space, true() if scope.reach(Permission.AGGREGATE_READ).whole_city else false())
