"""Bad input and misuse: each has its own answer in both languages, and changes nothing."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from schema import ids
from schema.messages import SENTENCES
from tests.schema.conftest import Api

DESK = "intake_agent@guangyuan"
TICKET = "query($id: ID!) { ticket(id: $id) { id } }"
TICKETS = """query($first: Int, $last: Int, $after: Cursor, $before: Cursor, $filter: TicketFilter, $order: TicketOrder,
$within: TenantPath) { tickets(first: $first, last: $last, after: $after, before: $before, filter: $filter,
orderBy: $order, within: $within) { totalCount pageInfo { endCursor } } }"""
ENTERPRISE = "query($code: UnifiedSocialCreditCode, $id: ID) { enterprise(creditCode: $code, id: $id) { id } }"
GENERIC = {SENTENCES["BAD_USER_INPUT"], SENTENCES["INVALID_INPUT"], SENTENCES["REFUSED"]}


async def counts(admin: asyncpg.Connection) -> list[int]:
    tables = ("tickets", "events", "grants", "idempotency_keys", "schemes", "tenants")
    return [await admin.fetchval(f"select count(*) from {table}") for table in tables] + [
        await admin.fetchval("select coalesce(sum(version), 0) from tickets")
    ]


async def refusal(api: Api, login: str, query: str, **variables: Any) -> dict[str, Any]:
    """The one error, which says in either language something of its own."""
    answers = [await api.ask(login, query, locale=locale, **variables) for locale in ("zh-CN", "en")]
    (chinese,), (english,) = (answer["errors"] for answer in answers)
    assert chinese["message"] != english["message"]
    assert (chinese["message"], english["message"]) not in GENERIC
    assert chinese["extensions"] == english["extensions"]
    error: dict[str, Any] = english
    return error


READS: dict[str, tuple[str, dict[str, Any], str]] = {
    "malformed id": (TICKET, {"id": "T_!!"}, "malformed_id"),
    "id of nothing": (TICKET, {"id": ""}, "malformed_id"),
    "id with a NUL": (TICKET, {"id": "T_\x00"}, "malformed_id"),
    "id of another type": (TICKET, {"id": ids.encode("TN", 0, 1)}, "wrong_type_of_id"),
    "malformed node id": ("query($id: ID!) { node(id: $id) { id } }", {"id": "X_AAAA"}, "malformed_id"),
    "too many ids": ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["TN_AAAAAQ"] * 101}, "too_many_ids"),
    "page of none": (TICKETS, {"first": 0}, "page_size"),
    "page of 101": (TICKETS, {"first": 101}, "page_size"),
    "page of less": (TICKETS, {"last": -1}, "page_size"),
    "both directions": (TICKETS, {"first": 1, "last": 1}, "first_and_last"),
    "malformed cursor": (TICKETS, {"after": "%%%"}, "malformed_cursor"),
    "cursor against the direction": (TICKETS, {"first": 1, "before": "abc"}, "cursor_against_direction"),
    "unknown tenant": (TICKETS, {"within": "nowhere"}, "no_such_tenant"),
    "another city's tenant": (TICKETS, {"within": "anshan"}, "no_such_tenant"),
    "unknown county in a filter": (TICKETS, {"filter": {"county": "guangyuan.nowhere"}}, "no_such_tenant"),
    "search for nothing": (TICKETS, {"filter": {"text": " "}}, "search_length"),
    "search for a page": (TICKETS, {"filter": {"text": "电" * 101}}, "search_length"),
    "search with a NUL": (TICKETS, {"filter": {"text": "a\x00"}}, "characters"),
    "search with half a pair": (TICKETS, {"filter": {"text": "\ud800"}}, "characters"),
    "number with a NUL": ("query($n: String!) { ticketByNumber(number: $n) { id } }", {"n": "\x00"}, "characters"),
    "wrong check character": (ENTERPRISE, {"code": "91510824000000010A"}, "credit_code"),
    "code of 3 characters": (ENTERPRISE, {"code": "915"}, "credit_code"),
    "neither id nor code": (ENTERPRISE, {}, "id_or_credit_code"),
}


@pytest.mark.parametrize("name", READS)
async def test_reads(api: Api, name: str) -> None:
    query, variables, rule = READS[name]
    error = await refusal(api, DESK, query, **variables)
    assert (error["extensions"]["code"], error["extensions"]["rule"]) == ("BAD_USER_INPUT", rule)


async def test_a_cursor_of_another_order_is_refused(api: Api) -> None:
    await api.submit()
    by_time = (await api.data(DESK, TICKETS, first=1))["tickets"]["pageInfo"]["endCursor"]
    by_number = {"field": "NUMBER", "direction": "ASC"}
    error = await refusal(api, DESK, TICKETS, first=1, after=by_time, order=by_number)
    assert error["extensions"]["rule"] == "foreign_cursor"


async def test_unknown_and_foreign_ids_are_one_answer(api: Api) -> None:
    theirs = (await api.submit(api.world.anshan.enterprise.login))["id"]
    unknown = ids.encode("T", api.world.guangyuan.id, api.world.user(DESK))
    for ticket in (theirs, unknown):
        assert await api.data(DESK, TICKET, id=ticket) == {"ticket": None}
        for name, given in (("ticketAccept", {}), ("ticketDecline", {"basis": "不属于受理范围"})):
            (error,) = (await api.refusable(DESK, name, ticketId=ticket, **given))["userErrors"]
            assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "ticketId"]) or error["path"] is None


SUBMISSION = {"category": "HELP", "channel": "WEB", "title": "用电报装久拖", "body": "六月申请,至今没有答复。"}
WRITES: dict[str, tuple[dict[str, Any], str, str]] = {
    "empty title": ({"title": ""}, "title", "empty"),
    "blank body": ({"body": " \n "}, "body", "empty"),
    "100 KB": ({"body": "长" * 34_000}, "body", "too_long"),
    "NUL": ({"title": "用电\x00报装"}, "title", "characters"),
    "lone surrogate": ({"body": "用电\udfff报装"}, "body", "characters"),
    "unknown county": ({"county": "guangyuan.nowhere"}, "county", "unknown_tenant"),
    "a department for a county": ({"county": "guangyuan.commerce"}, "county", "not_a_county"),
    "another city's county": ({"county": "anshan.taian"}, "county", "unknown_tenant"),
    "empty key": ({"idempotencyKey": ""}, "idempotencyKey", "empty"),
    "key of 300": ({"idempotencyKey": "k" * 300}, "idempotencyKey", "too_long"),
}


@pytest.mark.parametrize("name", WRITES)
async def test_writes(api: Api, admin: asyncpg.Connection, name: str) -> None:
    changed, field, rule = WRITES[name]
    login = api.world.guangyuan.enterprise.login
    before = await counts(admin)
    document = (
        "mutation($input: TicketSubmitInput!) { ticketSubmit(input: $input) { ticket { id } userErrors "
        "{ code message path ... on InvalidInputError { rule } } } }"
    )
    said = []
    for locale in ("zh-CN", "en"):
        response = await api.ask(login, document, locale=locale, input={**SUBMISSION, **changed})
        payload = response["data"]["ticketSubmit"]
        (error,) = payload["userErrors"]
        assert payload["ticket"] is None
        assert (error["path"], error["rule"]) == (["input", field], rule)
        said.append(error["message"])
    assert said[0] != said[1]
    assert tuple(said) not in GENERIC
    assert await counts(admin) == before


async def test_an_illegal_step_says_what_is_allowed(api: Api, admin: asyncpg.Connection) -> None:
    ticket = (await api.submit())["id"]
    before = await counts(admin)
    (error,) = (await api.refusable(DESK, "ticketFollowUp", ticketId=ticket, satisfaction="SATISFIED"))["userErrors"]
    assert error["code"] == "ILLEGAL_TRANSITION"
    assert error["current"] == "SUBMITTED"
    assert error["allowed"] == ["ACCEPT", "ANSWER", "ATTACH", "COMMENT", "DECLINE", "MERGE", "TRANSFER", "WITHDRAW"]
    assert await counts(admin) == before


async def test_a_malformed_id_in_a_verb_is_a_bad_request(api: Api) -> None:
    document = "mutation($input: TicketAcceptInput!) { ticketAccept(input: $input) { userErrors { code } } }"
    error = await refusal(api, DESK, document, input={"ticketId": "nonsense"})
    assert error["extensions"]["rule"] == "malformed_id"


async def test_an_auditors_nonsense_is_refused_like_anybodys(api: Api, admin: asyncpg.Connection) -> None:
    error = await refusal(api, "auditor@guangyuan", TICKETS, filter={"text": "a\x00"})
    assert error["extensions"]["rule"] == "characters"
    assert await admin.fetchval("select count(*) from read_log") == 2
