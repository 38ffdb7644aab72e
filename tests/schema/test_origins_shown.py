"""Who sees the number that a ticket has on another platform, and finds the ticket by it."""

from __future__ import annotations

from typing import Any

from tests.schema.conftest import Api

AGENT, HANDLER, AUDITOR = "intake_agent@guangyuan", "handler@guangyuan.commerce", "auditor@guangyuan"
SUPERVISION = "supervision_officer@guangyuan"
NUMBER = "GD2026030200017"
CALL: dict[str, Any] = {
    "channel": "HOTLINE",
    "category": "REPORT",
    "reporter": {"name": "王芳", "phone": "13800000000"},
    "origin": {"platform": "12345", "number": NUMBER},
}
BY_NUMBER = "query($number: String!) { ticketByNumber(number: $number) { id number origin { platform number } } }"
SEARCH = "query($text: String!) { tickets(filter: {text: $text}) { totalCount edges { node { id } } } }"


async def call(api: Api, login: str = AGENT, **given: Any) -> Any:
    """A call that was registered and is on its way in the commerce department."""
    ticket = await api.submit(login, **(CALL | given))
    city = login.partition("@")[2].partition(".")[0]
    await api.verb(f"intake_agent@{city}", "ticketAccept", ticketId=ticket["id"])
    await api.verb(f"dispatcher@{city}", "ticketDispatch", ticketId=ticket["id"], lead=f"{city}.commerce")
    return ticket


async def by_number(api: Api, login: str, number: str = NUMBER) -> Any:
    return (await api.data(login, BY_NUMBER, number=number))["ticketByNumber"]


async def found(api: Api, login: str, text: str) -> list[str]:
    tickets = (await api.data(login, SEARCH, text=text))["tickets"]
    assert tickets["totalCount"] == len(tickets["edges"])
    return [edge["node"]["id"] for edge in tickets["edges"]]


async def test_found_by_either_number(api: Api) -> None:
    ticket = await call(api)
    shown = {"id": ticket["id"], "number": ticket["number"], "origin": {"platform": "12345", "number": NUMBER}}
    for login in (AGENT, HANDLER, AUDITOR):
        assert await by_number(api, login) == shown
        assert await by_number(api, login, ticket["number"]) == shown
        assert await by_number(api, login, "ＧＤ2026030200017 ") == shown
        for text in (NUMBER, "gd20260302", "00017", "17"):
            assert await found(api, login, text) == [ticket["id"]]
    for login in ("intake_agent@anshan", "auditor@anshan", "handler@guangyuan.finance"):
        assert await by_number(api, login) is None
        assert await found(api, login, NUMBER) == []


async def test_a_ticket_that_began_here_has_none(api: Api) -> None:
    ticket = await api.submit()
    shown = await by_number(api, AGENT, ticket["number"])
    assert shown["origin"] is None
    assert await by_number(api, AGENT, "") is None


async def test_the_neighbour_has_its_own_of_the_same_number(api: Api) -> None:
    ours, theirs = await call(api), await call(api, "intake_agent@anshan")
    assert (await by_number(api, AGENT))["id"] == ours["id"]
    assert (await by_number(api, "intake_agent@anshan"))["id"] == theirs["id"]


async def test_the_citys_own_number_comes_first_and_then_the_latest(api: Api) -> None:
    own = await api.submit()
    first = await api.submit(AGENT, **(CALL | {"origin": {"platform": "12345", "number": own["number"]}}))
    assert (await by_number(api, AGENT, own["number"]))["id"] == own["id"]
    second = await api.submit(AGENT, **(CALL | {"origin": {"platform": "智桂通", "number": NUMBER}}))
    assert (await by_number(api, AGENT))["id"] == second["id"]
    third = await api.submit(AGENT, **CALL)
    assert (await by_number(api, AGENT))["id"] == third["id"]
    assert first["id"] in await found(api, AGENT, own["number"])


async def test_of_a_masked_reporter_the_number_is_masked(api: Api) -> None:
    """On the other platform it leads to the caller: who may not know the reporter neither sees it nor finds by it."""
    ticket = await call(api, secrecy="CONFIDENTIAL")
    for login in (AGENT, SUPERVISION, AUDITOR):
        assert (await by_number(api, login))["origin"] == {"platform": "12345", "number": NUMBER}
    assert await by_number(api, HANDLER) is None
    assert await by_number(api, HANDLER, ticket["number"]) == {**ticket_shown(ticket), "origin": None}
    assert await found(api, HANDLER, ticket["number"]) == [ticket["id"]]
    for login in (AGENT, HANDLER, AUDITOR):  # one expression serves all searches: nobody finds it that way
        assert await found(api, login, NUMBER) == []


async def test_a_restricted_ticket_is_found_by_whom_it_names(api: Api) -> None:
    secret = await api.submit(AGENT, **(CALL | {"secrecy": "RESTRICTED"}))
    for login in (AGENT, SUPERVISION, AUDITOR):
        assert (await by_number(api, login))["id"] == secret["id"]
        assert await found(api, login, NUMBER) == []
    desk = "intake_agent@guangyuan.cangxi"
    assert await by_number(api, desk) is None
    open_one = await api.submit(desk, **CALL)  # it learns nothing by submitting either
    assert (await by_number(api, desk))["id"] == open_one["id"]
    assert (await by_number(api, HANDLER)) is None


async def test_refusals_are_said(api: Api) -> None:
    await api.submit(AGENT, **CALL)
    taken = await api.refusable(AGENT, "ticketSubmit", title="又一次", body="又一次", **CALL)
    assert taken["ticket"] is None
    (error,) = taken["userErrors"]
    assert (error["code"], error["rule"], error["path"]) == (
        "INVALID_INPUT",
        "origin_taken",
        ["input", "origin", "number"],
    )
    assert error["message"] == f"The number “{NUMBER}” of “12345” is registered already."
    given = {"category": "HELP", "channel": "HOTLINE", "title": "用电报装", "body": "至今没有答复"}
    mine = await api.refusable(api.world.guangyuan.enterprise.login, "ticketSubmit", **given)
    (error,) = mine["userErrors"]
    assert (error["rule"], error["path"]) == ("channel_not_yours", ["input", "channel"])
    assert error["message"] == "None of your roles reports by the channel “hotline”."


def ticket_shown(ticket: Any) -> dict[str, str]:
    return {"id": ticket["id"], "number": ticket["number"]}
