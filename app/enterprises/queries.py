"""Who sees which enterprise, as SQL."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, Uuid, and_, any_, false, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.enterprises.models import Enterprise
from app.kernel.tables import Row, table_of
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, literals

ENTERPRISES = table_of(Enterprise)


def visible_to(scope: Scope, e: Row = ENTERPRISES, bind: Bind | None = None) -> ColumnElement[bool]:
    """The enterprises of the city that the actor may read: the city's, their counties', or their own."""
    bind = bind or literals(scope)
    reach = scope.reach(Permission.ENTERPRISE_READ)
    ways: list[ColumnElement[bool]] = [false()]
    if reach.whole_city or reach.tenants:  # a department looks up enterprises all over its city
        ways.append(true())
    if reach.counties:
        ways.append(e.c.county_id == any_(bind("enterprise_counties", _counties, ARRAY(Integer()))))
    if reach.enterprises:
        ways.append(e.c.id == any_(bind("enterprise_own", _own, ARRAY(Uuid()))))
    return and_(e.c.city_id == bind("city_id", lambda who: who.city_id, Integer()), or_(*ways))


def _counties(scope: Scope) -> list[int]:
    return list(scope.reach(Permission.ENTERPRISE_READ).counties)


def _own(scope: Scope) -> list[object]:
    return list(scope.reach(Permission.ENTERPRISE_READ).enterprises)


def matches_text(e: Row, text: ColumnElement[str]) -> ColumnElement[bool]:
    """Enterprises whose name or credit code holds the text: by the audited search function, which returns ids only."""
    found: ColumnElement[bool] = e.c.id.in_(select(func.search_enterprises(text).column_valued("found")))
    return found
