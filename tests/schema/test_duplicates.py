"""Likely duplicates: the same enterprise, or a similar text, of late; and of those only what the viewer may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.operations import sign_tickets
from schema import ids
from tests.schema.conftest import Api

DESK = "intake_agent@guangyuan"
SUPERVISION = "supervision_officer@guangyuan"
AUDITOR = "auditor@guangyuan"
FLOOD = {"title": "厂区门口道路积水", "body": "暴雨后厂区门口道路积水三天,货车无法进出,影响发货。"}
FLOOD_AGAIN = {"title": "门口道路积水严重", "body": "暴雨过后,厂区门口道路一直积水,货车无法进出。"}
LICENCE = {"title": "营业执照变更没有结果", "body": "变更申请提交三周,系统显示审核中。"}
OFFICE = {"title": "不动产登记排队太久", "body": "连续三天取不到号,当天无法办结。"}


@pytest.fixture
def second(api: Api) -> str:
    return api.world.guangyuan.enterprises[1].login


async def duplicates(api: Api, login: str, ticket: str) -> list[str]:
    """The titles of what is suggested for a ticket."""
    data = await api.data(login, "query($id: ID!) { ticket(id: $id) { duplicates { title } } }", id=ticket)
    return [each["title"] for each in data["ticket"]["duplicates"]]


async def told(api: Api, login: str, **arguments: Any) -> list[str]:
    """The titles of what is suggested while somebody is telling it."""
    query = """query($title: String, $body: String, $enterprise: ID, $within: TenantPath) {
        ticketDuplicates(title: $title, body: $body, enterpriseId: $enterprise, within: $within) { title } }"""
    return [each["title"] for each in (await api.data(login, query, **arguments))["ticketDuplicates"]]


def enterprise_id(api: Api, place: int) -> str:
    city = api.world.guangyuan
    return ids.encode("E", city.id, city.enterprises[place].id)


async def test_a_similar_text_is_found_whoever_tells_it(api: Api, second: str) -> None:
    first = await api.submit(**FLOOD)
    await api.submit(second, **LICENCE)
    again = await api.submit(second, **FLOOD_AGAIN)
    assert await duplicates(api, DESK, first["id"]) == [FLOOD_AGAIN["title"]]
    assert await duplicates(api, DESK, again["id"]) == [FLOOD["title"], LICENCE["title"]], "its own other ticket, last"
    assert await told(api, DESK, title=FLOOD["title"], body="暴雨后道路积水,货车无法进出") == [
        FLOOD["title"],
        FLOOD_AGAIN["title"],
    ]


async def test_the_same_enterprise_is_found_and_what_is_both_comes_first(api: Api, second: str) -> None:
    await api.submit(second, **FLOOD_AGAIN)
    await api.submit(**OFFICE)
    own = await api.submit(**FLOOD)
    newest = await api.submit(title="厂区门口积水", body="厂区门口道路积水,货车无法进出。")
    assert await duplicates(api, DESK, newest["id"]) == [FLOOD["title"], FLOOD_AGAIN["title"], OFFICE["title"]]
    assert own["id"]
    assert await told(api, DESK, enterprise=enterprise_id(api, 1)) == [FLOOD_AGAIN["title"]]
    assert await told(api, DESK, title="您好", body="谢谢!") == []
    assert await told(api, DESK) == []


async def test_what_is_older_than_the_scheme_says_is_no_duplicate(api: Api, admin: asyncpg.Connection) -> None:
    old = await api.submit(**FLOOD)
    new = await api.submit(**FLOOD_AGAIN)

    async def move(days: int) -> None:
        moved = api.clock.now() - timedelta(days=days)
        for table, column in (("tickets", "id"), ("ticket_signatures", "ticket_id")):
            await admin.execute(
                f"update {table} set submitted_at = $1 where {column} = $2", moved, ids.decode(old["id"]).key
            )

    await move(89)
    assert await duplicates(api, DESK, new["id"]) == [FLOOD["title"]]
    assert await duplicates(api, DESK, old["id"]) == [FLOOD_AGAIN["title"]]
    await move(91)
    assert await duplicates(api, DESK, new["id"]) == []
    assert await duplicates(api, DESK, old["id"]) == []


async def test_at_most_ten_and_the_likeliest(api: Api, second: str) -> None:
    for number in range(11):
        await api.submit(second, title=FLOOD["title"], body=f"{FLOOD['body']}另有{number}号门")
    nearest = await api.submit(second, **FLOOD)
    titles = await duplicates(api, DESK, (await api.submit(**FLOOD))["id"])
    assert len(titles) == 10
    query = "query($id: ID!) { ticket(id: $id) { duplicates { id } } }"
    ticket = await api.submit(**FLOOD)
    found = (await api.data(DESK, query, id=ticket["id"]))["ticket"]["duplicates"]
    assert nearest["id"] in {each["id"] for each in found[:2]}


async def test_the_neighbouring_city_is_not_looked_at(api: Api) -> None:
    city = api.world.anshan
    theirs = await api.submit(city.enterprise.login, **FLOOD)
    ours = await api.submit(**FLOOD)
    assert await duplicates(api, DESK, ours["id"]) == []
    assert await duplicates(api, "intake_agent@anshan", theirs["id"]) == []
    assert await told(api, DESK, title=FLOOD["title"], body=FLOOD["body"]) == [FLOOD["title"]]
    refused = await api.ask(DESK, '{ ticketDuplicates(title: "积水", within: "anshan") { id } }')
    assert refused["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "rule": "no_such_tenant"}
    strange = {"enterprise": ids.encode("E", city.id, city.enterprise.id)}
    assert await told(api, DESK, **strange) == []
    assert await api.data(DESK, "query($id: ID!) { ticket(id: $id) { duplicates { id } } }", id=theirs["id"]) == {
        "ticket": None
    }


@pytest.mark.parametrize("login", ["office@guangyuan", "dispatcher@guangyuan", AUDITOR, "enterprise"])
async def test_they_are_for_whoever_may_merge(api: Api, login: str) -> None:
    login = api.world.guangyuan.enterprise.login if login == "enterprise" else login
    ticket = await api.submit(**FLOOD)
    await api.submit(**FLOOD_AGAIN)
    assert await duplicates(api, login, ticket["id"]) == []
    refused = await api.ask(login, '{ ticketDuplicates(title: "积水") { id } }')
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_countys_desk_is_shown_its_county(api: Api) -> None:
    near, far = list(api.world.guangyuan.counties)[:2]
    desk = f"intake_agent@guangyuan.{near}"
    ticket = await api.submit(**FLOOD, county=f"guangyuan.{near}")
    await api.submit(**FLOOD_AGAIN, county=f"guangyuan.{far}")
    assert await duplicates(api, desk, ticket["id"]) == []
    assert await duplicates(api, DESK, ticket["id"]) == [FLOOD_AGAIN["title"]]
    await api.submit(title="门口积水", body=FLOOD["body"], county=f"guangyuan.{near}")
    assert await duplicates(api, desk, ticket["id"]) == ["门口积水"]
    everywhere = await told(api, DESK, **FLOOD)
    assert len(everywhere) == 3
    assert len(await told(api, DESK, **FLOOD, within=f"guangyuan.{near}")) == 2


async def test_a_restricted_ticket_is_a_duplicate_for_those_named_on_it_only(api: Api, second: str) -> None:
    ours = await api.submit(**FLOOD)
    hidden = await api.submit(second, **FLOOD_AGAIN, category="REPORT", secrecy="RESTRICTED")
    for number in range(10):
        await api.submit(second, title=f"{FLOOD['title']}限{number}", body=FLOOD["body"], secrecy="RESTRICTED")
    shown = await api.submit(title="积水", body="厂区门口道路积水,货车无法进出,影响发货。")
    assert await duplicates(api, DESK, ours["id"]) == ["积水"], "what is hidden takes nobody's place"
    assert await duplicates(api, DESK, shown["id"]) == [FLOOD["title"]]
    named = await duplicates(api, SUPERVISION, hidden["id"])
    assert len(named) == 10
    assert FLOOD["title"] not in named, "the same enterprise's own come first"


async def test_who_reported_a_confidential_ticket_is_not_told_by_its_being_suggested(
    api: Api, admin: asyncpg.Connection, second: str
) -> None:
    """The desk and supervision may know; whoever may merge and may not know would have to be told nothing."""
    secret = await api.submit(second, **OFFICE, category="REPORT", secrecy="CONFIDENTIAL")
    open_ = await api.submit(second, **LICENCE)
    assert await duplicates(api, DESK, open_["id"]) == [OFFICE["title"]]
    api.services.actors.forget(api.world.user(DESK))
    actor = await api.services.actors.load(api.world.user(DESK))
    blind = {permission: roles for permission, roles in actor.policy.items() if permission != "ticket:read_reporter"}
    object.__setattr__(actor, "policy", blind)
    assert (await api.services.actors.load(api.world.user(DESK))).policy is blind, "the desk that may not know"
    assert await duplicates(api, DESK, open_["id"]) == []
    assert await duplicates(api, DESK, secret["id"]) == []
    assert await told(api, DESK, enterprise=enterprise_id(api, 1)) == [LICENCE["title"]]


async def test_a_list_shows_the_duplicates_of_each(api: Api, second: str) -> None:
    await api.submit(**FLOOD)
    await api.submit(second, **FLOOD_AGAIN)
    data = await api.data(DESK, "{ tickets { edges { node { title duplicates { title duplicates { title } } } } } }")
    shown = {edge["node"]["title"]: edge["node"]["duplicates"] for edge in data["tickets"]["edges"]}
    one, other = FLOOD["title"], FLOOD_AGAIN["title"]
    assert shown == {
        one: [{"title": other, "duplicates": [{"title": one}]}],
        other: [{"title": one, "duplicates": [{"title": other}]}],
    }


@pytest.mark.parametrize("bad", ["\x00", "积水\x00"])
async def test_a_text_that_is_none(api: Api, bad: str) -> None:
    refused = await api.ask(DESK, "query($t: String) { ticketDuplicates(title: $t) { id } }", t=bad)
    assert refused["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "rule": "characters"}


async def test_tickets_that_have_no_signature_yet_are_signed_later(
    api: Api, admin: asyncpg.Connection, admin_url: str, second: str
) -> None:
    ticket = await api.submit(**FLOOD)
    await api.submit(second, **FLOOD_AGAIN)
    await api.submit(api.world.anshan.enterprise.login, **FLOOD)
    kept = await admin.fetch("delete from ticket_signatures returning city_id, ticket_id, submitted_at, bits")
    assert await duplicates(api, DESK, ticket["id"]) == []
    assert await sign_tickets(admin_url) == {"anshan": 1, "guangyuan": 2}
    assert await duplicates(api, DESK, ticket["id"]) == [FLOOD_AGAIN["title"]]
    assert set(await admin.fetch("select city_id, ticket_id, submitted_at, bits from ticket_signatures")) == set(kept)
    assert await sign_tickets(admin_url) == {"anshan": 0, "guangyuan": 0}
