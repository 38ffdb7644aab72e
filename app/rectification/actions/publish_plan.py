"""The office publishes the list of a year's tasks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.actions.issue import Draft, Origin, make_many
from app.rectification.models import WorkPlan
from app.rectification.texts import TITLE
from authz.actor import Actor
from authz.permissions import Permission
from tenants.models import TenantKind
from tenants.schemes.words import RectificationSource
from tenants.tree import lock

PLAN_LOCK = 7_302_041
YEARS = (2000, 2999)


async def publish_plan(
    uow: UnitOfWork,
    actor: Actor,
    *,
    within: str,
    year: int,
    title: str,
    tasks: Sequence[Draft],
    plan_id: uuid.UUID | None = None,
) -> WorkPlan:
    """The work plan (任务清单) of a city or county and year with its tasks, as a whole or not at all.

    Raises `InvalidInput`: `within` `unknown_tenant`, `no_plan` (neither a city nor a county), `outside_reach`; `year`
    `too_few`, `too_many`, `taken` (it has one; further tasks are issued into it); `title`; `tasks` `empty`, `too_many`,
    and as in `issue.make` on `tasks.<index>.…`.
    """
    node = uow.tree.by_path(within)
    if node is None or node.city_id != uow.city_id:
        raise InvalidInput("within", "unknown_tenant", tenant=within)
    if node.kind not in (TenantKind.CITY, TenantKind.REGION, TenantKind.COUNTY):
        raise InvalidInput("within", "no_plan", tenant=within)
    reach = actor.reach(Permission.RECTIFICATION_ISSUE, uow.city_id)
    if not (reach.whole_city or node.id in reach.counties):
        raise InvalidInput("within", "outside_reach", tenant=within)
    if year < YEARS[0]:
        raise InvalidInput("year", "too_few", limit=YEARS[0])
    if year > YEARS[1]:
        raise InvalidInput("year", "too_many", limit=YEARS[1])
    await lock(uow.session, PLAN_LOCK, uow.city_id)  # two who publish at once: the second is told that there is one
    present = select(WorkPlan.id).where(
        WorkPlan.city_id == uow.city_id, WorkPlan.tenant_id == node.id, WorkPlan.year == year
    )
    if await uow.session.scalar(present) is not None:
        raise InvalidInput("year", "taken")
    plan = WorkPlan(
        city_id=uow.city_id,
        id=plan_id or new_id(),
        version=1,
        tenant_id=node.id,
        county_id=node.county_id,
        year=year,
        title=clean_text("title", title, at_most=TITLE),
        published_at=uow.now,
        published_by=actor.user_id,
    )
    uow.session.add(plan)
    await uow.session.flush()
    if not tasks:
        raise InvalidInput("tasks", "empty")
    origin = Origin(RectificationSource.WORK_PLAN, plan_id=plan.id)
    await make_many(uow, actor, "tasks", [(draft, origin) for draft in tasks])
    return plan
