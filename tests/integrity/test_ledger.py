"""The integrity ledger: who keeps it, what it takes, and that its sums always add up."""

from __future__ import annotations

import asyncio
import hashlib
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest

from app.integrity.actions.clear import clear
from app.integrity.actions.confirm import confirm
from app.integrity.actions.dismiss import dismiss
from app.integrity.actions.open_entry import open_entry
from app.integrity.actions.record_instalment import record_instalment
from app.integrity.actions.reverse_instalment import reverse_instalment
from app.integrity.models import IntegrityEntry
from app.kernel.errors import Conflict, IllegalTransition, InvalidInput, NotFound, NotResponsible
from app.kernel.events import first_broken
from app.kernel.tables import new_id
from app.tickets.words import SecrecyLevel, TicketCategory
from tenants.schemes.model import load_preset
from tenants.schemes.words import IntegrityKind
from tests.tickets.town import AGENT, HANDLER, OFFICE, SUPERVISION, Town

K = IntegrityKind
FINANCE = "finance_officer@guangyuan"
COUNTY_OFFICE = "office@guangyuan.cangxi"
OTHER_COUNTY = "office@guangyuan.jiange"
TODAY = date(2026, 3, 2)
ARREARS: dict[str, Any] = {
    "kind": K.ARREARS,
    "title": "拖欠道路工程款",
    "debtor": "guangyuan.commerce",
    "amount": Decimal("1000.00"),
}


async def opened(town: Town, by: str = OFFICE, **changes: Any) -> IntegrityEntry:
    """Arrears of commerce to the second enterprise, a small one."""
    given = {**ARREARS, "creditor": town.world.guangyuan.enterprises[1].id, **changes}
    return await town.do(by, open_entry, **{name: value for name, value in given.items() if value is not None})


async def confirmed(town: Town, **changes: Any) -> uuid.UUID:
    entry = await opened(town, **changes)
    await town.do(OFFICE, confirm, entry.id)
    return entry.id


async def pay(town: Town, id_: uuid.UUID, amount: str, by: str = HANDLER, **changes: Any) -> IntegrityEntry:
    return await town.do(by, record_instalment, id_, **{"amount": Decimal(amount), "paid_on": TODAY, **changes})


async def last_instalment(town: Town, id_: uuid.UUID) -> uuid.UUID:
    found: uuid.UUID = await town.admin.fetchval(
        "select id from integrity_instalments where entry_id = $1 order by recorded_at desc, id desc limit 1", id_
    )
    return found


async def stored(town: Town, id_: uuid.UUID) -> asyncpg.Record:
    return await town.admin.fetchrow("select * from integrity_entries where id = $1", id_)


