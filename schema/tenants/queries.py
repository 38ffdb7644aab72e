"""The queries of tenants and schemes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from sqlalchemy import Integer, Text, and_, func, literal_column, or_, select, true

from authz.permissions import Permission
from schema.context import Viewer
from schema.pages import After, First
from schema.reader.declare import Call, Connection, Here, Located, Order, Relation, Root, root
from schema.scalars import TenantPath
from schema.tenants.types import SCHEMES, Scheme, Tenant, TenantConnection
from schema.tenants.within import locate_city, tenant_number
from tenants.models import TenantKind
from tenants.tree import TenantTree


def everywhere(_arguments: Mapping[str, Any], viewer: Viewer, _tree: TenantTree) -> Located:
    """Data that belongs to no city: read in the viewer's own, if they have one."""
    return Located(() if viewer.actor is None else (viewer.actor.city_id,))


def _path(value: str, call: Call) -> str:
    tenant_number(value, call)  # an unknown tenant is an error, not an empty list
    return value


def _wanted(here: Here) -> Any:
    conditions: list[Any] = [true()]
    if here.arguments.has("within"):
        path = here.arguments.bind("within", type_=Text(), convert=_path)
        below = func.starts_with(here.row.c.path, path.op("||")(literal_column("'.'")))
        conditions.append(or_(here.row.c.path == path, below))
    if here.arguments.has("kind"):
        conditions.append(here.row.c.kind == here.arguments.bind("kind", type_=Text()))
    return and_(*conditions)


def _version(here: Here) -> Any:
    if here.arguments.has("version"):
        return here.row.c.version == here.arguments.bind("version", type_=Integer())
    newest = select(func.max(SCHEMES.c.version)).where(
        SCHEMES.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())
    )
    return here.row.c.version == newest.scalar_subquery()


def tenant_arguments(
    path: Annotated[TenantPath, strawberry.argument(description="Its dotted path.")],
) -> Tenant | None: ...


def tenants_arguments(
    within: Annotated[
        TenantPath | None, strawberry.argument(description="This tenant and all below it; everywhere when not given.")
    ] = strawberry.UNSET,
    kind: Annotated[TenantKind | None, strawberry.argument(description="Of this kind only.")] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> TenantConnection: ...


def scheme_arguments(
    city: Annotated[TenantPath, strawberry.argument(description="The city (or region).")],
    version: Annotated[
        int | None, strawberry.argument(description="Which version; the latest when not given.")
    ] = strawberry.UNSET,
) -> Scheme | None: ...


@strawberry.type
class TenantQueries:
    tenant: Tenant | None = root(
        "A tenant by its path. Public.",
        Root(
            Relation("Tenant", lambda here: here.row.c.path == here.arguments.bind("path", type_=Text())),
            everywhere,
            public=True,
        ),
        tenant_arguments,
    )
    tenants: TenantConnection = root(
        "Tenants by path. Public.",
        Root(
            Connection(target="Tenant", on=_wanted, orders={}, default=Order("path")),
            everywhere,
            public=True,
        ),
        tenants_arguments,
    )
    scheme: Scheme | None = root(
        "A city's scheme; null when there is no such version. For those who have a part in the city.",
        Root(Relation("Scheme", _version), locate_city, Permission.SCHEME_READ),
        scheme_arguments,
    )
