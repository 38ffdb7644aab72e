"""What offices tell one another is for the staff; what is told to the reporter is for everybody."""

from __future__ import annotations

from tests.schema.conftest import Api

NOTES = "query($id: ID!) { ticket(id: $id) { timeline { edges { node { type note } } } } }"


async def test_reasons_between_offices_stay_between_offices(api: Api) -> None:
    reporter = api.world.guangyuan.enterprise.login
    ticket = (await api.submit())["id"]
    await api.verb("intake_agent@guangyuan", "ticketAccept", ticketId=ticket)
    given = {"lead": "guangyuan.commerce", "note": "请先核对档案"}
    await api.verb("dispatcher@guangyuan", "ticketDispatch", ticketId=ticket, **given)
    await api.verb("handler@guangyuan.commerce", "ticketReturn", ticketId=ticket, reason="不属于本部门职责")
    settled = {"lead": "guangyuan.housing", "reason": "按职责清单应由住建局办理"}
    await api.verb("office@guangyuan", "ticketArbitrate", ticketId=ticket, **settled)
    await api.verb("handler@guangyuan.housing", "ticketAcknowledge", ticketId=ticket)
    await api.verb("handler@guangyuan.housing", "ticketResolve", ticketId=ticket, reply="已办结,请查收")

    async def notes(login: str) -> dict[str, str | None]:
        shown = (await api.data(login, NOTES, id=ticket))["ticket"]["timeline"]["edges"]
        return {edge["node"]["type"]: edge["node"]["note"] for edge in shown}

    told = {"DISPATCHED": "请先核对档案", "RETURNED": "不属于本部门职责", "ARBITRATED": settled["reason"]}
    for login in ("office@guangyuan", "handler@guangyuan.housing"):
        assert told.items() <= (await notes(login)).items()
    seen = await notes(reporter)
    assert {kind: seen[kind] for kind in told} == dict.fromkeys(told)
    assert seen["RESOLVED"] == "已办结,请查收"
