"""Give a person a role in a tenant."""

from __future__ import annotations

import uuid

from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import insert

from app.kernel.errors import InvalidInput, NotFound
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from authz.actor import Actor
from authz.administration import administers, is_operator_duty, tell_of_change
from authz.models import Grant
from authz.roles import GRANTABLE_AT, Role
from authz.users import user_by_id, user_by_login

# Enterprises are a slice above this one: of the registry only the key is known here.
ENTERPRISES = table("enterprises", column("city_id"), column("id"))


async def grant_role(
    uow: UnitOfWork,
    actor: Actor,
    *,
    user: str | uuid.UUID,
    role: Role,
    tenant: str,
    enterprise_id: uuid.UUID | None = None,
) -> Grant:
    """Grant the role to the user (login or id) in the tenant (path), effective with the user's next transaction.

    What was granted already is returned as it is, and nothing changes. Raises, in this order: `InvalidInput` `role`
    `not_grantable` (the platform operator's role, and for the operator every role but the city administrator's);
    `NotFound` Tenant (none, or outside what the actor administers); `InvalidInput` `role` `tenant_kind` (with `kinds`:
    where the role makes sense); `InvalidInput` `enterpriseId` `required` or `not_allowed`; `NotFound` User;
    `InvalidInput` `user` `own_grant`; `NotFound` Enterprise.
    """
    operator_duty = is_operator_duty(actor, role)
    operates_only = Role.PLATFORM_OPERATOR in actor.roles and Role.CITY_ADMINISTRATOR not in actor.roles
    if role is Role.PLATFORM_OPERATOR or (operates_only and not operator_duty):
        raise InvalidInput("role", "not_grantable", role=role.value)
    node = uow.tree.by_path(tenant)
    if node is None or node.city_id != uow.city_id or not (operator_duty or administers(actor, node)):
        raise NotFound(field="tenant", kind="Tenant")
    if node.kind not in GRANTABLE_AT[role]:
        kinds = sorted(kind.value for kind in GRANTABLE_AT[role])
        raise InvalidInput("role", "tenant_kind", role=role.value, kind=str(node.kind), kinds=kinds)
    if (enterprise_id is None) == (role is Role.ENTERPRISE_USER):
        raise InvalidInput("enterpriseId", "required" if enterprise_id is None else "not_allowed", role=role.value)

    session = uow.session
    person = await (user_by_login(session, user) if isinstance(user, str) else user_by_id(session, user))
    if person is None:
        raise NotFound(field="user", kind="User")
    if person.id == actor.user_id:
        # Who gives out roles takes none: an administrator reads no ticket, and could by one call otherwise.
        raise InvalidInput("user", "own_grant")
    if enterprise_id is not None:
        known = select(ENTERPRISES.c.id).where(ENTERPRISES.c.city_id == uow.city_id, ENTERPRISES.c.id == enterprise_id)
        if await session.scalar(known) is None:
            raise NotFound(field="enterpriseId", kind="Enterprise")

    values = {"user_id": person.id, "tenant_id": node.id, "role": role.value, "enterprise_id": enterprise_id}
    while True:  # once, unless what was granted already is revoked between the two statements
        # A concurrent twin waits here for the other's commit, and then finds its grant.
        granted: Grant | None = await session.scalar(
            insert(Grant)
            .values(city_id=uow.city_id, id=new_id(), granted_at=uow.now, granted_by=actor.user_id, **values)
            .on_conflict_do_nothing()
            .returning(Grant)
        )
        if granted is not None:
            await tell_of_change(uow, actor, "ROLE_GRANTED", granted)
            return granted
        same = [getattr(Grant, name).is_not_distinct_from(value) for name, value in values.items()]
        existing: Grant | None = await session.scalar(select(Grant).where(*same))
        if existing is not None:
            return existing
