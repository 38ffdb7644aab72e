"""SQL that answers as JSON: objects by `row_to_json` over a subselect whose column labels are the keys.

What may get too large is counted while it is made (`counted`), so that the database stops before it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, literal_column, select

NULL: ColumnElement[Any] = literal_column("null::json")
EMPTY_OBJECT: ColumnElement[Any] = literal_column("'{}'::json")
EMPTY_LIST: ColumnElement[Any] = literal_column("'[]'::json")

TOO_MANY_BYTES = "too_many_bytes"
"""What the database says to have stopped for: no value that anybody gives is ever read as JSON."""
_BYTES = "yingshang.bytes"
"""The setting, of this transaction alone, in which the bytes are counted."""


def object_of(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The JSON object of these labelled values of the enclosing row."""
    if not columns:
        return EMPTY_OBJECT
    inner = select(*columns).subquery("v$")
    return select(func.row_to_json(literal_column("v$"))).select_from(inner).scalar_subquery()


def json_of(inner: FromClause, name: str, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """The JSON object of each row of `inner`, which is known by `name` and has these columns."""
    return select(func.row_to_json(literal_column(name)) if columns else EMPTY_OBJECT).select_from(inner)


def list_of(
    inner: Select[Any], columns: Sequence[ColumnElement[Any]], name: str, *, most: int | None = None
) -> ColumnElement[Any]:
    """The JSON list of the rows that `inner` selects, in its order. With `most` its rows are `counted`."""
    each: ColumnElement[Any] = func.row_to_json(literal_column(name)) if columns else EMPTY_OBJECT
    rows: FromClause = inner.subquery(name)
    if most is not None:
        # The offset keeps the value one: it would be made once to be counted and once more to be shown.
        rows = select(each.label("value")).select_from(rows).offset(literal_column("0")).subquery(f"{name}_")
        each = counted(f"{name}_.value", most)
    return select(func.coalesce(func.json_agg(each), EMPTY_LIST)).select_from(rows).scalar_subquery()


def counted(value: str, most: int) -> ColumnElement[Any]:
    """The JSON value, unless there are more than `most` bytes of all that is counted in the transaction.

    Then the statement ends with an error that `says_too_many_bytes`. `value` is a column's name.
    """
    so_far = f"coalesce(nullif(current_setting('{_BYTES}', true), ''), '0')::bigint"
    now = f"set_config('{_BYTES}', ({so_far} + coalesce(pg_column_size({value}), 0))::text, true)::bigint"
    error = f"('{TOO_MANY_BYTES} ' || current_setting('{_BYTES}'))::json"
    return literal_column(f"case when {now} <= {most} then {value} else {error} end")


def says_too_many_bytes(error: Exception) -> bool:
    """Whether the database stopped because of what was `counted`."""
    return f'"{TOO_MANY_BYTES}"' in (getattr(error, "detail", None) or "")
