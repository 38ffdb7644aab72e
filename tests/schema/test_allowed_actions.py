"""`allowedActions` is the truth: in every state and for everybody, what it lists works and nothing else does."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from app.kernel.tables import new_id
from app.tickets.access import facts_of
from app.tickets.lifecycle import allowed_from
from app.tickets.queries import TICKETS
from app.tickets.words import TicketStatus
from schema import ids
from schema.labels import TicketAction
from tests.schema.conftest import Api
from tests.schema.story import Story

STATES = {
    "submitted": "SUBMITTED",
    "accepted": "ACCEPTED",
    "answered": "ANSWERED",
    "dispatched": "DISPATCHED",
    "in_progress": "IN_PROGRESS",
    "disputed": "DISPUTED",
    "resolved": "RESOLVED",
    "escalated": "ESCALATED",
    "declined": "DECLINED",
    "closed": "CLOSED",
    "withdrawn": "WITHDRAWN",
    "terminated": "TERMINATED",
    "transferred": "TRANSFERRED",
    # and with everything that can be pending in one
    "suspended": "IN_PROGRESS",
    "extending": "IN_PROGRESS",
    "extended": "IN_PROGRESS",
    "coordinating": "IN_PROGRESS",
    "coordinating_above": "IN_PROGRESS",
    "coordinating_top": "IN_PROGRESS",
    "referred": "DISPUTED",
    "malicious": "IN_PROGRESS",
    "appealed": "CLOSED",
}
"""A ticket of the story in every state that the API can lead to."""

REPORT = "协办事项已完成。"
A_WHILE_AGO = (
    "update ticket_transfers set offered_at = offered_at - interval '30 days', chased_at = null, chases = 0"
    " where number = $1"
)
INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ACCEPT": ("ticketAccept", {}),
    "ACKNOWLEDGE": ("ticketAcknowledge", {}),
    "ANSWER": ("ticketAnswer", {"reply": "请到政务大厅三楼窗口办理。"}),
    "ARBITRATE": ("ticketArbitrate", {"lead": "guangyuan.commerce", "reason": "按职责清单由商务局承办"}),
    "ATTACH": ("ticketAttach", {"visibility": "INTERNAL"}),  # an upload of their own
    "COMMENT": ("ticketComment", {"body": "补充说明", "visibility": "INTERNAL"}),
    "COORDINATION_DECIDE": ("ticketCoordinationDecide", {"opinion": "由商务局牵头,财政局配合。"}),
    "COORDINATION_REQUEST": ("ticketCoordinationRequest", {"reason": "涉及多部门,推进困难。"}),
    "DECLINE": ("ticketDecline", {"basis": "不属于受理范围"}),
    "DISPATCH": ("ticketDispatch", {"lead": "guangyuan.commerce"}),
    "EXTENSION_DECIDE": ("ticketExtensionDecide", {"approve": False, "reason": "理由不充分。"}),
    "EXTENSION_REQUEST": ("ticketExtensionRequest", {"workingDays": 2, "reason": "需现场勘查。"}),
    "FIRST_CONTACT": ("ticketFirstContact", {"note": "已电话联系。"}),
    "FOLLOW_UP": ("ticketFollowUp", {"satisfaction": "UNSATISFIED", "justified": True}),
    "MALICE_APPEAL": ("ticketMaliceAppeal", {"reason": "所述属实。"}),
    "MALICE_DECIDE": ("ticketMaliceDecide", {"uphold": False, "reason": "证据不足。"}),
    "MALICE_FIND": ("ticketMaliceFind", {"evidence": "现场检查记录与所述不符。"}),
    "MERGE": ("ticketMerge", {}),  # into a ticket that every desk sees
    "PART_REPORT": ("ticketPartReport", {"report": REPORT}),
    "RATE": ("ticketFollowUp", {"satisfaction": "UNSATISFIED"}),
    "REFER": ("ticketRefer", {"reason": "情况特别复杂。"}),
    "RESOLVE": ("ticketResolve", {"reply": "已现场核实并整改完毕。"}),
    "RESUME": ("ticketResume", {}),
    "RETURN": ("ticketReturn", {"reason": "不属于本部门职责范围"}),
    "SUSPEND": ("ticketSuspend", {"reason": "INSPECTION"}),
    "TERMINATE": ("ticketTerminate", {"basis": "同一问题已依法依规办理。"}),
    "TRANSFER": ("ticketTransfer", {"to": "anshan", "reason": "该事项由鞍山市负责。"}),
    "TRANSFER_CHASE": ("ticketTransferChase", {"note": "请尽快决定。"}),
    "TRANSFER_WITHDRAW": ("ticketTransferWithdraw", {"reason": "转办有误。"}),
    "WITHDRAW": ("ticketWithdraw", {}),
}
PEOPLE = (
    *("intake_agent@guangyuan", "dispatcher@guangyuan", "office@guangyuan", "supervision_officer@guangyuan"),
    *("handler@guangyuan.commerce", "department_lead@guangyuan.commerce", "handler@guangyuan.finance"),
    *("handler@guangyuan.housing", "working_group@guangyuan", "leading_group@guangyuan"),
    *("intake_agent@guangyuan.cangxi", "auditor@guangyuan", "intake_agent@anshan"),
)


def test_every_action_has_its_input() -> None:
    assert set(INPUTS) == {action.name for action in TicketAction}


def test_every_state_that_can_be_reached_is_here() -> None:
    assert set(STATES.values()) == {status.name for status in TicketStatus}


@pytest.mark.parametrize("name", STATES)
async def test_what_is_listed_works_and_nothing_else(
    there: Api, story: Story, behind: asyncpg.Connection, name: str
) -> None:
    city = there.world.guangyuan
    reporter = city.enterprises[1 if name == "closed" else 0].login
    row = await behind.fetchrow("select * from tickets where number = $1", story.number(name))
    assert row["status"] == STATES[name]
    possible = {action.name for action in allowed_from(facts_of(SimpleNamespace(**row)))}
    listed_somewhere: set[str] = set()
    for login in (reporter, *PEOPLE):
        await behind.execute(
            A_WHILE_AGO, row["number"]
        )  # the scheme's time has passed, and the other side may be chased
        seen = await there.data(login, "query($id: ID!) { ticket(id: $id) { allowedActions } }", id=story[name])
        listed = seen["ticket"]["allowedActions"] if seen["ticket"] else []
        assert listed == sorted(listed), login
        assert set(listed) <= possible, login
        listed_somewhere |= set(listed)
        for action, (verb, given) in INPUTS.items():
            if action not in possible and login != reporter:
                continue  # nobody may, and one asker shows it
            if action in ("FOLLOW_UP", "RATE") and {"FOLLOW_UP", "RATE"} & set(listed) - {action}:
                continue  # one verb, two ways: who may do it the other way does it that way
            if action == "MERGE":
                given = {"intoTicketId": story["county"]}
            if action == "ATTACH":
                given = {**given, "uploadId": await an_upload(behind, there.world.user(login), story[name])}
            if login == reporter and action in ("ATTACH", "COMMENT"):
                given = {**given, "visibility": "PUBLIC"}
            response = await there.ask(
                login,
                f"mutation($input: {verb[0].upper()}{verb[1:]}Input!) {{ {verb}(input: $input) "
                "{ ticket { version } userErrors { __typename } } }",
                input={"ticketId": story[name], **given},
            )
            done = "errors" not in response and response["data"][verb]["userErrors"] == []
            assert done is (action in listed), (login, action, response)
            if done:
                changes = action not in ("ATTACH", "COMMENT", "TRANSFER_CHASE")
                assert response["data"][verb]["ticket"]["version"] == row["version"] + changes
                await put_back(behind, row)
                await behind.execute(A_WHILE_AGO, row["number"])
    nobody_helps = {"PART_REPORT"} - listed_somewhere
    assert listed_somewhere | nobody_helps == possible | nobody_helps


async def test_what_it_is_too_soon_for_or_used_up_is_not_listed(
    there: Api, story: Story, behind: asyncpg.Connection
) -> None:
    async def listed(login: str, name: str) -> list[str]:
        seen = await there.data(login, "query($id: ID!) { ticket(id: $id) { allowedActions } }", id=story[name])
        return list(seen["ticket"]["allowedActions"])

    desk, handler = "intake_agent@guangyuan", "handler@guangyuan.commerce"
    assert "TRANSFER_CHASE" not in await listed(desk, "transferred"), "it was told just now"
    await behind.execute(A_WHILE_AGO, story.number("transferred"))
    assert "TRANSFER_CHASE" in await listed(desk, "transferred")
    assert "EXTENSION_REQUEST" in await listed(handler, "extended"), "granted once, of the scheme's two times"
    await behind.execute("update tickets set extensions = 2 where number = $1", story.number("extended"))
    assert "EXTENSION_REQUEST" not in await listed(handler, "extended")
    assert "PART_REPORT" not in await listed("handler@guangyuan.finance", "coordinating"), "it has reported its part"
    assert "PART_REPORT" in await listed("handler@guangyuan.housing", "coordinating")


async def an_upload(connection: asyncpg.Connection, owner: uuid.UUID, ticket: str) -> str:
    """The id of a file that has come in, in the ticket's city."""
    city_id, upload_id = ids.decode_as(ticket, "T").city_id, new_id()
    await connection.execute(
        "insert into uploads values ($1, $2, $3, 'a.pdf', 5, now(), 'infinity', 'application/pdf', $4, false, now())",
        *(city_id, upload_id, owner, bytes(32)),
    )
    return ids.encode(ids.UPLOAD, city_id, upload_id)


async def put_back(connection: asyncpg.Connection, row: asyncpg.Record) -> None:
    """The ticket as it was; only its timeline goes on, and its clocks are gone."""
    names = [column.name for column in TICKETS.c if not column.computed and column.name not in ("city_id", "id")]
    assigned = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, start=3))
    await connection.execute(
        f"update tickets set {assigned} where city_id = $1 and id = $2",
        row["city_id"],
        row["id"],
        *(row[name] for name in names),
    )
    for table in ("deadline_suspensions", "deadlines"):
        await connection.execute(f"delete from {table} where city_id = $1", row["city_id"])
    if row["status"] == "TRANSFERRED":
        await connection.execute(
            "update ticket_transfers set status = 'OFFERED', withdrawn_at = null, ended_at = null where number = $1",
            row["number"],
        )
    else:
        await connection.execute("delete from notifications where transfer_id is not null")
        await connection.execute("delete from ticket_transfers where number = $1", row["number"])
    await connection.execute(
        "update ticket_co_handlers set report = null, reported_at = null"
        " where city_id = $1 and ticket_id = $2 and report = $3",
        *(row["city_id"], row["id"], REPORT),
    )
