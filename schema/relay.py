"""`viewer`, `node` and `nodes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from sqlalchemy import true

from app.kernel.errors import BadInput
from schema import ids
from schema.authz.types import Viewer
from schema.context import Viewer as Asking
from schema.pages import Node
from schema.reader.declare import BY_PREFIX, MOST_IDS, Located, NodeRoot, NodesRoot, Relation, Root, root
from schema.tenants.queries import everywhere
from tenants.tree import TenantTree


def _locate_node(arguments: Mapping[str, Any], viewer: Asking, _tree: TenantTree) -> Located:
    found = ids.decode(arguments["id"])
    return Located((_city(found, viewer),), (BY_PREFIX[found.prefix].name,))


def _locate_nodes(arguments: Mapping[str, Any], viewer: Asking, _tree: TenantTree) -> Located:
    """One group per type and city, in a stable order."""
    if len(arguments["ids"]) > MOST_IDS:
        raise BadInput("too_many_ids", largest=MOST_IDS)
    groups = sorted(
        {(BY_PREFIX[found.prefix].name, _city(found, viewer)) for found in map(ids.decode, arguments["ids"])}
    )
    return Located(tuple(city for _, city in groups), tuple(name for name, _ in groups))


def _city(found: ids.GlobalId, viewer: Asking) -> int:
    """A tenant belongs to no city: it is read in the viewer's own."""
    if found.prefix == ids.TENANT:
        return viewer.actor.city_id if viewer.actor is not None else 0
    return found.city_id


def node_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="A global id of any type.")],  # noqa: A002
) -> Node | None: ...


def nodes_arguments(
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids of any types, at most 100.")],
) -> list[Node | None]: ...


@strawberry.type
class RelayQueries:
    node: Node | None = root(
        "Anything by its global id; null when there is no such thing, or it is not the viewer's to see.",
        Root(NodeRoot(), _locate_node, public=True),
        node_arguments,
    )
    nodes: list[Node | None] = root(
        "Many things by their global ids, in the order asked; null where there is none for the viewer.",
        Root(NodesRoot(), _locate_nodes, public=True),
        nodes_arguments,
    )
    viewer: Viewer = root(
        "Who is asking, and what they may do.",
        Root(Relation("Viewer", lambda _here: true()), everywhere, public=True),
        None,
    )
