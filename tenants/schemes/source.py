"""Reads a YAML document without losing where each value stands, and without evaluating anything.

The values are those of YAML's core schema, except that a number with a fraction is a `Decimal` and dates stay texts.
Anchors, aliases, tags, repeated keys, NULs and deep nesting are problems, reported together; only a syntax error ends
the reading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tenants.schemes.problems import MOST, SchemeProblem, dotted

MAX_CHARACTERS = 200_000
MAX_DEPTH = 24

_UNREADABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PAIR = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_CORE = "tag:yaml.org,2002:"
_LONGEST_INT = 18


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Item:
    """A value and its place: a scalar, a list of items, or a mapping of keys to items (with the places of the keys)."""

    place: Place
    value: str | int | bool | Decimal | list[Item] | dict[str, Item] | None
    keys: dict[str, Place] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def describe(self) -> str:
        """The value in a few words, for "got …"."""
        match self.value:
            case dict():
                return "a mapping"
            case list():
                return f"a list of {len(self.value)}"
            case None:
                return "nothing"
            case bool():
                return "true" if self.value else "false"
            case str():
                return repr(self.value if len(self.value) <= 60 else self.value[:60] + "…")
            case number:
                return str(number)

    def nearest(self, path: Sequence[str | int]) -> tuple[Item, Place, int]:
        """The item at the end of the path, or the last one on the way: with its key's place, and the steps taken."""
        item, place = self, self.place
        for taken, label in enumerate(path):
            if isinstance(item.value, dict) and isinstance(label, str) and label in item.value:
                place = item.keys[label]
                item = item.value[label]
            elif isinstance(item.value, list) and isinstance(label, int) and label < len(item.value):
                item = item.value[label]
                place = item.place
            else:
                return item, place, taken
        return item, place, len(path)

    def laid_over(self, below: Item) -> Item:
        """This item with what `below` has besides: mappings are joined key by key, anything else replaces."""
        if not (isinstance(self.value, dict) and isinstance(below.value, dict)):
            return self
        joined = dict(below.value)
        for key, item in self.value.items():
            joined[key] = item.laid_over(joined[key]) if key in joined else item
        return Item(self.place, joined, {**below.keys, **self.keys})


@dataclass(slots=True)
class Source:
    """A document as read: `root` is None when nothing could be read; `marred` are the paths already reported."""

    file: str
    root: Item | None = None
    problems: list[SchemeProblem] = field(default_factory=list)
    marred: set[tuple[str | int, ...]] = field(default_factory=set)

    def report(self, place: Place, path: Sequence[str | int], expected: str, got: str) -> None:
        """Note a problem; nothing else at or below its path is worth a second one."""
        self.problems.append(SchemeProblem(place.file, place.line, place.column, dotted(path), expected, got))
        self.marred.add(tuple(path))

    def is_marred(self, path: Sequence[str | int]) -> bool:
        """Whether the path, or something above it, was reported already."""
        return any(tuple(path[:length]) in self.marred for length in range(len(path) + 1))


class _TooDeep(Exception):
    def __init__(self, mark: Mark) -> None:
        self.mark = mark


