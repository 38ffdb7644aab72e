"""The variables of a request, coerced by graphql-core; what it would find out anew each time is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from graphql import (
    GraphQLError,
    GraphQLLeafType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution import get_variable_values
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

MOST_ERRORS = 10


class Variables:
    """What an operation declares."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        found = [get_variable_signature(schema, definition) for definition in self._definitions]
        leaves = [_Leaf(each) for each in found if not isinstance(each, GraphQLError) and _is_leaf(each)]
        self._leaves = leaves if len(leaves) == len(found) else None

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced values, or what is wrong with those given."""
        if self._leaves is not None:
            values = _coerced(self._leaves, given)
            if values is not None:
                return values
        return get_variable_values(self._schema, self._definitions, dict(given), MOST_ERRORS, hide_suggestions=True)


class _Leaf:
    """A variable of a scalar or an enum."""

    __slots__ = ("coerce", "name", "nullable", "signature")

    def __init__(self, signature: GraphQLVariableSignature) -> None:
        self.signature = signature
        self.name = signature.name
        self.nullable = not is_non_null_type(signature.type)
        self.coerce = cast(GraphQLLeafType, get_nullable_type(signature.type)).coerce_input_value


def _is_leaf(signature: GraphQLVariableSignature) -> bool:
    return is_leaf_type(get_nullable_type(signature.type))


def _coerced(leaves: Sequence[_Leaf], given: Mapping[str, Any]) -> VariableValues | None:
    """Those that are all given and right; None: one is not, and the library says what is wrong with it."""
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for leaf in leaves:
        value = given.get(leaf.name, Undefined)
        if value is None and leaf.nullable:
            coerced[leaf.name] = None
        elif value is None or value is Undefined:
            return None
        else:
            try:
                found = leaf.coerce(value)
            except Exception:
                return None
            if found is Undefined:
                return None
            coerced[leaf.name] = found
        sources[leaf.name] = VariableValueSource(leaf.signature, value)
    return VariableValues(sources, coerced)
