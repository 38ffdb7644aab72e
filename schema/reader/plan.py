"""A compiled statement, and one request run against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.execution.values import VariableValues

from app.kernel.errors import RequestError
from authz.actor import Scope
from schema.reader.arguments import FieldArguments
from schema.reader.declare import Patch
from schema.reader.outline import Paths

if TYPE_CHECKING:
    from schema.context import Viewer
    from tenants.tree import TenantTree

MARK = "#"
"""The key by which a place that Python must still work out is known: a response key never holds a `#`."""
TYPE = "#type"
"""The key by which graphql-core is told the type of an object (`__typename` may be an alias for anything)."""
PAGE_SIZES = frozenset({"first", "last"})
LONGEST_LABEL = 63
"""PostgreSQL cuts off what is longer: such a response key is put in its place afterwards."""


@dataclass
class Run:
    """One request against a plan: what its parameters are taken from."""

    viewer: Viewer
    tree: TenantTree
    variables: VariableValues
    scopes: Sequence[Scope | None]
    handed: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The arguments of the roots, by response key."""
    arguments: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    added_bytes: int = 0
    """What the response keys and objects take that were put in their places."""


class Selected(NamedTuple):
    """What is asked of an object that is no row: response keys, and the fields that stand there."""

    typename: str
    fields: tuple[tuple[str, str], ...]


@dataclass
class Place:
    """Where computed fields stand in the result, and how each is worked out."""

    work_out: Patch
    slot: int
    selected: Selected | None = None

    def value(self, needed: Any, run: Run) -> Any:
        """What stands there."""
        found = self.work_out(needed, run, run.arguments.get(self.slot, {}))
        if self.selected is None or found is None:
            return found
        chosen = [self._chosen(each) for each in found] if isinstance(found, list) else self._chosen(found)
        run.added_bytes += len(orjson.dumps(chosen))
        return chosen

    def _chosen(self, of: Mapping[str, Any]) -> dict[str, Any]:
        assert self.selected is not None
        return {key: self.selected.typename if name == "__typename" else of[name] for key, name in self.selected.fields}


@dataclass
class Slot:
    """A field with arguments that a parameter or a place needs."""

    number: int
    root: str
    definition: GraphQLField
    is_root: bool
    given: FieldArguments

    def arguments(self, run: Run) -> Mapping[str, Any]:
        """The field's arguments in this request. Raises GraphQLError."""
        if self.is_root and self.root in run.given:
            return run.given[self.root]
        return self.given.read(run.variables)


class RootRefusal(Exception):
    """A root of the query cannot be answered: its arguments, or those of a field below it, cannot be read."""

    def __init__(self, key: str, refusal: Exception) -> None:
        self.key = key
        self.refusal = refusal


@dataclass
class Plan:
    """A compiled statement: its text, how to take each parameter from a `Run`, and the places to patch."""

    sql: str
    parameters: list[tuple[str, Callable[[Run], Any]]]
    slots: Sequence[Slot]
    places: list[Place]
    renamed: dict[str, str]
    personal: bool
    by_key: bool
    """Whether all it shows is found by keys: how it is best answered then does not depend on the values."""
    paths: Paths = field(default_factory=dict)
    """The ways to the places and to the keys that are renamed: nothing else is looked at."""

    @property
    def patched(self) -> bool:
        """Whether the database's result is not yet as it must be."""
        return bool(self.places or self.renamed)

    def values(self, run: Run) -> list[Any]:
        """The statement's parameters for this request. Raises RootRefusal for a value that cannot be read."""
        at = ""
        values = []
        try:
            for slot in self.slots:
                at = slot.root
                run.arguments[slot.number] = slot.arguments(run)
            for root, take in self.parameters:
                at = root
                values.append(take(run))
        except (RequestError, GraphQLError) as refusal:
            raise RootRefusal(at, refusal) from refusal
        return values

    def patch(self, value: Any, run: Run) -> Any:
        """Put the computed values, and response keys too long for a label, into a decoded result, which is used up."""
        return self._patch(value, self.paths, run)

    def _patch(self, value: Any, paths: Paths, run: Run) -> Any:
        if isinstance(value, list):
            for number, item in enumerate(value):
                value[number] = self._patch(item, paths, run)
            return value
        if not isinstance(value, dict):
            return value
        if MARK in value:
            place = self.places[value[MARK]]
            return place.value(value, run)
        renames = False
        for label, below in paths.items():
            if label in value:
                value[label] = self._patch(value[label], below, run)
                renames = renames or label in self.renamed
        return self._renamed(value, run) if renames else value

    def _renamed(self, value: dict[str, Any], run: Run) -> dict[str, Any]:
        run.added_bytes += sum(len(name) for label, name in self.renamed.items() if label in value)
        return {self.renamed.get(name, name): item for name, item in value.items()}


def shaping(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Mapping[str, bool]:
    """The variables that may shape a statement, and which of them are page sizes.

    What a mutation is given shapes nothing of what it shows.
    """
    found: dict[str, bool] = {}
    seen: set[tuple[str, bool]] = set()

    def note(value: ValueNode, *, sized: bool) -> None:
        if isinstance(value, VariableNode):
            found[value.name.value] = found.get(value.name.value, False) or sized
        elif isinstance(value, ListValueNode):
            for item in value.values:
                note(item, sized=False)
        elif isinstance(value, ObjectValueNode):
            for field in value.fields:
                note(field.value, sized=False)

    def look(selection_set: SelectionSetNode | None, *, reads: bool) -> None:
        for selection in () if selection_set is None else selection_set.selections:
            for directive in selection.directives or ():
                for argument in directive.arguments or ():
                    note(argument.value, sized=False)
            if isinstance(selection, FieldNode):
                for argument in selection.arguments or () if reads else ():
                    note(argument.value, sized=argument.name.value in PAGE_SIZES)
                look(selection.selection_set, reads=True)
            elif isinstance(selection, InlineFragmentNode):
                look(selection.selection_set, reads=reads)
            elif isinstance(selection, FragmentSpreadNode) and (selection.name.value, reads) not in seen:
                seen.add((selection.name.value, reads))
                look(fragments[selection.name.value].selection_set, reads=reads)

    look(operation.selection_set, reads=operation.operation is not OperationType.MUTATION)
    return found


def shape_of(value: Any, type_: GraphQLInputType, *, sized: bool = False) -> Any:
    """What of a variable shapes the statement: presence, enums, flags, and the size of a page where it is `sized`;
    never ids, numbers, texts, dates or cursors."""
    if value is None:
        return None
    if isinstance(type_, GraphQLNonNull):
        return shape_of(value, type_.of_type, sized=sized)
    if isinstance(type_, GraphQLList):
        return "list"
    if isinstance(type_, GraphQLInputObjectType):
        return tuple((name, shape_of(item, type_.fields[name].type)) for name, item in sorted(value.items()))
    if isinstance(type_, GraphQLEnumType) or isinstance(value, bool) or sized:
        return value
    return "value"
