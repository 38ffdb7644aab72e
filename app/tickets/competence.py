"""Who is meant by a department and a level, where a matter lies; what dispatches teach of it, and what it suggests."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import Node, Tree, UnitOfWork
from app.responsibility.evidence import (
    learn,
    lessons_of_dispatch,
    lessons_of_ruling,
    overrule,
    practice,
    rulings_on,
    uphold,
)
from app.responsibility.models import HandlingLevel
from app.responsibility.store import present_subject, present_version, subjects_at
from app.responsibility.suggest import (
    Match,
    Resolve,
    Suggestion,
    match_subjects,
    suggest,
    terms_of,
)
from app.tickets.handlers import HANDLING_KINDS, may_name
from app.tickets.models import Ticket
from app.tickets.queries import TICKETS, visible_to, within_reach
from app.tickets.words import SecrecyLevel, TicketStatus
from authz.actor import Actor, Reach
from authz.permissions import Permission
from tenants.models import TenantKind

NAMING = (
    Permission.TICKET_DISPATCH,
    Permission.TICKET_DISPATCH_ESCALATED,
    Permission.TICKET_ARBITRATE,
    Permission.TICKET_ARBITRATE_REFERRED,
)
"""Who has one of these may name a lead: the suggestions are for them, as far as each reaches."""


def competent(tree: Tree, county_id: int | None, reaches: Sequence[Reach] | None = None) -> Resolve:
    """Finds who is meant, where the matter lies in this county or (None) concerns the whole city.

    What is handled below the city goes to the county: to its department of the same name, or else to itself. Of those
    whom `reaches` leave out, the county's stand in, as for a county's own dispatcher; else nobody.
    """
    county = None if county_id is None else tree.by_id(county_id)

    def here(node: Node) -> Node | None:
        """The node's counterpart in the county."""
        if county is None or node.county_id == county.id:
            return node
        below = tree.by_path(f"{county.path}.{node.path.rpartition('.')[2]}")
        return below if below is not None and below.kind == TenantKind.DEPARTMENT else county

    def named(node: Node) -> bool:
        return node.kind in HANDLING_KINDS and (reaches is None or any(may_name(reach, node) for reach in reaches))

    def resolve(tenant_id: int, level: HandlingLevel) -> int | None:
        node = tree.by_id(tenant_id)
        if node is None:
            return None
        local = level is not HandlingLevel.CITY or node.county_id is not None
        for found in (here(node),) if local else (node, here(node)):
            if found is not None and named(found):
                return found.id
        return None

    return resolve


async def learn_from_dispatch(uow: UnitOfWork, reach: Reach, ticket: Ticket, lead: Node) -> None:
    """A dispatch speaks for the lead, and a second one for another lead against the first. Before the handing over.

    Only a ticket that everybody may read teaches: its words are kept. Nor does a county's dispatcher who gives a
    ticket to the county, having nobody else.
    """
    if ticket.secrecy != SecrecyLevel.NORMAL:
        return
    if lead.kind == TenantKind.COUNTY and not (reach.whole_city or reach.named):
        return
    lessons = lessons_of_dispatch(ticket.lead_id, lead.id, counted=_counted(uow, ticket))
    await learn(uow.session, uow.city_id, terms_of(ticket.title, ticket.body), lessons)


def _counted(uow: UnitOfWork, ticket: Ticket) -> bool:
    """Whether the lead has the ticket by a dispatch that was counted: not one that received it itself, nor surely a
    county, to which its own dispatcher may have given it."""
    lead = None if ticket.lead_id is None else uow.tree.by_id(ticket.lead_id)
    return lead is not None and lead.kind != TenantKind.COUNTY and not ticket.own_receipt


async def learn_from_ruling(uow: UnitOfWork, ticket: Ticket, lead: Node) -> None:
    """An arbitration speaks for whom it names and against who had the ticket, more than a dispatch; where it goes
    against the list, the list's subject counts as overruled. Before the handing over."""
    if ticket.secrecy == SecrecyLevel.RESTRICTED:
        return
    if ticket.secrecy == SecrecyLevel.NORMAL:
        lessons = lessons_of_ruling(ticket.lead_id, lead.id, counted=_counted(uow, ticket))
        await learn(uow.session, uow.city_id, terms_of(ticket.title, ticket.body), lessons)
    matches = await _matches(uow.session, ticket)
    if not matches:
        return
    subject = matches[0].subject
    listed = competent(uow.tree, ticket.county_id)(subject.tenant_id, subject.level)
    if listed in (lead.id, lead.county_id):
        await uphold(uow.session, uow.city_id, ticket.id)
    else:
        await overrule(uow.session, uow.city_id, ticket.id, subject_id=subject.id, tenant_id=lead.id, at=uow.now)


async def suggestions_for(
    session: AsyncSession, actor: Actor, tree: Tree, city_id: int, ticket_id: uuid.UUID
) -> list[Suggestion]:
    """Whom the ticket may be given to, the likeliest first, among those whom the actor may name; none of a ticket that
    the actor may not see, or could not dispatch or arbitrate in any state."""
    scope = actor.in_city(city_id)
    reaches = [reach for reach in map(scope.reach, NAMING) if not reach.empty]
    ticket = (
        await session.execute(
            select(TICKETS).where(
                TICKETS.c.city_id == city_id,
                TICKETS.c.id == ticket_id,
                visible_to(scope),
                or_(*(within_reach(scope, permission) for permission in NAMING)),
            )
        )
    ).one_or_none()
    if ticket is None:
        return []
    matches = await _matches(session, ticket)
    terms = terms_of(ticket.title, ticket.body)
    return suggest(
        terms,
        matches,
        await rulings_on(session, city_id, [match.subject.id for match in matches]),
        await practice(session, city_id, terms),
        competent(tree, ticket.county_id or _only_county(reaches), reaches),
        returned_by=ticket.lead_id if ticket.status == TicketStatus.DISPUTED else None,
    )


async def _matches(session: AsyncSession, ticket: Any) -> list[Match]:
    """The subjects of the list in force that the ticket is about: the one that it was given, or those that its words
    speak of."""
    subjects = await subjects_at(session, ticket.city_id, await present_version(session, ticket.city_id))
    if ticket.subject_id is not None and not any(subject.id == ticket.subject_id for subject in subjects):
        with suppress(InvalidInput):  # of an earlier version: the list may have its code still
            now = await present_subject(session, ticket.city_id, ticket.subject_id)
            return match_subjects(ticket.title, ticket.body, [each for each in subjects if each.id == now], given=True)
    given = [subject for subject in subjects if subject.id == ticket.subject_id]
    return match_subjects(ticket.title, ticket.body, given or subjects, given=bool(given))


def _only_county(reaches: Sequence[Reach]) -> int | None:
    """The county of somebody who is responsible for one county alone."""
    counties = {county for reach in reaches for county in reach.counties}
    return counties.pop() if len(counties) == 1 and not any(reach.whole_city for reach in reaches) else None