async def refused(attempt: Awaitable[Any], field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await attempt
    assert (refusal.value.field, refusal.value.rule) == (field, rule)


# What it is for


async def test_arrears_are_confirmed_paid_in_parts_and_cleared(town: Town) -> None:
    id_ = await confirmed(town, since=date(2026, 1, 5))
    assert (await pay(town, id_, "400.00")).status == "CONFIRMED"
    assert (await pay(town, id_, "0.01", by=FINANCE)).status == "CONFIRMED"
    entry = await pay(town, id_, "599.99", by=OFFICE)
    assert (entry.status, entry.closed_at, entry.version) == ("CLEARED", town.now, 5)
    row = await stored(town, id_)
    assert (row["cleared"], row["remaining"], row["owed"]) == (Decimal("1000.00"), Decimal("0.00"), 0)
    # A reversal is a row of its own, and what was cleared is open again.
    await town.do(
        SUPERVISION, reverse_instalment, id_, instalment_id=await last_instalment(town, id_), reason="重复登记"
    )
    row = await stored(town, id_)
    assert (row["status"], row["remaining"], row["owed"], row["closed_at"]) == (
        *("CONFIRMED", Decimal("599.99"), 59_999),
        None,
    )
    amounts = await town.admin.fetch(
        "select amount from integrity_instalments where entry_id = $1 order by recorded_at", id_
    )
    assert [str(each["amount"]) for each in amounts] == ["400.00", "0.01", "599.99", "-599.99"]


async def test_what_happened_is_in_the_log(town: Town) -> None:
    id_ = await confirmed(town)
    await pay(town, id_, "1000.00")
    events = await town.admin.fetch("select * from events where subject_id = $1 order by seq", id_)
    assert [(event["type"], event["data"].get("toStatus")) for event in map(_loaded, events)] == [
        ("OPENED", "OPENED"),
        ("CONFIRMED", "CONFIRMED"),
        ("INSTALMENT_RECORDED", "CLEARED"),
    ]
    assert {event["topic"] for event in events} == {"integrity"}
    assert [event["actor_role"] for event in events] == ["OFFICE", "OFFICE", "HANDLER"]
    assert first_broken(map(_loaded, events)) is None


def _loaded(event: asyncpg.Record) -> dict[str, Any]:
    return {**event, "data": orjson.loads(event["data"])}


async def test_what_has_no_amount_is_cleared_by_word(town: Town) -> None:
    entry = await opened(town, kind=K.UNKEPT_PROMISE, amount=None, creditor=None)
    await town.do(OFFICE, confirm, entry.id)
    with pytest.raises(IllegalTransition) as refusal:
        await pay(town, entry.id, "1.00")
    assert refusal.value.allowed == ("CLEAR",)
    assert (await town.do(OFFICE, clear, entry.id, note="承诺已兑现")).status == "CLEARED"


async def test_an_intermediary_is_a_name_and_a_place(town: Town) -> None:
    given = {"kind": K.BLACKLISTED_INTERMEDIARY, "title": "违规收费", "organisation": "某中介服务有限公司"}
    city = await town.do(OFFICE, open_entry, **given)
    assert (city.debtor_id, city.county_id, city.organisation) == (None, None, "某中介服务有限公司")
    county = await town.do(COUNTY_OFFICE, open_entry, **given, county="guangyuan.cangxi")
    assert county.county_id == town.world.guangyuan.counties["cangxi"]
    await refused(town.do(COUNTY_OFFICE, open_entry, **given), "county", "required")
    await refused(town.do(OFFICE, open_entry, **given, debtor="guangyuan.commerce"), "debtor", "not_allowed")
    await refused(town.do(OFFICE, open_entry, **given, county="guangyuan.commerce"), "county", "not_a_county")
    await refused(opened(town, organisation="某公司"), "organisation", "not_allowed")
    await refused(opened(town, county="guangyuan.cangxi"), "county", "not_allowed")


async def test_confirmed_arrears_to_a_small_enterprise_restrict_the_debtor(town: Town) -> None:
    listed = list(load_preset("guangyuan").scheme.supervision.integrity.arrears_restrictions)
    assert listed
    assert (await stored(town, await confirmed(town)))["restrictions"] == listed
    large = town.world.guangyuan.enterprise.id
    assert (await stored(town, await confirmed(town, creditor=large)))["restrictions"] == []
    overdue = await confirmed(town, kind=K.OVERDUE_ENFORCEMENT_PAYMENT)
    assert (await stored(town, overdue))["restrictions"] == []


# From a complaint


async def complaint(town: Town, **changes: Any) -> uuid.UUID:
    return (await town.submit(town.other_enterprise, **{"category": TicketCategory.COMPLAINT, **changes})).id


async def test_a_complaint_leads_to_one_entry_and_tells_the_creditor(town: Town) -> None:
    ticket = await complaint(town)
    entry = await opened(town, ticket_id=ticket, creditor=None)
    assert entry.creditor_id == town.world.guangyuan.enterprises[1].id
    await refused(opened(town, ticket_id=ticket), "ticketId", "entered_already")


async def test_two_who_open_from_one_complaint_open_one_entry(town: Town) -> None:
    ticket = await complaint(town)
    outcomes = await asyncio.gather(
        *(opened(town, by, ticket_id=ticket) for by in (OFFICE, SUPERVISION, OFFICE)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IntegrityEntry", "InvalidInput", "InvalidInput"]
    assert await town.admin.fetchval("select count(*) from integrity_entries") == 1


async def test_which_tickets_lead_to_none(town: Town) -> None:
    help_ = (await town.submit(town.other_enterprise)).id
    await refused(opened(town, ticket_id=help_), "ticketId", "not_a_complaint")
    secret = await complaint(town, secrecy=SecrecyLevel.CONFIDENTIAL)
    await refused(opened(town, ticket_id=secret), "ticketId", "secret")
    await refused(opened(town, ticket_id=new_id()), "ticketId", "unknown_ticket")
    county_s = await complaint(town, county="guangyuan.jiange")
    given = {"ticket_id": county_s, "debtor": "guangyuan.cangxi.housing"}
    await refused(opened(town, COUNTY_OFFICE, **given), "ticketId", "unknown_ticket")


async def test_a_city_may_open_none_from_complaints(town: Town) -> None:
    rules = load_preset("guangyuan").scheme.document()["supervision"]
    rules["integrity"] |= {"opened_by_arrears_complaint": False, "kinds": rules["integrity"]["kinds"][:1]}
    document = load_preset("guangyuan").scheme.document() | {"supervision": rules}
    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    await town.admin.execute(
        "update schemes set document = $1::text::jsonb, digest = $2 where city_id = $3",
        *(text.decode(), hashlib.sha256(text).digest(), town.world.guangyuan.id),
    )
    await refused(opened(town, ticket_id=await complaint(town)), "ticketId", "not_taken")
    await refused(opened(town, kind=K.UNKEPT_PROMISE, amount=None), "kind", "not_taken")


# Bad input


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"amount": None}, "amount", "required"),
        ({"amount": Decimal("0")}, "amount", "not_positive"),
        ({"amount": Decimal("-5")}, "amount", "not_positive"),
        ({"amount": Decimal("5.005")}, "amount", "precision"),
        ({"amount": Decimal("1e17")}, "amount", "too_large"),
        ({"kind": K.IMPROPER_ENFORCEMENT}, "amount", "not_allowed"),
        ({"debtor": None}, "debtor", "required"),
        ({"debtor": "guangyuan.nowhere"}, "debtor", "unknown_tenant"),
        ({"debtor": "anshan.commerce"}, "debtor", "unknown_tenant"),
        ({"creditor": None}, "creditorId", "required"),
        ({"creditor": uuid.UUID(int=7)}, "creditorId", "unknown_enterprise"),
        ({"title": "短"}, "title", "too_short"),
        ({"title": "长" * 121}, "title", "too_long"),
        ({"title": "空\x00符"}, "title", "characters"),
        ({"since": date(2026, 3, 3)}, "since", "in_future"),
    ],
)
async def test_what_cannot_be_opened(town: Town, changes: dict[str, Any], field: str, rule: str) -> None:
    await refused(opened(town, **changes), field, rule)
    assert await town.admin.fetchval("select count(*) from integrity_entries") == 0