class _Composer(yaml.SafeLoader):
    """Composes nodes only: it never constructs, and it stops at `MAX_DEPTH`."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (PyYAML's own way)
    depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            return _marker("alias", f"*{event.anchor}", event)
        if self.depth == MAX_DEPTH:
            raise _TooDeep(event.start_mark)
        self.depth += 1
        explicit, anchor = event.tag, event.anchor
        node = super().compose_node(parent, index)
        self.depth -= 1
        assert node is not None
        if anchor is not None:
            return _marker("alias", f"&{anchor}", node)
        if explicit not in (None, "!"):
            return _marker("tagged", explicit.replace(_CORE, "!!"), node)
        return node


def _marker(kind: str, text: str, at: Any) -> ScalarNode:
    """Stands in the tree for something that is refused."""
    return ScalarNode(kind, text, at.start_mark, at.end_mark)


_Composer.add_implicit_resolver(f"{_CORE}null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Composer.add_implicit_resolver(f"{_CORE}bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_Composer.add_implicit_resolver(f"{_CORE}int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Composer.add_implicit_resolver(f"{_CORE}float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789"))


def read_source(text: str, file: str) -> Source:
    """Read a YAML text; what is wrong with its form is in the result's `problems`."""
    source = Source(file)
    if len(text) > MAX_CHARACTERS:
        source.report(Place(file, 1, 1), (), f"at most {MAX_CHARACTERS} characters", str(len(text)))
        return source
    text = text.removeprefix("\ufeff")
    for count, found in enumerate(_UNREADABLE.finditer(text)):
        if count == MOST:
            break
        before = text[: found.start()]
        place = Place(file, before.count("\n") + 1, found.start() - (before.rfind("\n") + 1) + 1)
        source.report(place, (), "readable characters", f"the character U+{ord(found.group()):04X}")
    if source.problems:
        return source
    composer = _Composer(text)
    try:
        node = composer.get_single_node()
    except _TooDeep as deep:
        source.report(_place(file, deep.mark), (), f"at most {MAX_DEPTH} levels", "something nested deeper")
        return source
    except MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        place = _place(file, mark) if mark else Place(file, 1, 1)
        got = "; ".join(part for part in (wrong.context, wrong.problem) if part)
        source.report(place, (), "valid YAML, one document", got)
        return source
    finally:
        composer.dispose()
    if node is None:
        source.report(Place(file, 1, 1), (), "a mapping", "an empty document")
        return source
    source.root = _item(source, node, ())
    return source


def _place(file: str, mark: Mark) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)


def _item(source: Source, node: Node, path: tuple[str | int, ...]) -> Item:
    place = _place(source.file, node.start_mark)
    if isinstance(node, SequenceNode):
        return Item(place, [_item(source, child, (*path, index)) for index, child in enumerate(node.value)])
    if isinstance(node, MappingNode):
        return _mapping(source, node, path)
    assert isinstance(node, ScalarNode)
    if node.tag == "alias":
        source.report(place, path, "the value itself", f"an anchor or alias, {node.value}")
        return Item(place, None)
    if node.tag == "tagged":
        source.report(place, path, "a value without a tag", node.value)
        return Item(place, None)
    return Item(place, _scalar(source, node, place, path))


def _mapping(source: Source, node: MappingNode, path: tuple[str | int, ...]) -> Item:
    place = _place(source.file, node.start_mark)
    items: dict[str, Item] = {}
    keys: dict[str, Place] = {}
    for key_node, value_node in node.value:
        key_place = _place(source.file, key_node.start_mark)
        if not isinstance(key_node, ScalarNode) or key_node.tag in ("alias", "tagged"):
            source.report(key_place, (*path, "?"), "a plain key", "a list, a mapping, an alias or a tag as a key")
            continue
        key = key_node.value
        if key in items:
            first = keys[key]
            source.report(key_place, (*path, key), "each key once", f"{key!r} again, first in line {first.line}")
            continue
        items[key] = _item(source, value_node, (*path, key))
        keys[key] = key_place
    return Item(place, items, keys)


def _scalar(
    source: Source, node: ScalarNode, place: Place, path: tuple[str | int, ...]
) -> str | int | bool | Decimal | None:
    text: str = node.value
    if node.style == '"' and _PAIR.search(text):
        # JSON writes a character beyond the basic plane as two escapes.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    unwritable = _UNREADABLE.search(text)
    if unwritable:
        source.report(place, path, "readable characters", f"the character U+{ord(unwritable.group()):04X}")
        return None
    if node.style is not None:
        return text
    match node.tag.removeprefix(_CORE):
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int" if len(text) <= _LONGEST_INT:
            return int(text)
        case "float" if len(text) <= _LONGEST_INT:
            return Decimal(text)
        case _:
            return text
