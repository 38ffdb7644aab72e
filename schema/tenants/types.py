"""Tenants and schemes, as the API shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, Integer, Select, Text, and_, any_, exists, func, literal_column, select, true

from app.kernel.tables import Row, table_of
from app.tickets.words import TicketStatus
from authz.permissions import Permission
from schema.labels import label_sql
from schema.pages import Node, paged
from schema.reader.declare import Here, column, expression, relation, stored
from schema.scalars import JsonDocument, TenantPath
from tenants.models import RankingGroup, SchemeVersion, TenantKind
from tenants.models import Tenant as TenantRow
from tenants.schemes.tickets import MOST_STAGES

TENANTS = table_of(TenantRow)
SCHEMES = table_of(SchemeVersion)


def _by_number(row: Row, _city: Any, keys: Any) -> Any:
    return row.c.id == any_(keys)


@stored(
    table=TENANTS,
    prefix="TN",
    public=True,
    match=_by_number,
    key_type=Integer(),
    description="A node of the tenant tree: a city, county, department, township… Names are public.",
)
class Tenant(Node):
    id: strawberry.ID = expression("The global id.", lambda here: func.tenant_gid(here.row.c.id))
    path: TenantPath = column("The tenant's dotted path, its address in this API.")
    slug: str = column("The last part of the path.")
    name: str = column("The official (Chinese) name.")
    kind: TenantKind = column("What kind of tenant it is.")
    kind_label: str = expression(
        "The kind in the viewer's language.", lambda here: label_sql(TenantKind, here.row.c.kind, here.locale)
    )
    division_code: str | None = column("Administrative division code (GB/T 2260), where there is one.")
    ranking_group: RankingGroup | None = column("Among whom it is ranked; null: it is not ranked.")
    parent: Tenant | None = relation(
        "The tenant above it; null at the top.",
        "Tenant",
        lambda here: here.row.c.id == here.outer.c.parent_id,
    )
    city: Tenant = relation(
        "The city (or region) it belongs to: the boundary of isolation.",
        "Tenant",
        lambda here: here.row.c.id == here.outer.c.city_id,
    )
    county: Tenant | None = relation(
        "The county it is, or lies in.", "Tenant", lambda here: here.row.c.id == here.outer.c.county_id
    )


TenantEdge, TenantConnection = paged(Tenant, "tenants")


def own_word(kind: str, row: Row, value: ColumnElement[str]) -> ColumnElement[str]:
    """The city's own word for a value, or null, by the scheme that the row keeps. `kind` is a part of `schemes.words`,
    which stays in its row: the document lies apart, and is long."""
    word = literal_column(f"of_words.words -> '{kind}'").op("->>", return_type=Text())(value)
    scheme = SCHEMES.alias("of_words")
    its_own = and_(scheme.c.city_id == row.c.city_id, scheme.c.version == row.c.scheme_version)
    return select(word).select_from(scheme).where(its_own).scalar_subquery()


def own_label(enum: type[StrEnum], kind: str, name: str) -> Callable[[Here], Any]:
    """The label of a column: in Chinese the city's own word, where its scheme has one."""

    def of(here: Here) -> Any:
        value = getattr(here.row.c, name)
        ours = label_sql(enum, value, here.locale)
        return ours if here.locale != "zh-CN" else func.coalesce(own_word(kind, here.row, value), ours)

    return of


def _stages(here: Here) -> Select[Any]:
    stages = func.jsonb_array_elements(here.row.c.document.op("#>")(literal_column("'{tickets,stages}'")))
    shown: list[ColumnElement[Any]] = [
        literal_column(f"stage.{place}").label(name)
        for name, place in {
            "place": "place",
            "name": "value ->> 'name'",
            "statuses": "value -> 'statuses'",
            "follow_up": "value -> 'follow_up'",
        }.items()
    ]
    return select(*shown).select_from(
        stages.table_valued("value", with_ordinality="place").render_derived(name="stage")
    )


@stored(table=None, description="A stretch of a ticket's way, as the city calls it to its enterprises.")
class Stage:
    name: str = column("What the city calls it.")
    statuses: list[TicketStatus] = column("The states that lie in it; a state in no stage is off the way.")
    follow_up: bool = column("Whether it is the follow-up or the rating.")


def _scheme_by_version(row: Row, city_id: Any, keys: Any) -> Any:
    return and_(row.c.city_id == city_id, row.c.version == any_(keys))


def version_gid(prefix: str, row: Row) -> Any:
    """The global id of a version of something that a city has one of (`schema.ids.VERSIONED`)."""
    return func.concat(
        literal_column(f"'{prefix}_'"),
        func.translate(
            func.encode(
                func.int4send(row.c.city_id).op("||")(func.int4send(row.c.version)), literal_column("'base64'")
            ),
            literal_column("'+/='"),
            literal_column("'-_'"),
        ),
    )


def _scheme_visible(here: Here) -> Any:
    return here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())


@stored(
    table=SCHEMES,
    prefix="S",
    permission=Permission.SCHEME_READ,
    visible=_scheme_visible,
    match=_scheme_by_version,
    key_type=Integer(),
    description="A published version of a city's scheme (工作方案): every number, list and choice that it runs on.",
)
class Scheme(Node):
    id: strawberry.ID = expression("The global id.", lambda here: version_gid("S", here.row))
    city: Tenant = relation(
        "The city whose scheme it is.", "Tenant", lambda here: here.row.c.id == here.outer.c.city_id
    )
    version: int = column("Counts from 1; what is running keeps the version under which it began.")
    name: str = column("The scheme's name.")
    note: str | None = column("Why this version was published.")
    published_at: datetime = column("When it was published.")
    document: JsonDocument = column("The whole validated document.")
    stages: list[Stage] = relation(
        "The way of a ticket, stage by stage.",
        "Stage",
        lambda _here: true(),
        many=True,
        most=MOST_STAGES,
        rows=_stages,
        order=lambda row: (row.c.place,),
    )
    is_current: bool = expression(
        "Whether what begins now begins under this version.",
        lambda here: (
            ~exists(
                select(literal_column("1"))
                .select_from(SCHEMES.alias("newer"))
                .where(
                    literal_column("newer.city_id") == here.row.c.city_id,
                    literal_column("newer.version") > here.row.c.version,
                )
            )
        ),
    )
