"""Who sees which notice and which notification, as SQL (see `app.tickets.queries`)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, Integer, Uuid, and_, any_, false, func, literal_column, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.kernel.tables import Row, table_of
from app.supervision.models import Notification, NotificationMark, SupervisionCursor, SupervisionNotice
from app.tickets.queries import NAMED_PERSONS
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, Way, literals

NOTICES = table_of(SupervisionNotice)
CURSORS = table_of(SupervisionCursor)
NOTIFICATIONS = table_of(Notification)
MARKS = table_of(NotificationMark)


def notice_visible_to(
    scope: Scope, n: Row = NOTICES, bind: Bind | None = None, *, named: bool = True
) -> ColumnElement[bool]:
    """The notices of the city that the actor may read; one about a restricted ticket as `visible_to` shows that."""
    bind = bind or literals(scope)
    return and_(
        n.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        notice_within_reach(scope, Permission.SUPERVISION_READ, n, bind),
        _not_secret(scope, n, bind, named=named),
    )


def notice_within_reach(
    scope: Scope, permission: Permission, n: Row = NOTICES, bind: Bind | None = None
) -> ColumnElement[bool]:
    """Whether the actor's permission reaches the notice: by where its addressee is."""
    if scope.reach(permission).whole_city:
        return true()
    return or_(false(), *(way.holds for way in ways_to_notices(scope, permission, n, bind or literals(scope))))


def ways_to_notices(scope: Scope, permission: Permission, n: Row, bind: Bind) -> list[Way]:
    """As `notice_within_reach`, of a reach that is not the whole city, way by way."""
    reach = scope.reach(permission)
    columns = {"counties": n.c.addressee_county_id, "tenants": n.c.addressee_id, "leads": n.c.addressee_id}
    return [
        _way(permission, bind, field, column, ids=getattr(reach, field))
        for field, column in columns.items()
        if getattr(reach, field)
    ]


def notification_visible_to(
    scope: Scope, n: Row = NOTIFICATIONS, bind: Bind | None = None, *, named: bool = True
) -> ColumnElement[bool]:
    """What the tenants in which the actor works are told; of a restricted ticket, those who are named on it."""
    bind = bind or literals(scope)
    return and_(
        n.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        or_(false(), *(way.holds for way in ways_to_notifications(scope, n, bind))),
        _theirs_to_know(scope, n),
        _not_secret(scope, n, bind, named=named),
    )


def _theirs_to_know(scope: Scope, n: Row) -> ColumnElement[bool]:
    """A desk is told of transfers, and a region's of what its cities release, but not of its office's notices; who may
    not read transfers, of nothing of them."""
    conditions = []
    if scope.reach(Permission.SUPERVISION_READ).empty:
        conditions.append(func.num_nonnulls(n.c.transfer_id, n.c.aggregate_id) > literal_column("0"))
    if scope.reach(Permission.TRANSFER_READ).empty:
        conditions.append(n.c.transfer_id.is_(None))
    return and_(true(), *conditions)


def ways_to_notifications(scope: Scope, n: Row, bind: Bind) -> list[Way]:
    """The one way to one's own notifications."""
    leads = scope.reach(Permission.NOTIFICATION_READ).leads
    return [_way(Permission.NOTIFICATION_READ, bind, "leads", n.c.tenant_id, ids=leads)] if leads else []


def _way(permission: Permission, bind: Bind, field: str, column: ColumnElement[Any], *, ids: tuple[int, ...]) -> Way:
    name = f"{permission.name.lower()}_{field}"
    if len(ids) == 1:  # equality lets an index give the order of a page
        return Way(column == bind(name, lambda who: getattr(who.reach(permission), field)[0], Integer()))
    several = bind(f"{name}_all", lambda who: list(getattr(who.reach(permission), field)), ARRAY(Integer()))
    return Way(column == any_(several), ordered=False)


def _not_secret(scope: Scope, n: Row, bind: Bind, *, named: bool) -> ColumnElement[bool]:
    if scope.reach(Permission.TICKET_READ_RESTRICTED).whole_city:
        return true()
    open_to_all: ColumnElement[bool] = n.c.restricted.is_(false())
    if not named:
        return open_to_all
    listed = select(NAMED_PERSONS.c.ticket_id).where(
        NAMED_PERSONS.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        NAMED_PERSONS.c.user_id == bind("user_id", lambda who: who.actor.user_id, Uuid()),
    )
    return or_(open_to_all, n.c.ticket_id == any_(func.array(listed.scalar_subquery(), type_=ARRAY(Uuid()))))


async def persons_told(
    connection: asyncpg.Connection, city_id: int, subject_ids: Iterable[uuid.UUID]
) -> frozenset[uuid.UUID]:
    """Who is named on the restricted tickets that these notifications, by the subjects of their events, are about."""
    rows = await connection.fetch(
        "select distinct p.user_id from notifications n join ticket_named_persons p"
        " on p.city_id = n.city_id and p.ticket_id = n.ticket_id"
        " where n.city_id = $1 and n.subject_id = any($2) and n.restricted",
        city_id,
        list(subject_ids),
    )
    return frozenset(row["user_id"] for row in rows)
