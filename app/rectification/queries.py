"""Who sees which rectification task, inspection and work plan, as SQL (for actions and for the reader alike)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, any_, exists, false, literal_column, not_, null, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.kernel.tables import Row
from app.rectification.models import CO_OPERATORS, MILESTONES, TASKS
from authz.actor import Reach, Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, Way, literals


def visible_to(scope: Scope, t: Row = TASKS, bind: Bind | None = None) -> ColumnElement[bool]:
    """The tasks of the city that the actor may read."""
    bind = bind or literals(scope)
    return and_(in_city(scope, t, bind), within_reach(scope, Permission.RECTIFICATION_READ, t, bind))


def in_city(scope: Scope, t: Row, bind: Bind | None = None) -> ColumnElement[bool]:
    """The rows of the city at hand."""
    bind = bind or literals(scope)
    here: ColumnElement[bool] = t.c.city_id == bind("city_id", lambda who: who.city_id, Integer())
    return here


def within_reach(scope: Scope, permission: Permission, t: Row = TASKS, bind: Bind | None = None) -> ColumnElement[bool]:
    """Whether the permission reaches the task: by its responsible tenant, or by a co-operating one."""
    if scope.reach(permission).whole_city:
        return true()
    return or_(false(), *(way.holds for way in ways_within_reach(scope, permission, t, bind or literals(scope))))


def ways_within_reach(scope: Scope, permission: Permission, t: Row, bind: Bind) -> list[Way]:
    """As `within_reach`, of a reach that is not the whole city, way by way."""
    reach = scope.reach(permission)

    def one_of(column: ColumnElement[int], field: str) -> tuple[ColumnElement[bool], bool]:
        name = f"{permission.name.lower()}_{field}"
        values: Sequence[int] = getattr(reach, field)
        if len(values) == 1:  # equality lets an index give the order of a page
            return column == bind(name, lambda who: getattr(who.reach(permission), field)[0], Integer()), True
        listed = bind(f"{name}_all", lambda who: list(getattr(who.reach(permission), field)), ARRAY(Integer()))
        return column == any_(listed), False

    ways: list[Way] = []
    if reach.counties:
        holds, ordered = one_of(t.c.lead_county_id, "counties")
        if permission is Permission.RECTIFICATION_JUDGE:
            # Nobody judges themselves: what the county itself has to put right is the city's to judge.
            holds = and_(holds, not_(one_of(t.c.lead_id, "counties")[0]))
        ways.append(Way(holds, wide=True, ordered=ordered))
    if reach.tenants:
        ways.append(Way(*_narrow(one_of(t.c.lead_id, "tenants"))))
        helps = co_operated_by(t, one_of(CO_OPERATORS.c.tenant_id, "tenants")[0])
        ways.append(Way(helps, ordered=False))
    if reach.leads:
        ways.append(Way(*_narrow(one_of(t.c.lead_id, "leads"))))
    return ways


def _narrow(found: tuple[ColumnElement[bool], bool]) -> tuple[ColumnElement[bool], bool, bool]:
    holds, ordered = found
    return holds, False, ordered


def co_operated_by(t: Row, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the condition, on `CO_OPERATORS`, holds for a tenant that helps with the task."""
    return exists(select(literal_column("1")).select_from(CO_OPERATORS)).where(
        CO_OPERATORS.c.city_id == t.c.city_id, CO_OPERATORS.c.task_id == t.c.id, condition
    )


def has_open_milestones(t: Row = TASKS) -> ColumnElement[bool]:
    """Whether a milestone of the task is not done."""
    return exists(select(literal_column("1")).select_from(MILESTONES)).where(
        MILESTONES.c.city_id == t.c.city_id, MILESTONES.c.task_id == t.c.id, MILESTONES.c.done_at.is_(null())
    )


def inspection_visible_to(scope: Scope, t: Row, bind: Bind | None = None) -> ColumnElement[bool]:
    """The inspections of what the permission to read tasks reaches: the inspected tenant is told of its own."""
    bind = bind or literals(scope)
    reach = scope.reach(Permission.RECTIFICATION_READ)
    here = in_city(scope, t, bind)
    if reach.whole_city:
        return here
    ways: list[ColumnElement[bool]] = [false()]
    for field, column in (("counties", t.c.county_id), ("tenants", t.c.tenant_id)):
        if getattr(reach, field):
            ways.append(column == any_(bind(f"inspected_{field}", _reached(field), ARRAY(Integer()))))
    return and_(here, or_(*ways))


def _reached(field: str) -> Any:
    return lambda who: list(getattr(who.reach(Permission.RECTIFICATION_READ), field))


def plan_visible_to(scope: Scope, t: Row, bind: Bind | None = None) -> ColumnElement[bool]:
    """A work plan is known to everybody who reads tasks in its city; each sees those of its tasks that are theirs."""
    if scope.reach(Permission.RECTIFICATION_READ).empty:
        return false()
    return in_city(scope, t, bind)


def may_give(reach: Reach, tenant_id: int, county_id: int | None) -> bool:
    """Whether who has this reach may give a task to the tenant: to any below them, never to themselves."""
    return reach.whole_city or (county_id in reach.counties and tenant_id not in reach.counties)
