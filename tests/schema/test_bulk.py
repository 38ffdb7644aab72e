"""Bulk dispatch: each item by itself, in the order given, and none twice however often it is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from app.kernel.tables import new_id
from schema import ids
from tests.schema.conftest import Api

DISPATCHER, DESK, SUPERVISION = "dispatcher@guangyuan", "intake_agent@guangyuan", "supervision_officer@guangyuan"
COMMERCE, FINANCE = "guangyuan.commerce", "guangyuan.finance"
BULK = """mutation($input: TicketBulkDispatchInput!) { ticketBulkDispatch(input: $input) {
    results { ticketId ticket { id status version lead { path } timeline(last: 1) { edges { node { type } } } }
      userErrors { __typename code path ... on IllegalTransitionError { current } ... on InvalidInputError { rule } } }
    userErrors { code path ... on InvalidInputError { rule limit } } } }"""


async def bulk(api: Api, items: Sequence[dict[str, Any]], login: str = DISPATCHER, **given: Any) -> dict[str, Any]:
    """The payload."""
    data = await api.data(login, BULK, input={"items": list(items), **given})
    payload: dict[str, Any] = data["ticketBulkDispatch"]
    return payload


async def accepted(api: Api, count: int, **given: Any) -> list[str]:
    found = []
    for _ in range(count):
        ticket = (await api.submit(**given))["id"]
        await api.verb(DESK, "ticketAccept", "id", ticketId=ticket)
        found.append(ticket)
    return found


def to(ticket: str, lead: str = COMMERCE, **given: Any) -> dict[str, Any]:
    return {"ticketId": ticket, "lead": lead, **given}


def codes(payload: dict[str, Any]) -> list[str]:
    """What became of each item."""
    return ["".join(error["code"] for error in each["userErrors"]) or "done" for each in payload["results"]]


async def test_all_are_dispatched_in_order(api: Api, admin: asyncpg.Connection) -> None:
    tickets = await accepted(api, 3)
    payload = await bulk(api, [to(tickets[2], FINANCE), to(tickets[0], coHandlers=[FINANCE]), to(tickets[1])])
    assert payload["userErrors"] == []
    assert [each["ticketId"] for each in payload["results"]] == [tickets[2], tickets[0], tickets[1]]
    for each, lead in zip(payload["results"], (FINANCE, COMMERCE, COMMERCE), strict=True):
        assert each["userErrors"] == []
        assert each["ticket"] == {
            "id": each["ticketId"],
            "status": "DISPATCHED",
            "version": 3,
            "lead": {"path": lead},
            "timeline": {"edges": [{"node": {"type": "DISPATCHED"}}]},
        }
    rows = await admin.fetch("select subject_id from events where type = 'DISPATCHED' order by ordinal")
    assert [row["subject_id"] for row in rows] == [
        ids.decode(each).key for each in (tickets[2], tickets[0], tickets[1])
    ]


async def test_those_that_are_illegal_do_not_hold_up_the_others(api: Api) -> None:
    good = await accepted(api, 2)
    submitted = (await api.submit())["id"]
    hidden = (await api.submit(category="REPORT", secrecy="RESTRICTED"))["id"]
    theirs = (await api.submit(api.world.anshan.enterprise.login))["id"]
    unknown = ids.encode("T", api.world.guangyuan.id, new_id())
    items = [
        *(to(submitted), to(good[0]), to(good[0]), to(theirs), to(unknown), to(hidden), to(good[1], "anshan.finance")),
        *(to(good[1], expectedVersion=1), to(good[1], coHandlers=[COMMERCE]), to(good[1])),
    ]
    payload = await bulk(api, items)
    assert payload["userErrors"] == []
    assert codes(payload) == [
        *("ILLEGAL_TRANSITION", "done", "ILLEGAL_TRANSITION", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "INVALID_INPUT"),
        *("CONFLICT", "INVALID_INPUT", "done"),
    ]
    results = payload["results"]
    assert [each["ticket"] is None for each in results] == [code != "done" for code in codes(payload)]
    assert [results[place]["userErrors"][0].get("current") for place in (0, 2)] == ["SUBMITTED", "DISPATCHED"]
    theirs_, unknown_, hidden_ = (results[place]["userErrors"][0] for place in (3, 4, 5))
    assert theirs_ == unknown_ | {"path": theirs_["path"]}
    assert hidden_ == unknown_ | {"path": hidden_["path"]}
    assert results[6]["userErrors"][0]["path"] == ["input", "items", "6", "lead"]
    assert results[8]["userErrors"][0]["path"] == ["input", "items", "8", "coHandlers", "0"]


async def test_a_retry_applies_nothing_twice_and_goes_on(api: Api, admin: asyncpg.Connection) -> None:
    tickets = await accepted(api, 2)
    late = (await api.submit())["id"]
    items = [to(tickets[0]), to(late), to(tickets[1])]
    first = await bulk(api, items, idempotencyKey=" bulk-1 ")
    assert codes(first) == ["done", "ILLEGAL_TRANSITION", "done"]
    await api.verb(DESK, "ticketAccept", "id", ticketId=late)
    again = await bulk(api, items, idempotencyKey="bulk-1")
    assert codes(again) == ["done", "done", "done"]
    assert again["results"][0] == first["results"][0]
    assert await admin.fetchval("select count(*) from events where type = 'DISPATCHED'") == 3
    other = await bulk(api, [to(tickets[0], FINANCE)], idempotencyKey="bulk-1")
    assert codes(other) == ["IDEMPOTENCY_MISMATCH"]
    assert codes(await bulk(api, items)) == ["ILLEGAL_TRANSITION"] * 3, "without a key it is done anew"


async def test_broken_off_in_the_middle_it_goes_on_where_it_was(api: Api, admin: asyncpg.Connection) -> None:
    """The process that was killed had committed some; the key's items are found done by any other."""
    tickets = await accepted(api, 20)
    items = [to(each) for each in tickets]
    task = asyncio.create_task(bulk(api, items, idempotencyKey="crash"))
    while True:
        if await admin.fetchval("select count(*) >= 3 from tickets where status = 'DISPATCHED'"):
            break
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    done = await admin.fetchval("select count(*) from tickets where status = 'DISPATCHED'")
    assert 3 <= done < 20
    assert codes(await bulk(api, items, idempotencyKey="crash")) == ["done"] * 20
    assert await admin.fetchval("select count(*) from events where type = 'DISPATCHED'") == 20


