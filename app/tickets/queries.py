"""Who sees which ticket, and what of it, as SQL.

One expression of each rule serves both sides: an action passes the values themselves, the reader passes bind
parameters so that one compiled plan serves every actor whose reach has the same shape.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import (
    ColumnElement,
    Integer,
    Uuid,
    and_,
    any_,
    case,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from app.kernel.tables import Row, table_of
from app.kernel.unit_of_work import Node
from app.tickets.models import QualitySample, Ticket, TicketCoHandler, TicketNamedPerson, TicketSignature
from app.tickets.words import SecrecyLevel, Visibility
from authz.actor import Scope
from authz.permissions import Permission
from authz.roles import Role
from authz.scope_sql import Bind, Way, literals
from tenants.models import Tenant, TenantKind

T = TypeVar("T")
TICKETS = table_of(Ticket)
CO_HANDLERS = table_of(TicketCoHandler)
NAMED_PERSONS = table_of(TicketNamedPerson)
SAMPLES = table_of(QualitySample)
SIGNATURES = table_of(TicketSignature)
TENANTS = table_of(Tenant)


NORMAL: ColumnElement[str] = literal_column(f"'{SecrecyLevel.NORMAL}'")
RESTRICTED: ColumnElement[str] = literal_column(f"'{SecrecyLevel.RESTRICTED}'")
"""As text, and not as parameters: the planner must see which tickets an index holds."""


def visible_to(scope: Scope, t: Row = TICKETS, bind: Bind | None = None, *, named: bool = True) -> ColumnElement[bool]:
    """The tickets of the city that the actor may read.

    A restricted one only if they are named on it or read restricted ones by right; with `named=False` no restricted
    ticket at all is visible by being named (what a group of subscribers shares).
    """
    bind = bind or literals(scope)
    may_see_restricted = [t.c.secrecy != RESTRICTED]
    if not scope.reach(Permission.TICKET_READ_RESTRICTED).empty:
        may_see_restricted.append(within_reach(scope, Permission.TICKET_READ_RESTRICTED, t, bind))
    if named:
        may_see_restricted.append(_is_named_one(t, bind))
    return and_(
        t.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        within_reach(scope, Permission.TICKET_READ, t, bind),
        or_(*may_see_restricted),
    )


def _names(t: Row, bind: Bind) -> ColumnElement[bool]:
    """Whether the ticket names the actor."""
    return exists(select(literal(1)).select_from(NAMED_PERSONS)).where(
        NAMED_PERSONS.c.city_id == t.c.city_id,
        NAMED_PERSONS.c.ticket_id == t.c.id,
        NAMED_PERSONS.c.user_id == bind("user_id", lambda who: who.actor.user_id, Uuid()),
    )


def _is_named_one(t: Row, bind: Bind) -> ColumnElement[bool]:
    """As `_names`, by the list of all that name the actor: looked up once, and only where a restricted ticket is met.
    The planner would be led astray by what it costs to look it up for each."""
    listed = select(NAMED_PERSONS.c.ticket_id).where(
        NAMED_PERSONS.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
        NAMED_PERSONS.c.user_id == bind("user_id", lambda who: who.actor.user_id, Uuid()),
    )
    named: ColumnElement[bool] = t.c.id == any_(func.array(listed.scalar_subquery(), type_=ARRAY(Uuid())))
    return named


def within_reach(
    scope: Scope, permission: Permission, t: Row = TICKETS, bind: Bind | None = None
) -> ColumnElement[bool]:
    """Whether the actor's permission reaches the ticket: where it lies, who handles it, or whose it is."""
    if scope.reach(permission).whole_city:
        return true()
    return or_(false(), *(way.holds for way in ways_within_reach(scope, permission, t, bind or literals(scope))))