async def test_an_enterprise_of_another_city_is_none(town: Town) -> None:
    foreign = town.world.anshan.enterprise.id
    await refused(opened(town, creditor=foreign), "creditorId", "unknown_enterprise")


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"amount": Decimal("0.00")}, "amount", "not_positive"),
        ({"amount": Decimal("-1")}, "amount", "not_positive"),
        ({"amount": Decimal("0.001")}, "amount", "precision"),
        ({"amount": Decimal("1000.01")}, "amount", "above_remaining"),
        ({"paid_on": date(2026, 3, 3)}, "paidOn", "in_future"),
        ({"paid_on": date(2025, 12, 31)}, "paidOn", "out_of_order"),
        ({"note": "长" * 5001}, "note", "too_long"),
        ({"note": "\ud800"}, "note", "characters"),
    ],
)
async def test_what_is_no_instalment(town: Town, changes: dict[str, Any], field: str, rule: str) -> None:
    id_ = await confirmed(town, since=date(2026, 1, 1))
    given = {"amount": Decimal(1), "paid_on": TODAY, **changes}
    await refused(town.do(HANDLER, record_instalment, id_, **given), field, rule)
    assert (await stored(town, id_))["cleared"] == 0


async def test_the_day_is_the_citys(town: Town) -> None:
    """23:30 in UTC is the next morning there."""
    id_ = await confirmed(town)
    town.now = town.now.replace(hour=23)
    assert (await pay(town, id_, "1.00", paid_on=TODAY + timedelta(days=1))).cleared == 1
    assert (await opened(town)).opened_on == TODAY + timedelta(days=1)


