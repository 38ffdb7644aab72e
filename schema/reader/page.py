"""Connections: the page of a list, what its edges show, its ends, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, cast

from graphql import FieldNode, GraphQLObjectType
from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    exists,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy import table as sql_table

from schema.reader.as_json import json_of, object_of
from schema.reader.declare import STORED, Connection, Order, OuterRow
from schema.reader.here import Here, outer_row
from schema.reader.keyset import cursor_of, from_cursor, keys_of, ordering, page_of
from schema.reader.ways import of_the_page

if TYPE_CHECKING:
    from schema.reader.compile import Compiler


def connection(compiler: Compiler, shown: Connection, nodes: list[FieldNode], here: Here) -> ColumnElement[Any]:
    """The JSON of a page, with what was asked of it."""
    stored = STORED[shown.target]
    table = cast(FromClause, stored.table)
    size, forward, boundary = page_of(here.arguments)
    order = ordering(shown, here.arguments)

    def inside(alias: FromClause) -> Here:
        made = Here(compiler, here.scope_number, here.slot_number)
        made.row, made.outer = outer_row(alias), here.row
        return made

    def rows(alias: FromClause) -> list[ColumnElement[bool]]:
        within = inside(alias)
        where = [shown.on(within)] + ([] if shown.inherits else compiler.visible(stored, within))
        for name, rule in shown.filters.items():
            if here.arguments.has("filter", name):
                where.append(rule.condition(within, within.row, here.arguments, name))
        return where

    connection_type = cast(GraphQLObjectType, compiler.schema.type_map[f"{shown.target}Connection"])
    fields = compiler.collect(connection_type, nodes)
    asked = [found[0].name.value for found in fields.values()]
    # What is looked at once only needs no table of its own, nor the row beyond its end.
    once = asked.count("edges") == 1 and "pageInfo" not in asked
    page = Page(table, compiler.name("p"), size, forward, order, boundary, once)
    # What the edges show is compiled first: the page then takes along no more than that.
    edges: dict[str, tuple[Sequence[ColumnElement[Any]], int]] = {}
    ends: dict[str, ColumnElement[Any]] = {}
    for name, found in fields.items():
        with compiler.within(name):
            if _is(found, "edges"):
                shown_of_each = edge_columns(
                    compiler,
                    f"{stored.name}Edge",
                    found,
                    lambda: cursor_of(page.row, page.order),
                    lambda nodes: compiler.columns(stored, nodes, here.scope_number, page.row, here.row),
                )
                compiler.outline.size *= size
                edges[name] = shown_of_each, compiler.outline.size
            elif _is(found, "pageInfo"):
                ends[name] = _page_info(compiler, found, page)

    downwards = order.descending == forward

    def beyond(alias: FromClause) -> list[ColumnElement[bool]]:
        """The rows beyond the boundary."""
        where = rows(alias)
        if boundary is None:
            return where
        keys = keys_of(order, alias.c)
        limits = [
            here.arguments.bind(
                boundary,
                type_=key_.type,
                convert=from_cursor(order, part, [each.type for each in keys]),
                suffix=str(part),
            )
            for part, key_ in enumerate(keys)
        ]
        here_, there = tuple_(*keys), tuple_(*limits)
        return [*where, here_ < there if downwards else here_ > there]

    alias = table.alias(compiler.name("t"))
    keys = keys_of(order, alias.c)
    where = beyond(alias)
    if shown.ways is not None and not inside(alias).stranger:
        ways = shown.ways
        where += of_the_page(
            lambda row: ways(inside(row)),
            beyond,
            lambda: table.alias(compiler.name("t")),
            order,
            downwards,
            page.beyond,
        )(alias)
    sorting = [column.desc() if downwards else column.asc() for column in keys]
    page.make(alias, where, sorting)

    columns: list[ColumnElement[Any]] = []
    for name, found in fields.items():
        match found[0].name.value:
            case "__typename":
                value: ColumnElement[Any] = literal_column(f"'{connection_type.name}'::text")
            case "edges":
                of_each, at_most = edges[name]
                value = compiler.list_of(page.rows(of_each), of_each, at_most)
            case "pageInfo":
                value = ends[name]
            case "totalCount":
                value = _count(compiler, shown, table, rows, inside)
            case other:
                raise TypeError(f"a connection has no field {other}")
        columns.append(value.label(compiler.key(name)))
    name = compiler.name("o")
    answer = json_of(select(*columns).subquery(name), name, columns)
    return (answer if page.cte is None else answer.add_cte(page.cte, nest_here=True)).scalar_subquery()


def _count(
    compiler: Compiler,
    shown: Connection,
    table: FromClause,
    rows: Callable[[FromClause], list[ColumnElement[bool]]],
    inside: Callable[[FromClause], Here],
) -> ColumnElement[Any]:
    def parts(row: FromClause) -> Sequence[ColumnElement[bool]]:
        if shown.parts is None or inside(row).stranger:
            return [true()]
        return shown.parts(inside(row))

    counts = []
    for place in range(len(parts(table.alias("any_")))):
        row = table.alias(compiler.name("t"))
        counted = select(func.count()).select_from(row).where(parts(row)[place], *rows(row))
        counts.append(counted.scalar_subquery())
    return reduce(add, counts)


def edge_columns(
    compiler: Compiler,
    edge: str,
    nodes: list[FieldNode],
    cursor: Callable[[], ColumnElement[Any]],
    node: Callable[[list[FieldNode]], list[ColumnElement[Any]]],
) -> list[ColumnElement[Any]]:
    """What is shown of an edge, in a list or alone: its cursor, and the columns of its node."""
    edge_type = cast(GraphQLObjectType, compiler.schema.type_map[edge])
    columns: list[ColumnElement[Any]] = []
    for name, found in compiler.collect(edge_type, nodes).items():
        with compiler.within(name) as label:
            match found[0].name.value:
                case "__typename":
                    value: ColumnElement[Any] = literal_column(f"'{edge}'::text")
                case "cursor":
                    value = cursor()
                case _:
                    value = object_of(node(found))
        columns.append(value.label(label))
    return columns


def _page_info(compiler: Compiler, nodes: list[FieldNode], page: Page) -> ColumnElement[Any]:
    more = page.more()
    beyond = literal_column("true" if page.boundary is not None else "false", Boolean())
    columns: list[ColumnElement[Any]] = []
    page_info = cast(GraphQLObjectType, compiler.schema.type_map["PageInfo"])
    for name, found in compiler.collect(page_info, nodes).items():
        match found[0].name.value:
            case "hasNextPage":
                value: ColumnElement[Any] = more if page.forward else beyond
            case "hasPreviousPage":
                value = beyond if page.forward else more
            case "startCursor":
                value = page.end(first=True)
            case "endCursor":
                value = page.end(first=False)
            case _:
                value = literal_column("'PageInfo'::text")
        with compiler.within(name) as label:
            columns.append(value.label(label))
    return object_of(columns)


class Page:
    """The rows of a page. Looked at `once`: a subselect; else a table with the row beyond its end and each row's rank.

    It is made when all is known that is shown of it, so that it takes along those columns only.
    """

    def __init__(
        self, table: FromClause, name: str, size: int, forward: bool, order: Order, boundary: str | None, once: bool
    ) -> None:
        self.row = OuterRow(table, name)
        self.size: ColumnElement[int] = literal_column(str(size))
        self.forward = forward
        self.order = order
        self.boundary = boundary
        self.cte: CTE | None = None
        self._name = name
        self.beyond: ColumnElement[int] = literal_column(str(size if once else size + 1))
        self._once = once
        self._rank: ColumnElement[Any] = literal_column(f"{name}.row_", Integer())
        self._source: FromClause = sql_table(name)

    def make(
        self,
        alias: FromClause,
        where: Sequence[ColumnElement[bool]],
        sorting: Sequence[ColumnElement[Any]],
    ) -> None:
        """Choose the rows, with the columns that were asked of them so far."""
        taken = sorted(self.row.used | {column for column in (self.order.column, self.order.by) if column})
        chosen = select(*(alias.c[name] for name in taken)).where(*where).order_by(*sorting).limit(self.beyond)
        if self._once:
            self._source = chosen.subquery(self._name)
            return
        ranked = chosen.add_columns(func.row_number().over(order_by=sorting).label("row_"))
        self.cte = ranked.cte(self._name, nesting=True).prefix_with("materialized")

    def rows(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        """The page's rows in their order."""
        inner = select(*columns) if columns else select(literal_column("1").label("one"))
        inner = inner.select_from(self._source)
        if not self._once:
            return inner.where(self._rank <= self.size).order_by(self._rank if self.forward else self._rank.desc())
        keys = keys_of(self.order, self.row.c)
        return inner.order_by(*(key.desc() if self.order.descending else key.asc() for key in keys))

    def more(self) -> ColumnElement[bool]:
        """Whether there is a row beyond the end of the page."""
        return exists(select(literal_column("1")).select_from(self._source).where(self._rank > self.size))

    def end(self, *, first: bool) -> ColumnElement[Any]:
        """The cursor of the first or of the last row."""
        nearest = self._rank.asc() if first == self.forward else self._rank.desc()
        chosen = select(cursor_of(self.row, self.order)).select_from(self._source).where(self._rank <= self.size)
        return chosen.order_by(nearest).limit(literal_column("1")).scalar_subquery()


def _is(nodes: Sequence[FieldNode], name: str) -> bool:
    return nodes[0].name.value == name
