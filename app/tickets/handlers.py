"""Who handles a ticket: naming the lead and the co-handlers, and putting the ticket into their hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, update

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import Node, UnitOfWork
from app.tickets.models import Ticket
from app.tickets.queries import CO_HANDLERS
from app.tickets.secrecy import name_holders
from app.tickets.words import SecrecyLevel
from authz.actor import Actor, Reach
from authz.permissions import Permission
from authz.roles import GRANTABLE_AT, Role
from tenants.schemes.model import Scheme

HANDLING_KINDS = GRANTABLE_AT[Role.HANDLER]
"""Tenants that can have handlers, so that somebody is there to acknowledge."""

MOST_CO_HANDLERS = 20
"""A ticket shows all of them at once, in lists of tickets too."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """One lead (牵头) and co-handling departments (协办)."""

    lead: Node
    co_handlers: tuple[Node, ...]


def find_handlers(
    uow: UnitOfWork, actor: Actor, permission: Permission, *, lead: str, co_handlers: Sequence[str]
) -> Handlers:
    """The tenants at these paths, as far as the actor's permission reaches.

    Raises `InvalidInput` on `lead` or `coHandlers.<index>`: `unknown_tenant` (none, or another city's), `not_handling`
    (a tenant that handles no tickets), `outside_reach`, `duplicate` (named twice, or the lead again); on
    `coHandlers` `too_many`.
    """
    if len(co_handlers) > MOST_CO_HANDLERS:
        raise InvalidInput("coHandlers", "too_many", limit=MOST_CO_HANDLERS)
    reach = actor.reach(permission, uow.city_id)
    found = [_find(uow, reach, "lead", lead)]
    for index, path in enumerate(co_handlers):
        field = f"coHandlers.{index}"
        node = _find(uow, reach, field, path)
        if node in found:
            raise InvalidInput(field, "duplicate", tenant=path)
        found.append(node)
    return Handlers(found[0], tuple(found[1:]))


def may_name(reach: Reach, node: Node) -> bool:
    """Whether who has this reach may give a ticket to the tenant."""
    anywhere = reach.whole_city or reach.named  # who is named on a ticket may take it to whom it concerns
    return anywhere or node.county_id in reach.counties or node.id in reach.tenants or node.id in reach.leads


async def hand_over(uow: UnitOfWork, ticket: Ticket, handlers: Handlers, scheme: Scheme) -> None:
    """Make them the ticket's handlers, instead of any it had; those who handle a restricted one are named on it."""
    key = {"city_id": ticket.city_id, "ticket_id": ticket.id}
    ticket.lead_id = handlers.lead.id
    ticket.lead_county_id = handlers.lead.county_id
    await uow.session.execute(delete(CO_HANDLERS).filter_by(**key))
    if handlers.co_handlers:
        rows = [{**key, "tenant_id": node.id} for node in handlers.co_handlers]
        await uow.session.execute(insert(CO_HANDLERS), rows)
    if ticket.secrecy == SecrecyLevel.RESTRICTED:
        await name_holders(uow, ticket.id, scheme.secrecy.restricted_handler_roles, handlers.lead.id)


async def ask_again(uow: UnitOfWork, ticket: Ticket) -> None:
    """Another round with the same departments (二次分办): who reported its part does so anew."""
    await uow.session.execute(
        update(CO_HANDLERS)
        .where(CO_HANDLERS.c.city_id == ticket.city_id, CO_HANDLERS.c.ticket_id == ticket.id)
        .values(report=None, reported_at=None)
    )


def find_handling(uow: UnitOfWork, field: str, path: str) -> Node:
    """The tenant of the city at this path. Raises `InvalidInput` of the field: `unknown_tenant`, `not_handling`."""
    node = uow.tree.by_path(path)
    if node is None or node.city_id != uow.city_id:
        raise InvalidInput(field, "unknown_tenant", tenant=path)
    if node.kind not in HANDLING_KINDS:
        raise InvalidInput(field, "not_handling", tenant=path)
    return node


def _find(uow: UnitOfWork, reach: Reach, field: str, path: str) -> Node:
    node = find_handling(uow, field, path)
    if not may_name(reach, node):
        raise InvalidInput(field, "outside_reach", tenant=path)
    return node