async def test_what_cannot_be_taken_back(town: Town) -> None:
    id_, other = await confirmed(town), await confirmed(town)
    await pay(town, id_, "10.00")
    await pay(town, other, "10.00")
    paid, others = await last_instalment(town, id_), await last_instalment(town, other)
    for instalment in (new_id(), others):
        await refused(
            town.do(OFFICE, reverse_instalment, id_, instalment_id=instalment, reason="误记"),
            *("instalmentId", "unknown_instalment"),
        )
    await pay(town, id_, "5.00")
    await town.do(OFFICE, reverse_instalment, id_, instalment_id=paid, reason="误记")
    for instalment, rule in ((paid, "reversed_already"), (await last_instalment(town, id_), "unknown_instalment")):
        await refused(
            town.do(OFFICE, reverse_instalment, id_, instalment_id=instalment, reason="误记"), "instalmentId", rule
        )


async def test_a_version_that_is_old(town: Town) -> None:
    entry = await opened(town)
    await town.do(OFFICE, confirm, entry.id, expected_version=1)
    with pytest.raises(Conflict):
        await town.do(HANDLER, record_instalment, entry.id, amount=Decimal(1), paid_on=TODAY, expected_version=1)


async def test_steps_out_of_turn(town: Town) -> None:
    entry = await opened(town)
    for attempt in (
        pay(town, entry.id, "1.00"),
        town.do(OFFICE, clear, entry.id, note="已办"),
        town.do(OFFICE, reverse_instalment, entry.id, instalment_id=new_id(), reason="误记"),
    ):
        with pytest.raises(IllegalTransition):
            await attempt
    await town.do(OFFICE, dismiss, entry.id, reason="经核实不属实")
    for verb in (confirm, dismiss):
        with pytest.raises(IllegalTransition):
            await town.do(OFFICE, verb, entry.id, **({"reason": "重复"} if verb is dismiss else {}))


# Who


async def test_the_neighbour_finds_nothing(town: Town) -> None:
    entry = await opened(town)
    theirs = "office@anshan"
    for verb, given in _verbs():
        for id_ in (entry.id, new_id()):
            with pytest.raises(NotFound):
                await town.do(theirs, verb, id_, **given)


def _verbs() -> list[tuple[Callable[..., Awaitable[Any]], dict[str, Any]]]:
    return [
        (confirm, {}),
        (dismiss, {"reason": "不实"}),
        (clear, {"note": "已办"}),
        (record_instalment, {"amount": Decimal(1), "paid_on": TODAY}),
        (reverse_instalment, {"instalment_id": uuid.UUID(int=1), "reason": "误记"}),
    ]


@pytest.mark.parametrize(
    "login",
    [AGENT, "dispatcher@guangyuan", "steward@guangyuan", "city_administrator@guangyuan", OTHER_COUNTY],
)
async def test_who_sees_nothing_of_it(town: Town, login: str) -> None:
    entry = await opened(town)
    for verb, given in _verbs():
        with pytest.raises(NotFound):
            await town.do(login, verb, entry.id, **given)


async def test_who_sees_it_and_may_not_do_it(town: Town) -> None:
    id_ = await confirmed(town)
    readers = {"auditor@guangyuan", "working_group@guangyuan", town.other_enterprise}
    for login in (*readers, HANDLER, FINANCE):
        for verb, given in _verbs():
            if verb is record_instalment and login not in readers:
                continue
            with pytest.raises(NotResponsible):
                await town.do(login, verb, id_, **given)
    with pytest.raises(NotFound):
        await pay(town, id_, "1.00", by="handler@guangyuan.finance")
    with pytest.raises(NotFound):
        await pay(town, id_, "1.00", by=town.enterprise)