def ways_within_reach(scope: Scope, permission: Permission, t: Row, bind: Bind) -> list[Way]:
    """As `within_reach`, of a reach that is not the whole city, way by way."""
    reach = scope.reach(permission)

    def is_one_of(column: ColumnElement[T], field: str, type_: TypeEngine[Any]) -> ColumnElement[bool]:
        name = f"{permission.name.lower()}_{field}"
        values: Sequence[Any] = getattr(reach, field)
        if len(values) == 1:  # equality lets an index give the order of a page
            return column == bind(name, lambda who: getattr(who.reach(permission), field)[0], type_)
        return column == any_(
            bind(f"{name}_all", lambda who: list(getattr(who.reach(permission), field)), ARRAY(type_))
        )

    def way(column: ColumnElement[T], field: str, type_: TypeEngine[Any], *, wide: bool = False) -> Way:
        return Way(is_one_of(column, field, type_), wide=wide, ordered=len(getattr(reach, field)) == 1)

    def helped(field: str) -> Way:
        return Way(helped_by(t, lambda tenant: is_one_of(tenant, field, Integer())), ordered=False)

    ways: list[Way] = []
    if reach.counties:
        ways += [way(column, "counties", Integer(), wide=True) for column in (t.c.county_id, t.c.lead_county_id)]
    if reach.tenants:
        ways += [way(t.c.lead_id, "tenants", Integer()), helped("tenants")]
    if reach.helps:
        ways.append(helped("helps"))
    if reach.leads:
        ways.append(way(t.c.lead_id, "leads", Integer()))
    if reach.own:
        ways.append(Way(t.c.submitter_id == bind("user_id", lambda who: who.actor.user_id, Uuid())))
    if reach.named:
        ways.append(Way(_names(t, bind), ordered=False))
    if reach.enterprises:
        ways.append(way(t.c.enterprise_id, "enterprises", Uuid()))
    return ways


