"""Confidential reporters stay unknown, restricted tickets unseen, internal notes inside; auditors' reads are noted."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from schema import ids
from tests.schema.conftest import Api

NAME = "张口就来饮品店联系人"
EVERYTHING = """
query($id: ID!, $number: String!, $enterprise: ID!, $text: String!) {
  byId: ticket(id: $id) { ...all } byNumber: ticketByNumber(number: $number) { ...all }
  node(id: $id) { ... on Ticket { ...all } } nodes(ids: [$id]) { ... on Ticket { ...all } }
  list: tickets { totalCount edges { node { ...all } } }
  byEnterprise: tickets(filter: {enterpriseId: $enterprise}) { totalCount }
  found: tickets(filter: {text: $text}) { totalCount }
}
fragment all on Ticket {
  id number secrecy enterprise { name creditCode } reporter { name phone anonymous }
  timeline { totalCount edges { node {
    id type note actor { name role tenant { path } } ticket { reporter { name } }
  } } }
}
"""
MAY_KNOW = ("intake_agent@guangyuan", "supervision_officer@guangyuan", "auditor@guangyuan")
MAY_NOT = ("office@guangyuan", "dispatcher@guangyuan", "working_group@guangyuan", "handler@guangyuan.commerce")


async def look(api: Api, login: str, ticket: dict[str, Any], text: str) -> dict[str, Any]:
    enterprise = api.world.guangyuan.enterprise
    return await api.data(
        login,
        EVERYTHING,
        id=ticket["id"],
        number=ticket["number"],
        enterprise=ids.encode("E", enterprise.city_id, enterprise.id),
        text=text,
    )


async def test_a_confidential_reporter_is_known_to_intake_and_supervision_only(api: Api) -> None:
    enterprise = api.world.guangyuan.enterprise
    given = {"category": "REPORT", "secrecy": "CONFIDENTIAL", "title": "检查人员吃拿卡要"}
    ticket = await api.submit(**given, reporter={"name": NAME, "phone": "00000000000"})
    await api.verb("intake_agent@guangyuan", "ticketAccept", ticketId=ticket["id"])
    await api.verb("dispatcher@guangyuan", "ticketDispatch", ticketId=ticket["id"], lead="guangyuan.commerce")
    for login in (*MAY_KNOW, enterprise.login):
        seen = json.dumps(await look(api, login, ticket, "吃拿卡要"), ensure_ascii=False)
        assert enterprise.name in seen, login
        assert NAME in seen, login
    for login in MAY_NOT:
        seen = await look(api, login, ticket, "吃拿卡要")
        text = json.dumps(seen, ensure_ascii=False)
        assert seen["byId"]["number"] == ticket["number"], login
        assert seen["found"]["totalCount"] == 1
        assert seen["byEnterprise"]["totalCount"] == 0, "the filter works on the masked value"
        for secret in (enterprise.name, enterprise.credit_code, NAME, "ENTERPRISE_USER"):
            assert secret not in text, login
        assert seen["byId"]["timeline"]["edges"][0]["node"]["actor"] is None
    comment = {"body": "请补充材料", "visibility": "PUBLIC"}
    shown = await api.verb(
        "handler@guangyuan.commerce",
        "ticketComment",
        "enterprise { name } reporter { name }",
        ticketId=ticket["id"],
        **comment,
    )
    assert shown == {"enterprise": None, "reporter": None}, "a payload is masked like a query"


async def test_a_restricted_ticket_is_there_for_named_persons_and_the_auditor_only(api: Api) -> None:
    enterprise = api.world.guangyuan.enterprise
    ticket = await api.submit(category="REPORT", secrecy="RESTRICTED", title="举报某局领导索贿")
    for login in (enterprise.login, "supervision_officer@guangyuan", "auditor@guangyuan"):
        seen = await look(api, login, ticket, "索贿")
        assert seen["byId"]["number"] == ticket["number"], login
        assert (seen["list"]["totalCount"], seen["found"]["totalCount"]) == (1, 1)
    hidden = ("intake_agent@guangyuan", "office@guangyuan", "dispatcher@guangyuan", "leading_group@guangyuan")
    for login in (*hidden, "handler@guangyuan.commerce", "intake_agent@guangyuan.cangxi"):
        seen = await look(api, login, ticket, "索贿")
        assert seen == {
            "byId": None,
            "byNumber": None,
            "node": None,
            "nodes": [None],
            "list": {"totalCount": 0, "edges": []},
            "byEnterprise": {"totalCount": 0},
            "found": {"totalCount": 0},
        }, login
        if login.startswith("leading"):  # has no comment to make anywhere
            continue
        comment = {"body": "看一下", "visibility": "INTERNAL"}
        response = await api.ask(
            login,
            "mutation($input: TicketCommentInput!) { ticketComment(input: $input) { userErrors { code } } }",
            input={"ticketId": ticket["id"], **comment},
        )
        assert response["data"]["ticketComment"]["userErrors"] == [{"code": "NOT_FOUND"}]


@pytest.mark.parametrize("way", ["timeline", "node"])
async def test_an_internal_note_never_reaches_the_reporter(api: Api, admin: asyncpg.Connection, way: str) -> None:
    ticket = await api.submit()
    note = {"body": "内部:此户曾多次投诉", "visibility": "INTERNAL"}
    await api.verb("intake_agent@guangyuan", "ticketComment", ticketId=ticket["id"], **note)
    event = await admin.fetchval("select global_id('TE', city_id, id) from events where visibility = 'INTERNAL'")
    asked = {
        "timeline": "ticket(id: $id) { timeline { totalCount edges { node { note } } } } e: node(id: $event) { id }",
        "node": "node(id: $event) { ... on TicketEvent { note } } other: node(id: $id) { id }",
    }[way]
    query = f"query($id: ID!, $event: ID!) {{ {asked} }}"
    staff = await api.data("office@guangyuan", query, id=ticket["id"], event=event)
    assert "多次投诉" in json.dumps(staff, ensure_ascii=False)
    reporter = await api.data(api.world.guangyuan.enterprise.login, query, id=ticket["id"], event=event)
    assert "多次投诉" not in json.dumps(reporter, ensure_ascii=False)
    if way == "timeline":
        assert reporter["ticket"]["timeline"]["totalCount"] == 1
    else:
        assert reporter["node"] is None


async def test_what_an_auditor_reads_is_noted_and_nobody_elses(api: Api, admin: asyncpg.Connection) -> None:
    ticket = await api.submit()
    query = "query Look($id: ID!) { ticket(id: $id) { body } }"
    for login in ("office@guangyuan", api.world.guangyuan.enterprise.login, "auditor@anshan"):
        await api.ask(login, query, id=ticket["id"])
    await api.data("auditor@guangyuan", query, id=ticket["id"])
    rows = await admin.fetch("select * from read_log where city_id = $1", api.world.guangyuan.id)
    assert [(row["user_id"], row["operation"], row["document"]) for row in rows] == [
        (api.world.user("auditor@guangyuan"), "Look", query)
    ]
    assert json.loads(rows[0]["variables"]) == {"id": ticket["id"]}
