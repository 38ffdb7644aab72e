"""Documents that ask for the whole schema: every field of every type that can be reached, every argument's every value.

`Asker(schema, pools)` writes them; everything follows from the schema, so that a field that is new is asked for too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

FIELDS, ALIASES = 700, 25
"""How large a document gets: below what the guard lets through."""


class Asker:
    """`pools`: by argument name, or `<root>.<argument>`, the values to ask with; enums and flags need none."""

    def __init__(self, schema: GraphQLSchema, pools: Mapping[str, Sequence[Any]]) -> None:
        self.schema = schema
        self.pools = pools
        self.asked: set[tuple[str, str]] = set()
        """The fields that were asked for, as (type, field)."""
        assert schema.query_type is not None
        self.roots = schema.query_type.fields

    # Everything that hangs on something

    def whole(self, root: str, *, depth: int = 4) -> list[str]:
        """Documents that ask a root, with the first values of its pools, for all that can be reached from it."""
        of = self.roots[root]
        call = root + _written_call({name: self._values(root, name, arg.type)[0] for name, arg in _needed(of)})
        parts = self.selections(get_named_type(of.type), depth)
        return [f"{{ {each} }}" for each in _packed([f"p{at}: {call} {{ {part} }}" for at, part in enumerate(parts)])]

    def selections(self, type_: Any, depth: int = 4) -> list[str]:
        """The selections of a type, each small enough for a document; those of an interface, type by type."""
        if isinstance(type_, GraphQLInterfaceType):
            every = [(each.name, self.selections(each, depth)) for each in self.schema.get_possible_types(type_)]
            return [f"... on {name} {{ {part} }}" for name, parts in every for part in parts]
        return _packed(self._parts(type_, depth, (type_.name,)))

    def _parts(self, type_: Any, depth: int, path: tuple[str, ...]) -> list[str]:
        leaves, parts = [], []
        for name, of in type_.fields.items():
            below = get_named_type(of.type)
            call = name + _written_call({each: self._values("", each, arg.type)[-1] for each, arg in _needed(of)})
            if is_leaf_type(below):
                self.asked.add((type_.name, name))
                leaves.append(call)
            elif depth and path.count(below.name) < 2 and not (len(path) > 1 and self._closed(type_, below)):
                self.asked.add((type_.name, name))
                step = 0 if below.name.endswith(("Connection", "Edge", "PageInfo")) else 1
                inner = _packed(self._parts(below, depth - step, (*path, below.name)))
                parts += [f"{call} {{ {each} }}" for each in inner]
        return [" ".join(["__typename", *leaves]), *parts]

    def _closed(self, type_: Any, below: Any) -> bool:
        """Whether nothing but its own kind hangs on a type, like a tenant: one of them is told all about once."""
        named = {get_named_type(of.type) for of in type_.fields.values()}
        return below is type_ and all(each is type_ or is_leaf_type(each) for each in named)

    # Every way to ask

    def ways(self, root: str, selection: str, *, more: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
        """Documents with the root under many aliases: each value of each argument once, and `more` calls."""
        of = self.roots[root]
        first = {name: self._values(root, name, arg.type)[0] for name, arg in _needed(of)}
        calls = [_written_call(first)]
        for name, argument in of.args.items():
            for value in self._values(root, name, argument.type):
                given = {**first, name: value}
                if name in ("last", "before"):
                    given.pop("first", None)
                if name == "before":
                    given["last"] = 100
                calls.append(_written_call(given))
        calls += [_written_call({**first, **each}) for each in more]
        calls = list(dict.fromkeys(calls))
        for start in range(0, len(calls), ALIASES):
            aliased = (
                f"a{place}: {root}{call} {{ {selection} }}" for place, call in enumerate(calls[start : start + ALIASES])
            )
            yield "{ " + "\n".join(aliased) + " }"

    def _values(self, root: str, name: str, type_: Any) -> list[Any]:
        for key in (f"{root}.{name}", name):
            if key in self.pools:
                return list(self.pools[key])
        if isinstance(type_, GraphQLNonNull):
            return self._values(root, name, type_.of_type)
        if isinstance(type_, GraphQLList):
            return [[value] for value in self._values(root, name, type_.of_type)]
        if isinstance(type_, GraphQLEnumType):
            return [_Word(value) for value in type_.values]
        if isinstance(type_, GraphQLScalarType) and type_.name == "Boolean":
            return [True, False]
        if isinstance(type_, GraphQLInputObjectType):
            required = {
                inner: self._values(root, inner, of.type)
                for inner, of in type_.fields.items()
                if isinstance(of.type, GraphQLNonNull)
            }
            combined: list[dict[str, Any]] = [{}]
            for inner, values in required.items():
                combined = [{**given, inner: value} for given in combined for value in values]
            optional = [inner for inner in type_.fields if inner not in required]
            return [
                *(combined if required else ()),
                *(
                    {**combined[0], inner: value}
                    for inner in optional
                    for value in self._values(root, inner, type_.fields[inner].type)
                ),
            ]
        raise AssertionError(f"no value to give for {root}.{name}: {type_}")


class _Word(str):
    """An enum value, written without quotes."""


def reachable(schema: GraphQLSchema) -> set[tuple[str, str]]:
    """Every field that a query can ask for below its root, as (type, field)."""
    assert schema.query_type is not None
    found: set[tuple[str, str]] = set()
    waiting: list[Any] = [get_named_type(of.type) for of in schema.query_type.fields.values()]
    known: set[str] = set()
    while waiting:
        type_ = waiting.pop()
        if type_.name in known or is_leaf_type(type_):
            continue
        known.add(type_.name)
        if isinstance(type_, GraphQLInterfaceType):
            waiting += schema.get_possible_types(type_)
            continue
        assert isinstance(type_, GraphQLObjectType)
        for name, of in type_.fields.items():
            found.add((type_.name, name))
            waiting.append(get_named_type(of.type))
    return found


def _needed(of: GraphQLField) -> list[tuple[str, Any]]:
    """The arguments that must be given, and the size of a page."""
    return [(name, arg) for name, arg in of.args.items() if is_required_argument(arg) or name == "first"]


def _packed(parts: Sequence[str]) -> list[str]:
    """As few selections as hold them all; the first part, the type's own leaves, stands in the first."""
    packed: list[list[str]] = [[]]
    for part in parts:
        size = sum(map(_words, packed[-1])) + _words(part)
        if packed[-1] and size > FIELDS:
            packed.append([])
        packed[-1].append(part)
    return [" ".join(each) for each in packed]


def _words(text: str) -> int:
    return len(text.split())


def _written_call(given: Mapping[str, Any]) -> str:
    return f"({', '.join(f'{name}: {_written(value)}' for name, value in given.items())})" if given else ""


def _written(value: Any) -> str:
    if isinstance(value, _Word):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_written(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
