"""People, their roles, and who is asking, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from sqlalchemy import Integer, Uuid, and_, exists, func, literal_column, or_, select

from app.kernel.tables import table_of
from authz.models import Grant as GrantRow
from authz.models import User as UserRow
from authz.permissions import Permission
from authz.roles import Role
from schema.enterprises.types import Enterprise
from schema.labels import label_sql
from schema.pages import Node
from schema.reader.declare import Call, Here, column, computed, expression, relation, stored
from schema.scalars import TenantPath
from schema.tenants.types import Tenant

USERS = table_of(UserRow)
GRANTS = table_of(GrantRow)

strawberry.enum(Permission, description="What a role may do: OBJECT_ACTION.")
for _value in Permission.__strawberry_definition__.values:  # type: ignore[attr-defined]
    _object, _, _action = Permission[_value.name].value.partition(":")
    _value.description = f"To {_action.replace('_', ' ')}: {_object}."


def _own_or_administered(here: Here, user_column: str) -> Any:
    mine = getattr(here.row.c, user_column) == here.bind("user_id", lambda scope: scope.actor.user_id, Uuid())
    if here.scope.reach(Permission.USER_READ).whole_city:
        return or_(mine, here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer()))
    return mine


def _granted_by_viewer(here: Here) -> Any:
    return here.row.c.granted_by == here.bind("user_id", lambda scope: scope.actor.user_id, Uuid())


@stored(
    table=USERS,
    prefix="U",
    visible=lambda here: _own_or_administered(here, "id"),
    description="A person who signs in: visible to themselves and to those who administer users in their city.",
)
class User(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'U'"), here.row.c.city_id, here.row.c.id)
    )
    login: str = column("The name they sign in with.")
    name: str = column("The name that is shown.")
    active: bool = column("Whether they can sign in.")
    city: Tenant = relation(
        "The city the login belongs to.", "Tenant", lambda here: here.row.c.id == here.outer.c.city_id
    )


@stored(
    table=GRANTS,
    prefix="G",
    visible=lambda here: or_(_own_or_administered(here, "user_id"), _granted_by_viewer(here)),
    description="A role of a person in a tenant; it reaches the tenant's subtree.",
)
class RoleGrant(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'G'"), here.row.c.city_id, here.row.c.id)
    )
    role: Role = column("The role.")
    role_label: str = expression(
        "The role in the viewer's language.", lambda here: label_sql(Role, here.row.c.role, here.locale)
    )
    tenant: Tenant = relation("Where it holds.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id)
    enterprise: Enterprise | None = relation(
        "The enterprise that an enterprise user acts for.",
        "Enterprise",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.enterprise_id),
    )
    user: User = relation("Whose it is.", "User", lambda here: here.row.c.id == here.outer.c.user_id, inherits=True)
    granted_at: datetime = column("When it was granted.")


def _me(here: Here) -> Any:
    return here.row.c.id == here.of_viewer("user_id", Uuid())


def permissions_arguments(
    tenant: Annotated[TenantPath, strawberry.argument(description="In this tenant and what lies below it.")],
) -> list[Permission]: ...


def _permissions(_needed: Any, call: Call, arguments: Mapping[str, Any]) -> list[str]:
    actor, path = call.viewer.actor, arguments["tenant"]
    if actor is None:
        return []
    held = ((grant.role, call.tree.by_id(grant.tenant_id)) for grant in actor.grants)
    roles = {role for role, node in held if node is not None and call.tree.is_within(path, node.path)}
    policy = actor.policy
    return [permission.name for permission in Permission if not roles.isdisjoint(policy.get(permission, {}))]


@stored(
    table=None,
    public=True,
    description="Who is asking. Without signing in there is no user, no role and no permission.",
)
class Viewer:
    user: User | None = relation("The signed-in person; null for a stranger.", "User", _me, inherits=True)
    roles: list[RoleGrant] = relation(
        "Every role they hold, at most 100.",
        "RoleGrant",
        lambda here: here.row.c.user_id == here.of_viewer("user_id", Uuid()),
        many=True,
        most=100,
        inherits=True,
        order=lambda row: (row.c.granted_at, row.c.id),
    )
    tenants: list[Tenant] = relation(
        "The tenants they hold a role in, at most 100.",
        "Tenant",
        lambda here: exists(
            select(literal_column("1"))
            .select_from(GRANTS)
            .where(GRANTS.c.tenant_id == here.row.c.id, GRANTS.c.user_id == here.of_viewer("user_id", Uuid()))
        ),
        many=True,
        most=100,
        order=lambda row: (row.c.path,),
    )
    permissions: list[Permission] = computed(
        "What their roles permit in a tenant; whether it reaches a given object is said by its `allowedActions`.",
        lambda _here: {},
        _permissions,
        permissions_arguments,
    )
