"""The common problems (共性问题) of an accepted report become items of the problem ledger (003_…txt, 二(八))."""

from __future__ import annotations

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from app.integrity.models import Report
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.actions.issue import Origin
from app.rectification.models import TASKS
from app.rectification.opening import draft_of, open_task
from app.rectification.words import RectificationStatus
from app.responsibility.models import SUBJECTS
from app.responsibility.store import present_version
from tenants.schemes.model import Scheme
from tenants.schemes.words import RectificationSource


async def open_problems(uow: UnitOfWork, report: Report, scheme: Scheme) -> None:
    """An item for each subject that the report names with as many tickets as the scheme asks for, given to the
    department that the responsibility list in force has for it, in the transaction in which the report is accepted.

    Whoever names it, a problem has one item for the period in which theirs begins, and none while one is still worked
    on. A subject that is no longer listed has nobody to give it to.
    """
    least = scheme.supervision.rectification.opened_by.common_problem_tickets
    common = [each for each in report.content["frequentSubjects"] if least is not None and each["tickets"] >= least]
    if not common:
        return
    worked_on = await _worked_on(uow)
    competent = await _competent(uow, [each["code"] for each in common])
    period = f"{report.begins_on:%Y-%m}"
    for each in common:
        key = f"COMMON_PROBLEM:{each['code']}"
        if key in worked_on or each["code"] not in competent:
            continue
        draft = draft_of(
            f"{each['name']} {period}", f"{report.obligation} {period}: {each['name']} × {each['tickets']}"
        )
        origin = Origin(RectificationSource.PROBLEM_LIST, cause_key=f"{key}:{period}")
        await open_task(uow, draft, origin, competent[each["code"]], report.scheme_version, scheme)


async def _worked_on(uow: UnitOfWork) -> frozenset[str]:
    """Of the common problems whose items are not struck off, the key without its period."""
    keys = await uow.session.scalars(
        select(TASKS.c.cause_key).where(
            TASKS.c.city_id == uow.city_id,
            TASKS.c.source == RectificationSource.PROBLEM_LIST.value,
            TASKS.c.status != RectificationStatus.CLOSED.value,
            TASKS.c.cause_key.is_not(None),
        )
    )
    return frozenset(key.rpartition(":")[0] for key in keys)


async def _competent(uow: UnitOfWork, codes: list[str]) -> dict[str, int]:
    """The departments of these subjects in the list in force."""
    rows = await uow.session.execute(
        select(SUBJECTS.c.code, SUBJECTS.c.tenant_id).where(
            SUBJECTS.c.city_id == uow.city_id,
            SUBJECTS.c.version == await present_version(uow.session, uow.city_id),
            SUBJECTS.c.code == any_(literal(codes, ARRAY(TEXT()))),
        )
    )
    return {row.code: row.tenant_id for row in rows}
