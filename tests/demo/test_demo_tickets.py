from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app.demo import texts
from app.demo.city import DemoCity
from app.demo.enterprises import DemoEnterprise, enterprises
from app.demo.logins import login_id
from app.demo.tickets import EVENT_COLUMNS, TICKET_COLUMNS, DemoTicket, office_time, tickets
from app.kernel.events import first_broken
from app.kernel.texts import clean_text
from app.tickets.events import EVENT_TYPES
from app.tickets.lifecycle import FINAL_STATUSES, INITIAL, next_round, outcomes
from app.tickets.words import NO_STEPS, SecrecyLevel, TicketCategory, TicketChannel, TicketEventType, TicketStatus
from authz.roles import GRANTABLE_AT, Role
from tenants.models import TenantKind

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
COUNT = 3_000


@pytest.fixture(scope="module")
def pool(city: DemoCity) -> list[DemoEnterprise]:
    return list(enterprises(city, 0, 400))


@pytest.fixture(scope="module")
def made(city: DemoCity, pool: list[DemoEnterprise]) -> list[DemoTicket]:
    return list(tickets(city, pool, 0, COUNT, now=NOW))


def row_of(ticket: DemoTicket) -> dict[str, Any]:
    return dict(zip(TICKET_COLUMNS, ticket.row, strict=True))


def events_of(ticket: DemoTicket) -> list[dict[str, Any]]:
    events = [dict(zip(EVENT_COLUMNS, event, strict=True)) for event in ticket.events]
    for event in events:
        event["data"] = orjson.loads(event["data"])
    return events


def by_people(ticket: DemoTicket) -> list[dict[str, Any]]:
    """The others tell of deadlines and of notices that raised themselves, and nobody did them."""
    system = {"DEADLINE_WARNED", "DEADLINE_MISSED", "NOTICE_ISSUED"}
    events = events_of(ticket)
    assert all(event["type"] in system for event in events if event["actor_id"] is None)
    return [event for event in events if event["actor_id"] is not None]


def test_the_same_index_is_the_same_ticket(city: DemoCity, pool: list[DemoEnterprise], made: list[DemoTicket]) -> None:
    assert list(tickets(city, pool, 700, 800, now=NOW)) == made[700:800]


def test_every_life_is_legal_and_replays_to_where_it_stands(made: list[DemoTicket]) -> None:
    actions = {type_: action for action, type_ in EVENT_TYPES.items()}
    for ticket in made:
        row = row_of(ticket)
        status, version, current_round = None, 1, 1
        for event in events_of(ticket):
            data = event["data"]
            if event["type"] == TicketEventType.SUBMITTED:
                status = TicketStatus(data["toStatus"])
                assert status is INITIAL
            elif event["type"] in NO_STEPS:
                assert status is not None
                assert status not in FINAL_STATUSES or event["type"].startswith("NOTICE_")
            else:
                assert status is not None
                assert data["fromStatus"] == status
                following = TicketStatus(data["toStatus"])
                assert following in outcomes(status, actions[TicketEventType(event["type"])])
                current_round = next_round(status, following, current_round)
                status = following
                version += 1
                assert data["round"] == current_round
            assert event["version"] == version
        assert (row["status"], row["version"], row["round"]) == (status, version, current_round)


def test_every_chain_is_whole(made: list[DemoTicket]) -> None:
    for ticket in made[:500]:
        events = events_of(ticket)
        assert first_broken(events) is None
        assert {event["subject_id"] for event in events} == {ticket.row[1]}


def test_times_follow_each_other_within_the_year(made: list[DemoTicket]) -> None:
    for ticket in made:
        row, times = row_of(ticket), [event["at"] for event in events_of(ticket)]
        assert times == sorted(times)
        assert times[0] == row["submitted_at"] > NOW - timedelta(days=370)
        assert times[-1] <= NOW
        last = {event["type"]: event["at"] for event in events_of(ticket)}
        if row["acknowledged_at"]:  # what the department receives itself needs no signature
            assert row["acknowledged_at"] == last.get("ACKNOWLEDGED", last.get("ACCEPTED"))
            assert row["own_receipt"] or "ACKNOWLEDGED" in last
        assert (row["closed_at"] is not None) == (TicketStatus(row["status"]) in FINAL_STATUSES)


def test_all_states_that_verbs_lead_to_channels_and_categories_occur(
    city: DemoCity, pool: list[DemoEnterprise], made: list[DemoTicket]
) -> None:
    more = [row_of(ticket) for ticket in [*made, *tickets(city, pool, COUNT, 2 * COUNT, now=NOW)]]
    later = {TicketStatus.TERMINATED, TicketStatus.TRANSFERRED}  # no verb leads there yet
    assert {row["status"] for row in more} == set(TicketStatus) - later
    assert {row["channel"] for row in more} == set(TicketChannel)
    assert {row["category"] for row in more} == set(city.scheme.tickets.categories)
    secrecy = Counter(row["secrecy"] for row in more)
    assert 0.01 < secrecy[SecrecyLevel.CONFIDENTIAL] / len(more) < 0.08
    assert 0 < secrecy[SecrecyLevel.RESTRICTED] / len(more) < 0.01


