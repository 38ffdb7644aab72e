"""The argument `within`: which city a list is of, and whether the viewer has any part in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kernel.errors import BadInput
from schema.context import Viewer
from schema.reader.declare import Call, Located
from tenants.tree import TenantNode, TenantTree


def locate_within(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    """The city of `within`, by default the viewer's own; the tenant's kind shapes the statement.

    Raises BadInput `no_such_tenant` both where there is no such tenant and where the viewer has no part in it.
    """
    assert viewer.actor is not None
    path = arguments.get("within")
    if path is None:
        return Located((viewer.actor.city_id,))
    node = tree.by_path(path)
    if node is None or not _has_part(viewer, node, tree):
        raise BadInput("no_such_tenant", tenant=path)
    return Located((node.city_id,), node.kind)


def locate_city(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    """The city of the argument `city`. Raises BadInput `no_such_tenant` like `locate_within`."""
    assert viewer.actor is not None
    node = tree.by_path(arguments["city"])
    if node is None or node.id != node.city_id or node.id not in viewer.actor.cities:
        raise BadInput("no_such_tenant", tenant=arguments["city"])
    return Located((node.city_id,))


def tenant_number(path: str, call: Call) -> int:
    """A tenant's number from its path. Raises BadInput `no_such_tenant`."""
    node = call.tree.by_path(path)
    if node is None:
        raise BadInput("no_such_tenant", tenant=path)
    return node.id


def _has_part(viewer: Viewer, node: TenantNode, tree: TenantTree) -> bool:
    """Whether a grant of the viewer lies above, at or below the tenant."""
    assert viewer.actor is not None
    held = (tree.by_id(grant.tenant_id) for grant in viewer.actor.grants)
    return any(
        own is not None and (tree.is_within(node.path, own.path) or tree.is_within(own.path, node.path)) for own in held
    )
