"""Where in a selection the compiler stands, and the arguments of the field there: as declarations see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, DateTime, Integer, bindparam
from sqlalchemy.types import TypeEngine

from authz.actor import Scope
from schema.reader.declare import Call, OuterRow
from schema.reader.plan import Run

if TYPE_CHECKING:
    from schema.reader.compile import Compiler


class Arguments:
    """`declare.Arguments` while compiling."""

    def __init__(self, compiler: Compiler, slot: int) -> None:
        self._compiler = compiler
        self._slot = slot
        self.located = compiler.located.get(slot)
        field = compiler.slots[slot]
        self._values = field.given.read(compiler.variables) if field.definition.args else {}

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def has(self, *path: str) -> bool:
        return _at(self._values, path) is not None

    def bind(
        self,
        *path: str,
        type_: TypeEngine[Any],
        convert: Callable[[Any, Call], Any] | None = None,
        suffix: str = "",
    ) -> ColumnElement[Any]:
        slot = self._slot
        name = f"a{slot}_{'_'.join(path)}{suffix}"

        def take(run: Run) -> Any:
            value = _at(run.arguments[slot], path)
            return value if convert is None else convert(value, run)

        self._compiler.needed.add(slot)
        self._compiler.takes[name] = (self._compiler.slots[slot].root, take)
        return bindparam(name, type_=type_)


class Here:
    """`declare.Here` while compiling."""

    def __init__(self, compiler: Compiler, scope: int, slot: int | None) -> None:
        self._compiler = compiler
        self.scope_number = scope
        self.slot_number = slot if slot is not None else -1
        self.row: Any = None
        self.outer: Any = None
        self.locale = compiler.locale
        self.named = compiler.named

    @property
    def arguments(self) -> Arguments:
        return Arguments(self._compiler, self.slot_number)

    @property
    def stranger(self) -> bool:
        return self._compiler.scopes[self.scope_number] is None

    @property
    def scope(self) -> Scope:
        scope = self._compiler.scopes[self.scope_number]
        assert scope is not None, "a type that strangers may see asks for no scope"
        return scope

    @property
    def city_id(self) -> ColumnElement[int]:
        return self.bind("city_id", lambda scope: scope.city_id, Integer())

    def bind(self, name: str, value_of: Callable[[Scope], Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
        if name == "user_id":
            self._compiler.personal = True
        number = self.scope_number
        full = f"r{number}_{name}"
        self._compiler.takes[full] = ("", lambda run: value_of(cast(Scope, run.scopes[number])))
        return bindparam(full, type_=type_)

    def of_viewer(self, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        self._compiler.personal = True
        self._compiler.takes[f"v_{name}"] = ("", lambda run: getattr(run.viewer, name))
        return bindparam(f"v_{name}", type_=type_)

    def of_request(self, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        self._compiler.takes[name] = ("", lambda run: run.handed[name])
        return bindparam(name, type_=type_)

    @property
    def now(self) -> ColumnElement[datetime]:
        self._compiler.takes["now"] = ("", lambda run: run.viewer.now)
        return bindparam("now", type_=DateTime(timezone=True))


def _at(values: Any, path: Sequence[str]) -> Any:
    for step in path:
        if not isinstance(values, dict):
            return None
        values = values.get(step)
    return values


def outer_row(row: Any) -> OuterRow | None:
    """The row as it is known to what is nested in its statement."""
    return row if row is None or isinstance(row, OuterRow) else OuterRow(row, row.name)
