"""Supervision draws handled tickets for a check of their handling."""

from __future__ import annotations

import math
import secrets
import uuid
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Uuid, func, insert, literal, literal_column, select
from sqlalchemy.dialects.postgresql import BYTEA

from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id, table_of
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import QualityCheck, QualitySample
from app.tickets.queries import TICKETS, concerns, visible_to, within_reach
from app.tickets.schemes import present_scheme
from app.tickets.words import SecrecyLevel, TicketStatus
from authz.actor import Actor
from authz.permissions import Permission

CHECKS = table_of(QualityCheck)
SEED_BYTES = 16


async def draw_quality_sample(
    uow: UnitOfWork, actor: Actor, *, within: str, from_: date, to: date, sample_id: uuid.UUID | None = None
) -> QualitySample:
    """The scheme's share, rounded up, of the tickets that departments of `within` replied to from the city's day
    `from_` to before the day `to`, every one as likely as another (003_…txt, 二(六): 适时开展办理质量抽查检查).

    The tickets come in the order of the SHA-256 of a fresh seed and their id, so that the draw can be repeated from
    what is kept. Restricted tickets are never drawn: a sample is shown to more people than are named on them. Raises
    `InvalidInput`: `within` `unknown_tenant`, `outside_reach`; `to` `not_after` (not after `from_`), `not_over` (the
    period has not ended); `within` `nothing_handled`.
    """
    version, scheme = await present_scheme(uow)
    zone = ZoneInfo(scheme.calendar.time_zone)
    node = uow.tree.by_path(within)
    if node is None or node.city_id != uow.city_id:
        raise InvalidInput("within", "unknown_tenant", tenant=within)
    reach = actor.reach(Permission.TICKET_QUALITY_CHECK, uow.city_id)
    if not (reach.whole_city or node.county_id in reach.counties):
        raise InvalidInput("within", "outside_reach", tenant=within)
    if to <= from_:
        raise InvalidInput("to", "not_after")
    begin, end = _midnight(from_, zone), _midnight(to, zone)
    if end > uow.now:
        raise InvalidInput("to", "not_over")
    scope = actor.in_city(uow.city_id)
    handled = (
        TICKETS.c.city_id == uow.city_id,
        TICKETS.c.resolved_at >= begin,
        TICKETS.c.resolved_at < end,
        TICKETS.c.lead_id.is_not(None),
        TICKETS.c.status.in_((TicketStatus.RESOLVED.value, TicketStatus.CLOSED.value)),
        TICKETS.c.secrecy != SecrecyLevel.RESTRICTED.value,
        concerns(TICKETS, node),
        visible_to(scope),
        within_reach(scope, Permission.TICKET_QUALITY_CHECK),
    )
    population = await uow.session.scalar(select(func.count()).select_from(TICKETS).where(*handled)) or 0
    if population == 0:
        raise InvalidInput("within", "nothing_handled")
    size = math.ceil(scheme.tickets.follow_up.quality_sample * population)
    sample = QualitySample(
        city_id=uow.city_id,
        id=sample_id or new_id(),
        version=1,
        scheme_version=version,
        tenant_id=node.id,
        resolved_from=begin,
        resolved_before=end,
        population=population,
        size=size,
        seed=secrets.token_bytes(SEED_BYTES),
        drawn_at=uow.now,
        drawn_by=actor.user_id,
    )
    uow.session.add(sample)
    await uow.session.flush()
    place = func.sha256(literal(sample.seed, BYTEA()).op("||")(func.uuid_send(TICKETS.c.id)))
    drawn = (
        select(TICKETS.c.city_id, literal(sample.id, Uuid()), TICKETS.c.id)
        .where(*handled)
        .order_by(place, TICKETS.c.id)
        .limit(literal_column(str(size)))
    )
    await uow.session.execute(insert(CHECKS).from_select(["city_id", "sample_id", "ticket_id"], drawn))
    return sample


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
