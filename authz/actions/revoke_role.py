"""Take a role away."""

from __future__ import annotations

import uuid

from sqlalchemy import delete, func, select

from app.kernel.errors import InvalidInput, NotFound
from app.kernel.unit_of_work import UnitOfWork
from authz.actor import Actor
from authz.administration import administers, is_operator_duty, tell_of_change
from authz.models import Grant, User
from authz.roles import Role

ADMINISTRATORS_LOCK = 0x59_41_44_4D  # "YADM": with the city, the advisory lock under which administrators are counted


async def revoke_role(uow: UnitOfWork, actor: Actor, grant_id: uuid.UUID) -> Grant:
    """Revoke the grant, effective with the user's next transaction; returns it as it was.

    Raises `NotFound` Grant (none, or outside what the actor administers; for the platform operator every grant but a
    city administrator's), and `InvalidInput` `grantId` `last_administrator`: an administrator does not leave the city
    without one. The platform operator may, who can name another.
    """
    session = uow.session
    grant = await session.scalar(select(Grant).where(Grant.city_id == uow.city_id, Grant.id == grant_id))
    if grant is None:
        raise NotFound(field="grantId", kind="Grant")
    role = Role(grant.role)
    operator_duty = is_operator_duty(actor, role)
    node = uow.tree.by_id(grant.tenant_id)
    if role is Role.PLATFORM_OPERATOR or node is None or not (operator_duty or administers(actor, node)):
        raise NotFound(field="grantId", kind="Grant")
    if role is Role.CITY_ADMINISTRATOR and not operator_duty:
        await _keep_one_administrator(uow, grant)

    # Two who revoke the same grant at once: the second waits for the first, and then finds nothing left to revoke.
    gone = await session.scalar(
        delete(Grant).where(Grant.city_id == grant.city_id, Grant.id == grant.id).returning(Grant.id)
    )
    if gone is None:
        raise NotFound(field="grantId", kind="Grant")
    await tell_of_change(uow, actor, "ROLE_REVOKED", grant)
    return grant


async def _keep_one_administrator(uow: UnitOfWork, grant: Grant) -> None:
    """Refuse if nobody else who can sign in administers the city. Two who revoke one another's take turns."""
    await uow.session.execute(select(func.pg_advisory_xact_lock(ADMINISTRATORS_LOCK, uow.city_id)))
    other = await uow.session.scalar(
        select(Grant.id)
        .join(User, User.id == Grant.user_id)
        .where(
            Grant.city_id == uow.city_id,
            Grant.tenant_id == uow.city_id,
            Grant.role == Role.CITY_ADMINISTRATOR.value,
            Grant.user_id != grant.user_id,
            User.active,
        )
        .limit(1)
    )
    if other is None:
        raise InvalidInput("grantId", "last_administrator")
