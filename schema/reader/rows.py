"""How many rows an operation may take, and from how many tables, known before anything is read or done.

Every object of the answer is a row. A page counts its size, any other list the most that it holds, and what is asked of
each row counts as often. A field that looks through many rows to show few says so (`declare.Relation.work`). Every
place of the document that asks for an object, a list or a count is a table of its statement, however many rows: they
are what making and planning the statement costs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    type_from_ast,
    value_from_ast_untyped,
)
from graphql.execution.values import VariableValues

from schema.errors import limit_exceeded, too_many_rows
from schema.reader.collect import below, collect
from schema.reader.declare import MOST_IDS, STORED, Computed, Connection, NodeRoot, NodesRoot, Relation, Root, Shown
from schema.reader.keyset import DEFAULT_PAGE, LARGEST_PAGE

ANY = object()
"""Stands for the value of a variable while it is not known: whichever takes the most rows."""
REMEMBERED = 100
"""Counts that are remembered of one operation, by what of its variables matters."""


@dataclass
class Rows:
    """What is known of one operation: its `most` rows whatever its variables are, the `tables` of its statement (of a
    mutation, of all of them), and the rows with some variables."""

    most: int
    tables: int
    variables: tuple[tuple[str, GraphQLInputType], ...]
    known: dict[Hashable, int] = field(default_factory=dict)


class Operation(Protocol):
    """An operation that was validated (`schema.reader.prepared.Prepared`)."""

    rows: Rows | None

    @property
    def operation(self) -> OperationDefinitionNode: ...
    @property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]: ...


class RowMeter:
    """Counts the rows of operations, and their tables, of which some are `allowed`. `bulks`: the mutations that take
    `items`, at most `bulk_items` of them."""

    def __init__(
        self,
        schema: GraphQLSchema,
        roots: Mapping[str, Root],
        *,
        rows: int,
        tables: int,
        bulks: frozenset[str],
        bulk_items: int,
    ) -> None:
        self._schema = schema
        self._roots = roots
        self._allowed = rows
        self._tables = tables
        self._bulks = bulks
        self._bulk_items = bulk_items

    def check(self, operation: Operation, variables: VariableValues) -> None:
        """Raises GraphQLError (BAD_USER_INPUT) for an operation that asks for too many `rows` or `tables`."""
        rows = operation.rows or self.measure(operation)
        if rows.tables > self._tables:
            raise limit_exceeded("tables", self._tables, nodes=operation.operation)
        if rows.most <= self._allowed:  # so with nearly all: nothing more is looked at
            return
        key = tuple(
            (name, _what_counts(variables.coerced[name], type_))
            for name, type_ in rows.variables
            if name in variables.coerced
        )
        taken = rows.known.get(key)
        if taken is None:
            if len(rows.known) >= REMEMBERED:
                rows.known.clear()
            taken = rows.known[key] = self.count(operation, variables)[0]
        if taken > self._allowed:
            raise too_many_rows(self._allowed, taken, nodes=operation.operation)

    def measure(self, operation: Operation) -> Rows:
        """What is known of the operation without its variables; remembered in it."""
        operation.rows = Rows(*self.count(operation, None), self._variables(operation))
        return operation.rows

    def count(self, operation: Operation, variables: VariableValues | None) -> tuple[int, int]:
        """The rows that the operation takes at most, and the tables; without `variables`, whatever they are."""
        definition = operation.operation
        root_type = cast(GraphQLObjectType, self._schema.get_root_type(definition.operation))
        walk = _Walk(self._schema, operation.fragments, variables)
        total = 0
        for nodes in walk.collect(root_type, [definition.selection_set]):
            name = nodes[0].name.value
            if name not in root_type.fields:  # introspection
                continue
            if root_type is self._schema.query_type:
                total += walk.shown(self._roots[name], nodes)
            else:
                items = self._items(walk.arguments(nodes).get("input")) if name in self._bulks else 1
                total += walk.told(get_named_type(root_type.fields[name].type), nodes, items)
        return total, walk.tables

    def _items(self, given: Any) -> int:
        items = given.get("items") if isinstance(given, dict) else None
        return min(len(items), self._bulk_items) if isinstance(items, list) else self._bulk_items

    def _variables(self, operation: Operation) -> tuple[tuple[str, GraphQLInputType], ...]:
        return tuple(
            (definition.variable.name.value, cast(GraphQLInputType, type_from_ast(self._schema, definition.type)))
            for definition in operation.operation.variable_definitions or ()
        )


class _Walk:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues | None,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self.tables = 0

    def collect(
        self, type_: GraphQLObjectType, selection_sets: Iterable[SelectionSetNode]
    ) -> Iterable[list[FieldNode]]:
        """The fields asked of a type; without variables all of them, skipped or not."""
        return collect(self._schema, self._fragments, self._variables, type_, selection_sets).values()

    def arguments(self, nodes: list[FieldNode]) -> _Arguments:
        return _Arguments(nodes[0], self._variables)

    def told(self, type_: Any, nodes: list[FieldNode], items: int) -> int:
        """What the payload of a mutation, of so many items, or the edge of a stream takes."""
        if type_.name in STORED:
            self.tables += 1
            return 1 + self._object(type_, nodes)
        if not isinstance(type_, GraphQLObjectType):  # a scalar, or what was wrong
            return 0
        total = 0
        for found in self.collect(type_, below(nodes)):
            shown = type_.fields.get(found[0].name.value)
            if shown is not None:
                times = items if is_list_type(get_nullable_type(shown.type)) else 1
                total += times * self.told(get_named_type(shown.type), found, items)
        return total

    def shown(self, shown: Shown | NodeRoot | NodesRoot, nodes: list[FieldNode]) -> int:
        """What a field takes for one row that it is asked of."""
        if isinstance(shown, Root):
            return self.shown(shown.what, nodes)
        if isinstance(shown, Relation):
            self.tables += shown.tables
            times = shown.at_most(self.arguments(nodes)) if shown.many else 1
            return shown.work + times * (1 + self._object(self._type(shown.target), nodes))
        if isinstance(shown, Connection):
            return self._page(shown, nodes)
        if isinstance(shown, NodesRoot):
            ids = self.arguments(nodes).get("ids")
            several = len(ids) if isinstance(ids, list) else 1 if isinstance(ids, str) else MOST_IDS
            return min(several, MOST_IDS) * self._node(nodes)
        if isinstance(shown, Computed):
            return shown.work
        return self._node(nodes) if isinstance(shown, NodeRoot) else 0

    def _page(self, shown: Connection, nodes: list[FieldNode]) -> int:
        size, total = self.arguments(nodes).page_size, 0
        self.tables += 1
        for found in self.collect(self._type(f"{shown.target}Connection"), below(nodes)):
            match found[0].name.value:
                case "edges":
                    total += size
                    for inner in self.collect(self._type(f"{shown.target}Edge"), below(found)):
                        if inner[0].name.value == "node":
                            total += size * self._object(self._type(shown.target), inner)
                case "totalCount":
                    total += shown.counting
                    self.tables += 1
        return total

    def _node(self, nodes: list[FieldNode]) -> int:
        """The rows of the costliest of the types that it may be; the tables of all that are asked about."""
        self.tables += 1
        possible = self._schema.get_possible_types(cast(Any, self._schema.type_map["Node"]))
        return 1 + max(self._object(type_, nodes) for type_ in possible)

    def _object(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> int:
        fields = STORED[type_.name].fields
        asked = ((found[0].name.value, found) for found in self.collect(type_, below(nodes)))
        return sum(self.shown(fields[name], found) for name, found in asked if name in fields)

    def _type(self, name: str) -> GraphQLObjectType:
        return cast(GraphQLObjectType, self._schema.type_map[name])


class _Arguments:
    """The arguments of a field as they were given; ANY for a variable that is not known."""

    def __init__(self, node: FieldNode, variables: VariableValues | None) -> None:
        self._given = {argument.name.value: argument.value for argument in node.arguments or ()}
        self._variables = variables

    def get(self, name: str) -> Any:
        given = self._given.get(name)
        if given is None:
            return None
        if self._variables is None and isinstance(given, VariableNode):
            return ANY
        value = value_from_ast_untyped(given, {} if self._variables is None else self._variables.coerced)
        return None if value is Undefined else value  # a variable that was not given

    @property
    def page_size(self) -> int:
        """How many rows a page has; what is no page size is refused when it is read."""
        first, last = self.get("first"), self.get("last")
        if first is ANY or last is ANY:
            return LARGEST_PAGE
        size = first if first is not None else last if last is not None else DEFAULT_PAGE
        return min(max(size, 0), LARGEST_PAGE) if isinstance(size, int) else 0


def _what_counts(value: Any, type_: GraphQLInputType) -> Any:
    """What of a variable the number of rows depends on: sizes, flags and enums, and how long a list is."""
    type_ = cast(GraphQLInputType, get_nullable_type(type_))
    if isinstance(value, list):
        return len(value)
    if isinstance(value, (bool, int)) or isinstance(type_, GraphQLEnumType):
        return value
    if isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
        return tuple((name, _what_counts(item, type_.fields[name].type)) for name, item in value.items())
    return value is not None
