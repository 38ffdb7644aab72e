"""How a GraphQL type says what it shows. Once, beside the type; the compiler does the rest.

A type is `@stored(...)`; each field is one of

column      a column of the row
expression  SQL over the row
relation    another stored type, one or many
connection  another stored type, paged by keyset (`first`/`after`, `last`/`before`)
computed    what only Python can work out: it names the SQL it needs, and patches its place in the result

and the fields of `Query` are roots: `one`, `connection`, `listing`, `node`, `nodes`. A field's `when` masks it: where
it does not hold, the field is null.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import strawberry
from sqlalchemy import (
    Alias,
    ColumnElement,
    FromClause,
    Select,
    Table,
    TableValuedAlias,
    Uuid,
    and_,
    any_,
    literal_column,
    not_,
    quoted_name,
)
from sqlalchemy.types import TypeEngine

from app.kernel.tables import Row
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Way

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from schema.context import Viewer
    from tenants.tree import TenantTree

SHOWN = "shown"
MOST_IDS = 100
"""What `nodes(ids:)` takes at a time."""


class OuterRow:
    """A row of an enclosing statement: its columns are written as text, so that they never join a FROM list."""

    def __init__(self, table: FromClause, alias: str) -> None:
        self.c = _OuterColumns(table, alias)

    @property
    def used(self) -> set[str]:
        """The columns that were asked for so far."""
        return self.c._used


class _OuterColumns:
    def __init__(self, table: FromClause, alias: str) -> None:
        # An alias makes a column for each of its table's; here their types do.
        self._table = table.element if isinstance(table, Alias) else table
        self._alias = alias
        self._used: set[str] = set()

    def __getattr__(self, name: str) -> ColumnElement[Any]:
        return self[name]

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        self._used.add(name)
        return literal_column(f"{self._alias}.{name}", self._table.c[name].type)


class Arguments(Protocol):
    """The coerced arguments of a field, as the compiler may use them. `located` is the root's `Located.shape`."""

    located: Any

    def get(self, name: str) -> Any:
        """An argument that shapes the statement (a page size, an enum, a flag); its value is part of the plan's key."""

    def has(self, *path: str) -> bool:
        """Whether a value that is not null was given."""

    def bind(
        self, *path: str, type_: TypeEngine[Any], convert: Callable[[Any, Call], Any] | None = None
    ) -> ColumnElement[Any]:
        """A value that stays a parameter; `convert` turns it into what the database takes."""


class Sized(Protocol):
    """The arguments of a field, as far as they say how many rows it has."""

    def get(self, name: str) -> Any:
        """As `Arguments.get`; an object that is no value where it is not known yet."""


class Call(Protocol):
    """One request against a plan."""

    @property
    def viewer(self) -> Viewer: ...
    @property
    def tree(self) -> TenantTree: ...


