"""The verbs of a duty to report, each declared as input, action and payload."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry

from app.integrity.models import Report as ReportRow
from app.integrity.reports.steps import accept_report, return_report, submit_report
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from authz.actor import Actor
from authz.permissions import Permission
from schema.mutations import Values, Verb, expected_version, id_input, optional_input, retry_key
from tenants.tree import TenantTree


@strawberry.input(description="What every step of a report takes.")
class ReportStepInput:
    report_id: strawberry.ID = id_input("RO", "The report.")
    expected_version: int | None = expected_version()
    idempotency_key: str | None = retry_key()


@strawberry.input(description="Hand in a report (报送).")
class ReportSubmitInput(ReportStepInput):
    summary: str = strawberry.field(description="What is said beside the numbers, which are counted just then.")


@strawberry.input(description="Accept a report (审定).")
class ReportAcceptInput(ReportStepInput):
    note: str | None = optional_input("What is said to it.")


@strawberry.input(description="Return a report, to be handed in once more (退回补正).")
class ReportReturnInput(ReportStepInput):
    reason: str = strawberry.field(description="Why.")


def _city_of(values: Values, actor: Actor, _tree: TenantTree) -> int:
    city_id: int = values["report_id"].city_id
    if city_id not in actor.cities:
        raise NotFound(field="reportId", kind="Report")
    return city_id


def _verb(
    name: str,
    input_type: type[Any],
    action: Callable[..., Awaitable[ReportRow]],
    description: str,
    permission: Permission = Permission.REPORT_DECIDE,
) -> Verb:
    async def act(uow: UnitOfWork, actor: Actor, subject: uuid.UUID, values: Values) -> uuid.UUID:
        del values["report_id"]
        return (await action(uow, actor, subject, **values)).id

    return Verb(
        name=name,
        input=input_type,
        description=description,
        permissions=(permission,),
        shows="Report",
        city=_city_of,
        act=act,
        subject=lambda values: values["report_id"].key,
    )


VERBS = (
    _verb(
        "reportSubmit",
        ReportSubmitInput,
        submit_report,
        "One of the report's `fromRoles` at the very tenant hands it in; its numbers stand from then on.",
        Permission.REPORT_SUBMIT,
    ),
    _verb(
        "reportAccept",
        ReportAcceptInput,
        accept_report,
        "One of the report's `toRoles`, there or above, accepts it; nobody their own.",
    ),
    _verb("reportReturn", ReportReturnInput, return_report, "One of the report's `toRoles` has it done once more."),
)
