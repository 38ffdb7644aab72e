"""Tasks that open themselves: each cause one task, whatever runs at once and wherever a process dies."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.kernel.clock import FixedClock
from app.kernel.config import Settings
from app.kernel.errors import InvalidInput
from app.rectification import opening
from app.rectification.actions.issue import Draft
from app.rectification.actions.issue import issue as issue_task
from app.rectification.opening import open_tasks
from app.supervision.actions.issue import issue
from app.supervision.actions.withdraw import withdraw
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.resolve import resolve
from app.tickets.words import Satisfaction, TicketCategory, TicketStatus
from app.worker import Context
from tenants.schemes.model import Scheme, load_preset
from tenants.schemes.words import RectificationSource, TriggerKind
from tests.tickets.town import AGENT, HANDLER, OFFICE, SUPERVISION, WORKING_GROUP, Bell, Town

S = TicketStatus
LOW: dict[str, Any] = {"satisfaction": Satisfaction.UNSATISFIED, "justified": True}


class _Bell(Bell):
    tree_version: int | None = None


@pytest.fixture
def work(town: Town, tmp_path: Path) -> Context:
    return Context(town.database, town.trees, _Bell(), FixedClock(town.now), Settings(data_dir=tmp_path))


async def tasks(town: Town, city: str = "guangyuan") -> list[dict[str, Any]]:
    rows = await town.admin.fetch(
        "select * from rectification_tasks where city_id = $1 order by issued_at, cause_key", town.world.tenant(city)
    )
    return [dict(row) for row in rows]


async def run(town: Town, work: Context) -> int:
    assert isinstance(work.clock, FixedClock)
    work.clock.at = town.now
    return await open_tasks(work)


async def opened_by(town: Town, **changes: Any) -> None:
    """Guangyuan's scheme with other rules of what opens a task."""
    document = load_preset("guangyuan").scheme.document()
    document["supervision"]["rectification"]["opened_by"].update(changes)
    text = orjson.dumps(Scheme.model_validate(document).document(), option=orjson.OPT_SORT_KEYS)
    await town.admin.execute(
        "update schemes set document = $1::text::jsonb, digest = $2 where version = 1 and city_id = $3",
        *(text.decode(), hashlib.sha256(text).digest(), town.world.guangyuan.id),
    )


async def notice(town: Town, login: str = SUPERVISION, **given: Any) -> uuid.UUID:
    values: dict[str, Any] = {"trigger": TriggerKind.RETURNED, "reason": "两次退回工单", **given}
    return await town.do(login, issue, **values)


async def dissatisfied(town: Town, **given: Any) -> uuid.UUID:
    ticket_id = await town.at(S.RESOLVED)
    await town.do(AGENT, follow_up, ticket_id, **{**LOW, **given})
    return ticket_id


async def test_a_listed_notice_opens_one_task(town: Town, work: Context) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    id_ = await notice(town, ticket_id=ticket_id)
    assert await run(town, work) == 1
    (task,) = await tasks(town)
    commerce = town.world.tenant("guangyuan.commerce")
    number = await town.admin.fetchval("select number from supervision_notices where id = $1", id_)
    assert (task["source"], task["notice_id"], task["ticket_id"], task["lead_id"], task["status"]) == (
        *("NOTICE", id_, ticket_id, commerce),
        "ISSUED",
    )
    assert (task["title"], task["problem"]) == (f"挂牌督办 {number}", "两次退回工单")
    # 10 working days after Monday 2 March, at the close of office.
    assert task["due_at"].isoformat() == "2026-03-16T09:00:00+00:00"
    (event,) = await town.timeline(task["id"])
    assert (event["topic"], event["type"], event["actor_id"]) == ("rectification", "ISSUED", None)
    assert await run(town, work) == 0
    assert len(await tasks(town)) == 1
    assert await tasks(town, "anshan") == []


async def test_an_interview_opens_one_too_and_a_reminder_none(town: Town, work: Context) -> None:
    ticket_id = await town.at(S.IN_PROGRESS)
    await notice(town, OFFICE, trigger=TriggerKind.OVERDUE, ticket_id=ticket_id)
    interview = await notice(
        *(town, WORKING_GROUP),
        trigger=TriggerKind.DERELICTION,
        addressee="guangyuan.finance",
        evidence="检查记录",
    )
    assert await run(town, work) == 1
    (task,) = await tasks(town)
    assert (task["notice_id"], task["ticket_id"], task["lead_id"]) == (
        *(interview, None),
        town.world.tenant("guangyuan.finance"),
    )


async def test_what_was_withdrawn_opens_none(town: Town, work: Context) -> None:
    id_ = await notice(town, ticket_id=await town.at(S.IN_PROGRESS))
    await town.do(SUPERVISION, withdraw, id_, reason="发文有误")
    assert await run(town, work) == 1
    assert await tasks(town) == []
    assert await run(town, work) == 0