async def test_two_at_once_with_one_key(api: Api, admin: asyncpg.Connection) -> None:
    tickets = await accepted(api, 4)
    items = [to(each) for each in tickets]
    one, other = await asyncio.gather(*(bulk(api, items, idempotencyKey="twice") for _ in range(2)))
    assert codes(one) == codes(other) == ["done"] * 4
    assert await admin.fetchval("select count(*) from events where type = 'DISPATCHED'") == 4


async def test_items_may_have_keys_of_their_own(api: Api) -> None:
    (ticket,) = await accepted(api, 1)
    item = to(ticket, idempotencyKey="mine")
    assert codes(await bulk(api, [item, item])) == ["done", "done"]
    assert (await api.verb(DISPATCHER, "ticketDispatch", **item))["id"] == ticket


async def test_too_many_or_unreadable_and_nothing_is_done(api: Api, admin: asyncpg.Connection) -> None:
    (ticket,) = await accepted(api, 1)
    limit = api.services.settings.limits.bulk_items
    assert limit == 1_000
    payload = await bulk(api, [to(ticket)] * (limit + 1))
    assert payload == {
        "results": [],
        "userErrors": [{"code": "INVALID_INPUT", "path": ["input", "items"], "rule": "too_many", "limit": limit}],
    }
    for key, rule in (("", "empty"), ("k" * 201, "too_long"), ("a\x00", "characters")):
        refused = await bulk(api, [to(ticket)], idempotencyKey=key)
        assert (refused["results"], refused["userErrors"][0]["rule"]) == ([], rule)
    response = await api.ask(DISPATCHER, BULK, input={"items": [to(ticket), to("T_AAAA")]})
    assert response["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "rule": "malformed_id"}
    assert await admin.fetchval("select status from tickets") == "ACCEPTED"
    assert await bulk(api, []) == {"results": [], "userErrors": []}


@pytest.mark.parametrize("login", [DESK, "handler@guangyuan.commerce", "auditor@guangyuan", "enterprise"])
@pytest.mark.parametrize("count", [0, 2])
async def test_only_who_may_dispatch(api: Api, login: str, count: int) -> None:
    login = api.world.guangyuan.enterprise.login if login == "enterprise" else login
    ticket = (await api.submit())["id"]
    response = await api.ask(login, BULK, input={"items": [to(ticket)] * count})
    assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_neighbours_dispatcher_finds_nothing(api: Api) -> None:
    (ticket,) = await accepted(api, 1)
    payload = await bulk(api, [to(ticket, "anshan.finance")], "dispatcher@anshan")
    assert codes(payload) == ["NOT_FOUND"]


async def test_a_role_taken_away_meanwhile(api: Api, admin: asyncpg.Connection) -> None:
    tickets = await accepted(api, 2)
    user = api.world.user(DISPATCHER)
    await api.services.actors.load(user)
    await admin.execute("delete from grants where user_id = $1", user)
    await admin.execute("update users set grants_version = grants_version + 1 where id = $1", user)
    response = await api.ask(DISPATCHER, BULK, input={"items": [to(each) for each in tickets]})
    assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert set(await admin.fetch("select status from tickets")) == {("ACCEPTED",)}


async def test_the_tickets_of_a_payload_are_read_together(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = await accepted(api, 5)
    seen: list[int] = []
    read = api.services.reader.objects

    async def counted(*args: Any, **kwargs: Any) -> Any:
        seen.append(len(kwargs["refs"]))
        return await read(*args, **kwargs)

    monkeypatch.setattr(api.services.reader, "objects", counted)
    document = """mutation($input: TicketBulkDispatchInput!) { ticketBulkDispatch(input: $input) {
        results { a: ticket { number allowedActions } b: ticket { status: title __typename } } } }"""
    data = await api.data(DISPATCHER, document, input={"items": [to(each) for each in tickets]})
    assert seen == [5, 5], "once for each place that shows them"
    for each in data["ticketBulkDispatch"]["results"]:
        assert "COMMENT" in each["a"]["allowedActions"]
        assert each["b"] == {"status": "厂房用电报装久拖未决", "__typename": "Ticket"}
