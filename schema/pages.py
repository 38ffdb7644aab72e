"""Relay's shapes: `Node`, `PageInfo`, and for each paged type its edge and connection."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from schema.scalars import Cursor

First = Annotated[
    int | None, strawberry.argument(description="How many from the start, 1–100 (20 when neither is given).")
]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, 1–100.")]
After = Annotated[Cursor | None, strawberry.argument(description="Continue behind this `endCursor`.")]
Since = Annotated[
    Cursor | None,
    strawberry.argument(description="Continue behind the event with this `cursor`: what was missed comes first."),
]
Before = Annotated[Cursor | None, strawberry.argument(description="Go back from this `startCursor`.")]


@strawberry.interface(description="Anything with a global id; `node(id:)` finds it again.")
class Node:
    id: strawberry.ID = strawberry.field(description="The global id: opaque, stable, unique across all types.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="More follows `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Something precedes `startCursor`.")
    start_cursor: Cursor | None = strawberry.field(description="The first edge's cursor; null on an empty page.")
    end_cursor: Cursor | None = strawberry.field(description="The last edge's cursor; null on an empty page.")


def paged(node: type[Any], what: str) -> tuple[Any, Any]:
    """The edge and the connection types of a stored type; `what` names the things in the descriptions."""
    name = node.__name__
    edge = strawberry.type(
        type(
            f"{name}Edge",
            (),
            {
                "__annotations__": {"cursor": Cursor, "node": node},
                "__module__": node.__module__,
                "cursor": strawberry.field(description="This edge's place in the list."),
                "node": strawberry.field(description="What the edge leads to."),
            },
        ),
        description=f"A place in a list of {what}.",
    )
    connection = strawberry.type(
        type(
            f"{name}Connection",
            (),
            {
                "__annotations__": {"edges": list[edge], "page_info": PageInfo, "total_count": int},  # type: ignore[valid-type]
                "__module__": node.__module__,
                "edges": strawberry.field(description="The page, in order."),
                "page_info": strawberry.field(description="Where the page stands."),
                "total_count": strawberry.field(
                    description="How many there are in all, of those you may see; counted only when selected."
                ),
            },
        ),
        description=f"A page of {what}.",
    )
    return edge, connection
