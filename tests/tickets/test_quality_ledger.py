"""The ledger of handling quality: what enters it by itself, whose it is, and what becomes of an entry."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from app.kernel.errors import Conflict, IllegalTransition, InvalidInput, NotFound, NotResponsible
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.close_quality_entry import close_quality_entry
from app.tickets.actions.draw_quality_sample import draw_quality_sample
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.hand_over_quality_entry import hand_over_quality_entry
from app.tickets.actions.record_quality_check import record_quality_check
from app.tickets.actions.resolve import resolve
from app.tickets.quality.lifecycle import TRANSITIONS, QualityAction, allowed_from, next_status, required_permission
from app.tickets.words import QualityStatus, Satisfaction, TicketCategory, TicketStatus
from authz.permissions import Permission
from authz.roles import Role
from tenants.schemes.model import load_preset
from tests.tickets.test_quality import MARCH, share
from tests.tickets.town import AGENT, HANDLER, OFFICE, SUPERVISION, Town, give_schemes

S = TicketStatus
LOW: dict[str, Any] = {"satisfaction": Satisfaction.UNSATISFIED}
AUDITOR = "auditor@guangyuan"


async def entries(town: Town, ticket_id: uuid.UUID | None = None) -> list[dict[str, Any]]:
    rows = await town.admin.fetch("select * from quality_entries order by opened_at, kind")
    return [dict(row) for row in rows if ticket_id in (None, row["ticket_id"])]


async def entered(town: Town, **submission: Any) -> uuid.UUID:
    """An entry of low satisfaction; its id."""
    ticket_id = await town.at(S.RESOLVED, **submission)
    await town.do(AGENT, follow_up, ticket_id, **LOW, justified=False)
    (entry,) = await entries(town, ticket_id)
    id_: uuid.UUID = entry["id"]
    return id_


def test_every_step_is_somebodys() -> None:
    assert {action for _, action in TRANSITIONS} == set(QualityAction)
    assert allowed_from(QualityStatus.CLOSED) == ()
    assert next_status(QualityStatus.OPEN, QualityAction.HAND_OVER) is QualityStatus.HANDED_OVER
    with pytest.raises(IllegalTransition) as refusal:
        next_status(QualityStatus.HANDED_OVER, QualityAction.HAND_OVER)
    assert refusal.value.data["allowed"] == (QualityAction.CLOSE,)
    who = {step: required_permission(*step) for step in TRANSITIONS}
    assert [step for step, each in who.items() if each is Permission.TICKET_QUALITY_CHECK] == [
        (QualityStatus.HANDED_OVER, QualityAction.CLOSE)
    ]


async def test_a_low_verdict_enters_the_round_that_it_judges(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    await town.do(AGENT, follow_up, ticket_id, **LOW, justified=True)
    (entry,) = await entries(town)
    commerce = town.world.tenant("guangyuan.commerce")
    assert (entry["kind"], entry["status"], entry["round"], entry["lead_id"], entry["tenant_id"]) == (
        *("LOW_SATISFACTION", "OPEN", 1, commerce),
        town.world.guangyuan.id,
    )
    assert (entry["opened_at"], entry["awaits_task"], entry["scheme_version"]) == (town.now, True, 1)
    (event,) = await town.timeline(entry["id"])
    assert (event["topic"], event["type"], event["actor_id"], event["visibility"]) == (
        *("quality", "OPENED", None),
        "INTERNAL",
    )
    # And the next round, in which it is escalated, is hard to solve beside.
    await town.do(HANDLER, acknowledge, ticket_id)
    await town.do(HANDLER, resolve, ticket_id, reply="已再次疏通")
    await town.do(AGENT, follow_up, ticket_id, **LOW, justified=True)
    assert (await town.row(ticket_id))["status"] == S.ESCALATED
    assert [(each["kind"], each["round"]) for each in await entries(town)] == [
        *(("LOW_SATISFACTION", 1), ("HARD_TO_SOLVE", 2)),
        ("LOW_SATISFACTION", 2),
    ]


async def test_the_reporters_verdict_and_the_desks_are_one_entry(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED)
    await town.do(town.enterprise, follow_up, ticket_id, **LOW)
    (entry,) = await entries(town)
    assert not entry["awaits_task"], "nobody has found it justified"
    await town.do(AGENT, follow_up, ticket_id, **LOW, justified=True)
    (entry,) = await entries(town)
    assert entry["awaits_task"]
    assert len(await town.timeline(entry["id"])) == 1


async def test_the_content_enter_nothing(town: Town) -> None:
    for level in (Satisfaction.VERY_SATISFIED, Satisfaction.SATISFIED, Satisfaction.NEUTRAL):
        await town.do(AGENT, follow_up, await town.at(S.RESOLVED), satisfaction=level)
    assert await entries(town) == []


async def test_what_the_desk_answered_is_no_departments(town: Town) -> None:
    ticket_id = await town.at(S.ANSWERED, county="guangyuan.cangxi")
    await town.do(AGENT, follow_up, ticket_id, **LOW, justified=True)
    (entry,) = await entries(town)
    assert (entry["lead_id"], entry["tenant_id"], entry["awaits_task"]) == (
        *(None, town.world.tenant("guangyuan.cangxi")),
        False,
    )


async def test_nothing_restricted_is_entered(town: Town) -> None:
    ticket_id = await town.at(S.RESOLVED, category=TicketCategory.REPORT)
    await town.admin.execute("update tickets set secrecy = 'RESTRICTED' where id = $1", ticket_id)
    await town.name(ticket_id, SUPERVISION)
    await town.do(SUPERVISION, follow_up, ticket_id, **LOW, justified=True)
    assert (await town.row(ticket_id))["low_satisfaction_at"] == town.now
    assert await entries(town) == []


@pytest.mark.parametrize("ledger", [[], ["LOW_QUALITY"]])
async def test_the_scheme_says_what_enters(town: Town, ledger: list[str]) -> None:
    rules = load_preset("guangyuan").scheme.document()["tickets"]["follow_up"]
    await give_schemes(town.admin, follow_up=rules | {"ledger": ledger})
    await town.do(AGENT, follow_up, await town.at(S.RESOLVED), **LOW, justified=True)
    assert await entries(town) == []


async def test_a_check_that_fails_enters_too(town: Town) -> None:
    await share(town, 1)
    ids = [await town.at(S.CLOSED) for _ in range(2)]
    town.now += timedelta(days=40)
    sample = await town.do(SUPERVISION, draw_quality_sample, **MARCH)
    for ticket_id, passed in zip(ids, (False, True), strict=True):
        given = {"ticket_id": ticket_id, "passed": passed, "findings": "未与企业联系"}
        await town.do(SUPERVISION, record_quality_check, sample.id, **given)
    (entry,) = await entries(town)
    assert (entry["kind"], entry["ticket_id"], entry["awaits_task"]) == ("LOW_QUALITY", ids[0], False)


async def test_handed_over_and_closed(town: Town) -> None:
    id_ = await entered(town)
    await town.do(OFFICE, hand_over_quality_entry, id_, note="实质未解决", expected_version=1)
    with pytest.raises(NotResponsible):
        await town.do(OFFICE, close_quality_entry, id_, outcome="已督促整改")
    with pytest.raises(NotResponsible):
        await town.do(SUPERVISION, hand_over_quality_entry, id_)
    with pytest.raises(Conflict):
        await town.do(SUPERVISION, close_quality_entry, id_, outcome="已督促整改", expected_version=1)
    await town.do(SUPERVISION, close_quality_entry, id_, outcome="  已督促整改  ", expected_version=2)
    (entry,) = await entries(town)
    assert (entry["status"], entry["note"], entry["outcome"], entry["version"], entry["closed_at"]) == (
        *("CLOSED", "实质未解决", "已督促整改", 3),
        town.now,
    )
    events = await town.timeline(id_)
    assert [(each["type"], each["actor_role"]) for each in events] == [
        *(("OPENED", None), ("HANDED_OVER", "OFFICE")),
        ("CLOSED", "SUPERVISION_OFFICER"),
    ]
    with pytest.raises(IllegalTransition):
        await town.do(SUPERVISION, close_quality_entry, id_, outcome="再次办结")


async def test_the_office_closes_what_is_nobody_elses(town: Town) -> None:
    id_ = await entered(town)
    with pytest.raises(NotResponsible):
        await town.do(SUPERVISION, close_quality_entry, id_, outcome="已督促整改")
    for outcome, rule in (("", "empty"), ("好", "too_short"), ("好" * 2_001, "too_long"), ("好\x00坏", "characters")):
        with pytest.raises(InvalidInput) as refusal:
            await town.do(OFFICE, close_quality_entry, id_, outcome=outcome)
        assert (refusal.value.field, refusal.value.rule) == ("outcome", rule)
    await town.do(OFFICE, close_quality_entry, id_, outcome="经核实不属实")
    (entry,) = await entries(town)
    assert (entry["status"], entry["handed_over_at"]) == ("CLOSED", None)
    with pytest.raises(IllegalTransition):
        await town.do(OFFICE, hand_over_quality_entry, id_)


async def test_who_may(town: Town) -> None:
    id_ = await entered(town)
    for login, refusal in (
        ("office@anshan", NotFound),
        ("supervision_officer@anshan", NotFound),
        (AGENT, NotFound),
        (HANDLER, NotFound),
        (town.enterprise, NotFound),
        (AUDITOR, NotResponsible),
    ):
        with pytest.raises(refusal):
            await town.do(login, hand_over_quality_entry, id_)
        with pytest.raises(refusal):
            await town.do(login, close_quality_entry, id_, outcome="已督促整改")
    # A county's office keeps its own ledger, and knows nothing of the city's.
    await town.grant("steward@guangyuan", Role.OFFICE, "guangyuan.cangxi")
    with pytest.raises(NotFound):
        await town.do("steward@guangyuan", hand_over_quality_entry, id_)
    ticket_id = await town.at(S.ANSWERED, county="guangyuan.cangxi")
    await town.do(AGENT, follow_up, ticket_id, **LOW, justified=False)
    (own,) = await entries(town, ticket_id)
    await town.do("steward@guangyuan", hand_over_quality_entry, own["id"])


async def test_the_database_holds_it_too(town: Town) -> None:
    id_ = await entered(town)
    for change in (
        "status = 'HANDED_OVER'",
        "status = 'CLOSED'",
        "closed_at = now()",
        "handed_over_at = now()",
        "lead_id = null, awaits_task = true",
        "kind = 'OTHER'",
    ):
        with pytest.raises(Exception, match="violates check constraint"):
            await town.admin.execute(f"update quality_entries set {change} where id = $1", id_)
