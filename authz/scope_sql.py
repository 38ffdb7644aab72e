"""How a scope's values get into SQL: themselves, or as parameters of a compiled plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, literal
from sqlalchemy.types import TypeEngine

from authz.actor import Scope

Bind = Callable[[str, Callable[[Scope], Any], TypeEngine[Any]], ColumnElement[Any]]
"""Turns a value of the scope into SQL: `bind(name, value_of, type)`; the name is unique per value."""


def literals(scope: Scope) -> Bind:
    """Bind the values of this scope: for a statement that is run once."""
    return lambda _name, value_of, type_: literal(value_of(scope), type_)
