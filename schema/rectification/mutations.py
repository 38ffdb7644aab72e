"""The verbs of the problem ledger, each declared as input, action and payload (domain.md, section 6)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import strawberry

from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.actions.accept import accept
from app.rectification.actions.close import close
from app.rectification.actions.complete_milestone import complete_milestone
from app.rectification.actions.issue import Draft, issue
from app.rectification.actions.plan import MilestoneDraft, plan
from app.rectification.actions.publish_plan import publish_plan
from app.rectification.actions.record_inspection import record_inspection
from app.rectification.actions.reject import reject
from app.rectification.actions.reopen import reopen
from app.rectification.actions.report_progress import report_progress
from app.rectification.actions.submit import submit
from app.rectification.models import RectificationTask as TaskRow
from app.rectification.words import FindingSeverity, InspectionMode
from authz.actor import Actor
from authz.permissions import Permission
from schema import ids
from schema.mutations import Values, Verb, expected_version, id_input, optional_input, retry_key
from schema.scalars import TenantPath
from tenants.schemes.words import RectificationSource
from tenants.tree import TenantTree

P = Permission


@strawberry.input(description="A task as it is issued.")
class RectificationDraftInput:
    title: str = strawberry.field(description="One line, at most 200 characters.")
    problem: str = strawberry.field(description="What is wrong, or has to be done; at most 4,000 characters.")
    lead: TenantPath = strawberry.field(description="The responsible unit (责任单位).")
    co_operators: list[TenantPath] | None = optional_input("The units that help (配合单位), at most 20.")
    goal: str | None = optional_input("What is to be reached.")
    measures: str | None = optional_input("What is to be done, where that is said already.")
    responsible_person: str | None = optional_input("Who answers for it in the unit: name and post.")
    sponsor: str | None = optional_input("The leader who sponsors it (领导分包).")
    due_on: date | None = optional_input(
        "By the close of this day, or of the first working day after it; the scheme's working days if left out."
    )


@strawberry.input(description="Issue a rectification task (下达整改任务).")
class RectificationTaskIssueInput(RectificationDraftInput):
    source: RectificationSource = strawberry.field(description="Where it comes from.")
    ticket_id: strawberry.ID | None = id_input("T", "The ticket that led to it.", optional=True)
    notice_id: strawberry.ID | None = id_input("SN", "The supervision notice that led to it.", optional=True)
    work_plan_id: strawberry.ID | None = id_input(
        "WP", "The work plan that it is added to; of the source WORK_PLAN only.", optional=True
    )
    idempotency_key: str | None = retry_key()


@strawberry.input(description="What every step of a rectification task takes.")
class RectificationStepInput:
    task_id: strawberry.ID = id_input("RT", "The task.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="A milestone of a plan.")
class RectificationMilestoneInput:
    title: str = strawberry.field(description="What is done by then; at most 200 characters.")
    due_on: date = strawberry.field(description="By the end of this day: none before the one before it.")


@strawberry.input(description="Say how it will be put right (整改方案).")
class RectificationTaskPlanInput(RectificationStepInput):
    measures: str = strawberry.field(description="What is done about it; at most 4,000 characters.")
    cause: str | None = optional_input("Why it is so; what was said before stays if left out.")
    goal: str | None = optional_input("What is to be reached; what was said before stays if left out.")
    responsible_person: str | None = optional_input("Who answers for it; whoever did before stays if left out.")
    milestones: list[RectificationMilestoneInput] | None = optional_input(
        "Its steps, at most 50, instead of those that are not done."
    )


@strawberry.input(description="Report how far it is in a month (月度进展).")
class RectificationTaskProgressInput(RectificationStepInput):
    month: date = strawberry.field(description="Any day of the month.")
    text: str = strawberry.field(description="What was done; at most 4,000 characters.")
    percent: int = strawberry.field(description="How far one's part is, 0 to 100.")


@strawberry.input(description="A milestone is done.")
class RectificationTaskMilestoneCompleteInput(RectificationStepInput):
    place: int = strawberry.field(description="The milestone's number within the task.")
    note: str | None = optional_input("What there is to say of it.")


@strawberry.input(description="Hand in what was put right (报结).")
class RectificationTaskSubmitInput(RectificationStepInput):
    result: str = strawberry.field(description="What was put right; at most 4,000 characters.")


@strawberry.input(description="Accept what was put right (验收).")
class RectificationTaskAcceptInput(RectificationStepInput):
    note: str | None = optional_input("What was found.")


@strawberry.input(description="Have it put right once more (退回整改).")
class RectificationTaskRejectInput(RectificationStepInput):
    reason: str = strawberry.field(description="What is not put right; at most 4,000 characters.")
    due_on: date | None = optional_input("By when; the date that stood if left out.")


@strawberry.input(description="Strike a task off the ledger (销号).")
class RectificationTaskCloseInput(RectificationStepInput):
    note: str | None = optional_input("What there is to say of it.")


@strawberry.input(description="Take a task up again whose result does not hold (回头看).")
class RectificationTaskReopenInput(RectificationStepInput):
    reason: str = strawberry.field(description="What does not hold; at most 4,000 characters.")
    due_on: date | None = optional_input("By when; the scheme's working days if left out.")


@strawberry.input(description="Publish the work plan (任务清单) of a year with its tasks.")
class WorkPlanPublishInput:
    within: TenantPath = strawberry.field(description="The city or county whose plan it is.")
    year: int = strawberry.field(description="Of which year.")
    title: str = strawberry.field(description="Its title, at most 200 characters.")
    tasks: list[RectificationDraftInput] = strawberry.field(
        description="Its tasks, 1 to 300: published as a whole, or not at all."
    )
    idempotency_key: str | None = retry_key()


@strawberry.input(description="What an inspection found, as the task that it becomes.")
class InspectionFindingInput(RectificationDraftInput):
    severity: FindingSeverity = strawberry.field(description="How grave it is.")


@strawberry.input(description="Record an inspection (明察暗访) and issue what it found.")
class InspectionRecordInput:
    tenant: TenantPath = strawberry.field(description="The inspected unit.")
    day: date = strawberry.field(description="On which day.")
    mode: InspectionMode = strawberry.field(description="Whether it was announced.")
    inspectors: str = strawberry.field(description="Who inspected; at most 200 characters.")
    summary: str | None = optional_input("What was seen on the whole.")
    findings: list[InspectionFindingInput] | None = optional_input("What was found, at most 300; each becomes a task.")
    idempotency_key: str | None = retry_key()


def _city_at(name: str) -> Callable[[Values, Actor, TenantTree], int]:
    """Where the tenant of that input field lies, if the actor has a part there; else the actor's own city."""

    def city(values: Values, actor: Actor, tree: TenantTree) -> int:
        node = tree.by_path(values[name])
        return actor.city_id if node is None or node.city_id not in actor.cities else node.city_id

    return city