async def test_who_opens_where(town: Town) -> None:
    county = await opened(town, COUNTY_OFFICE, debtor="guangyuan.cangxi.housing")
    assert county.county_id == town.world.guangyuan.counties["cangxi"]
    await town.do(COUNTY_OFFICE, confirm, county.id)
    for debtor in ("guangyuan.commerce", "guangyuan.jiange", "guangyuan"):
        await refused(opened(town, COUNTY_OFFICE, debtor=debtor), "debtor", "outside_reach")
    for login in (HANDLER, FINANCE, "auditor@guangyuan", town.enterprise):
        with pytest.raises(NotResponsible):
            await opened(town, login)


# Sums


async def test_instalments_at_the_same_time_never_exceed_the_amount(town: Town) -> None:
    id_ = await confirmed(town)
    outcomes = await asyncio.gather(*(pay(town, id_, "300.00") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, IntegrityEntry) for outcome in outcomes) == 3
    assert {outcome.rule for outcome in outcomes if isinstance(outcome, InvalidInput)} == {"above_remaining"}
    assert (await stored(town, id_))["cleared"] == Decimal("900.00")


async def test_an_instalment_is_taken_back_once_whoever_tries(town: Town) -> None:
    id_ = await confirmed(town)
    await pay(town, id_, "300.00")
    paid = await last_instalment(town, id_)
    back = [town.do(OFFICE, reverse_instalment, id_, instalment_id=paid, reason="误记") for _ in range(3)]
    outcomes = await asyncio.gather(*back, return_exceptions=True)
    assert sum(isinstance(outcome, IntegrityEntry) for outcome in outcomes) == 1
    assert (await stored(town, id_))["cleared"] == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_is_done_the_sums_add_up(town: Town, seed: int) -> None:
    """A random walk: what the rows say, what a ledger kept by hand says, and the status agree after every step."""
    chance = random.Random(seed)
    id_ = await confirmed(town, amount=Decimal("100.00"))
    kept: dict[uuid.UUID, Decimal] = {}
    done = 0
    for _ in range(40):
        town.now += timedelta(hours=1)
        day = town.now.date()
        try:
            if kept and chance.random() < 0.35:
                chosen = chance.choice(list(kept))
                await town.do(OFFICE, reverse_instalment, id_, instalment_id=chosen, reason="误记")
                del kept[chosen]
            else:
                amount = Decimal(chance.randint(-200, 6_000)) / 100
                await pay(town, id_, str(amount), paid_on=day)
                kept[await last_instalment(town, id_)] = amount
            done += 1
        except (InvalidInput, IllegalTransition):
            pass
        row = await stored(town, id_)
        total = sum(kept.values(), Decimal(0))
        rows = await town.admin.fetchval(
            "select coalesce(sum(amount), 0) from integrity_instalments where entry_id = $1", id_
        )
        assert row["cleared"] == total == rows
        assert row["remaining"] == Decimal("100.00") - total >= 0
        assert row["status"] == ("CLEARED" if total == 100 else "CONFIRMED")
    assert done > 10, "the walk went somewhere"


async def test_the_database_holds_the_sums_by_itself(town: Town) -> None:
    id_ = await confirmed(town)
    for statement in (
        "update integrity_entries set cleared = amount + 1 where id = $1",
        "update integrity_entries set cleared = -1 where id = $1",
        "update integrity_entries set cleared = amount where id = $1",
        "update integrity_entries set status = 'CLEARED' where id = $1",
        "update integrity_entries set organisation = 'x' where id = $1",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await town.admin.execute(statement, id_)


async def test_nothing_of_the_ledger_can_be_deleted_or_rewritten(town: Town) -> None:
    id_ = await confirmed(town)
    await pay(town, id_, "1.00")
    async with town.database.session(cities=(town.world.guangyuan.id,)) as session:
        connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        for statement in (
            "delete from integrity_instalments",
            "update integrity_instalments set amount = 2",
            "delete from integrity_entries",
            "update integrity_entries set amount = 2",
        ):
            await connection.execute("savepoint before_it")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
            await connection.execute("rollback to before_it")
