"""Who releases, and to which region."""

from __future__ import annotations

from app.aggregates.words import AggregateAction
from app.kernel.errors import InvalidInput, NotResponsible
from app.kernel.events import Author
from app.kernel.unit_of_work import Node, UnitOfWork
from authz.actor import Actor
from authz.permissions import Permission


def office_of(uow: UnitOfWork, actor: Actor) -> Author:
    """The actor as the city's own office. Raises `NotResponsible` for one of a county."""
    if not actor.reach(Permission.AGGREGATE_RELEASE, uow.city_id).whole_city:
        raise NotResponsible(action=AggregateAction.RELEASE)
    by_role = actor.policy[Permission.AGGREGATE_RELEASE]
    grant = next(each for each in actor.grants if each.tenant_id == uow.city_id and each.role in by_role)
    return Author(actor.user_id, grant.tenant_id, grant.role.value)


def region_above(uow: UnitOfWork) -> Node:
    """The region to which the city releases. Raises `InvalidInput` `no_region`."""
    region = uow.tree.region_of(uow.city_id)
    if region is None:
        raise InvalidInput("city", "no_region")
    return region
