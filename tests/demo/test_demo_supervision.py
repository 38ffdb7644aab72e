"""The demonstration's notices: those that the triggers set off, each in its place on the timeline, and their steps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from app.deadlines.rules import calendar_of, due
from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.supervision import NOTICE_COLUMNS, NOTIFICATION_COLUMNS, event_of
from app.demo.tickets import EVENT_COLUMNS, DemoTicket, tickets
from app.kernel.events import first_broken
from app.supervision.triggers import Past, condition_after
from tenants.schemes.supervision import TRIGGERS_BY_LEVEL
from tenants.schemes.words import TriggerKind

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
STEPS = {"REPLIED": "NOTICE_REPLIED", "CLOSED": "NOTICE_CLOSED", "WITHDRAWN": "NOTICE_WITHDRAWN"}
LEVELS = {trigger: level for level, triggers in TRIGGERS_BY_LEVEL.items() for trigger in triggers}


@pytest.fixture(scope="module")
def made(city: DemoCity) -> list[DemoTicket]:
    return list(tickets(city, list(enterprises(city, 0, 400)), 0, 4_000, now=NOW))


def notices_of(ticket: DemoTicket) -> list[dict[str, Any]]:
    return [dict(zip(NOTICE_COLUMNS, row, strict=True)) for row in ticket.notices]


def events_of(ticket: DemoTicket) -> list[dict[str, Any]]:
    events = [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in ticket.events]
    for event in events:
        event["data"] = orjson.loads(event["data"])
    return events


def test_all_levels_occur_in_all_states(made: list[DemoTicket]) -> None:
    seen = Counter((each["level"], each["status"]) for ticket in made for each in notices_of(ticket))
    for level in (1, 2):
        assert {status for of, status in seen if of == level} == {"ISSUED", "REPLIED", "CLOSED", "WITHDRAWN"}
    assert sum(count for (level, _), count in seen.items() if level == 3) > 2
    numbers = [each["number"] for ticket in made for each in notices_of(ticket)]
    assert len(numbers) == len(set(numbers))


def test_what_the_events_set_off_is_there_once(city: DemoCity, made: list[DemoTicket]) -> None:
    low = city.scheme.tickets.follow_up.low_levels
    times = {each.kind: each.times for level in city.scheme.supervision.levels for each in level.triggers}
    for ticket in made:
        events = events_of(ticket)
        history = [Past(event["type"], event["data"]) for event in events]
        expected = set()
        for place, event in enumerate(events, start=1):
            condition = condition_after(history[:place], low)
            in_time = event["at"] + timedelta(seconds=1) <= NOW
            if condition is not None and in_time and condition.times % times[condition.trigger] == 0:
                expected.add(f"{condition.trigger}:{event['id']}")
        automatic = [each for each in notices_of(ticket) if each["cause"] is not None]
        found = [each["cause"] for each in automatic if each["trigger"] != TriggerKind.REMINDER_UNANSWERED]
        assert sorted(found) == sorted(expected)
        unanswered = [each for each in automatic if each["trigger"] == TriggerKind.REMINDER_UNANSWERED]
        reminders = {f"REMINDER_UNANSWERED:{each['id']}": each for each in automatic if each["level"] == 1}
        for each in unanswered:
            assert reminders[each["cause"]]["chased_at"] == each["issued_at"] > reminders[each["cause"]]["reply_due_at"]


def test_every_step_is_on_the_timeline_in_its_place(city: DemoCity, made: list[DemoTicket]) -> None:
    calendar = calendar_of(city.scheme.calendar)
    zone = ZoneInfo(city.scheme.calendar.time_zone)
    levels = {level.level: level for level in city.scheme.supervision.levels}
    for ticket in made:
        steps: dict[str, list[tuple[str, datetime]]] = {}
        for event in events_of(ticket):
            if event["type"].startswith("NOTICE_"):
                assert event["visibility"] == "INTERNAL"
                steps.setdefault(event["data"]["notice"], []).append((event["type"], event["at"]))
        assert set(steps) == {str(each["id"]) for each in notices_of(ticket)}
        for each in notices_of(ticket):
            level = levels[each["level"]]
            assert LEVELS[TriggerKind(each["trigger"])] == each["level"]
            assert (each["reply_due_at"], each["provisional"]) == due(calendar, level.reply_within, each["issued_at"])
            assert each["issued_on"] == each["issued_at"].astimezone(zone).date()
            told = [("NOTICE_ISSUED", each["issued_at"])]
            for status, field in (("REPLIED", "replied_at"), ("CLOSED", "closed_at"), ("WITHDRAWN", "withdrawn_at")):
                if each[field] is not None:
                    told.append((STEPS[status], each[field]))
            assert steps[str(each["id"])] == told
            assert each["status"] == (told[-1][0].removeprefix("NOTICE_"))
            assert (each["raised_by"] is None) is (each["cause"] is not None)
            assert (each["level"] == 3) is (each["evidence"] is not None)


def test_what_is_told_is_of_the_last_weeks_and_has_its_event(made: list[DemoTicket]) -> None:
    kinds: Counter[str] = Counter()
    ids = set()
    for ticket in made:
        for row in ticket.notifications:
            told = dict(zip(NOTIFICATION_COLUMNS, row, strict=True))
            assert NOW - timedelta(days=30) <= told["at"] <= NOW
            event = dict(zip(EVENT_COLUMNS, event_of(row), strict=True))
            assert first_broken([event | {"data": orjson.loads(event["data"])}]) is None
            ids |= {told["id"], told["subject_id"]}
            kinds[told["kind"]] += 1
    assert len(ids) == 2 * kinds.total()
    assert {"ASSIGNED", "ASSIGNED_TO_HELP", "ASSIGNED_AGAIN", "NOTICE_ISSUED", "NOTICE_REPLIED"} <= kinds.keys()
