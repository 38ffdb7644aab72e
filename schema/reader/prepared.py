"""An operation that was parsed, measured and validated, and what of it is the same for every request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLObjectType,
    OperationDefinitionNode,
)

from schema.reader.arguments import FieldArguments
from schema.reader.declare import Root
from schema.reader.rows import Rows
from schema.variables import Variables


@dataclass(eq=False)
class Prepared:
    """One operation of a document that was parsed, measured and validated."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    text: str
    variables: Variables
    rows: Rows | None = None
    types: Sequence[tuple[str, GraphQLInputType, bool]] | None = None
    """The variables that shape statements, with their types, and whether they are page sizes."""
    roots: Sequence[RootField] | None = None
    """The root fields of a query, where they are the same for all variables."""
    operation_type: Literal["query", "mutation", "subscription"] = field(init=False)
    """What the operation does."""

    def __post_init__(self) -> None:
        self.operation_type = self.operation.operation.value


class RootField:
    """A root field of a query."""

    __slots__ = ("arguments", "declared", "introspects", "key", "nodes", "required")

    def __init__(self, key: str, nodes: list[FieldNode], query: GraphQLObjectType, declared: Root | None) -> None:
        name = nodes[0].name.value
        definition = query.fields.get(name)
        self.key = key
        self.nodes = nodes
        self.declared = declared
        self.introspects = name in ("__schema", "__type")
        self.required = definition is not None and isinstance(definition.type, GraphQLNonNull)
        self.arguments = None if definition is None else FieldArguments(definition, nodes[0])
