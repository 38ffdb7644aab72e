"""The variables of a request, coerced by graphql-core; what it would find out anew each time is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution import get_variable_values
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities import coerce_input_value

MOST_ERRORS = 10


class Variables:
    """What an operation declares."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        found = [get_variable_signature(schema, definition) for definition in self._definitions]
        leaves = [each for each in found if not isinstance(each, GraphQLError) and _is_leaf(each)]
        self._leaves = leaves if len(leaves) == len(found) else None

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced values, or what is wrong with those given."""
        if self._leaves is not None:
            values = _coerced(self._leaves, given)
            if values is not None:
                return values
        return get_variable_values(self._schema, self._definitions, dict(given), MOST_ERRORS, hide_suggestions=True)


def _is_leaf(signature: GraphQLVariableSignature) -> bool:
    return is_leaf_type(get_nullable_type(signature.type))


def _coerced(leaves: Sequence[GraphQLVariableSignature], given: Mapping[str, Any]) -> VariableValues | None:
    """Scalars and enums that are all given and right; None: one is not."""
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for signature in leaves:
        value = given.get(signature.name, Undefined)
        if value is Undefined:
            return None
        coerced[signature.name] = coerce_input_value(value, signature.type)
        if coerced[signature.name] is Undefined:
            return None
        sources[signature.name] = VariableValueSource(signature, value)
    return VariableValues(sources, coerced)
