"""The arguments of one field of a document, read by graphql-core once and then taken from the variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, get_argument_values


class FieldArguments:
    """Reads a field's arguments from each request's variables.

    Nearly every argument is written out in the document or is a variable alone. What such variables are has been
    coerced to the argument's own type, or to one that fits it (the document is valid): they only change places. All
    that could go wrong, and all that is rarer, is left to graphql-core.
    """

    __slots__ = ("_definition", "_known", "_node", "_simple", "_variables", "varies")

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._definition = definition
        self._node = node
        self._known: Mapping[str, Any] | None = None
        """What does not depend on variables, once that was read."""
        simple = True
        variables: list[tuple[str, str, bool]] = []
        for argument in node.arguments or ():
            declared = definition.args.get(argument.name.value)
            if isinstance(argument.value, VariableNode) and declared is not None:
                name = declared.out_name or argument.name.value
                variables.append((name, argument.value.name.value, is_non_null_type(declared.type)))
            elif _has_variable(argument.value):
                simple = False
        self._simple = simple
        self._variables = tuple(variables)
        self.varies = bool(variables) or not simple
        """Whether they depend on variables at all."""

    def read(self, variables: VariableValues) -> Mapping[str, Any]:
        """The coerced arguments, by name. Raises GraphQLError."""
        known = self._known
        if known is not None:
            if not self._variables:
                return known
            found = dict(known)
            coerced = variables.coerced
            for name, variable, required in self._variables:
                value = coerced.get(variable, self)
                if value is self or (required and value is None):
                    break
                found[name] = value
            else:
                return found
        read = get_argument_values(self._definition, self._node, variables)
        if self._simple and known is None and all(variable in variables.coerced for _, variable, _ in self._variables):
            of_variables = {name for name, _, _ in self._variables}
            self._known = {name: value for name, value in read.items() if name not in of_variables}
        return read


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_has_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(field.value) for field in value.fields)
    return isinstance(value, VariableNode)
