"""The queries of supervision: notices, and what the viewer is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import Date, Integer, Text, Uuid, and_, any_, false, literal_column, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.kernel.errors import BadInput
from app.supervision.words import NoticeKind, NoticeStatus
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.reader.declare import Call, Connection, Filter, Flag, Here, Located, Order, Relation, Root, root
from schema.scalars import TenantPath
from schema.supervision.types import NotificationConnection, SupervisionNotice, SupervisionNoticeConnection, is_read
from schema.tenants.within import locate_within, tenant_number
from schema.tickets.queries import Direction
from tenants.models import TenantKind
from tenants.schemes.words import TriggerKind
from tenants.tree import TenantTree

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z", re.ASCII)


def _first_day(value: str, _call: Call) -> date:
    if not _MONTH.match(value) or value.startswith("0000"):
        raise BadInput("malformed_month", month=value[:80])
    return date.fromisoformat(f"{value}-01")


def _of_month(_here: Here, row: Any, value: Any) -> Any:
    behind = value + literal_column("interval '1 month'")
    return and_(row.c.issued_on >= value, row.c.issued_on < behind)


FILTERS: Mapping[str, Filter | Flag] = {
    "kind": Filter(lambda _here, row, value: row.c.kind == any_(value), ARRAY(Text())),
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "trigger": Filter(lambda _here, row, value: row.c.trigger == any_(value), ARRAY(Text())),
    "addressee": Filter(lambda _here, row, value: row.c.addressee_id == value, Integer(), tenant_number),
    "listed": Flag(lambda _here, row: row.c.listed),
    "automatic": Flag(lambda _here, row: row.c.raised_by.is_(None)),
    "month": Filter(_of_month, Date(), _first_day),
}


@strawberry.input(description="Which notices; what is given must all hold.")
class SupervisionNoticeFilter:
    kind: list[NoticeKind] | None = strawberry.field(default=strawberry.UNSET, description="Any of these levels.")
    status: list[NoticeStatus] | None = strawberry.field(default=strawberry.UNSET, description="In any of these.")
    trigger: list[TriggerKind] | None = strawberry.field(default=strawberry.UNSET, description="Set off by any.")
    addressee: TenantPath | None = strawberry.field(default=strawberry.UNSET, description="To this department.")
    listed: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Listed in the month's report (挂牌), or not."
    )
    automatic: bool | None = strawberry.field(default=strawberry.UNSET, description="Raised by itself, or by hand.")
    month: str | None = strawberry.field(
        default=strawberry.UNSET, description="Issued in this month of the city's calendar, `2026-11`."
    )


class SupervisionNoticeOrderField(StrEnum):
    ISSUED_AT = "ISSUED_AT"
    REPLY_DUE_AT = "REPLY_DUE_AT"


strawberry.enum(SupervisionNoticeOrderField, description="By what notices are sorted; ties by id.")
for _value in cast(Any, SupervisionNoticeOrderField).__strawberry_definition__.values:
    _value.description = {
        "ISSUED_AT": "By when they were issued.",
        "REPLY_DUE_AT": "By when the reply is due.",
    }[_value.name]


@strawberry.input(description="How notices are sorted.")
class SupervisionNoticeOrder:
    field: SupervisionNoticeOrderField = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(description="Which way.")


def notices_of_tenant(here: Here, row: Any) -> Any:
    """The notices to `within`: to departments of a county and itself, to a department, to all of a city."""
    if here.arguments.located == TenantKind.PLATFORM:
        return false()
    if not here.arguments.has("within") or here.arguments.located in (TenantKind.CITY, TenantKind.REGION):
        return row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    column = row.c.addressee_county_id if here.arguments.located == TenantKind.COUNTY else row.c.addressee_id
    return column == tenant


def _locate_notice(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "SN").city_id,))


def _locate_own(_arguments: Mapping[str, Any], viewer: Viewer, _tree: TenantTree) -> Located:
    assert viewer.actor is not None
    return Located((viewer.actor.city_id,))


def _wanted(here: Here) -> Any:
    return ~is_read(here) if here.arguments.get("unread") else true()


def notice_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> SupervisionNotice | None: ...


def notices_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(
            description="To this department, to those of this county or city; the viewer's own city when not given."
        ),
    ] = strawberry.UNSET,
    filter: Annotated[  # noqa: A002
        SupervisionNoticeFilter | None, strawberry.argument(description="Which of them.")
    ] = strawberry.UNSET,
    order_by: Annotated[
        SupervisionNoticeOrder | None,
        strawberry.argument(description="How they are sorted; newest first when not given."),
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> SupervisionNoticeConnection: ...


def notifications_arguments(
    unread: Annotated[
        bool | None, strawberry.argument(description="Only what the viewer has not marked as read.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> NotificationConnection: ...


@strawberry.type
class SupervisionQueries:
    supervision_notice: SupervisionNotice | None = root(
        "A supervision notice by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "SupervisionNotice",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_notice,
            Permission.SUPERVISION_READ,
        ),
        notice_arguments,
    )
    supervision_notices: SupervisionNoticeConnection = root(
        "The supervision notices that the viewer may see, newest first unless sorted otherwise.",
        Root(
            Connection(
                target="SupervisionNotice",
                on=lambda here: notices_of_tenant(here, here.row),
                orders={"ISSUED_AT": Order("issued_at"), "REPLY_DUE_AT": Order("reply_due_at")},
                default=Order("issued_at", descending=True),
                filters=FILTERS,
                counting=100,
            ),
            locate_within,
            Permission.SUPERVISION_READ,
        ),
        notices_arguments,
    )
    notifications: NotificationConnection = root(
        "What the viewer's own tenants were told, newest first; `notifications` of `Subscription` tells it live.",
        Root(
            Connection(
                target="Notification",
                on=_wanted,
                orders={},
                default=Order("at", descending=True),
                counting=100,
            ),
            _locate_own,
            Permission.NOTIFICATION_READ,
        ),
        notifications_arguments,
    )
