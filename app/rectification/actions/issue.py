"""A task is issued: by itself, with a work plan, or as what an inspection found."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

from app.deadlines.rules import calendar_of
from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id
from app.kernel.texts import clean_optional_text, clean_text
from app.kernel.unit_of_work import Node, UnitOfWork
from app.rectification.dates import lags_from, local_day
from app.rectification.due import due_of
from app.rectification.events import author_of, record_issue
from app.rectification.models import RectificationCoOperator, RectificationTask, WorkPlan
from app.rectification.queries import may_give, plan_visible_to
from app.rectification.texts import MOST_CO_OPERATORS, MOST_TOGETHER, NAME, TEXT, TITLE
from app.rectification.words import FindingSeverity, RectificationStatus
from app.supervision.queries import NOTICES, notice_visible_to
from app.tickets.handlers import find_handling
from app.tickets.queries import TICKETS, visible_to
from app.tickets.schemes import present_scheme
from app.tickets.words import SecrecyLevel
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.model import Scheme
from tenants.schemes.words import RectificationSource


@dataclass(frozen=True, slots=True)
class Draft:
    """A task as somebody asks for it. `lead`, `co_operators` are tenant paths; without `due_on` the scheme's working
    days of the source count."""

    title: str
    problem: str
    lead: str
    co_operators: Sequence[str] = field(default=())
    goal: str | None = None
    measures: str | None = None
    responsible_person: str | None = None
    sponsor: str | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a task comes from, and what led to it; `cause_key` names what opened one that opens by itself."""

    source: RectificationSource
    ticket_id: uuid.UUID | None = None
    notice_id: uuid.UUID | None = None
    plan_id: uuid.UUID | None = None
    inspection_id: uuid.UUID | None = None
    severity: FindingSeverity | None = None
    cause_key: str | None = None


async def issue(
    uow: UnitOfWork,
    actor: Actor,
    draft: Draft,
    *,
    source: RectificationSource,
    ticket_id: uuid.UUID | None = None,
    notice_id: uuid.UUID | None = None,
    plan_id: uuid.UUID | None = None,
    task_id: uuid.UUID | None = None,
) -> RectificationTask:
    """A task of the ledger; refusals as in `make`, and of what led to it: `ticketId` `unknown_ticket`, `noticeId`
    `unknown_notice`, both `secret` (of a restricted ticket: a task is shown to more people than are named on it),
    `workPlanId` `unknown_plan` (none, or not theirs to add to), `not_allowed` (with another source)."""
    scope = actor.in_city(uow.city_id)
    if ticket_id is not None:
        seen = select(TICKETS.c.secrecy).where(TICKETS.c.id == ticket_id, visible_to(scope))
        secrecy = await uow.session.scalar(seen)
        if secrecy is None:
            raise InvalidInput("ticketId", "unknown_ticket")
        if secrecy == SecrecyLevel.RESTRICTED:
            raise InvalidInput("ticketId", "secret")
    if notice_id is not None:
        told = select(NOTICES.c.restricted).where(NOTICES.c.id == notice_id, notice_visible_to(scope))
        restricted = await uow.session.scalar(told)
        if restricted is None:
            raise InvalidInput("noticeId", "unknown_notice")
        if restricted:
            raise InvalidInput("noticeId", "secret")
    if plan_id is not None:
        if source is not RectificationSource.WORK_PLAN:
            raise InvalidInput("workPlanId", "not_allowed")
        plan = await uow.session.scalar(
            select(WorkPlan)
            .where(WorkPlan.id == plan_id, plan_visible_to(actor.in_city(uow.city_id), WorkPlan.__table__))
            .with_for_update()
        )
        reach = actor.reach(Permission.RECTIFICATION_ISSUE, uow.city_id)
        if plan is None or not (reach.whole_city or plan.tenant_id in reach.counties):
            raise InvalidInput("workPlanId", "unknown_plan")
        plan.version += 1
    version, scheme = await present_scheme(uow)
    origin = Origin(source, ticket_id, notice_id, plan_id)
    return await make(uow, actor, draft, origin, version, scheme, task_id=task_id)


