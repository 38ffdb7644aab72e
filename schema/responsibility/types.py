"""The responsibility list and what it suggests, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Integer, Text, Uuid, and_, any_, bindparam, exists, false, func, literal_column, null, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.kernel.tables import Row
from app.responsibility.models import LISTS, RULINGS, SUBJECTS, HandlingLevel
from app.responsibility.suggest import SuggestionReasonKind
from authz.permissions import Permission
from schema.labels import label_sql
from schema.pages import Node, paged
from schema.reader.declare import Here, column, expression, relation, stored
from schema.tenants.types import Tenant, version_gid


def _visible(here: Here) -> Any:
    if here.scope.reach(Permission.RESPONSIBILITY_READ).empty:
        return false()
    return here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())


def _by_version(row: Row, city_id: Any, keys: Any) -> Any:
    return and_(row.c.city_id == city_id, row.c.version == any_(keys))


def newest(here: Here) -> Any:
    """The version in force in the city at hand."""
    city_id = here.bind("city_id", lambda scope: scope.city_id, Integer())
    return select(func.max(LISTS.c.version)).where(LISTS.c.city_id == city_id).scalar_subquery()


def _may_publish(here: Here) -> Any:
    """What tells how the list has fared is for whoever can correct it."""
    publishes = not here.scope.reach(Permission.RESPONSIBILITY_PUBLISH).empty
    return literal_column("true" if publishes else "false")


def _overruled(here: Here) -> Any:
    if here.scope.reach(Permission.RESPONSIBILITY_PUBLISH).empty:
        return null()
    return (
        select(func.count())
        .select_from(RULINGS)
        .where(RULINGS.c.city_id == here.row.c.city_id, RULINGS.c.subject_id == here.row.c.id)
        .scalar_subquery()
    )


@stored(
    table=SUBJECTS,
    prefix="RS",
    permission=Permission.RESPONSIBILITY_READ,
    visible=_visible,
    description="A subject of one version of a city's responsibility list (部门职责清单): who is competent for what.",
)
class ResponsibilitySubject(Node):
    id: strawberry.ID = expression(
        "The global id, of the subject in this version.",
        lambda here: func.global_id(literal_column("'RS'"), here.row.c.city_id, here.row.c.id),
    )
    code: str = column("Its code in the city's list: the same in every version that has it.")
    name: str = column("The matter.")
    category: str = column("The class of duty (职责分类).")
    department: Tenant = relation(
        "The competent department (业务主管单位).", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    level: HandlingLevel = column("At which level it is handled (处置层级); below the city, in the county concerned.")
    level_label: str = expression(
        "The level in the viewer's language.", lambda here: label_sql(HandlingLevel, here.row.c.level, here.locale)
    )
    legal_basis: str | None = column("The laws and regulations that apply (适用法律法规).")
    keywords: list[str] = column("Words by which a text is known to speak of it.")
    version: int = column("The version of the list.")
    overruled: int | None = expression(
        "How many tickets an arbitration gave to another than the list says, since this version was published; for "
        "whoever may publish the list.",
        _overruled,
    )
    overruled_for: list[Tenant] = relation(
        "To whom those tickets were given instead, at most 50; for whoever may publish the list.",
        "Tenant",
        lambda here: exists(
            select(literal_column("1"))
            .select_from(RULINGS)
            .where(
                RULINGS.c.city_id == here.outer.c.city_id,
                RULINGS.c.subject_id == here.outer.c.id,
                RULINGS.c.tenant_id == here.row.c.id,
                _may_publish(here),
            )
        ),
        many=True,
        most=50,
        order=lambda row: (row.c.path,),
    )


ResponsibilitySubjectEdge, ResponsibilitySubjectConnection = paged(
    ResponsibilitySubject, "subjects of a responsibility list"
)


@stored(
    table=LISTS,
    prefix="RL",
    permission=Permission.RESPONSIBILITY_READ,
    visible=_visible,
    match=_by_version,
    key_type=Integer(),
    description="A published version of a city's responsibility list. Never changed; the newest is in force.",
)
class ResponsibilityList(Node):
    id: strawberry.ID = expression("The global id.", lambda here: version_gid("RL", here.row))
    city: Tenant = relation("The city whose list it is.", "Tenant", lambda here: here.row.c.id == here.outer.c.city_id)
    version: int = column("Counts from 1; tickets keep the subject that they were given.")
    note: str | None = column("Why this version was published.")
    digest: str = expression(
        "SHA-256 of its content, in hexadecimal: the same content is not published twice in a row.",
        lambda here: func.encode(here.row.c.digest, literal_column("'hex'")),
    )
    published_at: datetime = column("When it was published.")
    is_current: bool = expression("Whether it is in force.", lambda here: here.row.c.version == newest(here))


SUGGESTIONS = (
    func.jsonb_to_recordset(bindparam("suggestions", type_=JSONB()))
    .table_valued(
        SqlColumn("ticket_id", Uuid()),
        SqlColumn("place", Integer()),
        SqlColumn("tenant_id", Integer()),
        SqlColumn("score", Text()),
    )
    .render_derived(with_types=True)
)
REASONS = (
    func.jsonb_to_recordset(bindparam("suggestion_reasons", type_=JSONB()))
    .table_valued(
        SqlColumn("ticket_id", Uuid()),
        SqlColumn("tenant_id", Integer()),
        SqlColumn("place", Integer()),
        SqlColumn("kind", Text()),
        SqlColumn("text", Text()),
        SqlColumn("city_id", Integer()),
        SqlColumn("subject_id", Uuid()),
        SqlColumn("keywords", ARRAY(Text())),
        SqlColumn("tickets", Integer()),
    )
    .render_derived(with_types=True)
)
"""What was worked out for this request, handed to the database as rows: the rest of the selection is read there."""


@stored(table=REASONS, description="Why a department is suggested: each reason can be checked.")
class SuggestionReason:
    kind: SuggestionReasonKind = column("What kind of reason it is.")
    text: str = column("The reason in the viewer's language.")
    subject: ResponsibilitySubject | None = relation(
        "The subject of the list that the reason speaks of, with its legal basis.",
        "ResponsibilitySubject",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.subject_id),
    )
    keywords: list[str] = column("Words of the ticket that the reason rests on, the most telling first.")
    tickets: int | None = column(
        "How many tickets it rests on: those that were arbitrated so, or earlier ones with the first keyword. A count; "
        "no ticket is named."
    )


@stored(table=SUGGESTIONS, description="A department to which a ticket could be given.")
class DispatchSuggestion:
    department: Tenant = relation("The department.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id)
    score: Decimal = column("Its share of all that speaks for anybody: 0 to 1, two decimals.")
    reasons: list[SuggestionReason] = relation(
        "Why, the strongest first, at most 5.",
        "SuggestionReason",
        lambda here: and_(
            here.of_request("suggestion_reasons", JSONB()).is_not(None),
            here.row.c.ticket_id == here.outer.c.ticket_id,
            here.row.c.tenant_id == here.outer.c.tenant_id,
        ),
        many=True,
        most=5,
        order=lambda row: (row.c.place,),
    )
