"""The demonstration's deadlines: what the rules make of each invented life."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from app.deadlines.rules import calendar_of, due, end_state
from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.tickets import DEADLINE_COLUMNS, TICKET_COLUMNS, DemoTicket, tickets
from app.tickets.clocks import CLOCKS, NEVER
from tenants.schemes.values import TimeLimit

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(city: DemoCity) -> list[DemoTicket]:
    return list(tickets(city, list(enterprises(city, 0, 100)), 0, 1_500, now=NOW))


def clocks_of(ticket: DemoTicket) -> list[dict[str, Any]]:
    return [dict(zip(DEADLINE_COLUMNS, row, strict=True)) for row in ticket.deadlines]


def test_each_is_due_when_the_rules_say_and_ended_as_they_say(city: DemoCity, made: list[DemoTicket]) -> None:
    calendar = calendar_of(city.scheme.calendar)
    seen: Counter[tuple[str, str]] = Counter()
    for ticket in made:
        for clock in clocks_of(ticket):
            limit = TimeLimit(amount=clock["amount"], unit=clock["unit"])
            assert (clock["due_at"], clock["provisional"]) == due(calendar, limit, clock["started_at"])
            if clock["ended_at"] is not None:
                done = clock["state"] != "CANCELLED"
                assert clock["state"] == end_state(clock["due_at"], clock["ended_at"], done=done)
            seen[clock["kind"], clock["state"]] += 1
    for kind in {clock.kind for clock in CLOCKS}:
        assert seen[kind, "MET"] > seen[kind, "MISSED"] > 0, kind


def test_what_runs_is_what_the_state_asks_for_and_the_ticket_says_so(made: list[DemoTicket]) -> None:
    for ticket in made:
        row = dict(zip(TICKET_COLUMNS, ticket.row, strict=True))
        running = {clock["kind"]: clock["due_at"] for clock in clocks_of(ticket) if clock["ended_at"] is None}
        expected = {clock.kind for clock in CLOCKS if row["status"] in clock.runs_in}
        assert set(running) == expected or set(running) == expected - {"FIRST_CONTACT"}
        assert row["due_at"] == min(running.values(), default=NEVER)
        if "HANDLING" in running:
            assert row["resolve_due_at"] == running["HANDLING"]
        if "ACKNOWLEDGEMENT" in running:
            assert row["acknowledge_due_at"] == running["ACKNOWLEDGEMENT"]
