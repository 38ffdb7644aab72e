"""The random documents ask for everything: what is new in the schema is drawn, or this fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from tests.schema.both import SCHEMA
from tests.schema.random_documents import Writer
from tests.schema.whole_schema import reachable

DOCUMENTS, SEEDS, MORE = 40, range(1, 9), range(9, 16)
"""As many as are asked by default (`test_reader_fuzz`)."""


class _Pools(dict[str, list[Any]]):
    """A value for whatever is asked for: what it says does not matter to a document's form."""

    def __missing__(self, name: str) -> list[Any]:
        if name in ("within", "county", "department", "tenant", "path", "city"):
            return ["guangyuan"]
        if name in ("from", "to"):
            return ["2026-11-22"]
        if name.endswith(("From", "Before")):
            return ["2026-11-22T00:00:00Z"]
        return [1] if name in ("version", "year") else ["T_AAAA"]


def drawn(seeds: Any = SEEDS, documents: int = DOCUMENTS) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in seeds:
        writer = Writer(seed, SCHEMA, _Pools())
        for _ in range(documents):
            writer.document()
        found += writer.drawn
    return found


def everything() -> Iterator[str]:
    """What a query can say: each field, argument, field of an input, enum value to give, and form of a fragment."""
    assert SCHEMA.query_type is not None
    fields = {("Query", name) for name in SCHEMA.query_type.fields} | reachable(SCHEMA) | {("Node", "id")}
    inputs: set[str] = set()
    for type_name, name in fields:
        yield f"{type_name}.{name}"
        of = SCHEMA.type_map[type_name].fields[name]  # type: ignore[attr-defined]
        for argument, given in of.args.items():
            yield f"{type_name}.{name}({argument})"
            inputs.add(get_named_type(given.type).name)
    while inputs:
        type_ = SCHEMA.type_map[inputs.pop()]
        if isinstance(type_, GraphQLEnumType):
            yield from (f"{type_.name}.{value}" for value in type_.values)
        if isinstance(type_, GraphQLInputObjectType):
            yield from (f"{type_.name}.{name}" for name in type_.fields)
            inputs |= {get_named_type(of.type).name for of in type_.fields.values()}
    for place in ("field", "plain fragment", "fragment", "spread"):
        for which in ("skip", "include"):
            yield from (f"@{which}({how}) on {place}" for how in ("true", "false", "variable"))
    for type_ in SCHEMA.type_map.values():
        if isinstance(type_, GraphQLInterfaceType) and type_.name == "Node":
            yield f"... on {type_.name}"
            yield f"...F on {type_.name}"
            yield from (f"... on {each.name}" for each in SCHEMA.get_possible_types(type_))


@pytest.mark.long
def test_the_documents_of_a_run_ask_for_everything() -> None:
    found = drawn()
    missing = set(everything()) - set(found)
    values = {f"{type_.name}.{value}" for type_ in SCHEMA.type_map.values() for value in getattr(type_, "values", ())}
    assert sorted(missing - values) == []
    # The values of an enum are so many that a run may leave some out, never the same ones.
    assert len(missing) < 10
    for seed in MORE:
        missing -= set(drawn([seed])) if missing else set()
    assert sorted(missing) == []


def test_every_abstract_type_is_known() -> None:
    """What a fragment can be on: a new interface or union must be thought of here and in the reader."""
    abstract = {
        name for name, type_ in SCHEMA.type_map.items() if not name.startswith("__") and not is_leaf_type(type_)
    }
    concrete = {
        name for name in abstract if isinstance(SCHEMA.type_map[name], (GraphQLObjectType, GraphQLInputObjectType))
    }
    assert abstract - concrete == {"Node", "UserError"}


def test_a_seed_says_all() -> None:
    one, other = (Writer(3, SCHEMA, _Pools()) for _ in range(2))
    assert [one.document() for _ in range(5)] == [other.document() for _ in range(5)]
