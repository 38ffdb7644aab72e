"""What granting and revoking share: who may, and how every process comes to know."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel.events import Author
from app.kernel.unit_of_work import Node, UnitOfWork
from authz.actor import Actor
from authz.models import Grant, User
from authz.permissions import Permission
from authz.roles import Role

_BEGIN_REQUEST = text("select begin_request(:cities, :user_id)")
_REQUEST = text(
    "select current_setting('app.cities', true) as cities, nullif(current_setting('app.user', true), '') as user_id"
)


@dataclass(frozen=True, slots=True)
class GrantsOfUser:
    """The subject of the events ROLE_GRANTED and ROLE_REVOKED: a user's grants, at a version, told to one city."""

    city_id: int
    id: uuid.UUID
    version: int


def is_operator_duty(actor: Actor, role: Role) -> bool:
    """The platform operator gives every city its administrators, wherever the city; that and nothing else."""
    return Role.PLATFORM_OPERATOR in actor.roles and role is Role.CITY_ADMINISTRATOR


def administers(actor: Actor, tenant: Node) -> bool:
    """Whether the tenant lies in what the actor administers."""
    reach = actor.reach(Permission.ROLE_GRANT, tenant.city_id)
    return reach.whole_city or tenant.county_id in reach.counties or tenant.id in reach.tenants


async def tell_of_change(uow: UnitOfWork, actor: Actor, event_type: str, grant: Grant) -> None:
    """Make the user's actor stale in every process, and say in the city's log what was granted or revoked.

    The version refuses what a process does with the old grants; the event makes it close the live streams they fed.
    The event belongs to the city of the grant, also when the user is at home in another.
    """
    version = await _raise_version(uow.session, grant.user_id)
    acting = next(
        held
        for held in actor.grants
        if held.role is Role.PLATFORM_OPERATOR
        or (held.city_id == uow.city_id and held.role in actor.policy[Permission.ROLE_GRANT])
    )
    uow.record(
        GrantsOfUser(grant.city_id, grant.user_id, version),
        event_type,
        topic="user",
        author=Author(actor.user_id, acting.tenant_id, acting.role),
        visibility="INTERNAL",
        grant=str(grant.id),
        role=grant.role,
        tenant=grant.tenant_id,
        enterprise=None if grant.enterprise_id is None else str(grant.enterprise_id),
    )


async def _raise_version(session: AsyncSession, user_id: uuid.UUID) -> int:
    raised = (
        update(User)
        .where(User.id == user_id)
        .values(grants_version=User.grants_version + 1)
        .returning(User.grants_version)
        .execution_options(synchronize_session=False)
    )
    version = await session.scalar(raised)
    if version is None:
        # At home in another city: row-level security hides the row, and a revocation must hold all the same. Their
        # home is what they alone may see, so ask as them; then raise the version there, and come back.
        request = (await session.execute(_REQUEST)).one()._asdict()
        await session.execute(_BEGIN_REQUEST, {"cities": "", "user_id": str(user_id)})
        home = await session.scalar(select(User.city_id).where(User.id == user_id))
        await session.execute(_BEGIN_REQUEST, {"cities": str(home), "user_id": None})
        version = await session.scalar(raised)
        await session.execute(_BEGIN_REQUEST, request)
    assert version is not None, "a grant always has its user"
    return version
