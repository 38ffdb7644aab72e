"""Who is suggested for a ticket, why, to whom, and what is learned from every arbitration."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.kernel.tables import new_id
from schema import ids
from tests.schema.conftest import Api

OFFICE, DISPATCHER, AGENT = "office@guangyuan", "dispatcher@guangyuan", "intake_agent@guangyuan"
SUBJECTS = [
    {
        "code": "C01",
        "name": "内外贸与成品油经营",
        "category": "产业发展",
        "department": "commerce",
        "level": "CITY",
        "legalBasis": "《对外贸易法》第九条",
        "keywords": ["外贸", "成品油"],
    },
    {
        "code": "F01",
        "name": "奖补资金拨付",
        "category": "财政资金",
        "department": "finance",
        "level": "CITY",
        "legalBasis": "《预算法》第五十七条",
        "keywords": ["奖补", "拨付"],
    },
    {
        "code": "H01",
        "name": "建筑垃圾处置",
        "category": "城市管理",
        "department": "housing",
        "level": "COUNTY",
        "keywords": ["渣土", "建筑垃圾"],
    },
]
PUBLISH = """mutation($input: ResponsibilityPublishInput!) { responsibilityPublish(input: $input) {
responsibilityList { id version note digest isCurrent city { path } }
userErrors { __typename code message path ... on ConflictError { currentVersion }
... on InvalidInputError { rule limit } ... on NotFoundError { kind } } } }"""
SUGGEST = """query($id: ID!) { dispatchSuggestions(ticketId: $id) { department { path } score
reasons { kind text keywords tickets subject { code legalBasis version } } } }"""


async def publish(api: Api, login: str = OFFICE, city: str = "guangyuan", **given: Any) -> dict[str, Any]:
    given.setdefault("subjects", [{**each, "department": f"{city}.{each['department']}"} for each in SUBJECTS])
    payload: dict[str, Any] = (await api.data(login, PUBLISH, input={"city": city, **given}))["responsibilityPublish"]
    return payload


async def suggestions(api: Api, ticket: str, login: str = DISPATCHER, locale: str = "en") -> list[dict[str, Any]]:
    response = await api.ask(login, SUGGEST, locale=locale, id=ticket)
    assert "errors" not in response, response
    found: list[dict[str, Any]] = response["data"]["dispatchSuggestions"]
    return found


def departments(found: list[dict[str, Any]]) -> list[str]:
    return [each["department"]["path"].removeprefix("guangyuan.") for each in found]


def share(found: list[dict[str, Any]], department: str) -> Decimal:
    return next(
        (Decimal(each["score"]) for each in found if each["department"]["path"].endswith(department)), Decimal(0)
    )


async def accepted(api: Api, title: str, body: str, **given: Any) -> str:
    ticket = await api.submit(AGENT, title=title, body=body, reporter={"name": "反映人"}, **given)
    await api.verb(AGENT, "ticketAccept", ticketId=ticket["id"])
    return str(ticket["id"])


ARREARS = ("奖补资金公示后没有到账", "名单公示结束四十天,资金没有拨付,咨询多个部门没有答复。")


async def returned_and_arbitrated(api: Api, ticket: str, first: str, final: str) -> None:
    await api.verb(DISPATCHER, "ticketDispatch", ticketId=ticket, lead=f"guangyuan.{first}")
    await api.verb(f"handler@guangyuan.{first}", "ticketReturn", ticketId=ticket, reason="不属于我单位职责")
    await api.verb(OFFICE, "ticketArbitrate", ticketId=ticket, lead=f"guangyuan.{final}", reason="按职责由其牵头")


async def test_the_list_suggests_with_its_legal_basis_in_both_languages(api: Api) -> None:
    await publish(api)
    ticket = await accepted(api, *ARREARS)
    (first, *_) = await suggestions(api, ticket)
    assert first["department"]["path"] == "guangyuan.finance"
    assert Decimal("0.5") < Decimal(first["score"]) <= 1
    (reason,) = first["reasons"]
    assert reason["kind"] == "LISTED"
    assert reason["keywords"] == ["奖补", "拨付"]
    assert reason["subject"] == {"code": "F01", "legalBasis": "《预算法》第五十七条", "version": 1}
    assert reason["text"] == "The responsibility list names it for “奖补资金拨付” (《预算法》第五十七条)."
    (chinese, *_) = await suggestions(api, ticket, locale="zh-CN")
    assert chinese["reasons"][0]["text"] == "部门职责清单“奖补资金拨付”由该单位负责(依据:《预算法》第五十七条)。"


async def test_what_is_handled_in_the_county_goes_to_its_department_or_to_itself(api: Api) -> None:
    await publish(api)
    told = ("夜间乱倒渣土", "有车辆倾倒建筑垃圾,堵住企业后门。")
    for county, expected in (("cangxi", "cangxi.housing"), ("jiange", "jiange")):
        ticket = await accepted(api, *told, county=f"guangyuan.{county}")
        assert departments(await suggestions(api, ticket))[0] == expected
    assert departments(await suggestions(api, await accepted(api, *told)))[0] == "housing"


async def test_a_countys_dispatcher_is_told_only_whom_they_may_name(api: Api) -> None:
    await publish(api)
    ticket = await accepted(api, *ARREARS, county="guangyuan.cangxi")
    assert departments(await suggestions(api, ticket, "dispatcher@guangyuan.cangxi")) == ["cangxi"]
    assert departments(await suggestions(api, ticket, "dispatcher@guangyuan.jiange")) == []


async def test_dispatches_teach(api: Api) -> None:
    await publish(api)
    told = ("展销会摊位费退还", "报名参加展销会后活动取消,摊位费一直没有退还。")
    assert await suggestions(api, await accepted(api, *told)) == []
    await api.verb(DISPATCHER, "ticketDispatch", ticketId=await accepted(api, *told), lead="guangyuan.commerce")
    (first,) = await suggestions(api, await accepted(api, "摊位费没有退", "展销会取消了,摊位费还没有退还。"))
    assert first["department"]["path"] == "guangyuan.commerce"
    (reason,) = first["reasons"]
    assert (reason["kind"], reason["tickets"], reason["subject"]) == ("PRACTICE", 1, None)
    (word,) = reason["keywords"]
    assert word in "展销会取消了,摊位费还没有退还。"
    assert reason["text"] == f"Words such as “{word}” are frequent in its tickets (1 with this one)."


async def test_every_arbitration_corrects_the_next_suggestion(api: Api, admin: asyncpg.Connection) -> None:
    await publish(api)
    assert departments(await suggestions(api, await accepted(api, *ARREARS)))[0] == "finance"
    for _ in range(3):  # practice goes as the list says, for a while
        await api.verb(DISPATCHER, "ticketDispatch", ticketId=await accepted(api, *ARREARS), lead="guangyuan.finance")
    before = await suggestions(api, await accepted(api, *ARREARS))
    await returned_and_arbitrated(api, await accepted(api, *ARREARS), "finance", "commerce")

    after = await suggestions(api, await accepted(api, *ARREARS))
    assert departments(after)[0] == "commerce"
    assert share(after, "commerce") > share(before, "commerce")
    assert share(after, "finance") < share(before, "finance")
    reason = after[0]["reasons"][0]
    assert (reason["kind"], reason["tickets"], reason["subject"]["code"]) == ("CORRECTED", 1, "F01")
    assert reason["text"] == "Arbitrated to it 1 time(s), against the list, about “奖补资金拨付”."

    overruled = "{ responsibilitySubjects { edges { node { code overruled overruledFor { path } } } } }"
    shown = (await api.data(OFFICE, overruled))["responsibilitySubjects"]["edges"]
    assert [edge["node"] for edge in shown if edge["node"]["overruled"]] == [
        {"code": "F01", "overruled": 1, "overruledFor": [{"path": "guangyuan.commerce"}]}
    ]
    for edge in (await api.data(DISPATCHER, overruled))["responsibilitySubjects"]["edges"]:
        assert (edge["node"]["overruled"], edge["node"]["overruledFor"]) == (None, [])
    # The office corrects the list: what was overruled belongs to the version before.
    corrected = [{**each, "department": "guangyuan.commerce"} for each in SUBJECTS]
    assert (await publish(api, subjects=corrected))["responsibilityList"]["version"] == 2
    shown = (await api.data(OFFICE, overruled))["responsibilitySubjects"]["edges"]
    assert [edge["node"]["overruled"] for edge in shown] == [0, 0, 0]
    (first, *_) = await suggestions(api, await accepted(api, *ARREARS))
    assert (first["department"]["path"], first["reasons"][0]["kind"]) == ("guangyuan.commerce", "LISTED")


async def test_an_arbitration_as_the_list_says_overrules_nothing(api: Api, admin: asyncpg.Connection) -> None:
    await publish(api)
    await returned_and_arbitrated(api, await accepted(api, *ARREARS), "commerce", "finance")
    assert await admin.fetchval("select count(*) from responsibility_rulings") == 0
    found = await suggestions(api, await accepted(api, *ARREARS))
    assert departments(found)[0] == "finance"


async def test_who_has_returned_it_is_told_last(api: Api) -> None:
    await publish(api)
    ticket = await accepted(api, *ARREARS)
    before = await suggestions(api, ticket, OFFICE)
    await api.verb(DISPATCHER, "ticketDispatch", ticketId=ticket, lead="guangyuan.finance")
    await api.verb("handler@guangyuan.finance", "ticketReturn", ticketId=ticket, reason="不属于我单位职责")
    after = await suggestions(api, ticket, OFFICE)
    assert share(after, "finance") < share(before, "finance")
    assert [each["kind"] for each in after[0]["reasons"]][-1] == "RETURNED"
    assert after[0]["reasons"][-1]["text"] == "It has returned this very ticket."


async def test_a_given_subject_speaks_louder_than_the_words(api: Api) -> None:
    await publish(api)
    query = '{ responsibilitySubjects(search: "外贸") { edges { node { id code } } } }'
    (edge,) = (await api.data(api.world.guangyuan.enterprise.login, query))["responsibilitySubjects"]["edges"]
    ticket = await accepted(api, *ARREARS, subject=edge["node"]["id"])
    shown = await api.data(AGENT, "query($id: ID!) { ticket(id: $id) { subject { id code } } }", id=ticket)
    assert shown["ticket"]["subject"] == edge["node"]
    assert departments(await suggestions(api, ticket))[0] == "commerce"
    # It keeps that subject when the list moves on, and is found in the new one by its code.
    await publish(api, subjects=[{**each, "department": "guangyuan.finance"} for each in SUBJECTS])
    again = await api.data(AGENT, "query($id: ID!) { ticket(id: $id) { subject { id version } } }", id=ticket)
    assert again["ticket"]["subject"] == {"id": edge["node"]["id"], "version": 1}
    (first, *_) = await suggestions(api, ticket)
    assert (first["department"]["path"], first["reasons"][0]["subject"]["code"]) == ("guangyuan.finance", "C01")


async def test_dispatching_may_say_what_it_is_about(api: Api) -> None:
    await publish(api)
    query = '{ responsibilitySubjects(department: "guangyuan.finance") { edges { node { id } } } }'
    (edge,) = (await api.data(DISPATCHER, query))["responsibilitySubjects"]["edges"]
    subject = edge["node"]["id"]
    ticket = await accepted(api, *ARREARS)
    shown = await api.verb(
        DISPATCHER,
        "ticketDispatch",
        "subject { id }",
        ticketId=ticket,
        lead="guangyuan.finance",
        subject=subject,
    )
    assert shown == {"subject": {"id": subject}}
    other = await accepted(api, *ARREARS)
    for wrong in (ids.encode("RS", api.world.guangyuan.id, new_id()), ids.encode("RS", api.world.anshan.id, new_id())):
        refused = await api.refusable(
            DISPATCHER, "ticketDispatch", ticketId=other, lead="guangyuan.finance", subject=wrong
        )
        assert [(each["rule"], each["path"]) for each in refused["userErrors"]] == [
            ("unknown_subject", ["input", "subject"])
        ]


# Who may not


async def test_the_neighbour_the_wrong_role_and_the_stranger(api: Api) -> None:
    await publish(api)
    await publish(api, "office@anshan", "anshan")
    ticket = await accepted(api, *ARREARS)
    assert await suggestions(api, ticket, "dispatcher@anshan") == []
    assert await suggestions(api, ids.encode("T", api.world.guangyuan.id, new_id())) == []
    assert await suggestions(api, ids.encode("T", api.world.anshan.id, ids.decode(ticket).key)) == []
    for login in (AGENT, "handler@guangyuan.finance", "auditor@guangyuan", api.world.guangyuan.enterprise.login):
        refused = await api.ask(login, SUGGEST, id=ticket)
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN", login
    refused = await api.ask(None, SUGGEST, id=ticket)
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_neighbouring_citys_data_never_count(api: Api) -> None:
    for city in ("guangyuan", "anshan"):
        await publish(api, f"office@{city}", city)
    told = {"category": "HELP", "channel": "WEB", "title": "展销会摊位费退还", "body": "展销会摊位费一直没有退还。"}
    theirs = await api.submit(api.world.anshan.enterprise.login, **told)
    await api.verb("intake_agent@anshan", "ticketAccept", ticketId=theirs["id"])
    await api.verb("dispatcher@anshan", "ticketDispatch", ticketId=theirs["id"], lead="anshan.housing")
    assert await suggestions(api, await accepted(api, told["title"], told["body"])) == []


async def test_a_restricted_ticket_is_suggested_to_those_named_and_teaches_nobody(
    api: Api, admin: asyncpg.Connection
) -> None:
    await publish(api)
    told = {"category": "REPORT", "title": ARREARS[0], "body": ARREARS[1], "reporter": {"anonymous": True}}
    ticket = (await api.submit(AGENT, secrecy="RESTRICTED", **told))["id"]
    named = "supervision_officer@guangyuan"
    assert await suggestions(api, ticket, DISPATCHER) == []
    assert await suggestions(api, ticket, OFFICE) == []
    assert departments(await suggestions(api, ticket, named))[0] == "finance"
    await api.verb(named, "ticketAccept", ticketId=ticket)
    await api.verb(named, "ticketDispatch", ticketId=ticket, lead="guangyuan.finance")
    lead = "department_lead@guangyuan.finance"
    await api.verb(lead, "ticketReturn", ticketId=ticket, reason="不属于我单位职责")
    await api.verb(named, "ticketArbitrate", ticketId=ticket, lead="guangyuan.commerce", reason="按职责由其牵头")
    for table in ("responsibility_evidence", "responsibility_terms", "responsibility_rulings"):
        assert await admin.fetchval(f"select count(*) from {table}") == 0, table


async def test_of_a_confidential_ticket_no_word_is_kept(api: Api, admin: asyncpg.Connection) -> None:
    await publish(api)
    told = {"category": "COMPLAINT", "title": ARREARS[0], "body": ARREARS[1], "reporter": {"name": "知情人"}}
    ticket = (await api.submit(AGENT, secrecy="CONFIDENTIAL", **told))["id"]
    await api.verb(AGENT, "ticketAccept", ticketId=ticket)
    await returned_and_arbitrated(api, ticket, "finance", "commerce")
    assert await admin.fetchval("select count(*) from responsibility_evidence") == 0
    assert await admin.fetchval("select count(*) from responsibility_rulings") == 1  # that it was so, not what it said


async def test_two_tickets_in_one_query(api: Api) -> None:
    await publish(api)
    first = await accepted(api, *ARREARS)
    second = await accepted(api, "外贸备案怎么办", "首次做外贸,咨询备案流程。")
    shown = await api.data(
        DISPATCHER,
        "query($a: ID!, $b: ID!) { a: dispatchSuggestions(ticketId: $a) { d: department { p: path } } "
        "b: dispatchSuggestions(ticketId: $b) { __typename department { path } reasons { k: kind } } "
        "ticket(id: $a) { id } }",
        a=first,
        b=second,
    )
    assert shown["a"][0] == {"d": {"p": "guangyuan.finance"}}
    assert shown["b"][0]["department"] == {"path": "guangyuan.commerce"}
    assert shown["b"][0]["__typename"] == "DispatchSuggestion"
    assert shown["ticket"] == {"id": first}


@pytest.mark.parametrize("wrong", ["x", "T_x", "E_AAAAAgGiAOlppXY-pkL_l32HU3Q"])
async def test_no_tickets_id(api: Api, wrong: str) -> None:
    refused = await api.ask(DISPATCHER, SUGGEST, id=wrong)
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
