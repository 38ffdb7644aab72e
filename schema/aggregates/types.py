"""What cities release to their region, as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, Numeric, Text, and_, exists, func, literal_column, not_, select
from sqlalchemy import cast as sql_cast

from app.aggregates.queries import AGGREGATES, CELLS, visible_to
from app.aggregates.words import AggregateAction, AggregateMeasure
from app.kernel.tables import Row
from app.tickets.words import TicketCategory
from authz.permissions import Permission
from schema.labels import label_sql
from schema.pages import Node, paged
from schema.reader.declare import Call, Here, column, computed, expression, relation, stored
from schema.tenants.types import Tenant

CELLS_OF_ONE = 60
"""Eight measures, each in all and by its categories or levels: there are 53."""


def share(row: Row) -> ColumnElement[Any]:
    """A part of a whole, 0 to 1, rounded half up to 4 digits; null of nothing, of what is withheld and of a count."""
    whole = func.nullif(row.c.denominator, literal_column("0"), type_=Numeric())
    return sql_cast(func.round(sql_cast(row.c.numerator, Numeric()) / whole, literal_column("4")), Text())


def month_text(row: Row) -> ColumnElement[str]:
    """`2026-11`."""
    return func.to_char(row.c.month, literal_column("'YYYY-MM'"))


def is_newest(row: Row) -> ColumnElement[bool]:
    """Whether no version came after it."""
    newer = AGGREGATES.alias("newer_")
    return not_(
        exists(
            select(literal_column("1"))
            .select_from(newer)
            .where(
                newer.c.city_id == row.c.city_id,
                newer.c.of_city_id == row.c.of_city_id,
                newer.c.month == row.c.month,
                newer.c.version > row.c.version,
            )
            .correlate_except(newer)
        )
    )


@stored(
    table=CELLS,
    description="One number of what was released. A count under the city's smallest is withheld, and so are those that "
    "would give it away; zeros are shown. What is restricted is counted nowhere.",
)
class AggregateCell:
    measure: AggregateMeasure = column("What is counted.")
    measure_label: str = expression(
        "The same in the viewer's language.",
        lambda here: label_sql(AggregateMeasure, here.row.c.measure, here.locale),
    )
    category: TicketCategory | None = column("Of tickets of this category; null: in all, or a level of notices.")
    level: int | None = column("Of notices of this level, 1 to 3; null: in all, or a category of tickets.")
    numerator: int | None = column("How many; null where it is withheld.")
    denominator: int | None = column("Of how many; null where it is withheld, and of what is no part of a whole.")
    value: Decimal | None = expression(
        "The part, 0 to 1, rounded half up to 4 digits; null where there is none.", lambda here: share(here.row)
    )
    withheld: bool = column("Whether the number is not told.")


def _actions_needed(here: Here) -> Mapping[str, Any]:
    row = here.row
    releases = here.scope.reach(Permission.AGGREGATE_RELEASE).whole_city
    return {
        "may": and_(literal_column("true" if releases else "false"), row.c.of_city_id == row.c.city_id, is_newest(row))
    }


def _allowed_actions(needed: Any, _call: Call, _arguments: Mapping[str, Any]) -> list[str]:
    return [AggregateAction.CORRECT.name] if needed["may"] else []


@stored(
    table=AGGREGATES,
    prefix="AG",
    permission=Permission.AGGREGATE_READ,
    visible=lambda here: visible_to(here.scope, here.row, here.bind),
    description="What a city of a region has released of a month, in one version; never changed. The city reads it in "
    "its own space, the region its own copy, with the same `digest`; a correction is a version after it.",
)
class ReleasedAggregate(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'AG'"), here.row.c.city_id, here.row.c.id)
    )
    city: Tenant = relation("Whose numbers.", "Tenant", lambda here: here.row.c.id == here.outer.c.of_city_id)
    month: str = expression("Of which month of the city, `2026-11`.", lambda here: month_text(here.row))
    version: int = column("From 1; pass it back as `expectedVersion`.")
    is_current: bool = expression("Whether no correction came after it.", lambda here: is_newest(here.row))
    automatic: bool = column("Whether it was released by itself, on the day that the scheme names.")
    reason: str | None = column("Why it corrects the version before it.")
    minimum_cell: int = column("The smallest count that is told, beside 0, as the city's scheme had it.")
    scheme_version: int = column("The version of the city's scheme.")
    digest: str = expression(
        "SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of all that is released: `cells` in their order "
        "(each `category`, `denominator`, `level`, `measure`, `numerator`, `withheld`), `city` (its path), "
        "`minimumCell`, `month`, `reason`, `version`.",
        lambda here: func.encode(here.row.c.digest, literal_column("'hex'")),
    )
    released_at: datetime = column("When it was released.")
    cells: list[AggregateCell] = relation(
        "The numbers, measure by measure: each in all, then by category or level.",
        "AggregateCell",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.aggregate_id == here.outer.c.id),
        many=True,
        most=CELLS_OF_ONE,
        inherits=True,
        order=lambda row: (row.c.place,),
    )
    allowed_actions: list[AggregateAction] = computed(
        "What this viewer may do with it now.", _actions_needed, _allowed_actions
    )


ReleasedAggregateEdge, ReleasedAggregateConnection = paged(ReleasedAggregate, "released aggregates")