def _city_of_task(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["task_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="taskId", kind="RectificationTask")
    return city_id


def _key_of(given: ids.GlobalId | None, city_id: int) -> Any:
    """An id as its key: nil where it is another city's, so that it is answered like an unknown one."""
    if given is None:
        return None
    return given.key if given.city_id == city_id else uuid.UUID(int=0)


async def _issue(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    led_to = {
        "source": values.pop("source"),
        "ticket_id": _key_of(values.pop("ticket_id", None), uow.city_id),
        "notice_id": _key_of(values.pop("notice_id", None), uow.city_id),
        "plan_id": _key_of(values.pop("work_plan_id", None), uow.city_id),
    }
    return (await issue(uow, actor, Draft(**values), **led_to, task_id=subject)).id


async def _publish(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    tasks = [Draft(**given) for given in values.pop("tasks")]
    return (await publish_plan(uow, actor, **values, tasks=tasks, plan_id=subject)).id


async def _record(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
    findings = [(given.pop("severity"), given) for given in values.pop("findings", ())]
    drafts = [(Draft(**given), severity) for severity, given in findings]
    return (await record_inspection(uow, actor, **values, findings=drafts, inspection_id=subject)).id


def _step(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[TaskRow]],
    description: str,
    permission: Permission,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["task_id"]
        if "milestones" in values:
            values["milestones"] = [MilestoneDraft(**given) for given in values["milestones"]]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=(permission,),
        shows="RectificationTask",
        city=_city_of_task,
        act=act,
        subject=lambda values: values["task_id"].key,
    )


VERBS = (
    Verb(
        name="rectificationTaskIssue",
        input=RectificationTaskIssueInput,
        description="The office or supervision issues a rectification task.",
        permissions=(P.RECTIFICATION_ISSUE,),
        shows="RectificationTask",
        city=_city_at("lead"),
        act=_issue,
    ),
    _step(
        "rectificationTaskPlan",
        RectificationTaskPlanInput,
        plan,
        "The responsible unit says how it will put it right.",
        P.RECTIFICATION_WORK,
    ),
    _step(
        "rectificationTaskProgress",
        RectificationTaskProgressInput,
        report_progress,
        "The responsible unit, or one that helps, reports the progress of a month.",
        P.RECTIFICATION_PROGRESS,
    ),
    _step(
        "rectificationTaskMilestoneComplete",
        RectificationTaskMilestoneCompleteInput,
        complete_milestone,
        "The responsible unit has done a step of its plan.",
        P.RECTIFICATION_WORK,
    ),
    _step(
        "rectificationTaskSubmit",
        RectificationTaskSubmitInput,
        submit,
        "The responsible unit hands in what it has put right: with its measures planned and its milestones done.",
        P.RECTIFICATION_WORK,
    ),
    _step(
        "rectificationTaskAccept",
        RectificationTaskAcceptInput,
        accept,
        "The office or supervision finds it put right.",
        P.RECTIFICATION_JUDGE,
    ),
    _step(
        "rectificationTaskReject",
        RectificationTaskRejectInput,
        reject,
        "The office or supervision does not find it put right.",
        P.RECTIFICATION_JUDGE,
    ),
    _step(
        "rectificationTaskClose",
        RectificationTaskCloseInput,
        close,
        "The office or supervision strikes it off the ledger.",
        P.RECTIFICATION_JUDGE,
    ),
    _step(
        "rectificationTaskReopen",
        RectificationTaskReopenInput,
        reopen,
        "The office or supervision looks back, and the result does not hold.",
        P.RECTIFICATION_JUDGE,
    ),
    Verb(
        name="workPlanPublish",
        input=WorkPlanPublishInput,
        description="The office or supervision publishes a year's work plan; its tasks are issued with it.",
        permissions=(P.RECTIFICATION_ISSUE,),
        shows="WorkPlan",
        city=_city_at("within"),
        act=_publish,
    ),
    Verb(
        name="inspectionRecord",
        input=InspectionRecordInput,
        description="The office or supervision records an inspection; its findings are issued with it.",
        permissions=(P.RECTIFICATION_ISSUE,),
        shows="Inspection",
        city=_city_at("tenant"),
        act=_record,
    ),
)
