"""Random valid documents over the schema: what a client might ask, and what none would.

`Writer(seed, …).document()` gives a document and two sets of variables for it. Everything follows from the seed. What
was seldom asked for is drawn rather than what was often, so that a few hundred documents ask for everything there is.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    validate,
)

from app.kernel.config import Limits
from schema.guard import parse_within

ALIASES = ("a", "b", "id", "name", "data", "o1", "o2", "v", "t1", "p1", "row_", "n", "value", "one", "edges", "x" * 70)
"""Some that a client chooses, some that are names inside of the statement, one longer than a label may be."""

STEP = 0.2
"""What a step towards something counts: so little that what lies deep is reached before the rest is drawn twice."""


def _name(one: Any) -> str:
    return one if isinstance(one, str) else one[0] if isinstance(one, tuple) else str(one.name)


class Literal(str):
    """An enum value, written without quotes."""


@dataclass
class Scope:
    """The response keys of one merged selection: a key stands for one field with one set of arguments."""

    keys: dict[str, str] = field(default_factory=dict)
    below: dict[str, Scope] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    text: str
    variables: tuple[dict[str, Any], dict[str, Any]]


class Writer:
    """`pools` gives values by argument name (`id`, `within`, `after`, …) to choose from."""

    def __init__(self, seed: int, schema: GraphQLSchema, pools: Mapping[str, Sequence[Any]]) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.schema = schema
        self.pools = pools
        self.drawn: Counter[str] = Counter()
        """How often each thing stood in a document: `Ticket.number`, `Query.tickets(first)`, `TicketFilter.status`,
        `TicketStatus.CLOSED`, `@skip(variable) on field`, `fragment on Node`…"""
        self._fields = {
            type_.name: [(f"{type_.name}.{name}", get_named_type(of.type).name) for name, of in type_.fields.items()]
            for type_ in schema.type_map.values()
            if isinstance(type_, GraphQLObjectType)
        }
        self._start()

    def _start(self) -> None:
        self.drawing: Counter[str] = Counter()
        self.fragments: dict[str, tuple[str, str]] = {}
        self.variables: dict[str, tuple[str, Any, Any]] = {}
        self.size = 0
        self.below = self._least_below()

    def _least_below(self) -> dict[str, float]:
        """Of each type how often its least drawn field was, or one that is reached from it; a step counts a little."""
        drawn = {
            type_: [(self.drawn[called], below) for called, below in fields] for type_, fields in self._fields.items()
        }
        found: dict[str, float] = {}
        for _ in range(8):
            before = found
            found = {
                type_: min([min(times, before.get(below, 1_000.0) + STEP) for times, below in fields])
                for type_, fields in drawn.items()
            }
            if found == before:
                break
        return found

    def document(self) -> Document:
        """A document that validates: drawn again until one does (keys may clash in ways only validation knows)."""
        for _ in range(200):
            self._start()
            query = self.schema.query_type
            text = self._document("query", self._selection(query, 7, Scope(), roots=True))
            if self._fits(text):
                self.drawn += self.drawing
                return Document(text, (self._chosen(0), self._chosen(1)))
        raise AssertionError("no valid document in 200 draws")

    def twins(self, type_name: str, *operations: tuple[str, str]) -> list[Document]:
        """One selection of a type in several operations: (kind, body with `%s` for the selection)."""
        for _ in range(200):
            self._start()
            selection = self._selection(self.schema.type_map[type_name], 4, Scope())
            texts = [self._document(kind, body.replace("%s", selection)) for kind, body in operations]
            if all(map(self._fits, texts)):
                self.drawn += self.drawing
                return [Document(text, (self._chosen(0), self._chosen(1))) for text in texts]
        raise AssertionError("no valid documents in 200 draws")

    def literal(self, name: str, type_: Any) -> str:
        """A value for an argument, written out."""
        self.size = 0
        return self._written(self._value(name, type_), type_)

    def _document(self, kind: str, body: str) -> str:
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _, _) in self.variables.items())
        fragments = [f"\nfragment {name} on {on} {inner}" for name, (on, inner) in self.fragments.items()]
        return f"{kind} Q{f'({declared})' if declared else ''} {body}" + "".join(fragments)

    def _fits(self, text: str) -> bool:
        try:
            return not validate(self.schema, parse_within(text, Limits()))
        except GraphQLError:  # larger than the guard lets through
            return False

    def _chosen(self, which: int) -> dict[str, Any]:
        return {name: values[which] for name, (_, *values) in self.variables.items() if values[which] is not ...}

    # Selections

    def _selection(self, type_: Any, depth: int, scope: Scope, *, roots: bool = False) -> str:
        chosen: list[str] = []
        fields = list(type_.fields.items())
        for _ in range(self.random.randint(1, 3 if roots else 5)):
            draw = self.random.random()
            if draw < 0.08 and not (roots and chosen):
                chosen.append(self._with_alias("__typename", "", scope) + self._directives("field"))
            elif draw < 0.16 and depth > 0 and not roots:
                chosen.append(f"... {self._directives('plain fragment')} {self._selection(type_, depth - 1, scope)}")
            elif draw < 0.24 and depth > 0:
                condition = self.random.choice([type_, *self._related(type_)])
                self.drawing[f"... on {condition.name}"] += 1
                inner = self._selection(condition, depth - 1, scope)
                chosen.append(f"... on {condition.name} {self._directives('fragment')} {inner}")
            elif draw < 0.34 and depth > 0:
                chosen.append(self._spread(type_, depth, scope))
            else:
                chosen.append(self._field(type_, *self._seldom(fields, f"{type_.name}."), depth, scope))
        if isinstance(type_, GraphQLInterfaceType):
            for concrete in sorted({self._seldom(self._related(type_), "... on ").name for _ in range(3)}):
                self.drawing[f"... on {concrete}"] += 1
                inner = self._selection(self.schema.type_map[concrete], depth - 1, scope)
                chosen.append(f"... on {concrete} {inner}")
        self.random.shuffle(chosen)
        return "{ " + " ".join(filter(None, chosen)) + " __typename }"

    def _seldom(self, choices: Sequence[Any], prefix: str) -> Any:
        """Of some choices the one that was drawn least; choices are names, or have one."""
        return min((self.random.choice(choices) for _ in range(8)), key=lambda one: self._wanted(prefix, one))

    def _wanted(self, prefix: str, one: Any) -> float:
        """The less, the more: how often it was drawn, or what can be reached by it."""
        called = prefix + _name(one)
        times = self._times(called)
        if not isinstance(one, tuple):
            return times
        times = min([times, *(self._times(f"{called}({argument})") for argument in one[1].args)])
        below = get_named_type(one[1].type).name
        return min(times, self.below.get(below, times) + STEP + 2 * self.drawing[prefix + one[0]])

    def _times(self, what: str) -> int:
        """How often it was drawn; each seed has an eighth of everything that it draws first."""
        others = (zlib.crc32(what.encode()) + self.seed) % 8 != 0
        return self.drawn[what] + self.drawing[what] + others

    def _related(self, type_: Any) -> list[Any]:
        """What a fragment inside of this type may be on."""
        if isinstance(type_, GraphQLInterfaceType):
            return list(self.schema.get_possible_types(type_))
        return list(type_.interfaces) if isinstance(type_, GraphQLObjectType) else []

    def _spread(self, type_: Any, depth: int, scope: Scope) -> str:
        known = [name for name, (condition, _) in self.fragments.items() if condition == type_.name]
        if known and self.random.random() < 0.4:
            self.drawing[f"again ...F on {type_.name}"] += 1
            return f"...{self.random.choice(known)} {self._directives('spread')}"
        inner = self._selection(type_, depth - 1, scope)
        name = f"F{len(self.fragments)}"
        self.fragments[name] = (type_.name, inner)
        self.drawing[f"...F on {type_.name}"] += 1
        return f"...{name} {self._directives('spread')}"

    def _field(self, type_: Any, name: str, of: GraphQLField, depth: int, scope: Scope) -> str:
        below = get_named_type(of.type)
        if not is_leaf_type(below) and (
            depth <= 0 or self.size > (90 if not self.drawn[f"{type_.name}.{name}"] else 60)
        ):
            return ""
        self.size += 1
        called = f"{type_.name}.{name}"
        arguments = self._arguments(called, of.args)
        shown = self._with_alias(name, arguments, scope)
        if not shown:
            return ""
        self.drawing[called] += 1
        shown += self._directives("field")
        if is_leaf_type(below):
            return shown
        key = shown.partition("(")[0].partition(":")[0].split()[0]
        return f"{shown} {self._selection(below, depth - 1, scope.below.setdefault(key, Scope()))}"

    def _with_alias(self, name: str, arguments: str, scope: Scope) -> str:
        alias = self.random.choice(ALIASES) if self.random.random() < 0.2 else name
        what = name + arguments
        if scope.keys.setdefault(alias, what) != what:
            if arguments and alias == name:
                alias = f"{name}{len(scope.keys)}"
                scope.keys[alias] = what
            else:
                return ""
        return what if alias == name else f"{alias}: {what}"

    def _directives(self, place: str) -> str:
        if self.random.random() > 0.12:
            return ""
        which = self.random.choice(("skip", "include"))
        condition = self.random.choice(("true", "false", ""))
        self.drawing[f"@{which}({condition or 'variable'}) on {place}"] += 1
        return f" @{which}(if: {condition or self._variable('Boolean!', lambda: self.random.random() < 0.5)})"

    # Arguments

    def _arguments(self, called: str, args: Mapping[str, GraphQLArgument]) -> str:
        backwards = "last" in args and self.random.random() < (0.3 if self.drawn[f"{called}(before)"] else 0.6)
        given: dict[str, str] = {}
        for name, argument in args.items():
            required = isinstance(argument.type, GraphQLNonNull)
            if name in ("first", "after", "last", "before"):
                fits = (name in ("last", "before")) == backwards
                likely = 0.9 if name in ("first", "last") else 0.3 if self.drawn[f"{called}({name})"] else 0.6
                likely = likely if fits else 0.02
            else:
                likely = 0.4 if self.drawn[f"{called}({name})"] else 0.8
            if not required and self.random.random() > likely:
                continue
            given[name] = self._given(name, argument.type)
            self.drawing[f"{called}({name})"] += 1
        return f"({', '.join(f'{name}: {value}' for name, value in given.items())})" if given else ""

    def _given(self, name: str, type_: Any) -> str:
        """An argument's value, as a variable or written out."""
        if self.random.random() < 0.5:
            return self._variable(str(type_), lambda: self._value(name, type_))
        return self._written(self._value(name, type_), type_)

    def _variable(self, type_: str, draw: Any) -> str:
        same = [name for name, (known, _, _) in self.variables.items() if known == type_ and type_ == "Boolean!"]
        if same and self.random.random() < 0.5:
            return f"${self.random.choice(same)}"
        name = f"v{len(self.variables)}"
        values = [draw(), draw()]
        if not type_.endswith("!"):
            values = [... if self.random.random() < 0.1 else value for value in values]
        self.variables[name] = (type_, *values)
        return f"${name}"

    def _value(self, name: str, type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self._some(name, type_.of_type)
        return None if self.random.random() < 0.05 else self._some(name, type_)

    def _likely(self, optional: str) -> float:
        """How likely an optional field of an input is given: in a document rather what was not yet."""
        return 0.2 if self.drawn[optional] or self.drawing[optional] or not self.size else 0.8

    def _some(self, name: str, type_: Any) -> Any:
        if isinstance(type_, GraphQLList):
            size = self.random.randint(0, 12 if isinstance(get_named_type(type_), GraphQLEnumType) else 4)
            return [self._value(name, type_.of_type) for _ in range(size)]
        if isinstance(type_, GraphQLInputObjectType):
            given = {
                inner: self._value(inner, of.type)
                for inner, of in type_.fields.items()
                if isinstance(of.type, GraphQLNonNull) or self.random.random() < self._likely(f"{type_.name}.{inner}")
            }
            self.drawing.update(f"{type_.name}.{inner}" for inner, value in given.items() if value is not None)
            return given
        if isinstance(type_, GraphQLEnumType):
            chosen = self._seldom(list(type_.values), f"{type_.name}.")
            self.drawing[f"{type_.name}.{chosen}"] += 1
            return Literal(chosen)
        if name in ("first", "last"):
            return self.random.choice((1, 2, 2, 3, 3, 5, 20, 100, *(0, 101, -1)[: self.random.randint(0, 3)]))
        if str(type_) == "Boolean":
            return self.random.random() < 0.5
        return self.random.choice(self.pools[name])

    def _written(self, value: Any, type_: Any) -> str:
        if isinstance(value, Literal):
            return str(value)
        if isinstance(value, list):
            return f"[{', '.join(self._written(item, None) for item in value)}]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{name}: {self._written(item, None)}" for name, item in value.items()) + "}"
        return json.dumps(value, ensure_ascii=False)