async def test_a_low_verdict_opens_one_for_the_department(town: Town, work: Context) -> None:
    ticket_id = await dissatisfied(town, note="积水未退")
    assert await run(town, work) == 1
    (task,) = await tasks(town)
    ticket = await town.row(ticket_id)
    assert (task["source"], task["ticket_id"], task["notice_id"], task["lead_id"]) == (
        *("BAD_RATING", ticket_id, None),
        town.world.tenant("guangyuan.commerce"),
    )
    assert (task["title"], task["problem"]) == (f"{ticket['number']} {ticket['title']}", "积水未退")
    assert task["due_at"].isoformat() == "2026-03-23T09:00:00+00:00"  # 15 working days
    # The same department once more: its task stands.
    await town.do(HANDLER, acknowledge, ticket_id)
    await town.do(HANDLER, resolve, ticket_id, reply="已再次疏通")
    await town.do(AGENT, follow_up, ticket_id, **LOW)
    assert await run(town, work) == 1
    assert len(await tasks(town)) == 1
    # Another one has its own.
    await town.do(OFFICE, dispatch, ticket_id, lead="guangyuan.finance")
    await town.do("handler@guangyuan.finance", acknowledge, ticket_id)
    await town.do("handler@guangyuan.finance", resolve, ticket_id, reply="已拨付维修资金")
    await town.do(AGENT, follow_up, ticket_id, **LOW)
    assert await run(town, work) == 1
    assert {task["lead_id"] for task in await tasks(town)} == {
        *(town.world.tenant("guangyuan.commerce"), town.world.tenant("guangyuan.finance")),
    }


async def test_what_was_not_justified_opens_none(town: Town, work: Context) -> None:
    await dissatisfied(town, justified=False)
    ticket_id = await town.at(S.RESOLVED)
    await town.do(town.enterprise, follow_up, ticket_id, satisfaction=Satisfaction.VERY_UNSATISFIED)
    assert await run(town, work) == 0
    assert await tasks(town) == []


async def test_the_scheme_says_whether(town: Town, work: Context) -> None:
    await opened_by(town, notice_levels=[3], low_satisfaction=False)
    ticket_id = await dissatisfied(town)
    await notice(town, ticket_id=ticket_id)
    assert await run(town, work) == 0
    assert await tasks(town) == []


async def test_nothing_restricted_opens_one(town: Town, work: Context) -> None:
    ticket_id = await town.at(S.RESOLVED, category=TicketCategory.REPORT)
    await town.admin.execute("update tickets set secrecy = 'RESTRICTED' where id = $1", ticket_id)
    await town.name(ticket_id, SUPERVISION)
    await notice(town, ticket_id=ticket_id)
    await town.do(SUPERVISION, follow_up, ticket_id, **LOW)
    assert await run(town, work) == 0
    assert await tasks(town) == []


async def test_whatever_runs_at_once_opens_each_once(town: Town, work: Context) -> None:
    for _ in range(3):
        await notice(town, ticket_id=await dissatisfied(town))
    await asyncio.gather(*(run(town, work) for _ in range(6)))
    while await run(town, work):
        pass
    assert sorted(task["source"] for task in await tasks(town)) == ["BAD_RATING"] * 3 + ["NOTICE"] * 3


async def test_a_process_that_dies_leaves_nothing_half_done(
    town: Town, work: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    await notice(town, ticket_id=await dissatisfied(town))
    real = opening._of_verdicts

    async def dies(uow: Any) -> int:
        await real(uow)
        raise ConnectionError("the machine is gone")

    monkeypatch.setattr(opening, "_of_verdicts", dies)
    with pytest.raises(ExceptionGroup):
        await run(town, work)
    assert await tasks(town) == []
    monkeypatch.setattr(opening, "_of_verdicts", real)
    assert await run(town, work) == 2
    assert len(await tasks(town)) == 2


async def test_the_database_holds_it_too(town: Town, work: Context) -> None:
    """Whoever claims a cause once more, as after a restore, opens nothing."""
    await notice(town, ticket_id=await dissatisfied(town))
    await run(town, work)
    for table in ("supervision_notices", "quality_entries"):
        await town.admin.execute(f"update {table} set awaits_task = true")
    assert await run(town, work) == 2
    assert len(await tasks(town)) == 2
    with pytest.raises(Exception, match="uq_rectification_tasks_city_id_cause_key"):
        await town.admin.execute("update rectification_tasks set cause_key = 'NOTICE:1'")


async def test_by_hand_nothing_restricted_leads_to_one(town: Town) -> None:
    ticket_id = await town.at(S.IN_PROGRESS, category=TicketCategory.REPORT)
    await town.admin.execute("update tickets set secrecy = 'RESTRICTED' where id = $1", ticket_id)
    await town.name(ticket_id, SUPERVISION)
    notice_id = await notice(town, ticket_id=ticket_id)
    draft = Draft(title="整改", problem="两次退回工单", lead="guangyuan.commerce")
    for login, ticket, rule in ((SUPERVISION, "secret", "secret"), (OFFICE, "unknown_ticket", "unknown_notice")):
        for led_to, expected in (({"ticket_id": ticket_id}, ticket), ({"notice_id": notice_id}, rule)):
            with pytest.raises(InvalidInput) as refusal:
                await town.do(login, issue_task, draft, source=RectificationSource.NOTICE, **led_to)
            assert refusal.value.rule == expected
    assert await tasks(town) == []
