"""The integrity ledger in the API: its life, who sees what of it, lists, and totals that are exact to the fen."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel.tables import new_id
from schema import ids
from tests.schema.conftest import Api

OFFICE, HANDLER, FINANCE = "office@guangyuan", "handler@guangyuan.commerce", "finance_officer@guangyuan"
SHOWN = """id version kind status title amount cleared remaining restrictions allowedActions debtor { path }
  creditor { name } openedOn since"""
ENTRY = f"query($id: ID!) {{ integrityEntry(id: $id) {{ {SHOWN} "
ENTRY += """instalments { totalCount edges { node { id amount paidOn note reverses { id } } } }
  timeline { edges { node { type note amount fromStatus toStatus actor { role tenant { path } } } } } } }"""
TOTALS = """query($within: TenantPath!, $from: Date!, $to: Date!, $by: IntegrityDimension) {
  integrityTotals(within: $within, from: $from, to: $to, by: $by) {
    value label tenant { path } entries outstanding amount cleared remaining paid } }"""
LIST = """query($within: TenantPath, $filter: IntegrityFilter, $orderBy: IntegrityOrder, $first: Int, $after: Cursor) {
  integrityEntries(within: $within, filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } edges { node { title } } } }"""


def today() -> str:
    return datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()


async def verb(api: Api, login: str, name: str, **given: Any) -> dict[str, Any]:
    document = (
        f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ integrityEntry {{ {SHOWN} "
        "instalments { edges { node { id amount } } } } userErrors { code message path ... on InvalidInputError "
        "{ rule } ... on IllegalTransitionError { current action allowed } } } }"
    )
    payload: dict[str, Any] = (await api.data(login, document, input=given))[name]
    return payload


async def done(api: Api, login: str, name: str, **given: Any) -> dict[str, Any]:
    payload = await verb(api, login, name, **given)
    assert payload["userErrors"] == [], payload
    entry: dict[str, Any] = payload["integrityEntry"]
    return entry


async def opened(api: Api, login: str = OFFICE, creditor: int = 1, **given: Any) -> dict[str, Any]:
    enterprise = api.world.guangyuan.enterprises[creditor]
    values = {
        "kind": "ARREARS",
        "title": "拖欠道路工程款",
        "debtor": "guangyuan.commerce",
        "creditorId": ids.encode("E", enterprise.city_id, enterprise.id),
        "amount": "1000.00",
        **given,
    }
    return await done(api, login, "integrityEntryOpen", **{k: v for k, v in values.items() if v is not None})


async def confirmed(api: Api, **given: Any) -> str:
    entry = await opened(api, **given)
    return str((await done(api, OFFICE, "integrityEntryConfirm", entryId=entry["id"], note="内部核实"))["id"])


async def pay(api: Api, entry: str, amount: str, login: str = HANDLER, **given: Any) -> dict[str, Any]:
    return await done(
        api, login, "integrityInstalmentRecord", **{"entryId": entry, "amount": amount, "paidOn": today(), **given}
    )


async def test_from_the_opening_to_the_last_fen(api: Api) -> None:
    entry = await opened(api)
    assert (entry["amount"], entry["cleared"], entry["remaining"]) == ("1000.00", "0.00", "1000.00")
    assert (entry["restrictions"], entry["allowedActions"]) == ([], ["CONFIRM", "DISMISS"])
    entry = await done(api, OFFICE, "integrityEntryConfirm", entryId=entry["id"], expectedVersion=1)
    assert len(entry["restrictions"]) == 6
    entry = await pay(api, entry["id"], "999.99", note="财政第一笔")
    assert (entry["status"], entry["remaining"], entry["allowedActions"]) == (
        *("CONFIRMED", "0.01"),
        ["INSTALMENT_RECORD"],
    )
    entry = await pay(api, entry["id"], "0.01", login=FINANCE)
    assert (entry["status"], entry["restrictions"], entry["remaining"]) == ("CLEARED", [], "0.00")
    first = entry["instalments"]["edges"][0]["node"]
    entry = await done(
        api, OFFICE, "integrityInstalmentReverse", entryId=entry["id"], instalmentId=first["id"], reason="误记"
    )
    assert (entry["status"], entry["cleared"], entry["remaining"]) == ("CONFIRMED", "0.01", "999.99")
    data = (await api.data(OFFICE, ENTRY, id=entry["id"]))["integrityEntry"]
    assert [edge["node"]["type"] for edge in data["timeline"]["edges"]] == [
        *("OPENED", "CONFIRMED", "INSTALMENT_RECORDED", "INSTALMENT_RECORDED", "INSTALMENT_REVERSED")
    ]
    assert data["timeline"]["edges"][2]["node"]["actor"] == {
        "role": "HANDLER",
        "tenant": {"path": "guangyuan.commerce"},
    }
    last = data["instalments"]["edges"][-1]["node"]
    assert (last["amount"], last["reverses"], data["instalments"]["totalCount"]) == ("-999.99", {"id": first["id"]}, 3)


async def test_the_creditor_sees_its_own_without_internal_notes(api: Api) -> None:
    id_ = await confirmed(api)
    await pay(api, id_, "1.00", note="内部说明")
    own, other = (api.world.guangyuan.enterprises[place].login for place in (1, 0))
    data = (await api.data(own, ENTRY, id=id_))["integrityEntry"]
    assert (data["remaining"], data["allowedActions"]) == ("999.00", [])
    assert data["creditor"]["name"] == api.world.guangyuan.enterprises[1].name
    assert [edge["node"]["note"] for edge in data["timeline"]["edges"]] == [None, None, None]
    assert [edge["node"]["note"] for edge in data["instalments"]["edges"]] == [None]
    staff = (await api.data(HANDLER, ENTRY, id=id_))["integrityEntry"]
    assert [edge["node"]["note"] for edge in staff["timeline"]["edges"]] == [None, "内部核实", None]
    assert staff["instalments"]["edges"][0]["node"]["note"] == "内部说明"
    assert (await api.data(other, ENTRY, id=id_)) == {"integrityEntry": None}
    dismissed = await opened(api)
    await done(api, OFFICE, "integrityEntryDismiss", entryId=dismissed["id"], reason="合同已解除")
    told = (await api.data(own, ENTRY, id=dismissed["id"]))["integrityEntry"]
    assert told["timeline"]["edges"][1]["node"]["note"] == "合同已解除"


@pytest.mark.parametrize(
    "login", ["office@anshan", "auditor@anshan", "handler@guangyuan.finance", "office@guangyuan.cangxi"]
)
async def test_who_has_no_part_in_it_sees_it_nowhere(api: Api, login: str) -> None:
    id_ = await confirmed(api)
    await pay(api, id_, "1.00")
    instalment = (await api.data(OFFICE, ENTRY, id=id_))["integrityEntry"]["instalments"]["edges"][0]["node"]["id"]
    assert (await api.data(login, ENTRY, id=id_)) == {"integrityEntry": None}
    nodes = await api.data(login, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[id_, instalment])
    assert nodes == {"nodes": [None, None]}
    assert (await api.data(login, LIST))["integrityEntries"]["totalCount"] == 0
    city = login.partition("@")[2].partition(".")[0]
    span = {"from": "2000-01-01", "to": "2100-01-01"}
    (totals,) = (await api.data(login, TOTALS, within=city, **span))["integrityTotals"]
    assert (totals["entries"], totals["amount"], totals["paid"]) == (0, "0.00", "0.00")


@pytest.mark.parametrize("login", ["intake_agent@guangyuan", "steward@guangyuan", "city_administrator@guangyuan"])
async def test_who_has_no_such_role_is_refused(api: Api, login: str) -> None:
    id_ = await confirmed(api)
    for query, given in ((ENTRY, {"id": id_}), (LIST, {})):
        response = await api.ask(login, query, **given)
        assert response["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_repeat_with_the_same_key_pays_once(api: Api) -> None:
    id_ = await confirmed(api)
    for _ in range(3):
        entry = await pay(api, id_, "300.00", idempotencyKey="pay-1")
        assert entry["cleared"] == "300.00"
    refusal = await verb(
        *(api, HANDLER, "integrityInstalmentRecord"),
        entryId=id_,
        amount="300.01",
        paidOn=today(),
        idempotencyKey="pay-1",
    )
    assert [error["code"] for error in refusal["userErrors"]] == ["IDEMPOTENCY_MISMATCH"]


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"amount": "-1.00"}, "not_positive"),
        ({"amount": "1.001"}, "precision"),
        ({"amount": "1000.01"}, "above_remaining"),
        ({"amount": "99999999999999999999"}, "too_large"),
        ({"paidOn": "2099-01-01"}, "in_future"),
        ({"note": "长" * 5001}, "too_long"),
    ],
)
async def test_what_is_refused_says_why(api: Api, given: dict[str, Any], rule: str) -> None:
    id_ = await confirmed(api)
    payload = await verb(
        *(api, HANDLER, "integrityInstalmentRecord"), **{"entryId": id_, "amount": "1", "paidOn": today(), **given}
    )
    (error,) = payload["userErrors"]
    assert (error["code"], error["rule"]) == ("INVALID_INPUT", rule)
    assert "{" not in error["message"]


@pytest.mark.parametrize("amount", ["", "1e5", "1,000", "٣", "1.", "NaN", " 1", "1" * 21, 5, 1.5, None, True])
async def test_an_amount_is_a_decimal_number_as_text(api: Api, amount: Any) -> None:
    id_ = await confirmed(api)
    response = await api.ask(
        HANDLER,
        "mutation($input: IntegrityInstalmentRecordInput!) "
        "{ integrityInstalmentRecord(input: $input) { userErrors { code } } }",
        input={"entryId": id_, "amount": amount, "paidOn": today()},
    )
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT", response


async def test_refusals_in_the_viewers_words(api: Api) -> None:
    entry = await opened(api)
    payload = await verb(api, HANDLER, "integrityInstalmentRecord", entryId=entry["id"], amount="1.00", paidOn=today())
    (error,) = payload["userErrors"]
    assert (error["current"], error["action"], error["allowed"]) == (
        *("OPENED", "INSTALMENT_RECORD"),
        ["CONFIRM", "DISMISS"],
    )
    document = "mutation($i: IntegrityEntryClearInput!) { integrityEntryClear(input: $i) { userErrors { message } } }"
    chinese = await api.data(OFFICE, document, locale="zh-CN", i={"entryId": entry["id"], "note": "已办"})
    assert chinese["integrityEntryClear"]["userErrors"] == [
        {"message": "当前状态为“待核实”,不能“整改销号”。可以进行的操作:认定、不予认定。"}
    ]


# Lists


async def titles(api: Api, login: str = OFFICE, **given: Any) -> list[str]:
    data = (await api.data(login, LIST, **given))["integrityEntries"]
    if given.get("first") is None:
        assert data["totalCount"] == len(data["edges"])
    return [edge["node"]["title"] for edge in data["edges"]]


async def test_lists_filtered_sorted_and_paged(api: Api) -> None:
    big = await confirmed(api, title="大额", amount="900.00")
    await opened(api, title="小额", amount="5.00", creditor=0)
    await opened(api, title="承诺", kind="UNKEPT_PROMISE", amount=None, debtor="guangyuan.cangxi.housing")
    await pay(api, big, "100.00")
    assert await titles(api) == ["承诺", "小额", "大额"]
    assert await titles(api, orderBy={"field": "REMAINING", "direction": "DESC"}) == ["大额", "小额", "承诺"]
    assert await titles(api, orderBy={"field": "OPENED_AT", "direction": "ASC"}) == ["大额", "小额", "承诺"]
    enterprise = api.world.guangyuan.enterprise
    for given, found in (
        ({"status": ["CONFIRMED"]}, ["大额"]),
        ({"kind": ["UNKEPT_PROMISE"]}, ["承诺"]),
        ({"debtor": "guangyuan.commerce"}, ["小额", "大额"]),
        ({"creditorId": ids.encode("E", enterprise.city_id, enterprise.id)}, ["小额"]),
        ({"openedFrom": today()}, ["承诺", "小额", "大额"]),
        ({"openedBefore": today()}, []),
    ):
        assert await titles(api, filter=given) == found, given
    assert await titles(api, within="guangyuan.cangxi") == ["承诺"]
    assert await titles(api, within="guangyuan.commerce") == ["小额", "大额"]
    assert await titles(api, HANDLER) == ["小额", "大额"]
    assert await titles(api, "office@guangyuan.cangxi") == ["承诺"]
    for order in (None, {"field": "REMAINING", "direction": "DESC"}, {"field": "REMAINING", "direction": "ASC"}):
        seen: list[str] = []
        after = None
        for _ in range(3):
            page = (await api.data(OFFICE, LIST, first=1, after=after, orderBy=order))["integrityEntries"]
            seen += [edge["node"]["title"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
        assert seen == await titles(api, orderBy=order)
        assert not page["pageInfo"]["hasNextPage"]


# Totals


async def test_totals_are_exact_and_of_what_one_sees(api: Api) -> None:
    large = await confirmed(api, amount="9999999999999999.99")
    await pay(api, large, "0.01")
    await confirmed(api, amount="0.10", debtor="guangyuan.finance", kind="OVERDUE_ENFORCEMENT_PAYMENT")
    await opened(api, kind="UNKEPT_PROMISE", amount=None, debtor="guangyuan.cangxi.housing")
    dismissed = await opened(api, amount="77.00")
    await done(api, OFFICE, "integrityEntryDismiss", entryId=dismissed["id"], reason="不属实")
    span = {"within": "guangyuan", "from": today(), "to": tomorrow()}
    (every,) = (await api.data(OFFICE, TOTALS, **span))["integrityTotals"]
    assert every == {
        "value": None,
        "label": "Total",
        "tenant": None,
        "entries": 3,
        "outstanding": 3,
        "amount": "10000000000000000.09",
        "cleared": "0.01",
        "remaining": "10000000000000000.08",
        "paid": "0.01",
    }
    by_kind = (await api.data(OFFICE, TOTALS, by="KIND", **span))["integrityTotals"]
    assert [(row["value"], row["entries"]) for row in by_kind] == [
        *(("ARREARS", 1), ("UNKEPT_PROMISE", 1), ("OVERDUE_ENFORCEMENT_PAYMENT", 1))
    ]
    by_debtor = (await api.data(OFFICE, TOTALS, by="DEBTOR", **span))["integrityTotals"]
    assert [row["tenant"]["path"] for row in by_debtor] == [
        *("guangyuan.cangxi.housing", "guangyuan.commerce", "guangyuan.finance")
    ]
    (month,) = (await api.data(OFFICE, TOTALS, by="MONTH", **span))["integrityTotals"]
    assert (month["value"], month["amount"]) == (today()[:7], every["amount"])
    for rows in (by_kind, by_debtor):
        for name in ("amount", "cleared", "remaining", "paid"):
            assert sum(Decimal(row[name]) for row in rows) == Decimal(every[name])
    (own,) = (await api.data("handler@guangyuan.finance", TOTALS, **span))["integrityTotals"]
    assert (own["entries"], own["amount"]) == (1, "0.10")
    (county,) = (await api.data(OFFICE, TOTALS, **(span | {"within": "guangyuan.cangxi"})))["integrityTotals"]
    assert (county["entries"], county["amount"]) == (1, "0.00")


def tomorrow() -> str:
    return (datetime.fromisoformat(today()) + timedelta(days=1)).date().isoformat()


async def test_what_was_paid_counts_when_it_was_paid(api: Api) -> None:
    id_ = await confirmed(api, since="2020-01-01")
    await pay(api, id_, "30.00", paidOn="2020-02-29")
    await pay(api, id_, "70.00", paidOn="2020-03-01")
    february = {"within": "guangyuan", "from": "2020-02-01", "to": "2020-03-01"}
    (totals,) = (await api.data(OFFICE, TOTALS, **february))["integrityTotals"]
    assert (totals["entries"], totals["amount"], totals["paid"]) == (0, "0.00", "30.00")
    months = (await api.data(OFFICE, TOTALS, by="MONTH", **(february | {"to": "2021-01-01"})))["integrityTotals"]
    assert [(row["value"], row["paid"]) for row in months] == [("2020-02", "30.00"), ("2020-03", "70.00")]
    first = (await api.data(OFFICE, ENTRY, id=id_))["integrityEntry"]["instalments"]["edges"][0]["node"]["id"]
    await done(api, OFFICE, "integrityInstalmentReverse", entryId=id_, instalmentId=first, reason="误记")
    # What was told of February stands; today it is taken back.
    (totals,) = (await api.data(OFFICE, TOTALS, **february))["integrityTotals"]
    assert totals["paid"] == "30.00"
    span = {"within": "guangyuan", "from": today(), "to": tomorrow()}
    (totals,) = (await api.data(OFFICE, TOTALS, **span))["integrityTotals"]
    assert (totals["paid"], totals["cleared"]) == ("-30.00", "70.00")


async def test_totals_of_a_time_that_runs_backwards(api: Api) -> None:
    response = await api.ask(OFFICE, TOTALS, **{"within": "guangyuan", "from": "2026-02-01", "to": "2026-01-01"})
    assert response["errors"][0]["extensions"]["rule"] == "dates_reversed"


async def test_an_id_of_nothing_is_nothing(api: Api) -> None:
    nothing = ids.encode("IE", api.world.guangyuan.id, new_id())
    assert (await api.data(OFFICE, ENTRY, id=nothing)) == {"integrityEntry": None}
    payload = await verb(api, OFFICE, "integrityEntryConfirm", entryId=nothing)
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
