"""The verb `correct`: a released month is counted anew and released in a further version, with the reason."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select

from app.aggregates.access import office_of, region_above
from app.aggregates.models import Aggregate
from app.aggregates.queries import AGGREGATES, visible_to
from app.aggregates.releasing import release_month
from app.aggregates.words import AggregateAction
from app.kernel.errors import Conflict, InvalidInput, NotFound, NotResponsible
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.schemes import present_scheme
from app.tickets.texts import check_text
from authz.actor import Actor


async def correct(
    uow: UnitOfWork, actor: Actor, aggregate_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> Aggregate:
    """The next version of the month, beside those that were released; what was withheld stays so.

    Raises `NotFound`; `NotResponsible` to the region: only the city corrects what is its own; `Conflict` when there is
    a newer version; `InvalidInput` `nothing_changed`; `reason` as the scheme's reasons.
    """
    aggregate = await uow.session.scalar(
        select(Aggregate).where(
            Aggregate.city_id == uow.city_id, Aggregate.id == aggregate_id, visible_to(actor.in_city(uow.city_id))
        )
    )
    if aggregate is None:
        raise NotFound(kind="ReleasedAggregate")
    if aggregate.of_city_id != uow.city_id:
        raise NotResponsible(action=AggregateAction.CORRECT)
    author = office_of(uow, actor)
    newest = await uow.session.scalar(
        select(func.max(AGGREGATES.c.version)).where(
            AGGREGATES.c.city_id == uow.city_id,
            AGGREGATES.c.of_city_id == uow.city_id,
            AGGREGATES.c.month == aggregate.month,
        )
    )
    assert newest is not None
    expected = aggregate.version if expected_version is None else expected_version
    if expected != newest or aggregate.version != newest:
        raise Conflict(expected_version=expected, current_version=newest)
    version, scheme = await present_scheme(uow)
    reason = check_text("reason", reason, scheme.tickets.texts.reason)
    corrected = await release_month(
        uow, region_above(uow), aggregate.month, version, scheme, author=author, corrects=aggregate, reason=reason
    )
    if corrected is None:
        raise InvalidInput("aggregateId", "nothing_changed")
    return corrected
