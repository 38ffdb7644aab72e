"""From a selection to one SQL statement that answers it as JSON.

Every object is `row_to_json` over a subselect whose column labels are the response keys; a page is a materialised CTE
of at most `first + 1` rows. Ids, cursors and filter values stay parameters; page sizes are literals, since a
parameterised LIMIT is planned anew every time. A plan serves every request whose `shape_of` the variables, locale,
and shape of the actor's scope are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)
from graphql.execution.values import VariableValues
from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    case,
    func,
    literal_column,
    quoted_name,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg

from app.kernel.database import within_request
from app.kernel.errors import RequestError
from app.kernel.tables import Row
from authz.actor import Scope
from schema.reader.arguments import FieldArguments
from schema.reader.as_json import EMPTY_LIST, NULL, counted, json_of, list_of, object_of
from schema.reader.collect import below, collect
from schema.reader.declare import (
    MOST_IDS,
    STORED,
    Column,
    Computed,
    Connection,
    Expression,
    Located,
    NodeRoot,
    NodesRoot,
    OuterRow,
    Relation,
    Root,
    Shown,
    StoredType,
    key,
)
from schema.reader.here import Here, outer_row
from schema.reader.outline import VALUE, Outline, size_of
from schema.reader.page import connection, edge_columns
from schema.reader.plan import LONGEST_LABEL, MARK, TYPE, Place, Plan, RootRefusal, Run, Selected, Slot

if TYPE_CHECKING:
    from tenants.tree import TenantTree

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
MOST_HANDED = 100
"""As how many the objects of a payload and the events of a stream are reckoned that are read at a time."""
SMALL = 64
"""The part of the bytes that are allowed below which a list is not counted."""


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
        most_bytes: int | None = None,
    ) -> None:
        """With `most_bytes`, whatever may get large is counted, and the statement stops when it has got larger."""
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
        self.locale = locale
        self.tree = tree
        self.named = named
        self.typed = typed
        self.outline = Outline()
        """Of what is being compiled: in the end, of the whole answer."""
        self._most_bytes = most_bytes
        self.scopes: list[Scope | None] = []
        self.takes: dict[str, tuple[str, Callable[[Run], Any]]] = {}
        self.slots: list[Slot] = []
        self.needed: set[int] = set()
        self.places: list[Place] = []
        self.renamed: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self.personal = False
        self.by_key = True
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
            with self.within(response_key) as label:
                if declared is None:
                    value = literal_column(f"'{query.name}'::text")
                elif located is None:
                    value = NULL
                else:
                    try:
                        value = self._root(declared, nodes, query, located, base)
                    except (RequestError, GraphQLError) as refusal:
                        raise RootRefusal(response_key, refusal) from refusal
            columns.append(value.label(label))
        name = self.name("o")
        return self._plan(json_of(select(*columns).subquery(name), name, columns), alone=True)

    def one(self, typename: str, nodes: list[FieldNode], scope: Scope) -> Plan:
        """One object that the caller names: parameters `keys` (a list of one)."""
        self.scopes.append(scope)
        return self._plan(select(self._by_keys(STORED[typename], nodes, 0)), alone=True)

    def many(self, typename: str, nodes: list[FieldNode], scope: Scope) -> Plan:
        """Objects that the caller names: parameters `keys0`. Answers rows (key, data) of those that may be seen."""
        self.scopes.append(scope)
        stored = STORED[typename]
        here = Here(self, 0, None)
        row = cast(FromClause, stored.table).alias(self.name("t"))
        here.row = outer_row(row)
        keys = here.of_request("keys0", ARRAY(stored.key_type))
        shown = object_of(self.columns(stored, nodes, 0, row, None))
        where = [stored.match(cast(Row, here.row), here.city_id, keys), *self.visible(stored, here)]
        return self._plan(self._each(select(row.c.id, shown.label("data")).select_from(row).where(*where), MOST_HANDED))

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
        here = Here(self, 0, slot)
        row = cast(FromClause, stored.table).alias(self.name("t"))
        here.row = outer_row(row)
        given = (
            func.unnest(here.of_request("ids", ARRAY(Uuid())), here.of_request("cursors", ARRAY(Text())))
            .table_valued("id", "cursor")
            .render_derived(name="given")
        )
        with self.within(response_key) as edge_label:
            columns = edge_columns(
                self,
                edge,
                nodes,
                lambda: literal_column("given.cursor"),
                lambda found: self.columns(stored, found, 0, row, None),
            )
        inner = (
            select(row.c.id.label("event_id"), object_of(columns).label("edge"))
            .select_from(given.join(row, row.c.id == literal_column("given.id", Uuid())))
            .where(*self.visible(stored, here), relation.on(here))
        ).subquery("found")
        data = object_of([literal_column("found.edge").label(edge_label)])
        found_events = select(literal_column("found.event_id").label("id"), data.label("data")).select_from(inner)
        return self._plan(self._each(found_events, MOST_HANDED))

    def _each(self, rows: Select[Any], most: int) -> Select[Any]:
        """Rows (id, data), of which there are `most`, each of the size of the outline."""
        self.outline.size *= most
        if self._most_bytes is None:
            return rows
        each = rows.offset(literal_column("0")).subquery("each")
        return select(each.c.id, counted("each.data", self._most_bytes)).select_from(each)

    def _plan(self, statement: Select[Any], *, alone: bool = False) -> Plan:
        """With `alone`: of one value, that is read by `Database.value`."""
        compiled = statement.compile(dialect=_DIALECT)
        order = cast("list[str]", compiled.positiontup or [])
        # A value that stands in a declaration itself (a status, a visibility) is the same for every request.
        parameters = [self.takes.get(name) or ("", partial(_constant, compiled.params[name])) for name in order]
        sql = within_request(str(compiled), len(parameters)) if alone else str(compiled)
        self.needed.update(place.slot for place in self.places)
        slots = [slot for slot in self.slots if slot.number in self.needed and slot.definition.args]
        paths = self.outline.paths() or {}
        return Plan(sql, parameters, slots, self.places, self.renamed, self.personal, self.by_key, paths)

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
        if isinstance(what, Connection) or what.many:
            self.by_key = False
        return self._shown(what, nodes, query, Here(self, base, slot))

    def _by_keys(
        self, stored: StoredType, nodes: list[FieldNode], scope: int, slot: int | None = None
    ) -> ColumnElement[Any]:
        here = Here(self, scope, slot)
        if here.stranger and not stored.public:
            return NULL
        row = cast(FromClause, stored.table).alias(self.name("t"))
        here.row = outer_row(row)
        keys = here.of_request(f"keys{scope}", ARRAY(stored.key_type))
        where = [stored.match(here.row, here.city_id, keys), *self.visible(stored, here)]
        return self._object(stored, nodes, scope, row=row, where=where)

    def _nodes(
        self, nodes: list[FieldNode], query: GraphQLObjectType, located: Located, base: int
    ) -> ColumnElement[Any]:
        found: list[Select[Any]] = []
        for offset, typename in enumerate(located.shape):
            stored = STORED[typename]
            here = Here(self, base + offset, self._slot(query, nodes[0]))
            if here.stranger and not stored.public:
                continue
            row = cast(FromClause, stored.table).alias(self.name("t"))
            here.row = outer_row(row)
            keys = here.of_request(f"keys{base + offset}", ARRAY(stored.key_type))
            identity = cast(Expression, stored.fields["id"]).build(here)
            found.append(
                select(
                    identity.label("id"),
                    object_of(self.columns(stored, nodes, base + offset, row, None)).label("value"),
                )
                .select_from(row)
                .where(stored.match(here.row, here.city_id, keys), *self.visible(stored, here))
            )
        here = Here(self, base, self._slot(query, nodes[0]))
        ids = here.arguments.bind("ids", type_=ARRAY(Text()))
        asked = func.unnest(ids).table_valued("id", with_ordinality="n").render_derived(name="asked")
        if not found:
            each: Any = select(NULL.label("value"), literal_column("asked.n").label("n")).select_from(asked)
        else:
            rows = union_all(*found).subquery("found")
            each = select(
                literal_column("found.value").label("value"), literal_column("asked.n").label("n")
            ).select_from(asked.outerjoin(rows, literal_column("found.id") == literal_column("asked.id")))
        self.outline.size *= MOST_IDS
        value = "listed.value"
        if (most := self._counts(self.outline.size)) is not None:
            each = each.offset(literal_column("0"))
            value = str(counted(value, most))
        listed = each.subquery("listed")
        return (
            select(
                func.coalesce(
                    literal_column(f"json_agg(coalesce({value}, 'null'::json) order by listed.n)"), EMPTY_LIST
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
        columns = self.columns(stored, nodes, scope, row, outer)
        inner = select(*columns) if columns else select(literal_column("1").label("one"))
        if row is not None:
            inner = inner.select_from(row)
        name = self.name("o")
        return json_of(inner.where(*where).subquery(name), name, columns).scalar_subquery()

    def columns(
        self,
        stored: StoredType,
        nodes: list[FieldNode],
        scope: int,
        row: FromClause | OuterRow | None,
        outer: Row | None,
    ) -> list[ColumnElement[Any]]:
        """What is asked of an object, by response key."""
        graphql_type = cast(GraphQLObjectType, self.schema.type_map[stored.name])
        columns: list[ColumnElement[Any]] = []
        for name, found in self.collect(graphql_type, nodes).items():
            field_name = found[0].name.value
            with self.within(name) as label:
                if field_name == "__typename":
                    value: ColumnElement[Any] = literal_column(f"'{stored.name}'::text")
                else:
                    here = Here(self, scope, self._slot(graphql_type, found[0]))
                    here.row, here.outer = outer_row(row), outer
                    value = self._shown(stored.fields[field_name], found, graphql_type, here, snake(field_name))
            columns.append(value.label(label))
        if self.typed:
            columns.append(literal_column(f"'{stored.name}'::text").label(key(TYPE)))
        return columns

    def _shown(
        self, shown: Shown, nodes: list[FieldNode], parent: GraphQLObjectType, here: Here, name: str = ""
    ) -> ColumnElement[Any]:
        if isinstance(shown, Column) and shown.longest is not None:
            self.outline.size += shown.longest
        elif isinstance(shown, Column | Expression):
            self.outline.size += size_of(parent.fields[nodes[0].name.value].type)
        if isinstance(shown, Column):
            value: ColumnElement[Any] = getattr(here.row.c, shown.name or name)
            return value if shown.when is None else case((shown.when(here), value))
        if isinstance(shown, Expression):
            return shown.build(here)
        if isinstance(shown, Relation):
            return self._relation(shown, nodes, here)
        if isinstance(shown, Connection):
            return connection(self, shown, nodes, here)
        if isinstance(shown, Computed):
            self.outline.patched = True
            of = get_named_type(parent.fields[nodes[0].name.value].type)
            selected = None
            if isinstance(of, GraphQLObjectType):
                asked = ((name, found[0].name.value) for name, found in self.collect(of, nodes).items())
                selected = Selected(of.name, tuple(asked))
            self.places.append(Place(shown.work_out, here.slot_number, selected))
            mark: ColumnElement[Any] = literal_column(str(len(self.places) - 1)).label(key(MARK))
            return object_of([mark, *(value.label(key(needed)) for needed, value in shown.needs(here).items())])
        raise TypeError(f"a {type(shown).__name__} is no field of an object")

    def _relation(self, shown: Relation, nodes: list[FieldNode], here: Here) -> ColumnElement[Any]:
        stored = STORED[shown.target]
        row: FromClause | None = None
        if shown.work:
            self.by_key = False
        if shown.rows is not None:
            row = shown.rows(here).subquery(self.name("t"))
        elif stored.table is not None:
            row = cast(FromClause, stored.table).alias(self.name("t"))
        inside = Here(self, here.scope_number, here.slot_number)
        inside.row, inside.outer = outer_row(row), here.row
        where = [shown.on(inside)] + ([] if shown.inherits else self.visible(stored, inside))
        if not shown.many:
            value = self._object(stored, nodes, here.scope_number, row=row, where=where, outer=inside.outer)
        else:
            columns = self.columns(stored, nodes, here.scope_number, row, inside.outer)
            inner = select(*columns) if columns else select(literal_column("1").label("one"))
            inner = inner.select_from(cast(FromClause, row)).where(*where)
            if shown.order is not None:
                inner = inner.order_by(*shown.order(cast(Row, row)))
            at_most = shown.at_most(here.arguments)
            inner = inner.limit(literal_column(str(at_most)))
            self.outline.size *= at_most
            value = self.list_of(inner, columns, self.outline.size)
        return value if shown.when is None else case((shown.when(here), value))

    def list_of(self, inner: Select[Any], columns: Sequence[ColumnElement[Any]], size: int) -> ColumnElement[Any]:
        """The JSON list of these rows, of so many bytes at most."""
        return list_of(inner, columns, self.name("o"), most=self._counts(size))

    def _counts(self, size: int) -> int | None:
        """The bytes that are allowed, where so many must be counted. What is small, and not in a list that is
        counted itself, is there no more than a hundred times: what it makes goes beyond the limit by little."""
        most = self._most_bytes
        return most if most is not None and size > most // SMALL else None

    # Helpers

    @contextmanager
    def within(self, name: str) -> Iterator[quoted_name]:
        """While the value of this response key is compiled: its label, and its outline below that of its object."""
        outer, label = self.outline, self.key(name)
        self.outline = inner = outer.below.setdefault(str(label), Outline())
        inner.size = VALUE
        inner.patched = inner.patched or label in self.renamed
        try:
            yield label
        finally:
            outer.size += len(name) + inner.size
            self.outline = outer

    def visible(self, stored: StoredType, here: Here) -> list[ColumnElement[bool]]:
        """Which rows of a type the actor may see."""
        if stored.public:
            return []
        if here.stranger:
            return [literal_column("false", Boolean())]
        if stored.permission is not None and not here.scope.actor.may(stored.permission):
            return [literal_column("false", Boolean())]
        return [] if stored.visible is None else [stored.visible(here)]

    def collect(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> dict[str, list[FieldNode]]:
        """The fields that are asked of a type, by response key."""
        return collect(self.schema, self.fragments, self.variables, type_, below(nodes))

    def _slot(self, parent: GraphQLObjectType, node: FieldNode) -> int:
        definition = parent.fields[node.name.value]
        is_root = parent is self.schema.query_type
        given = FieldArguments(definition, node)
        if definition.args and not given.varies:
            given.read(self.variables)  # what cannot be read is refused before anything is made of it
        self.slots.append(Slot(len(self.slots), self._root_key, definition, is_root, given))
        return len(self.slots) - 1

    def name(self, kind: str) -> str:
        """A name for a row. With a `$` it is no response key: `o1` would be the column of that alias, not the row."""
        self._names += 1
        return f"{kind}${self._names}"

    def key(self, name: str) -> quoted_name:
        """A response key as a column label."""
        if len(name) <= LONGEST_LABEL:
            return key(name)
        label = self._labels.setdefault(name, f"#{len(self.renamed)}")
        self.renamed[label] = name
        return key(label)


def _constant(value: Any, _run: Run) -> Any:
    return value


def snake(name: str) -> str:
    """The Python name of a GraphQL field."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
