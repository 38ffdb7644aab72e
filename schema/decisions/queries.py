"""The query of published decisions: its arguments, and how the reader answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from sqlalchemy import Text, exists, func, literal_column, or_, select

from app.kernel.errors import BadInput
from authz.permissions import Permission
from schema.context import Viewer
from schema.decisions.types import PublishedDecisionConnection
from schema.pages import After, First
from schema.reader.declare import Connection, Here, Located, Order, Root, root
from schema.scalars import TenantPath
from schema.tenants.types import TENANTS
from tenants.tree import TenantTree


def _locate(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    """Unlike what is a tenant's own, the published is for the whole city: any of its tenants may be asked for."""
    assert viewer.actor is not None
    node = tree.by_path(arguments["within"])
    if node is None or node.city_id not in viewer.actor.cities:
        raise BadInput("no_such_tenant", tenant=arguments["within"])
    return Located((node.city_id,))


def _by_those_within(here: Here) -> Any:
    path = here.arguments.bind("within", type_=Text())
    tenant = TENANTS.alias("of_decision")
    below = func.starts_with(tenant.c.path, path.op("||")(literal_column("'.'")))
    return exists(
        select(literal_column("1"))
        .select_from(tenant)
        .where(tenant.c.id == here.row.c.tenant_id, or_(tenant.c.path == path, below))
    )


def published_decisions_arguments(
    within: Annotated[TenantPath, strawberry.argument(description="By the tenants of this city, county, department…")],
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> PublishedDecisionConnection: ...


@strawberry.type
class DecisionQueries:
    published_decisions: PublishedDecisionConnection = root(
        "The decisions that were published, latest first. For everybody who has a part in the city.",
        Root(
            Connection(
                target="PublishedDecision",
                on=_by_those_within,
                orders={},
                default=Order("published_at", descending=True),
            ),
            _locate,
            Permission.DECISION_READ,
        ),
        published_decisions_arguments,
    )
