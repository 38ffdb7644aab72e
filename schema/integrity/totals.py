"""What the entries of the ledger come to: added up in one statement over what the viewer may see, exact to the fen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    case,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy import cast as sql_cast

from app.integrity.lifecycle import OUTSTANDING
from app.integrity.queries import ENTRIES, INSTALMENTS, visible_to
from app.integrity.words import IntegrityStatus
from authz.permissions import Permission
from schema.groups import Named, all_together, by_itself, by_tenant, by_word, locate_days
from schema.integrity.queries import of_tenant
from schema.integrity.types import yuan
from schema.reader.declare import (
    Here,
    OuterRow,
    Relation,
    Root,
    Sized,
    column,
    expression,
    relation,
    root,
    stored,
)
from schema.scalars import TenantPath
from schema.tenants.types import Tenant
from tenants.schemes.words import IntegrityKind


class IntegrityDimension(StrEnum):
    """By what the totals of the ledger are told apart."""

    KIND = "KIND"
    DEBTOR = "DEBTOR"
    MONTH = "MONTH"


D = IntegrityDimension
strawberry.enum(IntegrityDimension, description="By what the totals of the ledger are told apart.")
for _value in cast(Any, IntegrityDimension).__strawberry_definition__.values:
    _value.description = {
        "KIND": "By what the entries are about.",
        "DEBTOR": "By who owes; intermediaries are a group of their own.",
        "MONTH": "By the month in which an entry was opened, and for what was paid by the month of that: `2026-11`.",
    }[_value.name]

_GROUPS: Mapping[Any, int] = {D.KIND: len(IntegrityKind), D.DEBTOR: 1_000, D.MONTH: 240}
_ALL = ("合计", "Total")
_NO_DEBTOR = ("中介机构", "Intermediaries")
_ZERO: ColumnElement[Any] = literal_column("0::numeric(18, 2)", Numeric())

e = OuterRow(ENTRIES, "entry_")
i = OuterRow(INSTALMENTS, "instalment_")


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _key(dimension: IntegrityDimension | None, day: ColumnElement[Any]) -> ColumnElement[Any]:
    if dimension is D.KIND:
        return e.c.kind
    if dimension is D.DEBTOR:
        return e.c.debtor_id
    if dimension is D.MONTH:
        return func.to_char(day, literal_column("'YYYY-MM'"))
    return literal_column("null::text", Text())


def _rows(here: Here) -> Any:
    """One row per group, or one of all: of the entries opened in the time, and beside them what was paid in it."""
    dimension = here.arguments.get("by")
    dimension = None if dimension is None else IntegrityDimension(dimension)
    begins, ends = (here.arguments.bind(name, type_=Date()) for name in ("from", "to"))
    seen = and_(of_tenant(here, e), visible_to(here.scope, e, here.bind))
    one: ColumnElement[int] = literal_column("1")
    none: ColumnElement[int] = literal_column("0")

    def quoted(*statuses: IntegrityStatus) -> Any:
        return e.c.status == func.any(literal_column("'{" + ",".join(sorted(statuses)) + "}'::text[]"))

    def part(key: Any, entries: Any, amount: Any, cleared: Any, outstanding: Any, paid: Any) -> Select[Any]:
        named = {"key": key, "entries": entries, "amount": amount, "cleared": cleared}
        named |= {"outstanding": outstanding, "paid": paid}
        return select(*(each.label(name) for name, each in named.items()))

    opened = (
        part(
            *(_key(dimension, e.c.opened_on), one, func.coalesce(e.c.amount, _ZERO), e.c.cleared),
            case((quoted(*OUTSTANDING), one), else_=none),
            _ZERO,
        )
        .select_from(ENTRIES.alias("entry_"))
        .where(
            seen,
            e.c.status != literal_column(f"'{IntegrityStatus.DISMISSED}'"),
            e.c.opened_on >= begins,
            e.c.opened_on < ends,
        )
    )
    paid = (
        part(_key(dimension, i.c.paid_on), none, _ZERO, _ZERO, none, i.c.amount)
        .select_from(INSTALMENTS.alias("instalment_"))
        .join(ENTRIES.alias("entry_"), and_(e.c.city_id == i.c.city_id, e.c.id == i.c.entry_id))
        .where(seen, i.c.city_id == e.c.city_id, i.c.paid_on >= begins, i.c.paid_on < ends)
    )
    parts = union_all(opened, paid).subquery("parts_")
    sums = {
        "entries": sql_cast(func.coalesce(func.sum(parts.c.entries), none), Integer()),
        "outstanding": sql_cast(func.coalesce(func.sum(parts.c.outstanding), none), Integer()),
        **{name: func.coalesce(func.sum(getattr(parts.c, name)), _ZERO) for name in ("amount", "cleared", "paid")},
    }
    key = parts.c.key if dimension is not None else literal_column("null::text", Text())
    groups = select(key.label("key"), *(each.label(name) for name, each in sums.items()))
    if dimension is not None:
        groups = groups.group_by(parts.c.key)
    found = groups.subquery("groups_")
    return select(
        *_named(dimension, found.c.key, here.locale), *(each for each in found.c if each.name != "key")
    ).select_from(found)


def _named(dimension: IntegrityDimension | None, key: ColumnElement[Any], locale: str) -> Named:
    if dimension is None:
        return all_together(_ALL, locale)
    if dimension is D.KIND:
        return by_word(IntegrityKind, key, locale)
    return by_tenant(key, _NO_DEBTOR, locale) if dimension is D.DEBTOR else by_itself(key)


@stored(
    table=None,
    description="What a group of entries of the ledger comes to: those opened in the time asked for, of what the "
    "viewer may see. What was dismissed does not count.",
)
class IntegrityTotals:
    value: str | None = column("What the group has in common: a kind, a tenant's path, a month.", longest=400)
    label: str = column("The same in the viewer's language.", longest=400)
    tenant: Tenant | None = relation(
        "The debtor of the group.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    entries: int = column("How many were opened, apart from those that were dismissed.")
    outstanding: int = column("How many of them are neither dismissed nor cleared (余量).")
    amount: Decimal = expression("What is owed by them in all, in yuan.", lambda here: yuan(here.row.c.amount))
    cleared: Decimal = expression("What of that was paid by now.", lambda here: yuan(here.row.c.cleared))
    remaining: Decimal = expression("What of that remains.", lambda here: yuan(here.row.c.amount - here.row.c.cleared))
    paid: Decimal = expression(
        "What was paid in the time asked for, less what was taken back in it, whenever the entry was opened "
        "(累计清偿金额).",
        lambda here: yuan(here.row.c.paid),
    )


def integrity_totals_arguments(
    within: Annotated[
        TenantPath, strawberry.argument(description="Of this city, of this county, or of what this tenant owes.")
    ],
    from_: Annotated[
        date, strawberry.argument(name="from", description="Opened, or paid, on this day of the city or later.")
    ],
    to: Annotated[date, strawberry.argument(description="Opened, or paid, before this day.")],
    by: Annotated[
        IntegrityDimension | None, strawberry.argument(description="A row for each group; one of all when not given.")
    ] = strawberry.UNSET,
) -> list[IntegrityTotals]: ...


@strawberry.type
class IntegrityTotalsQueries:
    integrity_totals: list[IntegrityTotals] = root(
        "What the entries of the ledger come to. Groups without any have no row; of debtors at most 1,000 are told, of "
        "months the first 240.",
        Root(
            Relation(
                "IntegrityTotals",
                lambda _here: true(),
                many=True,
                most=_most,
                work=1_000,
                tables=5,
                order=lambda row: (row.c.place.asc().nulls_last(),),
                rows=_rows,
            ),
            locate_days,
            Permission.INTEGRITY_READ,
        ),
        integrity_totals_arguments,
    )
