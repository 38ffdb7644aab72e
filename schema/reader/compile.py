"""From a selection to one SQL statement that answers it as JSON.

Every object is `row_to_json` over a subselect whose column labels are the response keys; a page is a materialised CTE
of at most `first + 1` rows. Ids, cursors and filter values stay parameters; page sizes are literals, since a
parameterised LIMIT is planned anew every time. A plan serves every request whose `shape_of` the variables, locale,
and shape of the actor's scope are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    ListValueNode,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    VariableNode,
)
from graphql.execution.values import VariableValues, get_argument_values
from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    quoted_name,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg
from sqlalchemy.types import TypeEngine

from app.kernel.database import within_request
from app.kernel.errors import RequestError
from app.kernel.tables import Row
from authz.actor import Scope
from schema.reader.collect import below, collect
from schema.reader.declare import (
    STORED,
    Call,
    Column,
    Computed,
    Connection,
    Expression,
    Located,
    NodeRoot,
    NodesRoot,
    Order,
    OuterRow,
    Relation,
    Root,
    Shown,
    StoredType,
    key,
)
from schema.reader.keyset import cursor_of, from_cursor, keys_of, ordering, page_of
from schema.reader.plan import LONGEST_LABEL, MARK, TYPE, Place, Plan, RootRefusal, Run, Slot
from schema.reader.ways import of_the_page

if TYPE_CHECKING:
    from tenants.tree import TenantTree

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
_NULL: ColumnElement[Any] = literal_column("null::json")
_EMPTY_OBJECT: ColumnElement[Any] = literal_column("'{}'::json")
_EMPTY_LIST: ColumnElement[Any] = literal_column("'[]'::json")


class Compiler:
    """Compiles the selections of one document for one shape of variables, locale and scope."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        locale: str,
        tree: TenantTree,
        named: bool = True,
        typed: bool = False,
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
        self.locale = locale
        self.tree = tree
        self.named = named
        self.typed = typed
        self.scopes: list[Scope | None] = []
        self.takes: dict[str, tuple[str, Callable[[Run], Any]]] = {}
        self.slots: list[Slot] = []
        self.needed: set[int] = set()
        self.places: list[Place] = []
        self.renamed: dict[str, str] = {}
        self.personal = False
        self.located: dict[int, Any] = {}
        self._names = 0
        self._root_key = ""

    # Statements

    def roots(
        self, roots: Iterable[tuple[str, list[FieldNode], Root | None, Located | None, list[Scope | None]]]
    ) -> Plan:
        """The whole `data` of a query: per root its key, nodes, declaration, place (None: answer null) and scopes."""
        columns: list[ColumnElement[Any]] = []
        query = cast(GraphQLObjectType, self.schema.query_type)
        for response_key, nodes, declared, located, scopes in roots:
            base = len(self.scopes)
            self.scopes += scopes
            self._root_key = response_key
            value: ColumnElement[Any]
            if declared is None:
                value = literal_column(f"'{query.name}'::text")
            elif located is None:
                value = _NULL
            else:
                try:
                    value = self._root(declared, nodes, query, located, base)
                except (RequestError, GraphQLError) as refusal:
                    raise RootRefusal(response_key, refusal) from refusal
            columns.append(value.label(self._key(response_key)))
        name = self._name("o")
        return self._plan(_json(select(*columns).subquery(name), name, columns), alone=True)

    def one(self, typename: str, nodes: list[FieldNode], scope: Scope) -> Plan:
        """One object that the caller names: parameters `keys` (a list of one)."""
        self.scopes.append(scope)
        return self._plan(select(self._by_keys(STORED[typename], nodes, 0)), alone=True)

    def many(self, typename: str, nodes: list[FieldNode], scope: Scope) -> Plan:
        """Objects that the caller names: parameters `keys0`. Answers rows (key, data) of those that may be seen."""
        self.scopes.append(scope)
        stored = STORED[typename]
        here = _Here(self, 0, None)
        row = cast(FromClause, stored.table).alias(self._name("t"))
        here.row = _outer(row)
        keys = here.of_request("keys0", ARRAY(stored.key_type))
        shown = _object_of(self._columns(stored, nodes, 0, row, None))
        where = [stored.match(cast(Row, here.row), here.city_id, keys), *self._visible(stored, here)]
        return self._plan(select(row.c.id, shown).select_from(row).where(*where))

    def events(
        self,
        edge: str,
        nodes: list[FieldNode],
        response_key: str,
        scope: Scope,
        relation: Relation,
        *,
        located: Any = None,
    ) -> Plan:
        """Edges of the events that the caller names: parameters `ids` and, beside them, `cursors`.

        Answers rows (id, data); what this scope may not see, or `relation.on` leaves out, has no row.
        """
        self.scopes.append(scope)
        stored = STORED[relation.target]
        slot = self._slot(cast(GraphQLObjectType, self.schema.subscription_type), nodes[0])
        self.located[slot] = located
        here = _Here(self, 0, slot)
        row = cast(FromClause, stored.table).alias(self._name("t"))
        here.row = _outer(row)
        given = (
            func.unnest(here.of_request("ids", ARRAY(Uuid())), here.of_request("cursors", ARRAY(Text())))
            .table_valued("id", "cursor")
            .render_derived(name="given")
        )
        node_type = cast(GraphQLObjectType, self.schema.type_map[edge])
        columns: list[ColumnElement[Any]] = []
        for name, found in self._collect(node_type, nodes).items():
            match found[0].name.value:
                case "__typename":
                    columns.append(literal_column(f"'{edge}'::text").label(self._key(name)))
                case "cursor":
                    columns.append(literal_column("given.cursor").label(self._key(name)))
                case _:
                    columns.append(_object_of(self._columns(stored, found, 0, row, None)).label(self._key(name)))
        inner = (
            select(row.c.id.label("event_id"), _object_of(columns).label("edge"))
            .select_from(given.join(row, row.c.id == literal_column("given.id", Uuid())))
            .where(*self._visible(stored, here), relation.on(here))
        ).subquery("found")
        data = _object_of([literal_column("found.edge").label(self._key(response_key))])
        return self._plan(select(literal_column("found.event_id"), data).select_from(inner))

    def _plan(self, statement: Select[Any], *, alone: bool = False) -> Plan:
        """With `alone`: of one value, that is read by `Database.value`."""
        compiled = statement.compile(dialect=_DIALECT)
        order = cast("list[str]", compiled.positiontup or [])
        # A value that stands in a declaration itself (a status, a visibility) is the same for every request.
        parameters = [self.takes.get(name) or ("", partial(_constant, compiled.params[name])) for name in order]
        sql = within_request(str(compiled), len(parameters)) if alone else str(compiled)
        self.needed.update(place.slot for place in self.places)
        slots = [slot for slot in self.slots if slot.number in self.needed and slot.definition.args]
        return Plan(sql, parameters, slots, self.places, self.renamed, self.personal)

    # Roots

    def _root(
        self, declared: Root, nodes: list[FieldNode], query: GraphQLObjectType, located: Located, base: int
    ) -> ColumnElement[Any]:
        what = declared.what
        if isinstance(what, NodeRoot):
            (typename,) = located.shape
            return self._by_keys(STORED[typename], nodes, base, self._slot(query, nodes[0]))
        if isinstance(what, NodesRoot):
            return self._nodes(nodes, query, located, base)
        slot = self._slot(query, nodes[0])
        self.located[slot] = located.shape
        return self._shown(what, nodes, query, _Here(self, base, slot))

    def _by_keys(
        self, stored: StoredType, nodes: list[FieldNode], scope: int, slot: int | None = None
    ) -> ColumnElement[Any]:
        here = _Here(self, scope, slot)
        if here.stranger and not stored.public:
            return _NULL
        row = cast(FromClause, stored.table).alias(self._name("t"))
        here.row = _outer(row)
        keys = here.of_request(f"keys{scope}", ARRAY(stored.key_type))
        where = [stored.match(here.row, here.city_id, keys), *self._visible(stored, here)]
        return self._object(stored, nodes, scope, row=row, where=where)

    def _nodes(
        self, nodes: list[FieldNode], query: GraphQLObjectType, located: Located, base: int
    ) -> ColumnElement[Any]:
        found: list[Select[Any]] = []
        for offset, typename in enumerate(located.shape):
            stored = STORED[typename]
            here = _Here(self, base + offset, self._slot(query, nodes[0]))
            if here.stranger and not stored.public:
                continue
            row = cast(FromClause, stored.table).alias(self._name("t"))
            here.row = _outer(row)
            keys = here.of_request(f"keys{base + offset}", ARRAY(stored.key_type))
            identity = cast(Expression, stored.fields["id"]).build(here)
            found.append(
                select(
                    identity.label("id"),
                    _object_of(self._columns(stored, nodes, base + offset, row, None)).label("value"),
                )
                .select_from(row)
                .where(stored.match(here.row, here.city_id, keys), *self._visible(stored, here))
            )
        here = _Here(self, base, self._slot(query, nodes[0]))
        ids = here.arguments.bind("ids", type_=ARRAY(Text()))
        asked = func.unnest(ids).table_valued("id", with_ordinality="n").render_derived(name="asked")
        if not found:
            each: Any = select(_NULL.label("value"), literal_column("asked.n").label("n")).select_from(asked)
        else:
            rows = union_all(*found).subquery("found")
            each = select(
                literal_column("found.value").label("value"), literal_column("asked.n").label("n")
            ).select_from(asked.outerjoin(rows, literal_column("found.id") == literal_column("asked.id")))
        listed = each.subquery("listed")
        return (
            select(
                func.coalesce(
                    literal_column("json_agg(coalesce(listed.value, 'null'::json) order by listed.n)"), _EMPTY_LIST
                )
            )
            .select_from(listed)
            .scalar_subquery()
        )

    # Objects

    def _object(
        self,
        stored: StoredType,
        nodes: list[FieldNode],
        scope: int,
        *,
        row: FromClause | None,
        where: Sequence[ColumnElement[bool]],
        outer: Row | None = None,
    ) -> ColumnElement[Any]:
        """The JSON of the one row that `where` leaves, or null."""
        columns = self._columns(stored, nodes, scope, row, outer)
        inner = select(*columns) if columns else select(literal_column("1").label("one"))
        if row is not None:
            inner = inner.select_from(row)
        name = self._name("o")
        return _json(inner.where(*where).subquery(name), name, columns).scalar_subquery()

    def _columns(
        self,
        stored: StoredType,
        nodes: list[FieldNode],
        scope: int,
        row: FromClause | OuterRow | None,
        outer: Row | None,
    ) -> list[ColumnElement[Any]]:
        graphql_type = cast(GraphQLObjectType, self.schema.type_map[stored.name])
        columns: list[ColumnElement[Any]] = []
        for name, found in self._collect(graphql_type, nodes).items():
            field_name = found[0].name.value
            if field_name == "__typename":
                value: ColumnElement[Any] = literal_column(f"'{stored.name}'::text")
            else:
                here = _Here(self, scope, self._slot(graphql_type, found[0]))
                here.row, here.outer = _outer(row), outer
                value = self._shown(stored.fields[field_name], found, graphql_type, here, snake(field_name))
            columns.append(value.label(self._key(name)))
        if self.typed:
            columns.append(literal_column(f"'{stored.name}'::text").label(key(TYPE)))
        return columns

    def _shown(
        self, shown: Shown, nodes: list[FieldNode], parent: GraphQLObjectType, here: _Here, name: str = ""
    ) -> ColumnElement[Any]:
        if isinstance(shown, Column):
            value: ColumnElement[Any] = getattr(here.row.c, shown.name or name)
            return value if shown.when is None else case((shown.when(here), value))
        if isinstance(shown, Expression):
            return shown.build(here)
        if isinstance(shown, Relation):
            return self._relation(shown, nodes, here)
        if isinstance(shown, Connection):
            return self._connection(shown, nodes, parent, here)
        if isinstance(shown, Computed):
            self.places.append(Place(shown.work_out, here.slot_number))
            mark: ColumnElement[Any] = literal_column(str(len(self.places) - 1)).label(key(MARK))
            return _object_of([mark, *(value.label(key(needed)) for needed, value in shown.needs(here).items())])
        raise TypeError(f"a {type(shown).__name__} is no field of an object")

    def _relation(self, shown: Relation, nodes: list[FieldNode], here: _Here) -> ColumnElement[Any]:
        stored = STORED[shown.target]
        row: FromClause | None = None
        if shown.rows is not None:
            row = shown.rows(here).subquery(self._name("t"))
        elif stored.table is not None:
            row = cast(FromClause, stored.table).alias(self._name("t"))
        inside = _Here(self, here.scope_number, here.slot_number)
        inside.row, inside.outer = _outer(row), here.row
        where = [shown.on(inside)] + ([] if shown.inherits else self._visible(stored, inside))
        if not shown.many:
            value = self._object(stored, nodes, here.scope_number, row=row, where=where, outer=inside.outer)
        else:
            columns = self._columns(stored, nodes, here.scope_number, row, inside.outer)
            inner = select(*columns) if columns else select(literal_column("1").label("one"))
            inner = inner.select_from(cast(FromClause, row)).where(*where)
            if shown.order is not None:
                inner = inner.order_by(*shown.order(cast(Row, row)))
            inner = inner.limit(literal_column(str(shown.at_most(here.arguments))))
            value = self._list(inner, columns)
        return value if shown.when is None else case((shown.when(here), value))

    def _list(self, inner: Select[Any], columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        name = self._name("o")
        each = func.row_to_json(literal_column(name)) if columns else _EMPTY_OBJECT
        return (
            select(func.coalesce(func.json_agg(each), _EMPTY_LIST)).select_from(inner.subquery(name)).scalar_subquery()
        )

    # Pages

    def _connection(
        self, shown: Connection, nodes: list[FieldNode], parent: GraphQLObjectType, here: _Here
    ) -> ColumnElement[Any]:
        stored = STORED[shown.target]
        table = cast(FromClause, stored.table)
        size, forward, boundary = page_of(here.arguments)
        order = ordering(shown, here.arguments)

        def inside(alias: FromClause) -> _Here:
            made = _Here(self, here.scope_number, here.slot_number)
            made.row, made.outer = _outer(alias), here.row
            return made

        def rows(alias: FromClause) -> list[ColumnElement[bool]]:
            within = inside(alias)
            where = [shown.on(within)] + ([] if shown.inherits else self._visible(stored, within))
            for name, rule in shown.filters.items():
                if here.arguments.has("filter", name):
                    where.append(rule.condition(within, within.row, here.arguments, name))
            return where

        connection_type = cast(GraphQLObjectType, self.schema.type_map[f"{shown.target}Connection"])
        fields = self._collect(connection_type, nodes)
        asked = [found[0].name.value for found in fields.values()]
        # What is looked at once only needs no table of its own, nor the row beyond its end.
        once = asked.count("edges") == 1 and "pageInfo" not in asked
        page = _Page(table, self._name("p"), size, forward, order, boundary, once)
        # What the edges show is compiled first: the page then takes along no more than that.
        edges = {name: self._edge(stored, found, here, page) for name, found in fields.items() if _is(found, "edges")}
        ends = {name: self._page_info(found, page) for name, found in fields.items() if _is(found, "pageInfo")}

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

        alias = table.alias(self._name("t"))
        keys = keys_of(order, alias.c)
        where = beyond(alias)
        if shown.ways is not None and not inside(alias).stranger:
            ways = shown.ways
            where += of_the_page(
                lambda row: ways(inside(row)),
                beyond,
                lambda: table.alias(self._name("t")),
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
                    value = self._list(page.rows(edges[name]), edges[name])
                case "pageInfo":
                    value = ends[name]
                case "totalCount":
                    value = self._count(shown, table, rows, inside)
                case other:
                    raise TypeError(f"a connection has no field {other}")
            columns.append(value.label(self._key(name)))
        name = self._name("o")
        answer = _json(select(*columns).subquery(name), name, columns)
        return (answer if page.cte is None else answer.add_cte(page.cte, nest_here=True)).scalar_subquery()

    def _count(
        self,
        shown: Connection,
        table: FromClause,
        rows: Callable[[FromClause], list[ColumnElement[bool]]],
        inside: Callable[[FromClause], _Here],
    ) -> ColumnElement[Any]:
        def parts(row: FromClause) -> Sequence[ColumnElement[bool]]:
            if shown.parts is None or inside(row).stranger:
                return [true()]
            return shown.parts(inside(row))

        counts = []
        for place in range(len(parts(table.alias("any_")))):
            row = table.alias(self._name("t"))
            counted = select(func.count()).select_from(row).where(parts(row)[place], *rows(row))
            counts.append(counted.scalar_subquery())
        return reduce(add, counts)

    def _edge(
        self, stored: StoredType, nodes: list[FieldNode], here: _Here, page: _Page
    ) -> Sequence[ColumnElement[Any]]:
        edge_type = cast(GraphQLObjectType, self.schema.type_map[f"{stored.name}Edge"])
        columns: list[ColumnElement[Any]] = []
        for name, found in self._collect(edge_type, nodes).items():
            match found[0].name.value:
                case "__typename":
                    value: ColumnElement[Any] = literal_column(f"'{edge_type.name}'::text")
                case "cursor":
                    value = cursor_of(page.row, page.order)
                case _:
                    value = _object_of(self._columns(stored, found, here.scope_number, page.row, here.row))
            columns.append(value.label(self._key(name)))
        return columns

    def _page_info(self, nodes: list[FieldNode], page: _Page) -> ColumnElement[Any]:
        more = page.more()
        beyond = literal_column("true" if page.boundary is not None else "false", Boolean())
        columns: list[ColumnElement[Any]] = []
        page_info = cast(GraphQLObjectType, self.schema.type_map["PageInfo"])
        for name, found in self._collect(page_info, nodes).items():
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
            columns.append(value.label(self._key(name)))
        return _object_of(columns)

    # Helpers

    def _visible(self, stored: StoredType, here: _Here) -> list[ColumnElement[bool]]:
        if stored.public:
            return []
        if here.stranger:
            return [literal_column("false", Boolean())]
        if stored.permission is not None and not here.scope.actor.may(stored.permission):
            return [literal_column("false", Boolean())]
        return [] if stored.visible is None else [stored.visible(here)]

    def _collect(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> dict[str, list[FieldNode]]:
        return collect(self.schema, self.fragments, self.variables, type_, below(nodes))

    def _slot(self, parent: GraphQLObjectType, node: FieldNode) -> int:
        definition = parent.fields[node.name.value]
        is_root = parent is self.schema.query_type
        constant = not has_variable(node)
        fixed = get_argument_values(definition, node, self.variables) if constant and definition.args else None
        self.slots.append(Slot(len(self.slots), self._root_key, definition, node, is_root, fixed))
        return len(self.slots) - 1

    def _name(self, kind: str) -> str:
        """A name for a row. With a `$` it is no response key: `o1` would be the column of that alias, not the row."""
        self._names += 1
        return f"{kind}${self._names}"

    def _key(self, name: str) -> quoted_name:
        """A response key as a column label."""
        if len(name) <= LONGEST_LABEL:
            return key(name)
        label = f"#{len(self.renamed)}"
        self.renamed[label] = name
        return key(label)


class _Page:
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


class _Arguments:
    def __init__(self, compiler: Compiler, slot: int) -> None:
        self._compiler = compiler
        self._slot = slot
        self.located = compiler.located.get(slot)
        field = compiler.slots[slot]
        values = field.fixed
        if values is None and field.definition.args:
            values = get_argument_values(field.definition, field.node, compiler.variables)
        self._values = values or {}

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def has(self, *path: str) -> bool:
        return _at(self._values, path) is not None

    def bind(
        self,
        *path: str,
        type_: TypeEngine[Any],
        convert: Callable[[Any, Call], Any] | None = None,
        suffix: str = "",
    ) -> ColumnElement[Any]:
        slot = self._slot
        name = f"a{slot}_{'_'.join(path)}{suffix}"

        def take(run: Run) -> Any:
            value = _at(run.arguments[slot], path)
            return value if convert is None else convert(value, run)

        self._compiler.needed.add(slot)
        self._compiler.takes[name] = (self._compiler.slots[slot].root, take)
        return bindparam(name, type_=type_)


class _Here:
    """`declare.Here` while compiling."""

    def __init__(self, compiler: Compiler, scope: int, slot: int | None) -> None:
        self._compiler = compiler
        self.scope_number = scope
        self.slot_number = slot if slot is not None else -1
        self.row: Any = None
        self.outer: Any = None
        self.locale = compiler.locale
        self.named = compiler.named

    @property
    def arguments(self) -> _Arguments:
        return _Arguments(self._compiler, self.slot_number)

    @property
    def stranger(self) -> bool:
        return self._compiler.scopes[self.scope_number] is None

    @property
    def scope(self) -> Scope:
        scope = self._compiler.scopes[self.scope_number]
        assert scope is not None, "a type that strangers may see asks for no scope"
        return scope

    @property
    def city_id(self) -> ColumnElement[int]:
        return self.bind("city_id", lambda scope: scope.city_id, Integer())

    def bind(self, name: str, value_of: Callable[[Scope], Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
        if name == "user_id":
            self._compiler.personal = True
        number = self.scope_number
        full = f"r{number}_{name}"
        self._compiler.takes[full] = ("", lambda run: value_of(cast(Scope, run.scopes[number])))
        return bindparam(full, type_=type_)

    def of_viewer(self, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        self._compiler.personal = True
        self._compiler.takes[f"v_{name}"] = ("", lambda run: getattr(run.viewer, name))
        return bindparam(f"v_{name}", type_=type_)

    def of_request(self, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        self._compiler.takes[name] = ("", lambda run: run.handed[name])
        return bindparam(name, type_=type_)

    @property
    def now(self) -> ColumnElement[datetime]:
        self._compiler.takes["now"] = ("", lambda run: run.viewer.now)
        return bindparam("now", type_=DateTime(timezone=True))


def has_variable(node: Node) -> bool:
    """Whether the arguments of a field depend on a variable."""
    if isinstance(node, FieldNode):
        return any(map(has_variable, node.arguments or ()))
    if isinstance(node, ArgumentNode | ObjectFieldNode):
        return has_variable(node.value)
    if isinstance(node, ListValueNode):
        return any(map(has_variable, node.values))
    if isinstance(node, ObjectValueNode):
        return any(map(has_variable, node.fields))
    return isinstance(node, VariableNode)


def _constant(value: Any, _run: Run) -> Any:
    return value


def _at(values: Any, path: Sequence[str]) -> Any:
    for step in path:
        if not isinstance(values, dict):
            return None
        values = values.get(step)
    return values


def _outer(row: Any) -> OuterRow | None:
    return row if row is None or isinstance(row, OuterRow) else OuterRow(row, row.name)


def _is(nodes: Sequence[FieldNode], name: str) -> bool:
    return nodes[0].name.value == name


def _object_of(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The JSON object of these labelled values of the enclosing row."""
    if not columns:
        return _EMPTY_OBJECT
    inner = select(*columns).subquery("v$")
    return select(func.row_to_json(literal_column("v$"))).select_from(inner).scalar_subquery()


def _json(inner: FromClause, name: str, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    return select(func.row_to_json(literal_column(name)) if columns else _EMPTY_OBJECT).select_from(inner)


def snake(name: str) -> str:
    """The Python name of a GraphQL field."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
