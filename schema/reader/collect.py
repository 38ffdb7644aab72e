"""Which fields a selection asks of a concrete type: fragments spread, `@skip`/`@include` decided, keys merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    is_abstract_type,
)
from graphql.execution.values import VariableValues, get_directive_values


def collect(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues | None,
    runtime_type: GraphQLObjectType,
    selection_sets: Iterable[SelectionSetNode],
) -> dict[str, list[FieldNode]]:
    """The fields by response key, in the order in which the specification answers them.

    Without `variables` nothing is skipped.
    """
    found: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()

    def included(node: SelectionNode) -> bool:
        if variables is None:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, variables)
        if skip and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, variables)
        return include is None or bool(include["if"])

    def applies(type_name: str | None) -> bool:
        if type_name is None or type_name == runtime_type.name:
            return True
        conditional = schema.type_map[type_name]
        return is_abstract_type(conditional) and schema.is_sub_type(conditional, runtime_type)

    def visit(selection_set: SelectionSetNode) -> None:
        for node in selection_set.selections:
            if not included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else None
                if applies(condition):
                    visit(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = fragments[node.name.value]
                if applies(fragment.type_condition.name.value):
                    visit(fragment.selection_set)

    for selection_set in selection_sets:
        visit(selection_set)
    return found


def below(nodes: Iterable[FieldNode]) -> list[SelectionSetNode]:
    """The selection sets under the merged nodes of one field."""
    return [node.selection_set for node in nodes if node.selection_set is not None]
