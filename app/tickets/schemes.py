"""The scheme under which a ticket runs: the one in force at its submission, until it ends (domain.md, section 2)."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket
from tenants.schemes.model import Scheme
from tenants.schemes.store import scheme_at

# A published version never changes, so every verb but the first of a process finds it without a statement.
_schemes: WeakKeyDictionary[Any, dict[tuple[int, int], Scheme]] = WeakKeyDictionary()


async def present_scheme(uow: UnitOfWork) -> tuple[int, Scheme]:
    """The version and the scheme in force in the unit of work's city. Raises `NotFound` where none was published."""
    city = uow.tree.by_id(uow.city_id)
    if city is None or city.scheme_version is None:
        raise NotFound(kind="Scheme")
    return city.scheme_version, await _scheme_at(uow, city.scheme_version)


async def scheme_of(uow: UnitOfWork, ticket: Ticket) -> Scheme:
    """The scheme that the ticket keeps."""
    return await _scheme_at(uow, ticket.scheme_version)


def known_scheme(uow: UnitOfWork, ticket: Ticket) -> Scheme:
    """The scheme of a ticket that `access_ticket` has handed out. Raises KeyError for any other."""
    return _schemes[uow.session.get_bind()][uow.city_id, ticket.scheme_version]


async def _scheme_at(uow: UnitOfWork, version: int) -> Scheme:
    known = _schemes.setdefault(uow.session.get_bind(), {})
    scheme = known.get((uow.city_id, version))
    if scheme is None:
        scheme = known[uow.city_id, version] = await scheme_at(uow.session, uow.city_id, version)
    return scheme
