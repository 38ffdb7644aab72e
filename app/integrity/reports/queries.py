"""Who sees which report, and whose step it is, as SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, and_, any_, exists, false, func, literal_column, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.integrity.models import Report
from app.kernel.tables import Row, table_of
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, literals

REPORTS = table_of(Report)


def visible_to(scope: Scope, r: Row = REPORTS, bind: Bind | None = None) -> ColumnElement[bool]:
    """The reports of the city that the actor may read: all, those of their counties, or their tenant's own."""
    bind = bind or literals(scope)
    reach = scope.reach(Permission.REPORT_READ)
    ways: list[ColumnElement[bool]] = [false()]
    if reach.whole_city:
        ways.append(true())
    if reach.counties:
        ways.append(r.c.county_id == any_(bind("report_counties", _counties, ARRAY(Integer()))))
    if reach.leads:
        ways.append(r.c.tenant_id == any_(bind("report_leads", _leads, ARRAY(Integer()))))
    return and_(r.c.city_id == bind("city_id", lambda who: who.city_id, Integer()), or_(*ways))


def _counties(scope: Scope) -> list[int]:
    return list(scope.reach(Permission.REPORT_READ).counties)


def _leads(scope: Scope) -> list[int]:
    return list(scope.reach(Permission.REPORT_READ).leads)


def is_theirs(scope: Scope, permission: Permission, r: Row = REPORTS, bind: Bind | None = None) -> ColumnElement[bool]:
    """Whether the step is the actor's: they hold one of the report's own roles where that counts.

    It is handed in by a role of the very tenant, and judged by one that reaches it: its own, its county's, its city's.
    """
    bind = bind or literals(scope)
    hands_in = permission is Permission.REPORT_SUBMIT
    roles = r.c.from_roles if hands_in else r.c.to_roles
    places = (r.c.tenant_id,) if hands_in else (r.c.tenant_id, r.c.county_id, r.c.city_id)
    held = bind(f"{permission.name.lower()}_held", lambda who: _held(who, permission), ARRAY(Text()))
    own: Any = func.unnest(roles).table_valued("role").render_derived(name="own_")
    at: ColumnElement[str] = literal_column("'@'", Text())
    return exists(
        select(literal_column("1"))
        .select_from(own)
        .where(or_(*(func.concat(own.c.role, at, place) == any_(held) for place in places)))
    )


def _held(scope: Scope, permission: Permission) -> list[str]:
    """The grants of the actor that have the permission here, as `ROLE@tenant`."""
    by_role = scope.actor.policy[permission]
    return sorted(
        f"{grant.role.value}@{grant.tenant_id}"
        for grant in scope.actor.grants
        if grant.city_id == scope.city_id and grant.role in by_role
    )
