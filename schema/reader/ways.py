"""Pages that lie in several indexes, read way by way: nobody's page walks through what is not theirs.

What a department sees is what it leads or helps with, and no index has both in the order of the page. So of each way as
many rows are looked for as the page takes, by the way's own index; the first of them all are the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Text, any_, func, literal_column, select, true, union

from schema.reader.declare import Order, Ways
from schema.reader.keyset import keys_of

EACH: ColumnElement[str] = literal_column("each_.value", Text())
"""In a way: one of the values of `Ways.each`."""


def of_the_page(
    ways_of: Callable[[FromClause], Ways],
    rows: Callable[[FromClause], Sequence[ColumnElement[bool]]],
    make: Callable[[], FromClause],
    order: Order,
    downwards: bool,
    size: ColumnElement[int],
) -> Callable[[FromClause], list[ColumnElement[bool]]]:
    """What the rows of the page fulfil, beside what all rows do. Nothing where one index has them in their order.

    `rows(table)`: what all rows fulfil, the page's boundary included; `make` gives the table under a new name.
    """

    def sorting(columns: Any) -> list[ColumnElement[Any]]:
        return [key.desc() if downwards else key.asc() for key in keys_of(order, columns)]

    def found(place: int) -> Select[Any]:
        table = make()
        ways = ways_of(table)
        way = ways.ways[place]
        chosen = select(*keys_of(order, table.c)).where(way.holds, *rows(table))
        if not way.wide and (order.column != ways.newest or not way.ordered):
            # The offset has its few rows found before they are sorted: the planner would rather walk the city.
            few = chosen.offset(literal_column("0")).subquery("few_")
            chosen = select(*few.c)
            chosen = chosen.order_by(*sorting(few.c)).limit(size)
        else:
            chosen = chosen.order_by(*sorting(table.c)).limit(size)
        if ways.each is None:
            return chosen
        value = func.unnest(ways.each).table_valued("value").render_derived(name="given_")
        each = select(value.c.value).distinct().subquery("each_")
        lateral = chosen.subquery("of_each").lateral("of_each")
        return select(*lateral.c).select_from(each.join(lateral, true()))

    def conditions(table: FromClause) -> list[ColumnElement[bool]]:
        ways = ways_of(table)
        one_index = len(ways.ways) == 1 and ways.each is None
        if not ways.ways or (one_index and ways.ways[0].ordered and order.column == ways.newest):
            return []
        every = [found(place) for place in range(len(ways.ways))]
        together = union(*every).subquery("found_")
        ids = select(*keys_of(order, together.c)[-1:]).order_by(*sorting(together.c)).limit(size)
        chosen: Any = func.array(ids.scalar_subquery())
        return [keys_of(order, table.c)[-1] == any_(chosen)]

    return conditions
