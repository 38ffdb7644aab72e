"""How a scope's values get into SQL: themselves, or as parameters of a compiled plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, true
from sqlalchemy.types import TypeEngine

from authz.actor import Scope

Bind = Callable[[str, Callable[[Scope], Any], TypeEngine[Any]], ColumnElement[Any]]
"""Turns a value of the scope into SQL: `bind(name, value_of, type)`; the name is unique per value."""


def literals(scope: Scope) -> Bind:
    """Bind the values of this scope: for a statement that is run once."""
    return lambda _name, value_of, type_: literal(value_of(scope), type_)


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways by which rows are somebody's, each of which an index serves.

    A `wide` one may lead to a good part of the city; an `ordered` one finds the newest first.
    """

    holds: ColumnElement[bool]
    wide: bool = False
    ordered: bool = True


def apart(ways: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """The same ways without what an earlier one has: each row is found once."""
    return [and_(way, *(earlier.is_not(true()) for earlier in ways[:place])) for place, way in enumerate(ways)]
