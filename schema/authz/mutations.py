"""Granting and revoking roles."""

from __future__ import annotations

import uuid

import strawberry

from app.kernel.errors import InvalidInput, NotFound
from app.kernel.unit_of_work import UnitOfWork
from authz.actions.grant_role import grant_role
from authz.actions.revoke_role import revoke_role
from authz.actor import Actor
from authz.permissions import Permission
from authz.roles import Role
from schema.mutations import Values, Verb, id_input, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.tree import TenantTree


@strawberry.input(description="Give a person a role in a tenant. What was granted already stays as it is.")
class RoleGrantInput:
    user_id: strawberry.ID | None = id_input("U", "The person; this or the login.", optional=True)
    login: str | None = optional_input("The person's login; this or the id.")
    role: Role = strawberry.field(description="The role.")
    tenant: TenantPath = strawberry.field(description="Where it holds, with all below it.")
    enterprise_id: strawberry.ID | None = id_input(
        "E", "The enterprise that an enterprise user acts for.", optional=True
    )
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Take a role away. It ends what the role fed, live streams included.")
class RoleRevokeInput:
    grant_id: strawberry.ID = id_input("G", "The grant.")
    idempotency_key: str | None = retry_key()


def _operates(actor: Actor) -> bool:
    return Role.PLATFORM_OPERATOR in actor.roles


def _city_of_tenant(values: Values, actor: Actor, tree: TenantTree) -> int:
    node = tree.by_path(values["tenant"])
    if node is None or not (node.city_id in actor.cities or _operates(actor)):
        raise NotFound(field="tenant", kind="Tenant")
    return node.city_id


def _city_of_grant(values: Values, actor: Actor, tree: TenantTree) -> int:
    city_id: int = values["grant_id"].city_id
    if tree.by_id(city_id) is None or not (city_id in actor.cities or _operates(actor)):
        raise NotFound(field="grantId", kind="Grant")
    return city_id


async def _grant(uow: UnitOfWork, actor: Actor, _subject: uuid.UUID, values: Values) -> uuid.UUID:
    if ("user_id" in values) == ("login" in values):
        raise InvalidInput("login", "id_or_login")
    user = values["login"] if "login" in values else values["user_id"].key
    enterprise = values.get("enterprise_id")
    grant = await grant_role(
        uow,
        actor,
        user=user,
        role=values["role"],
        tenant=values["tenant"],
        enterprise_id=None if enterprise is None else enterprise.key,
    )
    return grant.id


async def _revoke(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, _values: Values) -> uuid.UUID:
    return (await revoke_role(uow, actor, subject)).id


VERBS = (
    Verb(
        name="roleGrant",
        input=RoleGrantInput,
        description="Give a person a role in a tenant; for those who administer it.",
        permissions=(Permission.ROLE_GRANT,),
        shows="RoleGrant",
        city=_city_of_tenant,
        act=_grant,
    ),
    Verb(
        name="roleRevoke",
        input=RoleRevokeInput,
        description="Take a role away, effective with the person's next request, in every process.",
        permissions=(Permission.ROLE_GRANT,),
        shows="RoleGrant",
        city=_city_of_grant,
        act=_revoke,
        subject=lambda values: values["grant_id"].key,
        removes=True,
    ),
)
