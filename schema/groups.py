"""What the statistics of all slices share: the days that are asked for, and what a group is called."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, case, func, literal_column, select
from sqlalchemy import cast as sql_cast

from app.kernel.errors import BadInput
from schema.context import Viewer
from schema.labels import LABELS, label_sql
from schema.reader.declare import Located
from schema.tenants.types import TENANTS
from schema.tenants.within import locate_within
from tenants.tree import TenantTree

Named = list[ColumnElement[Any]]
"""Of each group its `value`, `label`, `tenant_id` and `place`, by which the groups are sorted."""
Texts = tuple[str, str]
"""Chinese and English."""


def locate_days(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    """As `locate_within`, of the days `from` up to and without `to`. Raises BadInput `dates_reversed`."""
    if arguments["to"] < arguments["from"]:
        raise BadInput("dates_reversed")
    return locate_within(arguments, viewer, tree)


def all_together(texts: Texts, locale: str) -> Named:
    """The one group of all."""
    nothing = literal_column("null::text", Text())
    return _named(nothing, _said(texts, locale), None, nothing)


def by_word(words: type[StrEnum], key: ColumnElement[Any], locale: str) -> Named:
    """A group for each word, in the order of its enum."""
    place = case(*((key == literal_column(f"'{value}'"), index) for index, value in enumerate(LABELS[words], 100)))
    return _named(key, label_sql(words, key, locale), None, sql_cast(place, Text()))


def by_tenant(key: ColumnElement[Any], without: Texts, locale: str) -> Named:
    """A group for each tenant by its id, and one of those `without`."""
    tenant = TENANTS.alias("named")
    name, path = (
        select(shown).select_from(tenant).where(tenant.c.id == key).scalar_subquery()
        for shown in (tenant.c.name, tenant.c.path)
    )
    return _named(path, func.coalesce(name, _said(without, locale)), key, path)


def by_itself(key: ColumnElement[Any]) -> Named:
    """A group for each key, which says what it is: a month."""
    return _named(key, key, None, key)


def _named(
    value: ColumnElement[Any],
    label: ColumnElement[Any],
    tenant_id: ColumnElement[Any] | None,
    place: ColumnElement[Any],
) -> Named:
    tenant = literal_column("null::int", Integer()) if tenant_id is None else tenant_id
    return [value.label("value"), label.label("label"), tenant.label("tenant_id"), place.label("place")]


def _said(texts: Texts, locale: str) -> ColumnElement[str]:
    said = texts[0 if locale == "zh-CN" else 1].replace("'", "''")
    return literal_column(f"'{said}'", Text())
