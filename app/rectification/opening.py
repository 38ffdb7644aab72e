"""Tasks that open themselves (domain.md, section 6): of notices, of low verdicts, of problems that many have.

What may open one says so when it happens, under the scheme of that moment (`awaits_task`); the job claims it, opens the
task and notes that it has in one transaction. The task's unique `cause_key` holds against everything else: a cause
opens one task, whatever runs at once and wherever a process dies. A restricted ticket opens none.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, union_all
from sqlalchemy.dialects.postgresql import insert

from app.kernel.events import Author
from app.kernel.unit_of_work import EVENTS, UnitOfWork
from app.rectification.actions.issue import Draft, Origin, drafted
from app.rectification.events import record_issue
from app.rectification.models import TASKS
from app.rectification.texts import TEXT, TITLE
from app.supervision.models import SupervisionNotice
from app.supervision.queries import NOTICES
from app.supervision.raising import level_of
from app.supervision.words import NoticeStatus
from app.tickets.models import QualityEntry, Ticket
from app.tickets.quality.queries import ENTRIES
from app.tickets.words import TicketEventType
from app.worker import Context, Job, one_by_one
from tenants.schemes.model import Scheme
from tenants.schemes.store import scheme_at
from tenants.schemes.words import RectificationSource

PER_TURN = 100
"""Causes of a kind and a city that are looked at in one transaction."""
_INSERT = insert(TASKS).on_conflict_do_nothing(index_elements=["city_id", "cause_key"]).returning(TASKS.c.id)


async def open_tasks(context: Context) -> int:
    """One turn: how many causes it looked at."""
    now = context.clock.now()
    tree = await context.tree()
    async with context.database.session(cities=tree.space_ids, user_id=None) as session:
        waiting = union_all(*(select(table.c.city_id).where(table.c.awaits_task) for table in (NOTICES, ENTRIES)))
        city_ids = sorted(set(await session.scalars(waiting)))

    async def open_in(city_id: int) -> int:
        async with context.unit(city_id, now=now) as uow:
            return await _of_notices(uow) + await _of_verdicts(uow)

    return await one_by_one(city_ids, open_in)


OPENER = Job("rectification opening", timedelta(seconds=5), open_tasks)


async def open_task(
    uow: UnitOfWork, draft: Draft, origin: Origin, lead_id: int, scheme_version: int, scheme: Scheme
) -> bool:
    """The system issues a task to a tenant; False where its `cause_key` has opened one before."""
    node = uow.tree.by_id(lead_id)
    assert node is not None, "a tenant is never deleted"
    task = drafted(uow, draft, origin, node, scheme_version, scheme)
    values = {name: value for name, value in vars(task).items() if not name.startswith("_")}
    if await uow.session.scalar(_INSERT, values) is None:
        return False
    record_issue(uow, Author(), task)
    return True


def draft_of(title: str, problem: str) -> Draft:
    """What the system says of a task, no longer than it may be; whom it is for is said apart."""
    return Draft(title=title[:TITLE], problem=problem[:TEXT], lead="")


async def _of_notices(uow: UnitOfWork) -> int:
    """What was withdrawn meanwhile asks for nothing any more."""
    rows = await uow.session.execute(
        select(SupervisionNotice, Ticket.title)
        .outerjoin(Ticket, (Ticket.city_id == SupervisionNotice.city_id) & (Ticket.id == SupervisionNotice.ticket_id))
        .where(SupervisionNotice.city_id == uow.city_id, SupervisionNotice.awaits_task)
        .order_by(SupervisionNotice.issued_at)
        .limit(PER_TURN)
        .with_for_update(of=SupervisionNotice, skip_locked=True, key_share=True)
    )
    done = 0
    for notice, title in rows.all():
        notice.awaits_task = False
        done += 1
        if notice.status == NoticeStatus.WITHDRAWN:
            continue
        scheme = await scheme_at(uow.session, uow.city_id, notice.scheme_version)
        name = f"{level_of(scheme, notice.level).name} {notice.number}"
        origin = Origin(RectificationSource.NOTICE, notice.ticket_id, notice.id, cause_key=f"NOTICE:{notice.id}")
        draft = draft_of(name, notice.reason or title)
        await open_task(uow, draft, origin, notice.addressee_id, notice.scheme_version, scheme)
    return done


async def _of_verdicts(uow: UnitOfWork) -> int:
    """One task for a ticket and a department, however often its reporter is dissatisfied with it."""
    rows = await uow.session.execute(
        select(QualityEntry, Ticket)
        .join(Ticket, (Ticket.city_id == QualityEntry.city_id) & (Ticket.id == QualityEntry.ticket_id))
        .where(QualityEntry.city_id == uow.city_id, QualityEntry.awaits_task)
        .order_by(QualityEntry.opened_at)
        .limit(PER_TURN)
        .with_for_update(of=QualityEntry, skip_locked=True, key_share=True)
    )
    done = 0
    for entry, ticket in rows.all():
        entry.awaits_task = False
        done += 1
        assert entry.lead_id is not None, "a CHECK holds it"
        scheme = await scheme_at(uow.session, uow.city_id, entry.scheme_version)
        origin = Origin(
            RectificationSource.BAD_RATING,
            entry.ticket_id,
            cause_key=f"{entry.kind}:{entry.ticket_id}:{entry.lead_id}",
        )
        draft = draft_of(f"{ticket.number} {ticket.title}", await _said_of(uow, ticket) or ticket.title)
        await open_task(uow, draft, origin, entry.lead_id, entry.scheme_version, scheme)
    return done


async def _said_of(uow: UnitOfWork, ticket: Ticket) -> str | None:
    """What the last follow-up noted of the reporter's dissatisfaction."""
    said: str | None = await uow.session.scalar(
        select(EVENTS.c.data["note"].astext)
        .where(
            EVENTS.c.city_id == uow.city_id,
            EVENTS.c.subject_id == ticket.id,
            EVENTS.c.type == TicketEventType.FOLLOWED_UP.value,
        )
        .order_by(EVENTS.c.seq.desc())
        .limit(1)
    )
    return said