class Here(Protocol):
    """Where in the selection the compiler stands. `row` is the row of the type, `outer` the row it was reached from."""

    row: Any
    outer: Any
    locale: str
    named: bool

    @property
    def arguments(self) -> Arguments:
        """The arguments of the field at hand."""

    @property
    def scope(self) -> Scope:
        """The actor in the city of this root. A type that strangers may see must not ask."""

    def bind(self, name: str, value_of: Callable[[Scope], Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
        """A value of the scope as a parameter (`app.tickets.queries.Bind`)."""

    def of_viewer(self, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        """An attribute of the viewer as a parameter: null for a stranger."""

    def of_request(self, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        """A value that the caller of the reader hands in (the ids of a payload or of events)."""

    @property
    def now(self) -> ColumnElement[datetime]:
        """When the viewer asks, as a parameter; for a stream, when the event is read."""


Condition = Callable[[Here], ColumnElement[bool]]
Patch = Callable[[Any, Call, Mapping[str, Any]], Any]
"""Works out a computed field: (what it needed, the request, its arguments) → its JSON value."""


@dataclass(frozen=True)
class Column:
    name: str | None = None
    when: Condition | None = None
    longest: int | None = None
    """Bytes that its text has at most, where they are few (`schema.reader.outline`)."""


@dataclass(frozen=True)
class Expression:
    build: Callable[[Here], ColumnElement[Any]]


@dataclass(frozen=True)
class Relation:
    target: str
    on: Condition
    many: bool = False
    when: Condition | None = None
    order: Callable[[Row], Sequence[ColumnElement[Any]]] | None = None
    inherits: bool = False
    rows: Callable[[Here], Select[Any]] | None = None
    """What is shown where it is no table: rows worked out from `here.row`, the row that it is reached from."""
    most: int | Callable[[Sized], int] | None = None
    """How many rows a list has at most: no more are read. A list that grows without end is a connection."""
    work: int = 0
    """The rows that are looked through to find them, where those are many more (`schema.reader.rows`)."""
    tables: int = 1
    """As how many tables of its statement it is reckoned, with those that find its rows."""

    def __post_init__(self) -> None:
        assert self.many == (self.most is not None), "a list, and nothing else, says how many rows it has at most"

    def at_most(self, arguments: Sized) -> int:
        """How many rows the list has at most, with these arguments."""
        assert self.most is not None
        return self.most if isinstance(self.most, int) else self.most(arguments)


@dataclass(frozen=True)
class Order:
    """One way to sort: a column that is never null, then `by`, in the same direction; None: no two rows are equal."""

    column: str
    descending: bool = False
    by: str | None = "id"


@dataclass(frozen=True)
class Ways:
    """The ways to the rows of a list, each of which an index serves; those that are `ordered` by the column `newest`.

    With `each`, an array, they are the ways for each of its values (`schema.reader.ways.EACH`).
    """

    ways: Sequence[Way]
    newest: str
    each: ColumnElement[Any] | None = None


@dataclass(frozen=True)
class Connection:
    target: str
    on: Condition
    orders: Mapping[str, Order]
    default: Order
    filters: Mapping[str, Filter | Flag] = field(default_factory=dict)
    inherits: bool = False
    counting: int = 1
    """As what number of rows its `totalCount` is reckoned (`schema.reader.rows`)."""
    ways: Callable[[Here], Ways] | None = None
    """Of which every row has one at least, for a list that no one index has in its order (`schema.reader.ways`)."""
    parts: Callable[[Here], Sequence[ColumnElement[bool]]] | None = None
    """Of which every row has exactly one, for a `totalCount` that is counted part by part."""


@dataclass(frozen=True)
class Filter:
    """A field of a filter input: `build(here, row, value)`; the value is bound as `type_` after `convert`."""

    build: Callable[[Here, Row, ColumnElement[Any]], ColumnElement[bool]]
    type_: TypeEngine[Any]
    convert: Callable[[Any, Call], Any] | None = None

    def condition(self, here: Here, row: Row, arguments: Arguments, name: str) -> ColumnElement[bool]:
        """What rows must fulfil for the value that was given."""
        return self.build(here, row, arguments.bind("filter", name, type_=self.type_, convert=self.convert))


@dataclass(frozen=True)
class Flag:
    """A field of a filter input that is true or false. Which one shapes the statement, so that indexes can serve it."""

    build: Callable[[Here, Row], ColumnElement[bool]]

    def condition(self, here: Here, row: Row, arguments: Arguments, name: str) -> ColumnElement[bool]:
        """What rows must fulfil: that it holds, or that it does not."""
        holds = self.build(here, row)
        return holds if arguments.get("filter")[name] else not_(holds)


@dataclass(frozen=True)
class Computed:
    needs: Callable[[Here], Mapping[str, ColumnElement[Any]]]
    work_out: Patch
    work: int = 0
    """As how many rows it is reckoned, where working it out costs as much (`schema.reader.rows`)."""


class Located(NamedTuple):
    """Where a root reads: its cities (platform-wide data has the actor's own), and what else shapes the statement."""

    cities: tuple[int, ...] = ()
    shape: Any = None


@dataclass(frozen=True)
class Ref:
    """An object for the reader to show."""

    typename: str
    city_id: int
    key: uuid.UUID | int


Locate = Callable[[Mapping[str, Any], "Viewer", "TenantTree"], Located | None]
"""Finds the city of a root from its arguments; None: there is no such thing, the answer is null."""


Prepare = Callable[["AsyncSession", Mapping[str, Any], "Viewer", "TenantTree"], Awaitable[Mapping[str, list[Any]]]]
"""Works out in Python what a root then reads as rows (`Here.of_request`), in a transaction of the viewer's."""


@dataclass(frozen=True)
class Root:
    """A field of `Query`. Unless `public` it takes a signed-in actor, with `permission` such a role."""

    what: Relation | Connection | NodeRoot | NodesRoot
    locate: Locate
    permission: Permission | None = None
    public: bool = False
    prepare: Prepare | None = None


@dataclass(frozen=True)
class NodeRoot:
    """`node(id:)`: the type follows from the id."""


@dataclass(frozen=True)
class NodesRoot:
    """`nodes(ids:)`: all ids of a type and city in one go, null where there is none."""


def _by_uuid(row: Row, city_id: ColumnElement[int], keys: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(row.c.city_id == city_id, row.c.id == any_(keys))


Shown = Column | Expression | Relation | Connection | Computed | Root


@dataclass
class StoredType:
    """What the reader knows of a GraphQL type. `visible` is ANDed wherever the type is reached, unless inherited."""

    name: str
    table: Table | TableValuedAlias | None
    prefix: str | None
    visible: Condition | None
    permission: Permission | None
    public: bool
    match: Callable[[Row, ColumnElement[int], ColumnElement[Any]], ColumnElement[bool]]
    key_type: TypeEngine[Any]
    fields: dict[str, Shown] = field(default_factory=dict)


STORED: dict[str, StoredType] = {}
VALUES: set[str] = set()
BY_PREFIX: dict[str, StoredType] = {}


def stored(
    *,
    table: Table | TableValuedAlias | None,
    description: str,
    prefix: str | None = None,
    visible: Condition | None = None,
    permission: Permission | None = None,
    public: bool = False,
    match: Callable[[Row, ColumnElement[int], ColumnElement[Any]], ColumnElement[bool]] = _by_uuid,
    key_type: TypeEngine[Any] | None = None,
) -> Callable[[type[Any]], Any]:
    """Declare a type that shows rows of `table`. `prefix` makes it a `Node`, found by `match(row, city, keys)`."""

    def declare(cls: type[Any]) -> Any:
        made = strawberry.type(cls, description=description)
        declared = StoredType(cls.__name__, table, prefix, visible, permission, public, match, key_type or Uuid())
        STORED[declared.name] = declared
        if prefix is not None:
            BY_PREFIX[prefix] = declared
        return made

    return declare


def value(description: str) -> Callable[[type[Any]], Any]:
    """Declare a type of objects that are no rows: computed fields show them, and all their fields are leaves."""

    def declare(cls: type[Any]) -> Any:
        VALUES.add(cls.__name__)
        return strawberry.type(cls, description=description)

    return declare


def _field(shown: Shown, description: str, resolver: Any = None) -> Any:
    return strawberry.field(resolver=resolver, description=description, metadata={SHOWN: shown})


def column(
    description: str, name: str | None = None, *, when: Condition | None = None, longest: int | None = None
) -> Any:
    """A field that is a column (by default of the field's own snake_case name)."""
    return _field(Column(name, when, longest), description)


def expression(description: str, build: Callable[[Here], ColumnElement[Any]]) -> Any:
    """A field that is SQL over the row."""
    return _field(Expression(build), description)


def relation(description: str, target: str, on: Condition, **options: Any) -> Any:
    """A field that is another stored type, by `on(here)`: `here.row` is the other's row, `here.outer` this one's."""
    return _field(Relation(target, on, **options), description)


def computed(
    description: str,
    needs: Callable[[Here], Mapping[str, ColumnElement[Any]]],
    work_out: Patch,
    arguments: Any = None,
    *,
    work: int = 0,
) -> Any:
    """A field that Python works out from what it needs; objects of a `value` type by the names of all their fields."""
    return _field(Computed(needs, work_out, work), description, arguments)


def connection(description: str, shown: Connection, arguments: Any) -> Any:
    """A field that is a page of another stored type; `arguments` is a function whose signature declares them."""
    return _field(shown, description, arguments)


def root(description: str, shown: Root, arguments: Any) -> Any:
    """A field of `Query`; `arguments` is a function whose signature declares its arguments and its type."""
    return _field(shown, description, arguments)


def key(name: str) -> quoted_name:
    """A response key as a column label."""
    return quoted_name(name, True)
