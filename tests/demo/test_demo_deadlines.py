"""The demonstration's deadlines: what the rules make of each invented life."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app.deadlines.rules import calendar_of, due, end_state
from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.tickets import DEADLINE_COLUMNS, EVENT_COLUMNS, TICKET_COLUMNS, DemoTicket, tickets
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


def test_what_fell_due_was_told_of_in_its_time(city: DemoCity, made: list[DemoTicket]) -> None:
    """Whatever the sweep would find at once was told of; each at its moment, and none that had ended by then."""
    told: Counter[str] = Counter()
    for ticket in made:
        events = [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in ticket.events]
        found = Counter(
            (event["type"], data["deadlineKind"], data["deadlineRound"], data["dueAt"], event["at"])
            for event in events
            if (data := orjson.loads(event["data"])).get("deadlineKind")
        )
        expected: Counter[tuple[Any, ...]] = Counter()
        for clock in clocks_of(ticket):
            until = min(clock["ended_at"] or NOW, NOW)
            for moment, field, kind in (
                (clock["warn_at"], "warned_at", "DEADLINE_WARNED"),
                (clock["due_at"], "missed_at", "DEADLINE_MISSED"),
            ):
                if clock[field] is None:
                    assert moment + timedelta(seconds=1) > until
                else:
                    assert moment < clock[field] <= moment + timedelta(seconds=1)
                    assert clock[field] <= until
                    due_at = clock["due_at"].astimezone(UTC).isoformat().replace("+00:00", "Z")
                    expected[kind, clock["kind"], clock["round"], due_at, clock[field]] += 1
            assert (clock["missed_at"] is not None) or clock["state"] != "MISSED"
        assert found == expected
        for event in events:
            if event["type"] in ("DEADLINE_WARNED", "DEADLINE_MISSED"):
                public = event["type"] == "DEADLINE_MISSED" and '"HANDLING"' in event["data"]
                assert event["visibility"] == ("PUBLIC" if public else "INTERNAL")
                told[event["type"]] += 1
    assert told["DEADLINE_WARNED"] > told["DEADLINE_MISSED"] > 100


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
