"""An entry of the integrity ledger is opened, by hand or from a complaint."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import select

from app.enterprises.queries import ENTERPRISES
from app.integrity.access import TOPIC, author_of, check_day, local_day, tell
from app.integrity.lifecycle import INITIAL, check_amount
from app.integrity.models import IntegrityEntry
from app.integrity.words import IntegrityEventType
from app.kernel.errors import InvalidInput, NotResponsible
from app.kernel.tables import new_id
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import Node, UnitOfWork
from app.tickets.models import Ticket
from app.tickets.queries import visible_to as ticket_visible_to
from app.tickets.schemes import present_scheme
from app.tickets.texts import check_text
from app.tickets.words import SecrecyLevel, TicketCategory
from authz.actor import Actor
from authz.permissions import Permission
from tenants.models import TenantKind
from tenants.schemes.supervision import Integrity
from tenants.schemes.words import IntegrityKind

T = TypeVar("T")
NAME_LENGTH = 200
"""Of a blacklisted organisation, in characters."""


async def open_entry(
    uow: UnitOfWork,
    actor: Actor,
    *,
    kind: IntegrityKind,
    title: str,
    debtor: str | None = None,
    county: str | None = None,
    organisation: str | None = None,
    creditor: uuid.UUID | None = None,
    amount: Decimal | None = None,
    since: date | None = None,
    ticket_id: uuid.UUID | None = None,
    entry_id: uuid.UUID | None = None,
) -> IntegrityEntry:
    """A new entry in the unit of work's city; `entry_id` is what the caller's idempotency key stands for.

    A blacklisted intermediary (黑名单中介机构) is an `organisation`, and the `county` where it was found; everything
    else is owed by a tenant, the `debtor`. A complaint leads to one entry at most, and tells the creditor where none is
    given.

    Raises `NotResponsible` when the actor keeps no ledger here, and `InvalidInput`: `kind` `not_taken` (by this city);
    `title` as the scheme's titles; `debtor`, `county`, `organisation`, `creditorId`, `amount` `required`,
    `not_allowed`; `debtor`, `county` `unknown_tenant`, `outside_reach`; `county` `not_a_county`; `creditorId`
    `unknown_enterprise`; `amount` as `check_amount`; `since` `in_future`; `ticketId` `not_taken` (the city opens none
    from complaints), `unknown_ticket`, `not_a_complaint`, `secret` (the entry would tell what the ticket may not),
    `entered_already`.
    """
    if actor.reach(Permission.INTEGRITY_KEEP, uow.city_id).empty:
        raise NotResponsible(action="ENTRY_OPEN")
    version, scheme = await present_scheme(uow)
    rules = scheme.supervision.integrity
    rule = next((each for each in rules.kinds if each.kind is kind), None)
    if rule is None:
        raise InvalidInput("kind", "not_taken", value=kind.value)
    title = check_text("title", title, scheme.tickets.texts.title)
    place = _place(uow, actor, kind, debtor, county)
    if kind is IntegrityKind.BLACKLISTED_INTERMEDIARY:
        organisation = clean_text("organisation", _given("organisation", organisation), at_most=NAME_LENGTH)
    elif organisation is not None:
        raise InvalidInput("organisation", "not_allowed")
    if rule.money:
        amount = check_amount("amount", _given("amount", amount))
    elif amount is not None:
        raise InvalidInput("amount", "not_allowed")
    today = local_day(scheme.calendar, uow.now)
    if ticket_id is not None:
        ticket = await _complaint(uow, actor, rules, ticket_id)
        creditor = creditor or ticket.enterprise_id
    if creditor is not None:
        known = select(ENTERPRISES.c.id).filter_by(city_id=uow.city_id, id=creditor)
        if await uow.session.scalar(known) is None:
            raise InvalidInput("creditorId", "unknown_enterprise")
    elif kind is IntegrityKind.ARREARS:
        raise InvalidInput("creditorId", "required")
    entry = IntegrityEntry(
        city_id=uow.city_id,
        id=entry_id or new_id(),
        version=1,
        scheme_version=version,
        kind=kind.value,
        status=INITIAL.value,
        title=title,
        debtor_id=None if place is None or debtor is None else place.id,
        county_id=None if place is None else place.county_id,
        organisation=organisation,
        creditor_id=creditor,
        ticket_id=ticket_id,
        since=None if since is None else check_day("since", since, today=today),
        amount=amount,
        cleared=Decimal(0),
        restrictions=[],
        opened_on=today,
        opened_at=uow.now,
        opened_by=actor.user_id,
    )
    uow.session.add(entry)
    await uow.session.flush()
    uow.record(
        entry,
        IntegrityEventType.OPENED,
        topic=TOPIC,
        author=author_of(actor, Permission.INTEGRITY_KEEP, entry),
        new=True,
        toStatus=entry.status,
        amount=None if amount is None else str(amount),
    )
    tell(uow, entry, IntegrityEventType.OPENED)
    return entry


def _given(field: str, value: T | None) -> T:
    if value is None:
        raise InvalidInput(field, "required")
    return value


def _place(uow: UnitOfWork, actor: Actor, kind: IntegrityKind, debtor: str | None, county: str | None) -> Node | None:
    """The debtor, or the county in which an intermediary was found; none: the city itself found it."""
    by_county = kind is IntegrityKind.BLACKLISTED_INTERMEDIARY
    field, path, other = ("county", county, debtor) if by_county else ("debtor", debtor, county)
    if other is not None:
        raise InvalidInput("debtor" if by_county else "county", "not_allowed")
    reach = actor.reach(Permission.INTEGRITY_KEEP, uow.city_id)
    if path is None:
        if by_county and reach.whole_city:
            return None
        raise InvalidInput(field, "required")
    node = uow.tree.by_path(path)
    if node is None or node.city_id != uow.city_id:
        raise InvalidInput(field, "unknown_tenant", tenant=path)
    if by_county and node.kind != TenantKind.COUNTY:
        raise InvalidInput(field, "not_a_county", tenant=path)
    if not (reach.whole_city or node.county_id in reach.counties):
        raise InvalidInput(field, "outside_reach", tenant=path)
    return node


async def _complaint(uow: UnitOfWork, actor: Actor, rules: Integrity, ticket_id: uuid.UUID) -> Ticket:
    """The complaint, locked so that two who open an entry from it take turns."""
    if not rules.opened_by_arrears_complaint:
        raise InvalidInput("ticketId", "not_taken")
    ticket = await uow.session.scalar(
        select(Ticket)
        .where(Ticket.city_id == uow.city_id, Ticket.id == ticket_id, ticket_visible_to(actor.in_city(uow.city_id)))
        .with_for_update(key_share=True)
    )
    if ticket is None:
        raise InvalidInput("ticketId", "unknown_ticket")
    if ticket.secrecy != SecrecyLevel.NORMAL:
        raise InvalidInput("ticketId", "secret")
    if ticket.category != TicketCategory.COMPLAINT:
        raise InvalidInput("ticketId", "not_a_complaint")
    taken = select(IntegrityEntry.id).where(
        IntegrityEntry.city_id == uow.city_id, IntegrityEntry.ticket_id == ticket_id
    )
    if await uow.session.scalar(taken) is not None:
        raise InvalidInput("ticketId", "entered_already")
    return ticket
