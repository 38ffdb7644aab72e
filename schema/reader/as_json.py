"""SQL that answers as JSON: objects by `row_to_json` over a subselect whose column labels are the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, literal_column, select

NULL: ColumnElement[Any] = literal_column("null::json")
EMPTY_OBJECT: ColumnElement[Any] = literal_column("'{}'::json")
EMPTY_LIST: ColumnElement[Any] = literal_column("'[]'::json")


def object_of(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The JSON object of these labelled values of the enclosing row."""
    if not columns:
        return EMPTY_OBJECT
    inner = select(*columns).subquery("v$")
    return select(func.row_to_json(literal_column("v$"))).select_from(inner).scalar_subquery()


def json_of(inner: FromClause, name: str, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """The JSON object of each row of `inner`, which is known by `name` and has these columns."""
    return select(func.row_to_json(literal_column(name)) if columns else EMPTY_OBJECT).select_from(inner)


def list_of(inner: Select[Any], columns: Sequence[ColumnElement[Any]], name: str) -> ColumnElement[Any]:
    """The JSON list of the rows that `inner` selects, in its order."""
    each = func.row_to_json(literal_column(name)) if columns else EMPTY_OBJECT
    return select(func.coalesce(func.json_agg(each), EMPTY_LIST)).select_from(inner.subquery(name)).scalar_subquery()
