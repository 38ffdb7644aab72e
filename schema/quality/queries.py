"""The query of samples for checks of quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from sqlalchemy import Integer

from authz.permissions import Permission
from schema.context import Viewer
from schema.pages import After, First
from schema.quality.types import QualitySampleConnection
from schema.reader.declare import Connection, Here, Located, Order, Root, root
from schema.scalars import TenantPath
from schema.tenants.within import locate_within, tenant_number
from tenants.tree import TenantTree


def _locate(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    return Located(locate_within(arguments, viewer, tree).cities)


def _drawn_of(here: Here) -> Any:
    return here.row.c.tenant_id == here.arguments.bind("within", type_=Integer(), convert=tenant_number)


def quality_samples_arguments(
    within: Annotated[TenantPath, strawberry.argument(description="Drawn of exactly this city, county or department.")],
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> QualitySampleConnection: ...


@strawberry.type
class QualityQueries:
    quality_samples: QualitySampleConnection = root(
        "The samples drawn of a tenant's tickets, newest first; for supervision, office, groups and auditors.",
        Root(
            Connection(target="QualitySample", on=_drawn_of, orders={}, default=Order("drawn_at", descending=True)),
            _locate,
            Permission.TICKET_READ_QUALITY,
        ),
        quality_samples_arguments,
    )
