"""How large a document may be, decided before it is validated or executed.

A fragment is measured once and its measures are used for every spread, so that a document whose fragments spread one
another 2^30 times costs as much to refuse as its text is long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from schema.errors import limit_exceeded

NESTING_PER_DEPTH = 4
"""Selection sets per level of fields: a field, a fragment and a type condition in it, and one to spare."""


class Limits(Protocol):
    """The limits of a document (`app.kernel.config.Limits`)."""

    @property
    def depth(self) -> int:
        """Levels of fields; fragments add none."""

    @property
    def aliases(self) -> int:
        """Aliased fields, fragments expanded."""

    @property
    def definitions(self) -> int:
        """Operations and fragments together."""

    @property
    def fields(self) -> int:
        """Fields and spreads, fragments expanded."""

    @property
    def repeats(self) -> int:
        """How often one response path may be asked for: validating them compares each with each."""

    @property
    def directives(self) -> int:
        """Directives, fragments expanded."""

    @property
    def tokens(self) -> int:
        """Words and punctuation of the text; comments are counted likewise, apart."""


def parse_within(query: str, limits: Limits) -> DocumentNode:
    """Parse and `check`. Raises GraphQLError for bad syntax, BAD_USER_INPUT for a document over a limit."""
    try:
        document = parse(query, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLError as error:
        # The parser's own words; a test holds them fast.
        if "Document contains more than" in error.message:
            raise limit_exceeded("tokens", limits.tokens) from None
        if "nested too deeply" in error.message:
            raise limit_exceeded("depth", limits.depth) from None
        raise
    check(document, limits)
    return document


def check(document: DocumentNode, limits: Limits) -> None:
    """Refuse a document that exceeds a limit: raises GraphQLError with the code BAD_USER_INPUT, naming the limit.

    A fragment that is spread within itself is refused too. Validation reports fragments that are missing or unused;
    it reads unused ones with the same care, so they are held to the same limits.
    """
    if len(document.definitions) > limits.definitions:
        raise limit_exceeded("definitions", limits.definitions)
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    guard = _Guard(fragments, limits)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            guard.check(definition)
    for fragment in fragments.values():
        guard.check_unused(fragment)


@dataclass(slots=True)
class _Size:
    """The measures of a selection set with everything in it. `nesting` counts selection sets, `depth` fields."""

    depth: int = 0
    nesting: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0

    def add(self, inner: _Size, *, below: int) -> None:
        """Take in what one selection holds; `below` is 1 when it is a field, which opens a level."""
        self.depth = max(self.depth, inner.depth + below)
        self.nesting = max(self.nesting, inner.nesting + 1)
        self.aliases += inner.aliases
        self.fields += inner.fields
        self.directives += inner.directives


class _Guard:
    def __init__(self, fragments: dict[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments = fragments
        self._limits = limits
        self._sizes: dict[str, _Size | None] = {}

    def check(self, operation: OperationDefinitionNode) -> None:
        size = self._size(operation.selection_set, 1)
        size.directives += len(operation.directives or ())
        size.directives += sum(len(variable.directives or ()) for variable in operation.variable_definitions or ())
        self._hold(size, operation)

    def check_unused(self, fragment: FragmentDefinitionNode) -> None:
        if fragment.name.value not in self._sizes:
            self._hold(self._fragment_size(fragment.name.value, 1, fragment), fragment)

    def _hold(self, size: _Size, definition: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        for limit in ("depth", "aliases", "fields", "directives"):
            allowed = getattr(self._limits, limit)
            if getattr(size, limit) > allowed:
                raise limit_exceeded(limit, allowed, nodes=definition)
        # Bounded now, the document may be walked with its fragments expanded.
        paths = Counter(self._paths(definition.selection_set, ()))
        if paths and max(paths.values()) > self._limits.repeats:
            raise limit_exceeded("repeats", self._limits.repeats, nodes=definition)

    def _size(self, selection_set: SelectionSetNode | None, level: int) -> _Size:
        """Measure a selection set that is `level` selection sets deep."""
        size = _Size()
        if selection_set is None:
            return size
        if level > NESTING_PER_DEPTH * self._limits.depth:
            raise limit_exceeded("depth", self._limits.depth, nodes=selection_set)
        for selection in selection_set.selections:
            size.fields += 1
            size.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                size.aliases += selection.alias is not None
                size.add(self._size(selection.selection_set, level + 1), below=1)
            elif isinstance(selection, InlineFragmentNode):
                size.add(self._size(selection.selection_set, level + 1), below=0)
            elif isinstance(selection, FragmentSpreadNode):
                size.add(self._fragment_size(selection.name.value, level + 1, selection), below=0)
        if level + size.nesting > NESTING_PER_DEPTH * self._limits.depth:
            raise limit_exceeded("depth", self._limits.depth, nodes=selection_set)
        return size

    def _fragment_size(self, name: str, level: int, node: FragmentSpreadNode | FragmentDefinitionNode) -> _Size:
        if name not in self._sizes:
            self._sizes[name] = None  # being measured
            fragment = self._fragments.get(name)
            size = _Size()
            if fragment is not None:
                size = self._size(fragment.selection_set, level)
                size.directives += len(fragment.directives or ())
            self._sizes[name] = size
        known = self._sizes[name]
        if known is None:
            raise GraphQLError(f"Cannot spread fragment '{name}' within itself.", node)
        return known

    def _paths(self, selection_set: SelectionSetNode | None, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if selection_set is None:
            return
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                name = (selection.alias or selection.name).value
                yield (*path, name)
                yield from self._paths(selection.selection_set, (*path, name))
            elif isinstance(selection, InlineFragmentNode):
                yield from self._paths(selection.selection_set, path)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments.get(selection.name.value)
                if fragment is not None:
                    yield from self._paths(fragment.selection_set, path)
