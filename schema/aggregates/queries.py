"""The queries of released aggregates: their arguments, and how the reader answers them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import strawberry
from sqlalchemy import Date, Integer, Uuid, false, true

from app.kernel.errors import BadInput
from authz.permissions import Permission
from schema import ids
from schema.aggregates.types import ReleasedAggregate, ReleasedAggregateConnection, is_newest
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.reader.declare import Call, Connection, Filter, Flag, Here, Located, Order, Relation, Root, root
from schema.scalars import TenantPath
from schema.tenants.within import locate_within, tenant_number
from tenants.models import TenantKind
from tenants.tree import TenantTree

_MONTH = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])\Z", re.ASCII)


def first_day(value: str, _call: Call) -> date:
    """The first day of `2026-11`. Raises BadInput `malformed_month`."""
    if not _MONTH.match(value):
        raise BadInput("malformed_month", month=value[:80])
    return date.fromisoformat(f"{value}-01")


FILTERS: Mapping[str, Filter | Flag] = {
    "city": Filter(lambda _here, row, value: row.c.of_city_id == value, Integer(), tenant_number),
    "fromMonth": Filter(lambda _here, row, value: row.c.month >= value, Date(), first_day),
    "toMonth": Filter(lambda _here, row, value: row.c.month <= value, Date(), first_day),
    "current": Flag(lambda _here, row: is_newest(row)),
    "automatic": Flag(lambda _here, row: row.c.automatic),
}


@strawberry.input(description="Which released aggregates; what is given must all hold.")
class ReleasedAggregateFilter:
    city: TenantPath | None = strawberry.field(default=strawberry.UNSET, description="Of this city.")
    from_month: str | None = strawberry.field(
        default=strawberry.UNSET, description="Of this month, `2026-01`, or later."
    )
    to_month: str | None = strawberry.field(default=strawberry.UNSET, description="Of this month or earlier.")
    current: bool | None = strawberry.field(
        default=strawberry.UNSET, description="The newest version of each month; false: those that were corrected."
    )
    automatic: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Released by themselves; false: by an office."
    )


def of_space(here: Here) -> Any:
    """All in the space of the argument `within`; of a county or a department there are none."""
    kind = here.arguments.located
    return true() if kind is None or kind in (TenantKind.CITY, TenantKind.REGION) else false()


def _locate_id(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "AG").city_id,))


def released_aggregate_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> ReleasedAggregate | None: ...


def released_aggregates_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(
            description="Released to this region, or by this city; in the viewer's own space when not given."
        ),
    ] = strawberry.UNSET,
    filter: Annotated[ReleasedAggregateFilter | None, strawberry.argument(description="Which of them.")] = (  # noqa: A002
        strawberry.UNSET
    ),
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> ReleasedAggregateConnection: ...


@strawberry.type
class AggregateQueries:
    released_aggregate: ReleasedAggregate | None = root(
        "What a city released of a month, by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "ReleasedAggregate",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_id,
            Permission.AGGREGATE_READ,
        ),
        released_aggregate_arguments,
    )
    released_aggregates: ReleasedAggregateConnection = root(
        "What cities have released of their months, the newest month first, every version of it.",
        Root(
            Connection(
                target="ReleasedAggregate",
                on=of_space,
                orders={},
                default=Order("month", descending=True),
                filters=FILTERS,
                counting=10,
            ),
            locate_within,
            Permission.AGGREGATE_READ,
        ),
        released_aggregates_arguments,
    )
