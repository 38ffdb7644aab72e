"""Who is named on a restricted ticket: nobody else, the auditor apart, ever learns that it exists."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Uuid, literal, select
from sqlalchemy.dialects.postgresql import insert

from app.kernel.tables import table_of
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.queries import NAMED_PERSONS
from authz.models import Grant

GRANTS = table_of(Grant)


async def name_person(uow: UnitOfWork, ticket_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Name one person."""
    await uow.session.execute(
        insert(NAMED_PERSONS)
        .values(city_id=uow.city_id, ticket_id=ticket_id, user_id=user_id, named_at=uow.now)
        .on_conflict_do_nothing()
    )


async def name_holders(uow: UnitOfWork, ticket_id: uuid.UUID, roles: Sequence[str], tenant_id: int) -> None:
    """Name everybody who holds one of the roles in exactly this tenant today; who comes later is not named."""
    holders = (
        select(
            GRANTS.c.city_id,
            literal(ticket_id, Uuid()),
            GRANTS.c.user_id,
            literal(uow.now, NAMED_PERSONS.c.named_at.type),
        )
        .where(GRANTS.c.city_id == uow.city_id, GRANTS.c.tenant_id == tenant_id, GRANTS.c.role.in_(roles))
        .distinct()
    )
    await uow.session.execute(
        insert(NAMED_PERSONS)
        .from_select(["city_id", "ticket_id", "user_id", "named_at"], holders)
        .on_conflict_do_nothing()
    )
