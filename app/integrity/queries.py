"""Who sees which entry of the integrity ledger, as SQL: one expression for the actions and for the reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Uuid, and_, any_, false, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from app.integrity.models import IntegrityEntry, IntegrityInstalment
from app.kernel.tables import Row, table_of
from app.kernel.unit_of_work import Node
from authz.actor import Scope
from authz.permissions import Permission
from authz.scope_sql import Bind, literals
from tenants.models import TenantKind

ENTRIES = table_of(IntegrityEntry)
INSTALMENTS = table_of(IntegrityInstalment)


def visible_to(scope: Scope, e: Row = ENTRIES, bind: Bind | None = None) -> ColumnElement[bool]:
    """The entries of the city that the actor may read."""
    bind = bind or literals(scope)
    return and_(
        e.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        within_reach(scope, Permission.INTEGRITY_READ, e, bind),
    )


def within_reach(scope: Scope, permission: Permission, e: Row = ENTRIES, bind: Bind | None = None) -> Any:
    """Whether the actor's permission reaches the entry: where its debtor is, who that is, or to whom it is owed."""
    bind = bind or literals(scope)
    reach = scope.reach(permission)
    if reach.whole_city:
        return true()

    def is_one_of(column: ColumnElement[Any], field: str, type_: TypeEngine[Any]) -> ColumnElement[bool]:
        name = f"{permission.name.lower()}_{field}"
        values: Sequence[Any] = getattr(reach, field)
        if len(values) == 1:  # equality lets an index give the order of a page
            return column == bind(name, lambda who: getattr(who.reach(permission), field)[0], type_)
        return column == any_(
            bind(f"{name}_all", lambda who: list(getattr(who.reach(permission), field)), ARRAY(type_))
        )

    ways = [
        is_one_of(column, field, type_)
        for column, field, type_ in (
            (e.c.county_id, "counties", Integer()),
            (e.c.debtor_id, "tenants", Integer()),
            (e.c.debtor_id, "leads", Integer()),
            (e.c.creditor_id, "enterprises", Uuid()),
        )
        if getattr(reach, field)
    ]
    return or_(false(), *ways)


def concerns(e: Row, node: Node) -> ColumnElement[bool]:
    """The entries of a tenant: all of a city, those of a county, what a department owes."""
    if node.id == node.city_id:
        return true()
    owed: ColumnElement[bool] = (e.c.county_id if node.kind == TenantKind.COUNTY else e.c.debtor_id) == node.id
    return owed
