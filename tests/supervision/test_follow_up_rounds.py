"""Every reply is followed up (003_…txt, 二(六)): who waits, who is late, how many were asked, where a verdict leads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.tickets.sweep import SWEEP
from tests.supervision.conftest import CITY, DESK, DISPATCHER, HANDLER, OFFICE, Supervised

SHANGHAI = ZoneInfo("Asia/Shanghai")
REPLY = "已现场核实,三日内完成整改并回复。"


async def listed(s: Supervised, given: str, login: str = DESK) -> list[str]:
    """The ids of a filter, oldest first; its count is theirs."""
    query = (
        f"{{ tickets(filter: {{{given}}}, orderBy: {{field: SUBMITTED_AT, direction: ASC}}, first: 50) "
        "{ totalCount edges { node { id } } } }"
    )
    newest = f"{{ tickets(filter: {{{given}}}, first: 50) {{ edges {{ node {{ id }} }} }} }}"
    found = (await s.api.data(login, query))["tickets"]
    ids = [edge["node"]["id"] for edge in found["edges"]]
    edges = (await s.api.data(login, newest))["tickets"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == ids[::-1]
    assert found["totalCount"] == len(ids)
    return ids


async def numbers(s: Supervised, login: str = OFFICE) -> tuple[int, int, str | None, int]:
    """Followed up, of how many, the share, and how many are late."""
    query = (
        f'{{ ticketStatistics(within: "{CITY}", from: "2026-01-01", to: "2027-01-01") {{ followUpTarget '
        "followUpsOverdue followUpRate { numerator denominator value } } }"
    )
    (row,) = (await s.api.data(login, query))["ticketStatistics"]
    assert row["followUpTarget"] == "1.00"
    rate = row["followUpRate"]
    return rate["numerator"], rate["denominator"], rate["value"], row["followUpsOverdue"]


async def deadline(s: Supervised, ticket: str, kind: str = "FOLLOW_UP") -> list[tuple[int, str, datetime]]:
    query = "query($id: ID!) { ticket(id: $id) { deadlines { kind round state dueAt } } }"
    found = (await s.api.data(OFFICE, query, id=ticket))["ticket"]["deadlines"]
    return [
        (each["round"], each["state"], datetime.fromisoformat(each["dueAt"])) for each in found if each["kind"] == kind
    ]


async def told(s: Supervised, ticket: str) -> list[str]:
    """What the sweep has told of its follow-ups."""
    while await SWEEP.turn(s.context):
        pass
    query = "query($id: ID!) { ticket(id: $id) { timeline(first: 60) { edges { node { type deadlineKind } } } } }"
    edges = (await s.api.data(OFFICE, query, id=ticket))["ticket"]["timeline"]["edges"]
    return [edge["node"]["type"] for edge in edges if edge["node"]["deadlineKind"] == "FOLLOW_UP"]


async def state(s: Supervised, ticket: str) -> tuple[str, int]:
    shown = (await s.api.data(OFFICE, "query($id: ID!) { ticket(id: $id) { status round } }", id=ticket))["ticket"]
    return shown["status"], shown["round"]


async def test_who_waits_and_who_is_late(supervised: Supervised) -> None:
    s = supervised
    first, second = await s.ticket(), await s.ticket()
    assert (await listed(s, "followUpDue: true"), await numbers(s)) == ([], (0, 0, None, 0))
    await s.then(first, HANDLER, "ticketResolve", reply=REPLY)
    answered = (await s.api.submit())["id"]
    await s.then(answered, DESK, "ticketAnswer", reply=REPLY)
    assert await listed(s, "followUpDue: true") == [first, answered]
    assert await listed(s, "followUpDue: false") == [second]
    # Replied to on Monday 2 March: due at the close of Thursday, after three working days.
    due = datetime(2026, 3, 5, 17, tzinfo=SHANGHAI)
    assert await deadline(s, first) == [(1, "RUNNING", due)]
    assert await numbers(s) == (0, 2, "0.0000", 0)

    s.clock.at = due - timedelta(hours=1)
    assert await told(s, first) == ["DEADLINE_WARNED"]
    assert await listed(s, "followUpDue: true, overdue: true") == []
    await s.then(answered, DESK, "ticketFollowUp", satisfaction="SATISFIED")
    s.clock.at = due + timedelta(minutes=1)
    assert await told(s, first) == ["DEADLINE_WARNED", "DEADLINE_MISSED"]
    assert await told(s, answered) == ["DEADLINE_WARNED"]
    assert await listed(s, "followUpDue: true, overdue: true") == [first]
    assert await numbers(s) == (1, 2, "0.5000", 1)
    await s.then(first, DESK, "ticketFollowUp", satisfaction="VERY_SATISFIED")
    assert (await listed(s, "followUpDue: true"), await numbers(s)) == ([], (2, 2, "1.0000", 0))
    assert await told(s, first) == ["DEADLINE_WARNED", "DEADLINE_MISSED"]
    assert [each[:2] for each in await deadline(s, first)] == [(1, "MISSED")]


async def test_round_again_and_then_up(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    low = {"satisfaction": "UNSATISFIED", "justified": True}
    await s.then(ticket, HANDLER, "ticketResolve", reply=REPLY)
    assert await numbers(s) == (0, 1, "0.0000", 0)
    await s.then(ticket, DESK, "ticketFollowUp", **low)
    assert await state(s, ticket) == ("DISPATCHED", 2)  # 二次分办
    assert await numbers(s) == (1, 1, "1.0000", 0)
    assert await listed(s, "followUpDue: true") == []
    await s.then(ticket, HANDLER, "ticketAcknowledge")
    await s.then(ticket, HANDLER, "ticketResolve", reply=REPLY)
    assert await numbers(s) == (0, 1, "0.0000", 0), "the second reply is to be asked about too"
    assert await listed(s, "followUpDue: true") == [ticket]
    await s.then(ticket, DESK, "ticketFollowUp", **low)
    assert await state(s, ticket) == ("ESCALATED", 2)  # 提级办理
    assert await numbers(s) == (1, 1, "1.0000", 0)
    payload = await s.api.refusable(DISPATCHER, "ticketDispatch", ticketId=ticket, lead=f"{CITY}.finance")
    assert payload["userErrors"][0]["code"] == "NOT_RESPONSIBLE"
    await s.then(ticket, OFFICE, "ticketDispatch", lead=f"{CITY}.finance")
    assert await state(s, ticket) == ("DISPATCHED", 3)
    await s.then(ticket, f"handler@{CITY}.finance", "ticketAcknowledge")
    await s.then(ticket, f"handler@{CITY}.finance", "ticketResolve", reply=REPLY)
    await s.then(ticket, DESK, "ticketFollowUp", satisfaction="UNSATISFIED", justified=False)
    assert await state(s, ticket) == ("CLOSED", 3)
    assert await numbers(s) == (1, 1, "1.0000", 0)
    assert sorted(each[:2] for each in await deadline(s, ticket)) == [(1, "MET"), (2, "MET"), (3, "MET")]


async def test_a_reporter_who_is_not_content_waits_for_the_call(supervised: Supervised) -> None:
    s = supervised
    ticket, enterprise = await s.ticket(), s.api.world.guangyuan.enterprise.login
    await s.then(ticket, HANDLER, "ticketResolve", reply=REPLY)
    await s.then(ticket, enterprise, "ticketFollowUp", satisfaction="UNSATISFIED")
    assert await listed(s, "followUpDue: true") == await listed(s, "followUpDue: true", enterprise) == [ticket]
    assert await numbers(s) == (0, 1, "0.0000", 0)
    s.clock.advance(timedelta(days=7))
    assert await told(s, ticket) == ["DEADLINE_WARNED", "DEADLINE_MISSED"]
    assert await numbers(s) == (0, 1, "0.0000", 1)
    await s.then(ticket, enterprise, "ticketFollowUp", satisfaction="SATISFIED")
    assert (await state(s, ticket), await numbers(s)) == (("CLOSED", 1), (1, 1, "1.0000", 0))


async def test_who_is_never_asked_does_not_count(supervised: Supervised) -> None:
    s = supervised
    for verb, login, given in (
        ("ticketWithdraw", s.api.world.guangyuan.enterprise.login, {}),
        ("ticketTerminate", OFFICE, {"basis": "同一问题已依法办理"}),
    ):
        ticket = await s.ticket()
        if verb == "ticketWithdraw":
            await s.then(ticket, HANDLER, "ticketResolve", reply=REPLY)
        await s.then(ticket, login, verb, **given)
    assert await numbers(s) == (0, 0, None, 0)


async def test_what_the_neighbour_and_the_wrong_role_get(supervised: Supervised) -> None:
    s = supervised
    ticket = await s.ticket()
    await s.then(ticket, HANDLER, "ticketResolve", reply=REPLY)
    assert await listed(s, "followUpDue: true", "intake_agent@anshan") == []
    assert await listed(s, "followUpDue: true", f"handler@{CITY}.housing") == []
    for login, found in (("office@anshan", "no_such_tenant"), (f"steward@{CITY}", "FORBIDDEN")):
        response: dict[str, Any] = await s.api.ask(
            login,
            f'{{ ticketStatistics(within: "{CITY}", from: "2026-01-01", to: "2027-01-01") {{ followUpsOverdue }} }}',
        )
        extensions = response["errors"][0]["extensions"]
        assert found in (extensions["code"], extensions.get("rule")), extensions
    document = "mutation($input: TicketFollowUpInput!) { ticketFollowUp(input: $input) { ticket { id } } }"
    for login in (OFFICE, HANDLER, DISPATCHER):
        response = await s.api.ask(login, document, input={"ticketId": ticket, "satisfaction": "SATISFIED"})
        assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    payload = await s.api.refusable(
        f"intake_agent@{CITY}.cangxi", "ticketFollowUp", ticketId=ticket, satisfaction="SATISFIED"
    )
    assert payload["userErrors"][0]["code"] == "NOT_FOUND"
