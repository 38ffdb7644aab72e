"""A ticket's transfer to another city: one number, one timeline, each side its own part (domain.md, section 9)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from schema import ids
from tests.transfers.conftest import DESK, REASON, THERE, Across


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