def helped_by(t: Row, condition: Callable[[ColumnElement[int]], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether the condition holds for a tenant that helps with the ticket."""
    return exists(select(literal_column("1")).select_from(CO_HANDLERS)).where(
        CO_HANDLERS.c.city_id == t.c.city_id,
        CO_HANDLERS.c.ticket_id == t.c.id,
        condition(CO_HANDLERS.c.tenant_id),
    )


def concerns(t: Row, node: Node) -> ColumnElement[bool]:
    """The tickets of a tenant: all of a city, what lies in or is led by a county, what a department leads."""
    if node.kind == TenantKind.COUNTY:
        return or_(t.c.county_id == node.id, t.c.lead_county_id == node.id)
    if node.id == node.city_id:
        return true()
    led: ColumnElement[bool] = t.c.lead_id == node.id
    return led


def sample_within_reach(
    scope: Scope, permission: Permission, s: Row = SAMPLES, bind: Bind | None = None
) -> ColumnElement[bool]:
    """The samples that were drawn in the city, or in the counties, that the permission reaches."""
    bind = bind or literals(scope)
    reach = scope.reach(permission)
    here: ColumnElement[bool] = s.c.city_id == bind("city_id", lambda who: who.city_id, Integer())
    if reach.whole_city:
        return here
    counties = bind(
        f"{permission.name.lower()}_sampled", lambda who: list(who.reach(permission).counties), ARRAY(Integer())
    )
    in_a_county = exists(select(literal(1)).select_from(TENANTS)).where(
        TENANTS.c.id == s.c.tenant_id, TENANTS.c.county_id == any_(counties)
    )
    return and_(here, in_a_county if reach.counties else false())


def sees_reporter(scope: Scope, t: Row = TICKETS, bind: Bind | None = None) -> ColumnElement[bool]:
    """Whether who reported the ticket may be shown: always for a normal one, else to intake, supervision and itself.

    Filters, orders and searches by the reporter work on the masked value too, or they would tell (domain.md, 5).
    """
    bind = bind or literals(scope)
    ways = [t.c.secrecy == SecrecyLevel.NORMAL, within_reach(scope, Permission.TICKET_READ_REPORTER, t, bind)]
    if scope.reach(Permission.TICKET_READ).own:
        ways.append(t.c.submitter_id == bind("user_id", lambda who: who.actor.user_id, Uuid()))
    if scope.reach(Permission.TICKET_READ).enterprises:
        own = bind("own_enterprises", lambda who: list(who.reach(Permission.TICKET_READ).enterprises), ARRAY(Uuid()))
        ways.append(t.c.enterprise_id == any_(own))
    return or_(*ways)


def sees_event(scope: Scope, e: Row, t: Row, bind: Bind | None = None) -> ColumnElement[bool]:
    """Whether an event of a visible ticket may be shown: public ones, and internal ones to the staff it reaches."""
    return or_(
        e.c.visibility == Visibility.PUBLIC,
        within_reach(scope, Permission.TICKET_READ_INTERNAL, t, bind),
    )


def by_the_reporter(e: Row, t: Row) -> ColumnElement[bool]:
    """Whether the reporter's side did it, so that its actor tells who reported."""
    return or_(e.c.actor_role == Role.ENTERPRISE_USER, e.c.actor_id == t.c.submitter_id)


def _searched(t: Row) -> ColumnElement[str]:
    """What a search looks through, as the search function does: on another platform the number leads to the caller, so
    of a ticket whose reporter is masked it is not searched."""
    blank: ColumnElement[str] = literal_column("' '")
    shown = and_(t.c.secrecy == NORMAL, t.c.origin_number.is_not(None))
    theirs = case((shown, blank + t.c.origin_number), else_=literal_column("''"))
    content: ColumnElement[str] = t.c.number + theirs + blank + t.c.title + blank + t.c.body
    return content


def holds_text(t: Row, text: ColumnElement[str]) -> ColumnElement[bool]:
    """Tickets whose number, here or elsewhere, title or body holds the text, whatever the case of its letters."""
    content = _searched(t)
    # Asked once: Chinese knows no case, and to fold every text would take its time.
    folded = select(func.lower(text) != func.upper(text)).scalar_subquery()
    small = select(func.lower(text)).scalar_subquery()
    return func.strpos(case((folded, func.lower(content)), else_=content), small) > literal_column("0")


def found_by_text(t: Row, text: ColumnElement[str]) -> ColumnElement[bool]:
    """The same tickets by the audited search function, which looks the text up and returns ids only."""
    found: ColumnElement[bool] = t.c.id.in_(select(func.search_tickets(text).column_valued("found")))
    return found


def is_common(scope: Scope, text: ColumnElement[str], percent: int, bind: Bind | None = None) -> ColumnElement[bool]:
    """Whether about so many of the city's tickets, or more, hold the text: by the newest 250, secret ones apart."""
    bind = bind or literals(scope)
    one = TICKETS.alias("newest_")
    newest = (
        select(one.c.number, one.c.origin_number, one.c.secrecy, one.c.title, one.c.body)
        .where(
            one.c.city_id == bind("city_id", lambda who: who.city_id, Integer()),
            one.c.secrecy == NORMAL,
        )
        .order_by(one.c.submitted_at.desc(), one.c.id.desc())
        .limit(literal_column("250"))
        .subquery("sample_")
    )
    return (
        select(func.count() * literal_column("100") >= literal_column(f"{250 * percent}"))
        .select_from(newest)
        .where(holds_text(newest, text))
        .scalar_subquery()
    )


async def persons_named_on(
    connection: asyncpg.Connection, city_id: int, ticket_ids: Iterable[uuid.UUID]
) -> frozenset[uuid.UUID]:
    """Who is named on any of these tickets: the few to whom an event of a restricted one may matter."""
    rows = await connection.fetch(
        "select distinct user_id from ticket_named_persons where city_id = $1 and ticket_id = any($2)",
        city_id,
        list(ticket_ids),
    )
    return frozenset(row["user_id"] for row in rows)
