"""Published decisions: read by everybody of the city, telling nothing of who complained; words of the city's own."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schema import ids
from tests.schema.conftest import Api

TENDER = {
    "category": "BIDDING_COMPLAINT",
    "department": "guangyuan.commerce",
    "title": "评标结果公示有误",
    "body": "公示的中标候选人业绩与招标文件要求不符。",
}
HANDLER, LEAD = "handler@guangyuan.commerce", "department_lead@guangyuan.commerce"
PUBLISHED = (
    "query($within: TenantPath!, $first: Int, $after: Cursor) {"
    " publishedDecisions(within: $within, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }"
    " edges { cursor node { id number category categoryLabel department { path } text publishedAt } } } }"
)
STAFF = ("auditor", "city_administrator", "dispatcher", "evaluation_manager", "finance_officer", "special_monitor")
REPLY = "投诉事项属实,责令重新评标。"


async def decided(api: Api, number: str, login: str | None = None, **changes: Any) -> str:
    """A tender complaint that its department has decided; its id."""
    ticket = await api.submit(login, **(TENDER | changes))
    await api.verb(LEAD, "ticketAccept", ticketId=ticket["id"])
    await api.verb(LEAD, "ticketResolve", ticketId=ticket["id"], reply=REPLY, decisionNumber=number)
    return str(ticket["id"])


async def numbers(api: Api, login: str, within: str = "guangyuan") -> list[str]:
    data = await api.data(login, PUBLISHED, within=within)
    assert data["publishedDecisions"]["totalCount"] == len(data["publishedDecisions"]["edges"])
    return [edge["node"]["number"] for edge in data["publishedDecisions"]["edges"]]


async def test_everybody_of_the_city_reads_what_was_published(api: Api) -> None:
    ticket_id = await decided(api, "广商投〔2026〕1号")
    readers = [f"{role}@guangyuan" for role in STAFF]
    readers += [HANDLER, "handler@guangyuan.cangxi", "policy_officer@guangyuan.housing"]
    readers += [enterprise.login for enterprise in api.world.guangyuan.enterprises]
    for login in readers:
        data = await api.data(login, PUBLISHED, within="guangyuan", locale="zh-CN")
        (edge,) = data["publishedDecisions"]["edges"]
        node = edge["node"]
        assert {name: node[name] for name in ("number", "category", "department", "text")} == {
            "number": "广商投〔2026〕1号",
            "category": "BIDDING_COMPLAINT",
            "department": {"path": "guangyuan.commerce"},
            "text": REPLY,
        }
        told = orjson.dumps(data).decode()
        for secret in (TENDER["title"], TENDER["body"], ticket_id, api.world.guangyuan.enterprise.name):
            assert secret not in told
        ticket = ids.decode(ticket_id).key.hex
        assert ticket not in edge["cursor"], "a page's cursor names the publication, not the ticket"
        found = await api.data(
            login, "query($id: ID!) { node(id: $id) { ... on PublishedDecision { text } } }", id=node["id"]
        )
        assert found == {"node": {"text": REPLY}}


async def test_the_neighbour_and_the_platform_read_nothing(api: Api) -> None:
    await decided(api, "1号")
    known = (await api.data(HANDLER, PUBLISHED, within="guangyuan"))["publishedDecisions"]["edges"][0]["node"]["id"]
    for login in ("auditor@anshan", "handler@anshan.commerce", api.world.anshan.enterprise.login):
        assert await numbers(api, login, "anshan") == []
        for within in ("guangyuan", "guangyuan.commerce", "nowhere"):
            response = await api.ask(login, PUBLISHED, within=within)
            assert [error["extensions"]["rule"] for error in response["errors"]] == ["no_such_tenant"]
        assert await api.data(login, "query($id: ID!) { node(id: $id) { id } }", id=known) == {"node": None}
    response = await api.ask("platform_operator@platform", PUBLISHED, within="platform")
    assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    response = await api.ask(None, PUBLISHED, within="guangyuan")
    assert response["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_what_is_secret_stays_out(api: Api) -> None:
    await decided(api, "公开1号")
    await decided(api, "保密2号", secrecy="CONFIDENTIAL")
    restricted = await decided(api, "限定3号", secrecy="RESTRICTED")
    for login in (HANDLER, LEAD, "auditor@guangyuan", "supervision_officer@guangyuan"):
        assert await numbers(api, login) == ["公开1号"]
    own = await api.data(
        LEAD, "query($id: ID!) { ticket(id: $id) { decisionNumber decisionPublishedAt } }", id=restricted
    )
    assert own["ticket"] == {"decisionNumber": "限定3号", "decisionPublishedAt": None}


async def test_pages_are_of_the_tenant_and_latest_first(api: Api) -> None:
    await decided(api, "1号")
    await decided(api, "2号")
    reader = api.world.guangyuan.enterprises[1].login
    assert await numbers(api, reader) == ["2号", "1号"]
    assert await numbers(api, reader, "guangyuan.commerce") == ["2号", "1号"]
    assert await numbers(api, reader, "guangyuan.finance") == []
    assert await numbers(api, "handler@guangyuan.housing", "guangyuan.commerce") == ["2号", "1号"]
    page = (await api.data(reader, PUBLISHED, within="guangyuan", first=1))["publishedDecisions"]
    assert page["pageInfo"]["hasNextPage"]
    after = page["pageInfo"]["endCursor"]
    rest = (await api.data(reader, PUBLISHED, within="guangyuan", first=1, after=after))["publishedDecisions"]
    assert [edge["node"]["number"] for edge in rest["edges"]] == ["1号"]


async def test_the_reporter_sees_the_number_of_the_decision(api: Api) -> None:
    ticket_id = await decided(api, "1号")
    query = "query($id: ID!) { ticket(id: $id) { decisionNumber decisionPublishedAt resolution lead { path } } }"
    ticket = (await api.data(api.world.guangyuan.enterprise.login, query, id=ticket_id))["ticket"]
    assert ticket["decisionPublishedAt"] is not None
    assert (ticket["decisionNumber"], ticket["resolution"], ticket["lead"]) == (
        "1号",
        REPLY,
        {"path": "guangyuan.commerce"},
    )


async def test_who_may_do_what_with_it(api: Api) -> None:
    ticket = await api.submit(**TENDER)

    async def may(login: str) -> set[str]:
        query = "query($id: ID!) { ticket(id: $id) { allowedActions } }"
        found = (await api.data(login, query, id=ticket["id"]))["ticket"]
        return set() if found is None else set(found["allowedActions"])

    handler = await may(HANDLER)
    assert handler >= {"ACCEPT", "DECLINE", "RETURN"}
    assert not handler & {"ACKNOWLEDGE", "ANSWER", "RESOLVE"}
    assert not await may("intake_agent@guangyuan") & {"ACCEPT", "ANSWER", "DECLINE"}
    assert await may("handler@guangyuan.finance") == set()
    await api.verb(HANDLER, "ticketAccept", ticketId=ticket["id"])
    assert await may(HANDLER) >= {"RESOLVE", "SUSPEND"}


@pytest.mark.parametrize(
    ("name", "given", "path", "rule"),
    [
        ("ticketSubmit", TENDER | {"department": None}, ["input", "department"], "required"),
        ("ticketSubmit", TENDER | {"category": "HELP"}, ["input", "department"], "not_allowed"),
    ],
)
async def test_refusals_say_where(api: Api, name: str, given: dict[str, Any], path: list[str], rule: str) -> None:
    payload = await api.refusable(api.world.guangyuan.enterprise.login, name, channel="WEB", **given)
    (error,) = payload["userErrors"]
    assert (error["code"], error["path"], error["rule"]) == ("INVALID_INPUT", path, rule)


async def test_an_illegal_step_names_the_state_in_the_citys_own_word(api: Api) -> None:
    login = api.world.anshan.enterprise.login
    ticket = await api.submit(login)
    await api.verb("intake_agent@anshan", "ticketAccept", ticketId=ticket["id"])
    await api.verb("dispatcher@anshan", "ticketDispatch", ticketId=ticket["id"], lead="anshan.commerce")
    document = (
        "mutation($id: ID!) { ticketAccept(input: {ticketId: $id}) { userErrors { message "
        "... on IllegalTransitionError { current } } } }"
    )
    for locale, word in (("zh-CN", "当前状态为“协调中”"), ("en", "It is dispatched")):
        response = await api.ask("intake_agent@anshan", document, locale=locale, id=ticket["id"])
        (error,) = response["data"]["ticketAccept"]["userErrors"]
        assert word in error["message"]
        assert error["current"] == "DISPATCHED"
