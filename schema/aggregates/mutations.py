"""The verbs of the aggregates, each declared as input, action and payload."""

from __future__ import annotations

import uuid

import strawberry

from app.aggregates.actions.correct import correct
from app.aggregates.actions.release import release
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, id_input, retry_key
from schema.scalars import TenantPath
from tenants.tree import TenantTree


@strawberry.input(description="Release a month's numbers to the region (发布月度汇总).")
class AggregateReleaseInput:
    city: TenantPath = strawberry.field(description="The city.")
    month: str = strawberry.field(description="A month that is over: `2026-11`.")
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Count a released month anew, and release a further version (更正).")
class AggregateCorrectInput:
    aggregate_id: strawberry.ID = id_input("AG", "The newest version of the month.")
    reason: str = strawberry.field(description="Why; the region reads it.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


def _city_by_path(values: Values, actor: Actor, tree: TenantTree) -> int:
    node = tree.by_path(values["city"])
    if node is None or node.id != node.city_id or node.id not in actor.cities:
        raise NotFound(field="city", kind="Tenant")
    return node.id


def _city_of(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["aggregate_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="aggregateId", kind="ReleasedAggregate")
    return city_id


async def _release(uow: UnitOfWork, actor: Actor, _subject: uuid.UUID, values: Values) -> uuid.UUID:
    return (await release(uow, actor, month=values["month"])).id


async def _correct(uow: UnitOfWork, actor: Actor, _subject: uuid.UUID, values: Values) -> uuid.UUID:
    key = values.pop("aggregate_id").key
    return (await correct(uow, actor, key, **values)).id


VERBS = (
    Verb(
        name="aggregateRelease",
        input=AggregateReleaseInput,
        description="The city's office releases a month to its region before the day on which it is released by "
        "itself: the same numbers appear in both spaces, and stand.",
        permissions=(Permission.AGGREGATE_RELEASE,),
        shows="ReleasedAggregate",
        city=_city_by_path,
        act=_release,
    ),
    Verb(
        name="aggregateCorrect",
        input=AggregateCorrectInput,
        description="The city's office has a released month counted anew: a further version, with its reason, beside "
        "those before it. What was withheld stays so.",
        permissions=(Permission.AGGREGATE_RELEASE,),
        shows="ReleasedAggregate",
        city=_city_of,
        act=_correct,
    ),
)
