"""A ticket's transfer to another city: one number, one timeline, each side its own part (domain.md, section 9)."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.events import first_broken
from app.transfers.relay import relay
from app.transfers.saying import repeat
from schema import ids
from schema.live.hub import Hub
from tests.factories.world import add_region
from tests.schema.edge import until
from tests.schema.test_allowed_actions import an_upload
from tests.schema.test_live_tickets import Responses
from tests.transfers.conftest import DESK, MONDAY, REASON, THERE, Across

DISPATCHER_THERE = "dispatcher@anshan"


async def listen(hub: Hub, a: Across, login: str, document: str) -> Responses:
    viewer = await a.api.viewer(login)
    sink = Responses()
    prepared = await a.api.services.executor.prepare(document, None, viewer=viewer)
    await hub.subscribe(prepared, {}, viewer, sink)
    return sink


async def change_scheme(connection: asyncpg.Connection, city: str, path: tuple[str, ...], value: str) -> None:
    """Another rule, as if it had been published with the others."""
    await connection.execute(
        "update schemes s set document = jsonb_set(document, $2, $3::jsonb), digest = $4 from tenants t"
        " where t.id = s.city_id and t.path = $1",
        *(city, list(path), value, hashlib.sha256(f"{city}{path}{value}".encode()).digest()),
    )


async def test_one_number_and_one_timeline_to_the_end(across: Across) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise
    ticket = await a.offered()
    mine = await a.ticket(enterprise.login, ticket, "number status transferredTo { path } progress closedAt version")
    number = mine["number"]
    assert mine == {
        "number": number,
        "status": "TRANSFERRED",
        "transferredTo": {"path": "anshan"},
        "progress": None,
        "closedAt": None,
        "version": 2,
    }
    offer = await a.offer()
    assert (offer["number"], offer["peer"], offer["ticket"]) == (number, {"path": "guangyuan"}, None)
    assert (offer["enterpriseName"], offer["creditCode"]) == (enterprise.name, enterprise.credit_code)
    assert offer["mayDecide"] is True
    assert await a.told(THERE) == ["TRANSFER_OFFERED"]
    taken = await a.decision(THERE, transferId=offer["id"], accept=True, expectedVersion=1)
    there = taken["ticketTransfer"]["ticket"]["id"]
    assert taken["ticketTransfer"]["ticket"]["number"] == number
    assert await a.told(DESK) == ["TRANSFER_ACCEPTED"]
    seen = await a.ticket(
        THERE, there, "number status channel transferredFrom { path } reporter { name } enterprise { name }"
    )
    assert seen == {
        "number": number,
        "status": "ACCEPTED",
        "channel": "OTHER_CITY",
        "transferredFrom": {"path": "guangyuan"},
        "reporter": {"name": enterprise.name},
        "enterprise": None,
    }
    await a.work(there)
    await a.relay()
    mine = await a.ticket(enterprise.login, ticket, "status progress resolution allowedActions satisfaction")
    assert (mine["status"], mine["progress"], mine["resolution"]) == ("TRANSFERRED", "RESOLVED", "已核实并办结。")
    assert mine["allowedActions"] == ["ATTACH", "COMMENT", "RATE", "WITHDRAW"]
    await a.api.verb(THERE, "ticketFollowUp", ticketId=there, satisfaction="SATISFIED")
    await a.relay()
    told = await a.timeline(enterprise.login, ticket)
    assert [(each["type"], each["step"], each["toStatus"]) for each in told] == [
        ("SUBMITTED", None, "SUBMITTED"),
        ("TRANSFERRED", None, "TRANSFERRED"),
        ("TRANSFER_ACCEPTED", None, "TRANSFERRED"),
        ("PROGRESSED", "DISPATCHED", "DISPATCHED"),
        ("PROGRESSED", "ACKNOWLEDGED", "IN_PROGRESS"),
        ("PROGRESSED", "RESOLVED", "RESOLVED"),
        ("PROGRESSED", "FOLLOWED_UP", "CLOSED"),
    ]
    assert [each["version"] for each in told] == [1, 2, 3, 4, 5, 6, 7]
    assert told[1]["note"] == REASON
    assert (told[3]["lead"], told[3]["actor"]["tenant"]) == ({"path": "anshan.commerce"}, {"path": "anshan"})
    assert told[5]["note"] == "已核实并办结。"
    mine = await a.ticket(enterprise.login, ticket, "status progress closedAt allowedActions satisfaction")
    assert mine["closedAt"] is not None
    assert (mine["status"], mine["progress"], mine["allowedActions"]) == ("TRANSFERRED", "CLOSED", [])
    assert mine["satisfaction"] is None, "it was judged, and is counted, where it was handled"
    for login in (DESK, THERE):
        (row,) = await a.transfers(login)
        assert row["endedAt"] is not None
        assert row["status"] == "ACCEPTED"


async def test_declined_it_is_back_where_it_was_and_may_be_offered_again(across: Across) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket = (await a.api.submit())["id"]
    await a.api.verb(DESK, "ticketAccept", ticketId=ticket)
    accepted_at = (await a.ticket(DESK, ticket, "acceptedAt"))["acceptedAt"]
    a.clock.advance(timedelta(hours=1))
    await a.api.verb(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    payload = await a.decide(accept=False)
    assert [(each["code"], each["rule"]) for each in payload["userErrors"]] == [("INVALID_INPUT", "required")]
    payload = await a.decide(accept=False, reason="不属于我市管辖。")
    assert payload["ticketTransfer"]["status"] == "DECLINED"
    assert payload["ticketTransfer"]["ticket"] is None
    seen = await a.ticket(
        DESK, ticket, "status acceptedAt progress transferredTo { path } allowedActions transfers { answer status }"
    )
    assert (seen["status"], seen["acceptedAt"], seen["progress"]) == ("ACCEPTED", accepted_at, None)
    assert seen["transfers"] == [{"answer": "不属于我市管辖。", "status": "DECLINED"}]
    assert seen["transferredTo"] is None
    assert "TRANSFER" in seen["allowedActions"]
    assert await a.told(DESK) == ["TRANSFER_DECLINED"]
    staff, reporter = [(await a.timeline(login, ticket))[-1] for login in (DESK, enterprise)]
    assert (staff["type"], staff["note"]) == ("TRANSFER_DECLINED", "不属于我市管辖。")
    assert staff["actor"] == {"role": "INTAKE_AGENT", "name": None, "tenant": {"path": "anshan"}}
    assert (reporter["type"], reporter["note"]) == ("TRANSFER_DECLINED", None)
    again = await a.decision(THERE, transferId=payload["ticketTransfer"]["id"], accept=True)
    assert [each["rule"] for each in again["userErrors"]] == ["transfer_over"]
    await a.api.verb(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    assert (await a.decide())["ticketTransfer"]["status"] == "ACCEPTED"


async def test_a_new_clock_for_verification_runs_once_it_is_back(across: Across) -> None:
    a = across
    ticket = await a.offered()
    clocks = "deadlines { kind state } deadline { kind }"
    assert await a.ticket(DESK, ticket, clocks) == {
        "deadlines": [{"kind": "VERIFICATION", "state": "MET"}],
        "deadline": None,
    }
    a.clock.advance(timedelta(hours=2))
    await a.api.verb(DESK, "ticketTransferWithdraw", ticketId=ticket, reason="转办有误。")
    seen = await a.ticket(DESK, ticket, f"status version {clocks}")
    assert seen == {
        "status": "SUBMITTED",
        "version": 3,
        "deadlines": [{"kind": "VERIFICATION", "state": "MET"}, {"kind": "VERIFICATION", "state": "RUNNING"}],
        "deadline": {"kind": "VERIFICATION"},
    }
    (row,) = await a.transfers(THERE)
    assert (row["status"], row["mayDecide"], row["overdue"]) == ("WITHDRAWN", False, False)
    assert await a.told(THERE) == ["TRANSFER_OFFERED", "TRANSFER_WITHDRAWN"]
    over = await a.decision(THERE, transferId=row["id"], accept=True)
    assert [each["rule"] for each in over["userErrors"]] == ["transfer_over"]


async def test_what_is_said_publicly_goes_across_and_internal_notes_never(
    across: Across, admin: asyncpg.Connection
) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login

    async def say(login: str, ticket: str, body: str, visibility: str = "PUBLIC") -> None:
        await a.api.verb(login, "ticketComment", ticketId=ticket, body=body, visibility=visibility)

    async def attach(login: str, ticket: str, visibility: str = "PUBLIC") -> None:
        upload = await an_upload(admin, a.api.world.user(login), ticket)
        await a.api.verb(login, "ticketAttach", ticketId=ticket, uploadId=upload, visibility=visibility)

    ticket = (await a.api.submit())["id"]
    await say(enterprise, ticket, "转办前的话")
    await say(DESK, ticket, "甲市内部", "INTERNAL")
    await attach(enterprise, ticket)
    await attach(DESK, ticket, "INTERNAL")
    await a.api.verb(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    await say(enterprise, ticket, "等待接收时的话")
    there = (await a.decide())["ticketTransfer"]["ticket"]["id"]
    await say(enterprise, ticket, "接收后的话")
    await say(DESK, ticket, "甲市专席的话")
    await say(DESK, ticket, "甲市内部二", "INTERNAL")
    await say(THERE, there, "乙市公开的话")
    await say(THERE, there, "乙市内部", "INTERNAL")
    await attach(THERE, there)
    await a.relay()
    await a.relay()
    told = await a.timeline(THERE, there)
    said = [each["note"] for each in told if each["type"] == "COMMENTED"]
    assert said[:2] == ["转办前的话", "等待接收时的话"], "what was said before, with the acceptance"
    assert [each for each in said if each.startswith("乙市")] == ["乙市公开的话", "乙市内部"]
    assert [each for each in said[2:] if not each.startswith("乙市")] == ["接收后的话", "甲市专席的话"]
    first = next(each for each in told if each["note"] == "转办前的话")
    assert first["actor"] == {"role": "ENTERPRISE_USER", "name": None, "tenant": {"path": "guangyuan"}}
    files = [each["remoteFile"] for each in told if each["type"] == "ATTACHED"]
    assert files == [{"name": "a.pdf", "mediaType": "application/pdf", "size": 5, "sha256": "00" * 32}, None]
    mine = await a.timeline(enterprise, ticket)
    assert [each["note"] for each in mine if each["type"] == "COMMENTED"] == [
        *("转办前的话", "等待接收时的话", "接收后的话", "甲市专席的话", "乙市公开的话"),
    ]
    assert [each["remoteFile"] is None for each in mine if each["type"] == "ATTACHED"] == [True, False]
    assert (await a.ticket(THERE, there, "attachments { name }"))["attachments"] == [{"name": "a.pdf"}]
    whole = str(await admin.fetch("select data from events where city_id = $1", a.api.world.anshan.id))
    assert "甲市内部" not in whole
    whole = str(await admin.fetch("select data from events where city_id = $1", a.api.world.guangyuan.id))
    assert "乙市内部" not in whole


@pytest.mark.parametrize("decided", [False, True])
async def test_the_reporter_withdraws(across: Across, decided: bool) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket = await a.offered()
    there = (await a.decide())["ticketTransfer"]["ticket"]["id"] if decided else ""
    await a.api.verb(enterprise, "ticketWithdraw", ticketId=ticket, reason="问题已自行解决。")
    await a.relay()
    await a.relay()
    mine = await a.ticket(enterprise, ticket, "status closedAt timeline(last: 1) { edges { node { type } } }")
    assert (mine["status"], mine["closedAt"] is None) == ("WITHDRAWN", False)
    assert mine["timeline"]["edges"][0]["node"]["type"] == "WITHDRAWN"
    (row,) = await a.transfers(THERE)
    if decided:
        assert (await a.ticket(THERE, there, "status"))["status"] == "WITHDRAWN"
        (last,) = (await a.timeline(THERE, there))[-1:]
        assert (last["type"], last["note"], last["actor"]["name"]) == ("WITHDRAWN", "问题已自行解决。", None)
    else:
        assert row["status"] == "WITHDRAWN"
        assert await a.told(THERE) == ["TRANSFER_OFFERED", "TRANSFER_WITHDRAWN"]
    assert row["endedAt"] is not None


async def test_whose_reporter_withdrew_cannot_be_taken_any_more(across: Across) -> None:
    a = across
    ticket = await a.offered()
    await a.api.verb(a.api.world.guangyuan.enterprise.login, "ticketWithdraw", ticketId=ticket)
    payload = await a.decide()  # the relay has not come to it yet
    assert [each["rule"] for each in payload["userErrors"]] == ["transfer_over"]


@pytest.mark.parametrize(("verdict", "ends"), [("SATISFIED", "CLOSED"), ("UNSATISFIED", "RESOLVED")])
async def test_the_reporters_own_rating_counts_where_it_was_handled(
    across: Across, admin: asyncpg.Connection, verdict: str, ends: str
) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket, there = await a.accepted()
    early = await a.api.refusable(enterprise, "ticketFollowUp", ticketId=ticket, satisfaction=verdict)
    assert early["userErrors"][0]["code"] == "ILLEGAL_TRANSITION"
    await a.work(there)
    await a.relay()
    await a.api.verb(enterprise, "ticketFollowUp", ticketId=ticket, satisfaction=verdict, note="说说")
    await a.relay()
    await a.relay()
    seen = await a.ticket(THERE, there, "status satisfaction")
    assert seen == {"status": ends, "satisfaction": verdict}
    mine = await a.ticket(enterprise, ticket, "status progress satisfaction")
    assert mine == {"status": "TRANSFERRED", "progress": ends, "satisfaction": None}
    rated = [each for each in await a.timeline(THERE, there) if each["type"] == "RATED"]
    assert [(each["note"], each["actor"]["role"]) for each in rated] == [("说说", "ENTERPRISE_USER")]
    assert [each["type"] for each in await a.timeline(enterprise, ticket)].count("RATED") == 1
    low = await admin.fetch("select city_id from tickets where low_satisfaction_at is not null")
    assert [row["city_id"] for row in low] == ([] if verdict == "SATISFIED" else [a.api.world.anshan.id])
    if ends == "RESOLVED":  # and the desk there finds it justified: another round, which the reporter follows
        await a.api.verb(THERE, "ticketFollowUp", ticketId=there, satisfaction=verdict, justified=True)
        await a.relay()
        assert (await a.ticket(enterprise, ticket, "progress"))["progress"] == "DISPATCHED"


@pytest.mark.parametrize("ending", ["answer", "terminate"])
async def test_other_ends_there_end_it_here(across: Across, ending: str) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket, there = await a.accepted()
    if ending == "answer":
        await a.api.verb(THERE, "ticketAnswer", ticketId=there, reply="请到窗口办理。")
        await a.api.verb(THERE, "ticketFollowUp", ticketId=there, satisfaction="UNSATISFIED", justified=False)
        outcome, told = "CLOSED", "请到窗口办理。"
    else:
        await a.api.verb("office@anshan", "ticketTerminate", ticketId=there, basis="同一问题已依法办理。")
        outcome, told = "TERMINATED", "同一问题已依法办理。"
    await a.relay()
    mine = await a.ticket(enterprise, ticket, "progress resolution closedAt allowedActions")
    assert (mine["progress"], mine["resolution"], mine["closedAt"] is None) == (outcome, told, False)
    assert mine["allowedActions"] == []
    late = await a.api.refusable(enterprise, "ticketComment", ticketId=ticket, body="再问一句", visibility="PUBLIC")
    assert late["userErrors"][0]["code"] == "ILLEGAL_TRANSITION"


async def test_merged_there_it_goes_on_with_the_other(across: Across) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket, there = await a.accepted()
    survivor = (await a.api.submit(a.api.world.anshan.enterprise.login))["id"]
    await a.api.verb(THERE, "ticketAccept", ticketId=survivor)
    await a.api.verb(THERE, "ticketMerge", ticketId=there, intoTicketId=survivor)
    await a.relay()
    mine = await a.ticket(enterprise, ticket, "progress closedAt")
    assert mine == {"progress": "ACCEPTED", "closedAt": None}
    await a.work(survivor)
    await a.relay()
    assert (await a.ticket(enterprise, ticket, "progress resolution"))["resolution"] == "已核实并办结。"
    await a.api.verb(THERE, "ticketFollowUp", ticketId=survivor, satisfaction="SATISFIED")
    await a.relay()
    mine = await a.ticket(enterprise, ticket, "progress closedAt")
    assert (mine["progress"], mine["closedAt"] is None) == ("CLOSED", False)


async def test_nothing_is_merged_into_what_was_transferred_and_who_was_before_is_told(across: Across) -> None:
    a = across
    first, second = (each.login for each in a.api.world.guangyuan.enterprises)
    ticket = (await a.api.submit(first))["id"]
    merged = (await a.api.submit(second))["id"]
    await a.api.verb(DESK, "ticketMerge", ticketId=merged, intoTicketId=ticket)
    await a.api.verb(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    there = (await a.decide())["ticketTransfer"]["ticket"]["id"]
    late = (await a.api.submit(second))["id"]
    refused = await a.api.refusable(DESK, "ticketMerge", ticketId=late, intoTicketId=ticket)
    assert refused["userErrors"][0]["rule"] == "transferred"
    await a.work(there)
    await a.relay()
    mine = await a.ticket(second, merged, "progress resolution")
    assert mine == {"progress": "RESOLVED", "resolution": "已核实并办结。"}


async def test_of_a_confidential_ticket_nothing_tells_who_reported(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise
    ticket, there = await a.accepted(
        category="REPORT", secrecy="CONFIDENTIAL", title="举报乱收费", body="某单位乱收费。"
    )
    await a.api.verb(enterprise.login, "ticketComment", ticketId=ticket, body="补充", visibility="PUBLIC")
    await a.relay()
    (row,) = await a.transfers(THERE)
    names = ("reporterName", "reporterPhone", "enterpriseName", "creditCode")
    assert [row[name] for name in names] == [None] * 4
    seen = await a.ticket(THERE, there, "secrecy reporter { name phone } enterprise { name }")
    assert seen == {"secrecy": "CONFIDENTIAL", "reporter": {"name": None, "phone": None}, "enterprise": None}
    await a.work(there)
    said = next(each for each in await a.timeline("handler@anshan.commerce", there) if each["note"] == "补充")
    assert said["actor"] is None
    secrets = (enterprise.name, enterprise.credit_code, str(enterprise.id), str(a.api.world.user(enterprise.login)))
    for table in ("tickets", "events", "ticket_transfers", "notifications"):
        rows = await admin.fetch(f"select r::text from {table} r where city_id = $1", a.api.world.anshan.id)
        assert rows
        assert not [secret for secret in secrets if any(secret in row["r"] for row in rows)], table


async def test_a_restricted_ticket_stays(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    ticket = (
        await a.api.submit(
            DESK, category="REPORT", secrecy="RESTRICTED", channel="HOTLINE", reporter={"anonymous": True}
        )
    )["id"]
    assert "TRANSFER" not in (await a.ticket(DESK, ticket, "allowedActions"))["allowedActions"]
    refused = await a.api.refusable(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    assert [(each["rule"], each["message"]) for each in refused["userErrors"]] == [
        ("restricted_stays", "A restricted ticket is not transferred: it stays with the persons who are named on it.")
    ]
    other = "intake_agent@guangyuan.cangxi"  # not named on it: it is not there
    refused = await a.api.refusable(other, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    assert [each["code"] for each in refused["userErrors"]] == ["NOT_FOUND"]
    assert await admin.fetchval("select count(*) from ticket_transfers") == 0


@pytest.mark.parametrize(
    ("to", "rule"),
    [
        ("guangyuan", "own_city"),
        ("guangyuan.cangxi", "not_a_city"),
        ("anshan.taian", "not_a_city"),
        ("anshan.commerce", "not_a_city"),
        ("nowhere", "no_transfers_there"),
        ("platform", "no_transfers_there"),
        ("guangxi", "no_transfers_there"),
    ],
)
async def test_where_no_ticket_can_go(across: Across, to: str, rule: str) -> None:
    ticket = (await across.api.submit())["id"]
    refused = await across.api.refusable(DESK, "ticketTransfer", ticketId=ticket, to=to, reason=REASON)
    assert [(each["rule"], each["path"]) for each in refused["userErrors"]] == [(rule, ["input", "to"])]
    assert (await across.ticket(DESK, ticket, "status"))["status"] == "SUBMITTED"


async def test_who_takes_none_answers_like_nobody(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    ticket = (await a.api.submit())["id"]
    there = await a.api.refusable(DESK, "ticketTransfer", ticketId=ticket, to="nowhere", reason=REASON)
    await change_scheme(admin, "anshan", ("cross_city", "sideways"), "false")
    taken = await a.api.refusable(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    assert taken["userErrors"][0]["rule"] == "no_transfers_there"
    told = [each["userErrors"][0]["message"].replace("anshan", "nowhere") for each in (there, taken)]
    assert told[0] == told[1]
    await change_scheme(admin, "guangyuan", ("cross_city", "sideways"), "false")
    for to in ("anshan", "nowhere"):
        own = await a.api.refusable(DESK, "ticketTransfer", ticketId=ticket, to=to, reason=REASON)
        assert own["userErrors"][0]["rule"] in ("not_sent", "no_transfers_there")


async def test_it_does_not_go_back_and_only_one_side_has_it(across: Across) -> None:
    a = across
    ticket, there = await a.accepted()
    back = await a.api.refusable(THERE, "ticketTransfer", ticketId=there, to="guangyuan", reason=REASON)
    assert [each["rule"] for each in back["userErrors"]] == ["was_there"]
    again = await a.api.refusable(DESK, "ticketTransfer", ticketId=ticket, to="anshan", reason=REASON)
    assert [each["code"] for each in again["userErrors"]] == ["ILLEGAL_TRANSITION"]
    late = await a.api.refusable(DESK, "ticketTransferWithdraw", ticketId=ticket, reason="转办有误。")
    assert [each["code"] for each in late["userErrors"]] == ["ILLEGAL_TRANSITION"]
    for verb, given in (("ticketAccept", {}), ("ticketAnswer", {"reply": "已答复。"})):
        refused = await a.api.refusable(DESK, verb, ticketId=ticket, **given)
        assert [each["code"] for each in refused["userErrors"]] == ["ILLEGAL_TRANSITION"], verb


async def test_twice_at_once(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    ticket = (await a.api.submit())["id"]
    given = {"ticketId": ticket, "to": "anshan", "reason": REASON}
    both = await asyncio.gather(*(a.api.refusable(DESK, "ticketTransfer", **given) for _ in range(3)))
    assert sorted(len(each["userErrors"]) for each in both) == [0, 1, 1]
    assert await admin.fetchval("select count(*) from ticket_transfers") == 2
    offer = (await a.offer())["id"]
    decided = await asyncio.gather(
        *(a.decision(THERE, transferId=offer, accept=accept, reason="理由") for accept in (True, False, True)),
        a.api.refusable(DESK, "ticketTransferWithdraw", ticketId=ticket, reason="转办有误。"),
    )
    assert sorted(len(each["userErrors"]) for each in decided) == [0, 1, 1, 1]
    rows = await admin.fetch("select status, count(*) from ticket_transfers group by status")
    assert len(rows) == 1, "both sides know the same"
    status = (await a.ticket(DESK, ticket, "status"))["status"]
    assert (status == "TRANSFERRED") == (rows[0]["status"] == "ACCEPTED")


async def test_a_retry_is_answered_and_not_applied_again(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    ticket = (await a.api.submit())["id"]
    given = {"ticketId": ticket, "to": "anshan", "reason": REASON, "idempotencyKey": "k1", "expectedVersion": 1}
    first, second = [await a.api.verb(DESK, "ticketTransfer", **given) for _ in range(2)]
    assert first == second
    stale = await a.api.refusable(
        DESK, "ticketTransferWithdraw", ticketId=ticket, reason="转办有误。", expectedVersion=1
    )
    assert stale["userErrors"][0]["code"] == "CONFLICT"
    offer = (await a.offer())["id"]
    stale = await a.decision(THERE, transferId=offer, accept=True, expectedVersion=7)
    assert stale["userErrors"][0]["code"] == "CONFLICT"
    decision = {"transferId": offer, "accept": True, "idempotencyKey": "k2"}
    first, second = [await a.decision(THERE, **decision) for _ in range(2)]
    assert first == second
    city = a.api.world.anshan.id
    assert await admin.fetchval("select count(*) from tickets where city_id = $1", city) == 1


async def test_chasing_works_across(across: Across) -> None:
    a = across
    ticket = await a.offered()
    assert "TRANSFER_CHASE" not in (await a.ticket(DESK, ticket, "allowedActions"))["allowedActions"]
    soon = await a.api.refusable(DESK, "ticketTransferChase", ticketId=ticket, note="请尽快决定。")
    assert soon["userErrors"][0]["rule"] == "too_soon_to_chase"
    assert "2026-03-03" in soon["userErrors"][0]["message"]
    a.clock.advance(timedelta(days=2))
    assert "TRANSFER_CHASE" in (await a.ticket(DESK, ticket, "allowedActions"))["allowedActions"]
    await a.api.verb(DESK, "ticketTransferChase", ticketId=ticket, note="请尽快决定。")
    assert "TRANSFER_CHASE" not in (await a.ticket(DESK, ticket, "allowedActions"))["allowedActions"]
    twice = await a.api.refusable(DESK, "ticketTransferChase", ticketId=ticket, note="请尽快决定。")
    assert twice["userErrors"][0]["rule"] == "too_soon_to_chase"
    await a.relay()
    assert (await a.offer())["chases"] == 1
    assert "TRANSFER_CHASED" in await a.told(THERE)
    there = (await a.decide())["ticketTransfer"]["ticket"]["id"]
    await a.api.verb("dispatcher@anshan", "ticketDispatch", ticketId=there, lead="anshan.commerce")
    await a.relay()
    a.clock.advance(timedelta(days=2))
    await a.api.verb(DESK, "ticketTransferChase", ticketId=ticket, note="请尽快办理。")
    await a.relay()
    await a.relay()
    handler = "handler@anshan.commerce"
    assert "TRANSFER_CHASED" in await a.told(handler)
    (chased,) = [each for each in await a.timeline(handler, there) if each["type"] == "TRANSFER_CHASED"]
    assert (chased["note"], chased["actor"]["tenant"]) == ("请尽快办理。", {"path": "guangyuan"})
    mine = await a.timeline(a.api.world.guangyuan.enterprise.login, ticket)
    assert [each["note"] for each in mine if each["type"] == "TRANSFER_CHASED"] == [None, None]
    refused = await a.api.refusable(THERE, "ticketTransferChase", ticketId=ticket, note="催办")
    assert [each["code"] for each in refused["userErrors"]] == ["NOT_FOUND"]
    document = "mutation($i: TicketTransferChaseInput!) { ticketTransferChase(input: $i) { userErrors { code } } }"
    answer = await a.api.ask("dispatcher@guangyuan", document, i={"ticketId": ticket, "note": "催办"})
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_decision_has_a_deadline_that_is_told_of_once(across: Across) -> None:
    a = across
    await a.offered()
    offer = await a.offer()
    assert offer["dueAt"] == "2026-03-03T09:00:00+00:00", "the close of the next working day, local time"
    a.clock.at = MONDAY + timedelta(days=1, hours=5)  # 80 % of it has passed
    await a.late()
    await a.late()
    assert await a.told(THERE) == ["TRANSFER_OFFERED", "TRANSFER_DUE"]
    assert await a.told(DESK) == []
    a.clock.at = MONDAY + timedelta(days=3)
    await asyncio.gather(a.late(), a.late())
    await a.late()
    assert await a.told(THERE) == ["TRANSFER_OFFERED", "TRANSFER_DUE", "TRANSFER_OVERDUE"]
    assert await a.told(DESK) == ["TRANSFER_OVERDUE"]
    assert (await a.offer())["overdue"] is True
    assert len(await a.transfers(THERE, "filter: {overdue: true}")) == 1
    await a.decide()
    assert len(await a.transfers(THERE, "filter: {overdue: true}")) == 1, "decided late"
    await a.late()
    assert (await a.told(THERE)).count("TRANSFER_OVERDUE") == 1


async def test_the_receiving_city_calls_its_own_holidays(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    await change_scheme(admin, "anshan", ("calendar", "closures"), '[{"day": "2026-03-03", "name": "停电检修"}]')
    await a.offered()
    assert (await a.offer())["dueAt"] == "2026-03-04T09:00:00+00:00"


async def test_statistics_count_it_once_and_where_it_is(across: Across) -> None:
    a = across
    query = (
        'query($within: TenantPath!) { ticketStatistics(within: $within, from: "2026-01-01", to: "2027-01-01") '
        "{ submitted open overdue closed transferred satisfactionRate { value } } }"
    )
    _, there = await a.accepted()
    await a.work(there)
    await a.api.verb(THERE, "ticketFollowUp", ticketId=there, satisfaction="SATISFIED")
    await a.relay()
    other = await a.offered()
    a.clock.advance(timedelta(days=60))
    rows = [
        (await a.api.data(login, query, within=login.partition("@")[2]))["ticketStatistics"][0]
        for login in (DESK, THERE)
    ]
    assert rows == [
        {"submitted": 2, "open": 0, "overdue": 0, "closed": 0, "transferred": 2, "satisfactionRate": {"value": None}},
        {
            "submitted": 1,
            "open": 0,
            "overdue": 0,
            "closed": 1,
            "transferred": 0,
            "satisfactionRate": {"value": "1.0000"},
        },
    ]
    await a.decide(accept=False, reason="不属于我市管辖。")
    assert (await a.ticket(DESK, other, "status"))["status"] == "SUBMITTED"
    row = (await a.api.data(DESK, query, within="guangyuan"))["ticketStatistics"][0]
    assert (row["open"], row["transferred"]) == (1, 1)


async def test_it_is_found_by_its_number_on_either_side(across: Across) -> None:
    a = across
    ticket, there = await a.accepted()
    number = (await a.ticket(DESK, ticket, "number"))["number"]
    query = "query($n: String!) { ticketByNumber(number: $n) { id } }"
    assert (await a.api.data(DESK, query, n=number))["ticketByNumber"]["id"] == ticket
    assert (await a.api.data(THERE, query, n=number))["ticketByNumber"]["id"] == there
    search = "query($t: String!) { tickets(filter: {text: $t}) { edges { node { id } } } }"
    assert (await a.api.data(THERE, search, t=number))["tickets"]["edges"] == [{"node": {"id": there}}]
    twin = (await a.api.submit(a.api.world.anshan.enterprise.login))["id"]
    likely = await a.ticket(THERE, twin, "duplicates { id }")
    assert likely["duplicates"] == [{"id": there}]


async def test_neither_side_sees_anything_of_the_other(across: Across) -> None:
    a = across
    ticket, there = await a.accepted()
    (ours,), (theirs,) = [await a.transfers(login) for login in (DESK, THERE)]
    assert (ours["title"], ours["enterpriseName"], ours["direction"]) == (None, None, "SENT")
    everything = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    events = {}
    for login, id_ in ((DESK, ticket), (THERE, there)):
        found = await a.ticket(login, id_, "timeline(first: 100) { edges { node { id } } }")
        events[login] = [edge["node"]["id"] for edge in found["timeline"]["edges"]]
    for login, strange in (
        (DESK, [there, theirs["id"], *events[THERE]]),
        (THERE, [ticket, ours["id"], *events[DESK]]),
        ("auditor@anshan", [ticket, ours["id"], *events[DESK]]),
    ):
        assert (await a.api.data(login, everything, ids=strange))["nodes"] == [None] * len(strange)
    refused = await a.decision(THERE, transferId=ours["id"], accept=True)
    assert refused["userErrors"][0]["code"] == "NOT_FOUND"
    refused = await a.decision(DESK, transferId=ours["id"], accept=True)
    assert refused["userErrors"][0]["code"] == "NOT_RESPONSIBLE"
    for login, city in ((THERE, "guangyuan"), (DESK, "anshan")):
        answer = await a.api.ask(login, "query($c: TenantPath!) { ticketTransfers(city: $c) { totalCount } }", c=city)
        assert answer["errors"][0]["extensions"]["rule"] == "no_such_tenant"
    for login in ("dispatcher@anshan", "handler@anshan.commerce", a.api.world.guangyuan.enterprise.login):
        answer = await a.api.ask(login, "{ ticketTransfers { totalCount } }")
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    county = await a.api.data("office@anshan.taian", "{ ticketTransfers { totalCount } }")
    assert county["ticketTransfers"]["totalCount"] == 0


async def test_row_level_security_holds_the_sides_apart(across: Across) -> None:
    a = across
    ticket, there = await a.accepted()
    await a.work(there)
    await a.relay()
    cities = (a.api.world.guangyuan.id, a.api.world.anshan.id)
    keys = [ids.decode(each).key for each in (ticket, there)]
    for own, other, strange in ((cities[0], cities[1], keys[1]), (cities[1], cities[0], keys[0])):
        async with a.context.database.session(cities=(own,), user_id=None) as session:
            connection = await session.connection()
            for table in ("ticket_transfers", "tickets", "events", "notifications", "deadlines", "attachments"):
                found = await connection.exec_driver_sql(f"select count(*) from {table} where city_id = {other}")
                assert found.scalar() == 0, table
            about = await connection.exec_driver_sql(f"select count(*) from events where subject_id = '{strange}'")
            assert about.scalar() == 0


async def test_any_number_of_processes_tell_each_event_once(across: Across, admin: asyncpg.Connection) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket, there = await a.accepted()
    for place in range(12):
        a.clock.advance(timedelta(days=10))  # over any holiday
        await a.api.verb(DESK, "ticketTransferChase", ticketId=ticket, note="请尽快办理。")
        await a.api.verb(enterprise, "ticketComment", ticketId=ticket, body=f"问 {place}", visibility="PUBLIC")
        await a.api.verb(THERE, "ticketComment", ticketId=there, body=f"答 {place}", visibility="PUBLIC")
        await asyncio.gather(*(relay(a.context) for _ in range(3)))
    await a.relay()
    for login, id_ in ((enterprise, ticket), (THERE, there)):
        said = [each["note"] for each in await a.timeline(login, id_) if each["type"] == "COMMENTED"]
        assert len(said) == len(set(said)) == 24
        for word in "问答":
            assert [each for each in said if each.startswith(word)] == [f"{word} {place}" for place in range(12)]
    for subject in (ticket, there):
        rows = await admin.fetch("select * from events where subject_id = $1 order by seq", ids.decode(subject).key)
        assert first_broken([{**row, "data": orjson.loads(row["data"])} for row in rows]) is None


async def test_a_relay_that_dies_leaves_nothing_half_told(across: Across, monkeypatch: pytest.MonkeyPatch) -> None:
    a = across
    enterprise = a.api.world.guangyuan.enterprise.login
    ticket, there = await a.accepted()
    for body in ("一", "二"):
        await a.api.verb(THERE, "ticketComment", ticketId=there, body=body, visibility="PUBLIC")
    calls = 0
    real = repeat

    async def dies(*given: Any) -> None:
        nonlocal calls
        calls += 1
        await real(*given)
        if calls == 2:
            raise RuntimeError("killed")

    monkeypatch.setattr("app.transfers.relay.repeat", dies)
    with pytest.raises(ExceptionGroup):
        await relay(a.context)
    assert "COMMENTED" not in [each["type"] for each in await a.timeline(enterprise, ticket)]
    await a.relay()
    said = [each["note"] for each in await a.timeline(enterprise, ticket) if each["type"] == "COMMENTED"]
    assert said == ["一", "二"]


async def test_the_enterprise_and_the_receiving_desk_see_it_live(across: Across) -> None:
    a = across
    own, other = (each.login for each in a.api.world.guangyuan.enterprises)
    feed = 'subscription { ticketFeed(within: "CITY") { cursor node { type step note ticket { number } } } }'
    async with Hub(a.api.services) as hub:
        await a.api.services.wakeups.connected()
        mine, strange, neighbour = [
            await listen(hub, a, login, feed.replace("CITY", city))
            for login, city in ((own, "guangyuan"), (other, "guangyuan"), (DISPATCHER_THERE, "anshan"))
        ]
        desk = await listen(
            hub, a, THERE, "subscription { notifications { cursor node { type: kind transfer { number } } } }"
        )
        ticket = await a.offered()
        await until(lambda: desk.types == ["TRANSFER_OFFERED"])
        number = (await a.ticket(own, ticket, "number"))["number"]
        assert desk.edges[0]["node"]["transfer"] == {"number": number}
        there = (await a.decide())["ticketTransfer"]["ticket"]["id"]
        await until(lambda: len(mine.edges) == 3)
        await a.api.verb(THERE, "ticketAnswer", ticketId=there, reply="请到窗口办理。")
        await relay(a.context)
        await until(lambda: len(mine.edges) == 4)
        assert mine.types == ["SUBMITTED", "TRANSFERRED", "TRANSFER_ACCEPTED", "PROGRESSED"]
        assert mine.edges[3]["node"] == {
            "type": "PROGRESSED",
            "step": "ANSWERED",
            "note": "请到窗口办理。",
            "ticket": {"number": number},
        }
        await until(lambda: len(neighbour.edges) == 3)
        assert neighbour.types == ["SUBMITTED", "ACCEPTED", "ANSWERED"], "its own ticket's, and nothing of the other's"
        assert strange.edges == []


async def test_up_to_the_region_and_on_to_a_third_city(
    across: Across, admin: asyncpg.Connection, admin_url: str
) -> None:
    a = across
    region = await add_region(admin_url, a.api.world)
    enterprise = region.nanning.enterprise.login
    below, above, beside = "intake_agent@nanning", "intake_agent@guangxi", "intake_agent@liuzhou"
    await a.offered(enterprise, to="guangxi", by=below)
    taken = (await a.decide(above))["ticketTransfer"]["ticket"]["id"]
    assert (await a.ticket(above, taken, "transferredFrom { path }"))["transferredFrom"] == {"path": "nanning"}
    down = await a.api.refusable(above, "ticketTransfer", ticketId=taken, to="liuzhou", reason=REASON)
    assert down["userErrors"][0]["rule"] == "no_transfers_there"
    foreign = (await a.api.submit())["id"]
    refused = await a.api.refusable(DESK, "ticketTransfer", ticketId=foreign, to="guangxi", reason=REASON)
    assert refused["userErrors"][0]["rule"] == "no_transfers_there", "another region's desk"
    # And sideways twice: Guangyuan > Anshan > Liuzhou is one timeline for the enterprise in Guangyuan.
    mine = a.api.world.guangyuan.enterprise.login
    first, second = await a.accepted()
    await a.api.verb(THERE, "ticketTransfer", ticketId=second, to="liuzhou", reason="由柳州市办理。")
    third = (await a.decide(beside))["ticketTransfer"]["ticket"]["id"]
    circle = await a.api.refusable(beside, "ticketTransfer", ticketId=third, to="guangyuan", reason=REASON)
    assert circle["userErrors"][0]["rule"] == "was_there"
    await a.api.verb(mine, "ticketComment", ticketId=first, body="请问进展?", visibility="PUBLIC")
    for _ in range(3):
        await a.relay()
    assert "请问进展?" in [each["note"] for each in await a.timeline(beside, third)]
    await a.work(third, "liuzhou")
    for _ in range(3):
        await a.relay()
    seen = await a.ticket(mine, first, "number progress resolution closedAt")
    assert (seen["progress"], seen["resolution"], seen["closedAt"]) == ("RESOLVED", "已核实并办结。", None)
    await a.api.verb(mine, "ticketFollowUp", ticketId=first, satisfaction="VERY_SATISFIED")
    for _ in range(6):
        await a.relay()
    for login, id_, status in ((mine, first, "TRANSFERRED"), (THERE, second, "TRANSFERRED"), (beside, third, "CLOSED")):
        found = await a.ticket(login, id_, "number status closedAt")
        assert (found["number"], found["status"]) == (seen["number"], status)
        assert found["closedAt"] is not None
    steps = [each["step"] for each in await a.timeline(mine, first) if each["type"] == "PROGRESSED"]
    assert steps == ["TRANSFERRED", "TRANSFER_ACCEPTED", "DISPATCHED", "ACKNOWLEDGED", "RESOLVED", "RATED", "RATED"]
    assert await admin.fetchval("select count(*) from ticket_transfers where ended_at is null") == 2, "Nanning's"
