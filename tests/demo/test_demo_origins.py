"""The demonstration's tickets come by ways that the scheme allows, and bring the numbers that these ways bring."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.tickets import EVENT_COLUMNS, TICKET_COLUMNS, tickets
from app.tickets.channels import Origin, check_origin
from app.tickets.words import TicketChannel

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows(city: DemoCity) -> list[tuple[dict[str, object], object]]:
    """Each ticket's row, and the role that submitted it."""
    role = EVENT_COLUMNS.index("actor_role")
    made = tickets(city, list(enterprises(city, 0, 200)), 0, 2_000, now=NOW)
    return [(dict(zip(TICKET_COLUMNS, ticket.row, strict=True)), ticket.events[0][role]) for ticket in made]


def test_they_come_by_ways_that_are_theirs(city: DemoCity, rows: list[tuple[dict[str, object], object]]) -> None:
    rules = city.scheme.tickets
    for row, role in rows:
        assert role in rules.submitters
        assert role in rules.channel_rules[str(row["channel"])].submitters


def test_they_bring_the_numbers_that_these_ways_bring(
    city: DemoCity, rows: list[tuple[dict[str, object], object]]
) -> None:
    brought = []
    for row, _ in rows:
        platform, number = row["origin_platform"], row["origin_number"]
        assert (platform is None) == (number is None)
        origin = None if platform is None else Origin(str(platform), str(number))
        assert check_origin(city.scheme.tickets, TicketChannel(str(row["channel"])), origin) == origin
        if origin is not None:
            brought.append(origin)
    assert len(brought) > 500
    assert len(set(brought)) == len(brought)
    assert {origin.platform for origin in brought} >= {"12345"}
