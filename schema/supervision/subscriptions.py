"""The live stream of what the viewer is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry
from sqlalchemy import true

from app.supervision.notifying import TOPIC
from authz.permissions import Permission
from schema.context import Viewer
from schema.pages import Since
from schema.supervision.types import NotificationEdge
from schema.tickets.subscriptions import Followed, Stream
from tenants.tree import TenantTree


def _own(_arguments: Mapping[str, Any], viewer: Viewer, _tree: TenantTree) -> Followed:
    assert viewer.actor is not None
    return Followed(viewer.actor.city_id, None, "notifications")


def notifications_arguments(after: Since = strawberry.UNSET) -> NotificationEdge: ...


STREAMS: Mapping[str, Stream] = {
    "notifications": Stream("Notification", TOPIC, lambda _here: true(), _own, Permission.NOTIFICATION_READ),
}


@strawberry.type
class SupervisionSubscriptions:
    notifications: NotificationEdge = strawberry.field(
        resolver=notifications_arguments,
        description="What the viewer's own tenants are told: tickets to handle, notices to reply to.",
    )