async def make_many(uow: UnitOfWork, actor: Actor, where: str, wanted: Sequence[tuple[Draft, Origin]]) -> None:
    """Several tasks, all or none. Raises as `make`, on `<where>.<index>.…`, and on `where` `too_many`."""
    if len(wanted) > MOST_TOGETHER:
        raise InvalidInput(where, "too_many", limit=MOST_TOGETHER)
    version, scheme = await present_scheme(uow)
    for index, (draft, origin) in enumerate(wanted):
        try:
            await make(uow, actor, draft, origin, version, scheme)
        except InvalidInput as problem:
            problem.field = f"{where}.{index}.{problem.field}"
            raise


async def make(
    uow: UnitOfWork,
    actor: Actor,
    draft: Draft,
    origin: Origin,
    scheme_version: int,
    scheme: Scheme,
    *,
    task_id: uuid.UUID | None = None,
) -> RectificationTask:
    """The task itself, with its first event.

    Raises `InvalidInput` for its texts (`title`, `problem`, `goal`, `measures`, `responsiblePerson`, `sponsor`), for
    `lead` and `coOperators.<index>`: `unknown_tenant`, `not_handling`, `outside_reach` (of `lead`, whoever asks for it
    themselves included), `duplicate`; on `coOperators` `too_many`; on `dueOn` `not_after` (a day that is over).
    """
    lead, helpers = _tenants(uow, actor, draft)
    task = drafted(uow, draft, origin, lead, scheme_version, scheme, task_id=task_id)
    uow.session.add(task)
    await uow.session.flush()
    uow.session.add_all(
        RectificationCoOperator(city_id=uow.city_id, task_id=task.id, tenant_id=node.id) for node in helpers
    )
    helped_by = [node.id for node in helpers]
    record_issue(uow, author_of(actor, Permission.RECTIFICATION_ISSUE, task, helped_by), task, helped_by)
    return task


def drafted(
    uow: UnitOfWork,
    draft: Draft,
    origin: Origin,
    lead: Node,
    scheme_version: int,
    scheme: Scheme,
    *,
    task_id: uuid.UUID | None = None,
) -> RectificationTask:
    """The task as it is written down; raises `InvalidInput` for the texts and `dueOn`, as `make`."""
    due = due_of(uow, scheme, origin.source, draft.due_on)
    every = scheme.supervision.rectification.progress_every
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    return RectificationTask(
        city_id=uow.city_id,
        id=task_id or new_id(),
        version=1,
        scheme_version=scheme_version,
        source=origin.source.value,
        ticket_id=origin.ticket_id,
        notice_id=origin.notice_id,
        plan_id=origin.plan_id,
        inspection_id=origin.inspection_id,
        severity=origin.severity,
        title=clean_text("title", draft.title, at_most=TITLE),
        problem=clean_text("problem", draft.problem, at_most=TEXT),
        goal=clean_optional_text("goal", draft.goal, at_most=TEXT),
        measures=clean_optional_text("measures", draft.measures, at_most=TEXT),
        lead_id=lead.id,
        lead_county_id=lead.county_id,
        responsible_person=clean_optional_text("responsiblePerson", draft.responsible_person, at_most=NAME),
        sponsor=clean_optional_text("sponsor", draft.sponsor, at_most=NAME),
        status=RectificationStatus.ISSUED.value,
        running=True,
        round=1,
        percent=0,
        issued_at=uow.now,
        due_at=due.at,
        due_from=uow.now if draft.due_on is None else None,
        provisional=due.provisional,
        calendar_version=uow.tree.calendar.version,
        progress_due_at=lags_from(calendar, every, local_day(calendar, uow.now)),
        cause_key=origin.cause_key,
    )


def _tenants(uow: UnitOfWork, actor: Actor, draft: Draft) -> tuple[Node, list[Node]]:
    """The responsible tenant, within the actor's reach, and those of the city that help it."""
    lead = find_handling(uow, "lead", draft.lead)
    reach = actor.reach(Permission.RECTIFICATION_ISSUE, uow.city_id)
    if not may_give(reach, lead.id, lead.county_id):
        raise InvalidInput("lead", "outside_reach", tenant=draft.lead)
    if len(draft.co_operators) > MOST_CO_OPERATORS:
        raise InvalidInput("coOperators", "too_many", limit=MOST_CO_OPERATORS)
    helpers: list[Node] = []
    for index, path in enumerate(draft.co_operators):
        node = find_handling(uow, f"coOperators.{index}", path)
        if node.id in (lead.id, *(each.id for each in helpers)):
            raise InvalidInput(f"coOperators.{index}", "duplicate", tenant=path)
        helpers.append(node)
    return lead, helpers