def test_tenders_are_the_departments_own_affair(city: DemoCity, made: list[DemoTicket]) -> None:
    rows = [(row_of(ticket), events_of(ticket)) for ticket in made]
    taken = TicketCategory.BIDDING_COMPLAINT in city.scheme.tickets.categories
    tenders = [(row, events) for row, events in rows if row["category"] == TicketCategory.BIDDING_COMPLAINT]
    assert bool(tenders) is taken
    assert all(row["own_receipt"] is (row["category"] == TicketCategory.BIDDING_COMPLAINT) for row, _ in rows)
    assert not [row for row, _ in rows if row["decision_number"] and not row["own_receipt"]]
    for row, events in tenders:
        assert row["lead_id"] is not None
        assert events[0]["data"]["lead"]
        for event in events:
            if event["type"] in ("ACCEPTED", "DECLINED"):
                assert event["actor_role"] in (Role.HANDLER, Role.DEPARTMENT_LEAD)
            assert (event["type"] == "RESOLVED") is ("decisionNumber" in event["data"])
        decided = any(event["type"] == "RESOLVED" for event in events)
        assert (row["decision_number"] is not None) is decided
        assert (row["decision_published_at"] is not None) is decided
    numbers = [row["decision_number"] for row, _ in tenders if row["decision_number"]]
    assert len(set(numbers)) == len(numbers) > 0 or not taken


def test_most_things_happen_in_office_hours(made: list[DemoTicket]) -> None:
    moments = [int(event["at"].timestamp()) for ticket in made for event in by_people(ticket)]
    assert sum(office_time(moment) == moment for moment in moments) > 0.85 * len(moments)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T09:30", "2026-11-20T09:30"),  # a Friday
        ("2026-11-20T08:10", "2026-11-20T09:00"),
        ("2026-11-20T12:30", "2026-11-20T13:00"),
        ("2026-11-20T17:00", "2026-11-23T09:00"),
        ("2026-11-21T10:00", "2026-11-23T09:00"),
        ("2026-11-22T23:59", "2026-11-23T09:00"),
        ("2026-11-23T17:01", "2026-11-24T09:00"),
    ],
)
def test_office_time(moment: str, expected: str) -> None:
    def seconds(text: str) -> int:
        return int(datetime.fromisoformat(f"{text}:00+08:00").timestamp())

    assert office_time(seconds(moment)) == seconds(expected)


def test_numbers_and_ids_are_unique(made: list[DemoTicket]) -> None:
    rows = [row_of(ticket) for ticket in made]
    assert len({row["number"] for row in rows}) == len({row["id"] for row in rows}) == len(rows)
    event_ids = [event["id"] for ticket in made for event in events_of(ticket)]
    assert len(set(event_ids)) == len(event_ids)


def test_texts_are_clean_short_enough_and_name_no_enterprise(
    city: DemoCity, pool: list[DemoEnterprise], made: list[DemoTicket]
) -> None:
    limits = city.scheme.tickets.texts
    names = [enterprise.name for enterprise in pool]
    for ticket in made:
        row = row_of(ticket)
        for field, length in (("title", limits.title), ("body", limits.body), ("resolution", limits.reply)):
            text = row[field]
            if text is None:
                continue
            assert clean_text(field, text, at_least=length.min, at_most=length.max) == text
            assert "{" not in text
            assert "|" not in text
        if row["secrecy"] != SecrecyLevel.NORMAL:
            assert not any(name in row["body"] for name in names)


def test_anonymous_reporters_leave_nothing(made: list[DemoTicket]) -> None:
    rows = [row_of(ticket) for ticket in made]
    anonymous = [row for row in rows if row["reporter_anonymous"]]
    assert anonymous
    for row in anonymous:
        assert row["category"] in (TicketCategory.COMPLAINT, TicketCategory.REPORT)
        assert row["reporter_name"] is row["reporter_phone"] is row["enterprise_id"] is None
    assert all(row["enterprise_id"] or row["reporter_name"] for row in rows if not row["reporter_anonymous"])


def test_who_acts_has_the_role_at_such_a_tenant(city: DemoCity, made: list[DemoTicket]) -> None:
    kinds = {tenant.id: TenantKind(tenant.kind) for tenant in city.tenants}
    for ticket in made:
        for event in by_people(ticket):
            assert kinds[event["actor_tenant_id"]] in GRANTABLE_AT[Role(event["actor_role"])]


def test_restricted_tickets_are_worked_by_named_persons_only(city: DemoCity, made: list[DemoTicket]) -> None:
    for ticket in made:
        restricted = row_of(ticket)["secrecy"] == SecrecyLevel.RESTRICTED
        assert all(event["restricted"] is restricted for event in events_of(ticket))
        actors = {event["actor_id"] for event in by_people(ticket)}
        named = {user_id for _, _, user_id, _ in ticket.named_persons}
        assert actors <= named if restricted else not named
        if restricted and len(actors) > 1:
            assert login_id(f"supervision_officer@{city.path}") in actors


def test_every_department_of_guangyuan_that_serves_is_competent_for_something(guangyuan: DemoCity) -> None:
    competent = {
        next((slug for slug in subject.department if slug in guangyuan.departments), None) for subject in texts.SUBJECTS
    }
    assert competent == set(guangyuan.departments)


def test_subjects_offer_enough_to_learn_from() -> None:
    problems = [
        problem for subject in texts.SUBJECTS for category in TicketCategory for problem in subject.problems(category)
    ]
    assert len(problems) == len(set(problems)) > 200
    for problem in problems:
        title, _, body = problem.partition("|")
        assert title
        assert body
        assert not body.endswith("。")


def test_a_city_without_counties_is_refused(guangyuan: DemoCity) -> None:
    bare = DemoCity(
        id=guangyuan.id,
        path=guangyuan.path,
        name=guangyuan.name,
        division_code=guangyuan.division_code,
        tenants=(guangyuan.root,),
        scheme=guangyuan.scheme,
        scheme_version=1,
    )
    with pytest.raises(ValueError, match="no counties"):
        next(tickets(bare, [], 0, 1, now=NOW))
