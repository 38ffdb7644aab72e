"""The queries of the enterprise registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from sqlalchemy import Integer, Text, Uuid, true
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from app.kernel.errors import BadInput
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.enterprises.types import BY_NAME, FILTERS, Enterprise, EnterpriseConnection, EnterpriseFilter
from schema.pages import After, First
from schema.reader.declare import Connection, Here, Located, Relation, Root, root
from schema.scalars import TenantPath, UnifiedSocialCreditCode
from schema.tenants.within import locate_within, tenant_number
from tenants.models import TenantKind
from tenants.tree import TenantTree


def checked_credit_code(value: str) -> str:
    """A code in its written form. Raises BadInput `credit_code` for a wrong length, letter or check character."""
    try:
        return str(uscc.validate(value))
    except ValidationError:
        raise BadInput("credit_code", code=value[:40]) from None


def _locate(arguments: Mapping[str, Any], viewer: Viewer, _tree: TenantTree) -> Located:
    assert viewer.actor is not None
    if (arguments.get("id") is None) == (arguments.get("creditCode") is None):
        raise BadInput("id_or_credit_code")
    if arguments.get("id") is not None:
        return Located((ids.decode_as(arguments["id"], "E").city_id,))
    checked_credit_code(arguments["creditCode"])
    return Located((viewer.actor.city_id,))


def _this(here: Here) -> Any:
    if here.arguments.has("id"):
        key = here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
        return here.row.c.id == key
    code = here.arguments.bind("creditCode", type_=Text(), convert=lambda value, _call: checked_credit_code(value))
    return here.row.c.credit_code == code


def _within(here: Here) -> Any:
    if here.arguments.located == TenantKind.COUNTY:
        return here.row.c.county_id == here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    return true()


def enterprise_arguments(
    id: Annotated[strawberry.ID | None, strawberry.argument(description="Its global id.")] = strawberry.UNSET,  # noqa: A002
    credit_code: Annotated[
        UnifiedSocialCreditCode | None,
        strawberry.argument(description="Its credit code, in the viewer's own city. Give this or the id."),
    ] = strawberry.UNSET,
) -> Enterprise | None: ...


def enterprises_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Lying in this county or city; the viewer's own city when not given."),
    ] = strawberry.UNSET,
    filter: Annotated[EnterpriseFilter | None, strawberry.argument(description="Which of them.")] = strawberry.UNSET,  # noqa: A002
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> EnterpriseConnection: ...


@strawberry.type
class EnterpriseQueries:
    enterprise: Enterprise | None = root(
        "An enterprise by its id or its credit code; null when there is none that the viewer may see.",
        Root(Relation("Enterprise", _this), _locate, Permission.ENTERPRISE_READ),
        enterprise_arguments,
    )
    enterprises: EnterpriseConnection = root(
        "The enterprises that the viewer may see, by name.",
        Root(
            Connection(target="Enterprise", on=_within, orders={}, default=BY_NAME, filters=FILTERS, counting=100),
            locate_within,
            Permission.ENTERPRISE_READ,
        ),
        enterprises_arguments,
    )
