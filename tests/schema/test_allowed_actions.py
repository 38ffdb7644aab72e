"""`allowedActions` is the truth: in every state and for everybody, what it lists works and nothing else does."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from app.tickets.lifecycle import Facts, allowed_from
from app.tickets.words import TicketStatus
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
}
"""A ticket of the story in every state that the API can lead to."""

INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ACCEPT": ("ticketAccept", {}),
    "ACKNOWLEDGE": ("ticketAcknowledge", {}),
    "ANSWER": ("ticketAnswer", {"reply": "请到政务大厅三楼窗口办理。"}),
    "ARBITRATE": ("ticketArbitrate", {"lead": "guangyuan.commerce", "reason": "按职责清单由商务局承办"}),
    "COMMENT": ("ticketComment", {"body": "补充说明", "visibility": "INTERNAL"}),
    "DECLINE": ("ticketDecline", {"basis": "不属于受理范围"}),
    "DISPATCH": ("ticketDispatch", {"lead": "guangyuan.commerce"}),
    "FOLLOW_UP": ("ticketFollowUp", {"satisfaction": "UNSATISFIED", "justified": True}),
    "RATE": ("ticketFollowUp", {"satisfaction": "UNSATISFIED"}),
    "RESOLVE": ("ticketResolve", {"reply": "已现场核实并整改完毕。"}),
    "RETURN": ("ticketReturn", {"reason": "不属于本部门职责范围"}),
    "WITHDRAW": ("ticketWithdraw", {}),
}
PEOPLE = (
    *("intake_agent@guangyuan", "dispatcher@guangyuan", "office@guangyuan", "supervision_officer@guangyuan"),
    *("handler@guangyuan.commerce", "department_lead@guangyuan.commerce", "handler@guangyuan.finance"),
    *("intake_agent@guangyuan.cangxi", "auditor@guangyuan", "intake_agent@anshan"),
)


def test_every_action_has_its_input() -> None:
    assert set(INPUTS) == {action.name for action in TicketAction}


def test_every_state_that_can_be_reached_is_here() -> None:
    later = {TicketStatus.TERMINATED, TicketStatus.TRANSFERRED}  # by verbs that the API does not have yet
    assert set(STATES.values()) == {status.name for status in TicketStatus if status not in later}


@pytest.mark.parametrize("name", STATES)
async def test_what_is_listed_works_and_nothing_else(
    there: Api, story: Story, behind: asyncpg.Connection, name: str
) -> None:
    city = there.world.guangyuan
    reporter = city.enterprises[1 if name == "closed" else 0].login
    row = await behind.fetchrow("select * from tickets where number = $1", story.number(name))
    assert row["status"] == STATES[name]
    possible = {action.name for action in allowed_from(Facts(TicketStatus(row["status"])))}
    listed_somewhere: set[str] = set()
    for login in (reporter, *PEOPLE):
        seen = await there.data(login, "query($id: ID!) { ticket(id: $id) { allowedActions } }", id=story[name])
        listed = seen["ticket"]["allowedActions"] if seen["ticket"] else []
        assert listed == sorted(listed), login
        assert set(listed) <= possible, login
        listed_somewhere |= set(listed)
        for action, (verb, given) in INPUTS.items():
            if action in ("FOLLOW_UP", "RATE") and {"FOLLOW_UP", "RATE"} & set(listed) - {action}:
                continue  # one verb, two ways: who may do it the other way does it that way
            if login == reporter and action == "COMMENT":
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
                assert response["data"][verb]["ticket"]["version"] == row["version"] + (action != "COMMENT")
                await put_back(behind, row)
    assert listed_somewhere == possible


async def put_back(connection: asyncpg.Connection, row: asyncpg.Record) -> None:
    """The ticket as it was; only its timeline goes on."""
    names = [name for name in row.keys() if name not in ("city_id", "id")]  # noqa: SIM118 (a record's own keys)
    assigned = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, start=3))
    await connection.execute(
        f"update tickets set {assigned} where city_id = $1 and id = $2",
        row["city_id"],
        row["id"],
        *(row[name] for name in names),
    )
