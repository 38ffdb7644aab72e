"""The queries of the tickets slice: their arguments, and how the reader answers them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import DateTime, Integer, Text, Uuid, and_, any_, false, literal_column, not_, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.tickets.queries import (
    RESTRICTED,
    TICKETS,
    found_by_text,
    helped_by,
    holds_text,
    is_common,
    sees_reporter,
    visible_to,
    ways_within_reach,
    within_reach,
)
from app.tickets.words import Malice, SecrecyLevel, TicketCategory, TicketChannel, TicketStatus
from authz.permissions import Permission
from authz.scope_sql import Way, apart
from schema import ids
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.reader.declare import (
    Call,
    Connection,
    Filter,
    Flag,
    Here,
    Located,
    Order,
    OuterRow,
    Relation,
    Root,
    Ways,
    root,
)
from schema.reader.ways import EACH
from schema.scalars import TenantPath, plain, searched
from schema.tenants.within import locate_within, tenant_number
from schema.tickets.types import Ticket, TicketConnection
from tenants.models import TenantKind
from tenants.schemes.words import CoordinationLevel
from tenants.tree import TenantTree


def _handled_by(row: Any, tenant: Any) -> list[Way]:
    return [Way(row.c.lead_id == tenant), Way(helped_by(row, lambda helper: helper == tenant), ordered=False)]


def _any_of(ways: list[Way]) -> Any:
    return or_(*(way.holds for way in ways))


def _enterprise_key(value: str, _call: Call) -> Any:
    return ids.decode_as(value, "E").key


def _staff(here: Here, row: Any) -> Any:
    return within_reach(here.scope, Permission.TICKET_READ_INTERNAL, row, here.bind)


WAITING_FOR_FOLLOW_UP = tuple(
    literal_column(f"'{status}'", Text()) for status in sorted({TicketStatus.ANSWERED, TicketStatus.RESOLVED})
)
"""Where the clock of the follow-up runs (`clocks.CLOCKS`), as text that an index is found by."""

FILTERS: Mapping[str, Filter | Flag] = {
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "category": Filter(lambda _here, row, value: row.c.category == any_(value), ARRAY(Text())),
    "channel": Filter(lambda _here, row, value: row.c.channel == any_(value), ARRAY(Text())),
    "secrecy": Filter(lambda _here, row, value: row.c.secrecy == any_(value), ARRAY(Text())),
    "county": Filter(lambda _here, row, value: row.c.county_id == value, Integer(), tenant_number),
    "department": Filter(lambda _here, row, value: _any_of(_handled_by(row, value)), Integer(), tenant_number),
    # On the masked value: filtering by the enterprise must not tell who filed a confidential report.
    "enterpriseId": Filter(
        lambda here, row, value: (row.c.enterprise_id == value) & sees_reporter(here.scope, row, here.bind),
        Uuid(),
        _enterprise_key,
    ),
    "submittedFrom": Filter(lambda _here, row, value: row.c.submitted_at >= value, DateTime(timezone=True)),
    "submittedBefore": Filter(lambda _here, row, value: row.c.submitted_at < value, DateTime(timezone=True)),
    # What only the staff is shown, only the staff can filter by: to others it never holds.
    "coordination": Filter(
        lambda here, row, value: (row.c.coordination == any_(value)) & _staff(here, row), ARRAY(Text())
    ),
    "extensionPending": Flag(lambda here, row: row.c.extension_days.is_not(None) & _staff(here, row)),
    "referred": Flag(lambda here, row: row.c.referred & _staff(here, row)),
    "overdue": Flag(lambda here, row: row.c.due_at < here.now),
    "followUpDue": Flag(lambda _here, row: or_(*(row.c.status == word for word in WAITING_FOR_FOLLOW_UP))),
    "suspended": Flag(lambda _here, row: row.c.suspended_at.is_not(None)),
    "lowSatisfaction": Flag(lambda _here, row: row.c.low_satisfaction_at.is_not(None)),
    "malice": Filter(lambda _here, row, value: row.c.malice == any_(value), ARRAY(Text())),
    "text": Filter(lambda _here, row, value: holds_text(row, value), Text(), searched),
}


@strawberry.input(description="Which tickets; what is given must all hold.")
class TicketFilter:
    status: list[TicketStatus] | None = strawberry.field(default=strawberry.UNSET, description="In any of these.")
    category: list[TicketCategory] | None = strawberry.field(default=strawberry.UNSET, description="Of any of these.")
    channel: list[TicketChannel] | None = strawberry.field(default=strawberry.UNSET, description="By any of these.")
    secrecy: list[SecrecyLevel] | None = strawberry.field(default=strawberry.UNSET, description="Of any of these.")
    county: TenantPath | None = strawberry.field(default=strawberry.UNSET, description="Lying in this county.")
    department: TenantPath | None = strawberry.field(
        default=strawberry.UNSET, description="Led or helped with by this tenant."
    )
    enterprise_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Reported by this enterprise, as far as the viewer may know."
    )
    submitted_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Submitted at this moment or later."
    )
    submitted_before: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Submitted before this moment."
    )
    coordination: list[CoordinationLevel] | None = strawberry.field(
        default=strawberry.UNSET, description="Waiting for any of these groups; for the staff."
    )
    extension_pending: bool | None = strawberry.field(
        default=strawberry.UNSET, description="With a request for more time that is not decided on; for the staff."
    )
    referred: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Disputed, and lying with the working group; for the staff."
    )
    overdue: bool | None = strawberry.field(
        default=strawberry.UNSET, description="With a step that is past due and not done."
    )
    follow_up_due: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Replied to, and waiting for the follow-up (回访); with `overdue`, those past its limit.",
    )
    suspended: bool | None = strawberry.field(default=strawberry.UNSET, description="With a clock that stands still.")
    low_satisfaction: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="In the ledger of low satisfaction: its reporter was ever unsatisfied, whatever came later.",
    )
    malice: list[Malice] | None = strawberry.field(
        default=strawberry.UNSET, description="Found malicious, as far as any of these."
    )
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Part of the number, title or body; Chinese words of any length. 1–100 characters.",
    )


class TicketOrderField(StrEnum):
    SUBMITTED_AT = "SUBMITTED_AT"
    NUMBER = "NUMBER"
    DUE_AT = "DUE_AT"


class Direction(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


strawberry.enum(TicketOrderField, description="By what tickets are sorted; ties by id.")
strawberry.enum(Direction, name="OrderDirection", description="Which way a list is sorted.")
for _enum, _texts in (
    (
        TicketOrderField,
        {
            "SUBMITTED_AT": "By when they were submitted.",
            "NUMBER": "By number, as text.",
            "DUE_AT": "By when the next step is due; what has no running clock comes last.",
        },
    ),
    (Direction, {"ASC": "Smallest or earliest first.", "DESC": "Largest or latest first."}),
):
    for _value in cast(Any, _enum).__strawberry_definition__.values:
        _value.description = _texts[_value.name]


@strawberry.input(description="How tickets are sorted.")
class TicketOrder:
    field: TicketOrderField = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(description="Which way.")


ORDERS = {"SUBMITTED_AT": Order("submitted_at"), "NUMBER": Order("number"), "DUE_AT": Order("due_at")}
NEWEST_FIRST = Order("submitted_at", descending=True)


def _locate_id(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "T").city_id,))


def _locate_number(_arguments: Mapping[str, Any], viewer: Viewer, _tree: TenantTree) -> Located:
    assert viewer.actor is not None
    return Located((viewer.actor.city_id,))


def of_tenant(here: Here, row: Any) -> Any:
    """The tickets of `within`: lying in or handled by a county, handled by a department, all of a city."""
    if here.arguments.located == TenantKind.PLATFORM:
        return false()
    ways = ways_of_tenant(here, row)
    if ways:
        return _any_of(ways)
    return row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())


def ways_of_tenant(here: Here, row: Any) -> list[Way]:
    """As `of_tenant`, way by way; none of a whole city."""
    if not here.arguments.has("within"):
        return []
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    match here.arguments.located:
        case TenantKind.COUNTY:
            return [Way(row.c.county_id == tenant, wide=True), Way(row.c.lead_county_id == tenant, wide=True)]
        case TenantKind.CITY | TenantKind.REGION | TenantKind.PLATFORM:
            return []
        case _:
            return _handled_by(row, tenant)


FEW: Mapping[str, bool] = {
    "overdue": False,
    "suspended": True,
    "extensionPending": True,
    "referred": True,
    "coordination": True,
    "malice": True,
    "lowSatisfaction": True,
}
"""Filters that few tickets pass, and whether their index has the newest first."""


COMMON_TO_A_PAGE, COMMON_TO_A_COUNT = 1, 10
"""From which percentage of the city on a text is looked for in all tickets: they are read until the page is full, or to
the end; to find them by the index costs ten times as much each."""


def _ways(here: Here) -> Ways:
    """How the tickets of a page are found that the order of the whole city would be the long way to."""
    row, given = here.row, here.arguments
    newest = NEWEST_FIRST.column
    if given.has("filter", "text"):
        return Ways(_ways_of_text(here, row, COMMON_TO_A_PAGE), newest)
    ways = _ways_of_owners(here, row)
    if ways:
        return Ways(ways, newest)
    for name, ordered in FEW.items():
        if given.has("filter", name) and given.get("filter")[name] is not False:
            return Ways([Way(FILTERS[name].condition(here, row, given, name), ordered=ordered)], newest)
    if given.has("filter", "followUpDue") and given.get("filter")["followUpDue"] is not False:
        return Ways([Way(row.c.status == word, wide=True) for word in WAITING_FOR_FOLLOW_UP], newest)
    if given.has("filter", "secrecy"):
        levels = given.bind("filter", "secrecy", type_=ARRAY(Text()))
        words = (literal_column(f"'{level}'", Text()) for level in SecrecyLevel)
        return Ways([Way(and_(row.c.secrecy == word, word == any_(levels)), wide=True) for word in words], newest)
    if given.has("filter", "status"):
        statuses = given.bind("filter", "status", type_=ARRAY(Text()))
        return Ways([Way(row.c.status == EACH, wide=True)], newest, statuses)
    return Ways((), newest)


def _ways_of_text(here: Here, row: Any, percent: int) -> list[Way]:
    """A rare word leads to its tickets by itself; those with a common one are looked for among all, in their order.
    Whose tickets are few has them looked through."""
    owners = _ways_of_owners(here, row)
    if owners and not any(way.wide for way in owners):
        return owners
    text = here.arguments.bind("filter", "text", type_=Text(), convert=searched)
    common = is_common(here.scope, text, percent, here.bind)
    return [
        *(
            Way(and_(common, way.holds), wide=way.wide, ordered=way.ordered)
            for way in owners or [Way(true(), wide=True)]
        ),
        Way(and_(not_(common), found_by_text(row, text)), ordered=False),
    ]


def _ways_of_owners(here: Here, row: Any) -> list[Way]:
    """Of those who see less than the city, or ask for less."""
    if not here.scope.reach(Permission.TICKET_READ).whole_city:
        return ways_within_reach(here.scope, Permission.TICKET_READ, row, here.bind)
    ways = ways_of_tenant(here, row)
    if not ways and here.arguments.has("filter", "department"):
        department = here.arguments.bind("filter", "department", type_=Integer(), convert=tenant_number)
        ways = _handled_by(row, department)
    return ways


def _parts(here: Here) -> list[Any]:
    """Counted apart: what each way leads to; of a whole city the ordinary tickets, which an index holds alone."""
    if here.arguments.has("filter", "text"):
        return apart([way.holds for way in _ways_of_text(here, here.row, COMMON_TO_A_COUNT)])
    ways = _ways_of_owners(here, here.row)
    if ways:
        return apart([way.holds for way in ways])
    return [here.row.c.secrecy != RESTRICTED, here.row.c.secrecy == RESTRICTED]


def _numbered(here: Here) -> Any:
    """That it is the ticket with this number: the city's own one, or else one that another platform gave.

    The latter leads to the caller there, so it finds nothing for whom the reporter is masked. Of several with one
    number, from different platforms, the latest that the viewer may see.
    """
    number = here.arguments.bind("number", type_=Text(), convert=_spelt_alike)
    ticket = OuterRow(TICKETS, "numbered")
    theirs = and_(ticket.c.origin_number == number, sees_reporter(here.scope, ticket, here.bind))
    found = (
        select(ticket.c.id)
        .select_from(TICKETS.alias("numbered"))
        .where(
            visible_to(here.scope, ticket, here.bind, named=here.named),
            or_(ticket.c.number == number, theirs),
        )
        .order_by(ticket.c.number != number, ticket.c.submitted_at.desc(), ticket.c.id)
        .limit(literal_column("1"))
    )
    return here.row.c.id == found.scalar_subquery()


def _spelt_alike(value: str, call: Call) -> str:
    """As the numbers of other platforms are stored. Raises BadInput `characters`."""
    return unicodedata.normalize("NFKC", plain(value, call)).strip()


def ticket_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> Ticket | None: ...


def ticket_by_number_arguments(
    number: Annotated[
        str, strawberry.argument(description="Its number in the viewer's own city, or on another platform.")
    ],
) -> Ticket | None: ...


def tickets_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of this city, county or department; the viewer's own city when not given."),
    ] = strawberry.UNSET,
    filter: Annotated[TicketFilter | None, strawberry.argument(description="Which of them.")] = strawberry.UNSET,  # noqa: A002
    order_by: Annotated[
        TicketOrder | None, strawberry.argument(description="How they are sorted; newest first when not given.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> TicketConnection: ...


@strawberry.type
class TicketQueries:
    ticket: Ticket | None = root(
        "A ticket by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "Ticket",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_id,
            Permission.TICKET_READ,
        ),
        ticket_arguments,
    )
    ticket_by_number: Ticket | None = root(
        "A ticket by its number, its own or that of another platform; null when there is none that the viewer may see.",
        Root(
            Relation("Ticket", _numbered),
            _locate_number,
            Permission.TICKET_READ,
        ),
        ticket_by_number_arguments,
    )
    tickets: TicketConnection = root(
        "The tickets that the viewer may see, newest first unless sorted otherwise.",
        Root(
            Connection(
                target="Ticket",
                on=lambda here: of_tenant(here, here.row),
                orders=ORDERS,
                default=NEWEST_FIRST,
                filters=FILTERS,
                counting=100,
                ways=_ways,
                parts=_parts,
            ),
            locate_within,
            Permission.TICKET_READ,
        ),
        tickets_arguments,
    )
