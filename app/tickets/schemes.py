"""The scheme under which a ticket runs: the one in force at its submission, until it ends (domain.md, section 2)."""

from __future__ import annotations

from tenants.schemes.store import current_scheme, scheme_at

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket
from tenants.schemes.model import Scheme


async def present_scheme(uow: UnitOfWork) -> tuple[int, Scheme]:
    """The version and the scheme in force in the unit of work's city."""
    return await current_scheme(uow.session, uow.city_id)


async def scheme_of(uow: UnitOfWork, ticket: Ticket) -> Scheme:
    """The scheme that the ticket keeps."""
    return await scheme_at(uow.session, ticket.city_id, ticket.scheme_version)
