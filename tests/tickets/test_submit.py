"""Submission: who may, for whom, and what it must say."""

from __future__ import annotations

from typing import Any

import pytest

from app.kernel.errors import InvalidInput, NotResponsible
from app.kernel.events import first_broken
from app.kernel.tables import new_id
from app.tickets.actions.submit import Reporter, submit
from app.tickets.words import SecrecyLevel, TicketCategory, TicketChannel
from authz.permissions import Permission
from authz.roles import Role
from tests.tickets.town import AGENT, SUBMISSION, Town, give_schemes

CITIZEN = Reporter(name="王芳", phone="13800000000")
ANONYMOUS = Reporter(anonymous=True)


async def refused(town: Town, login: str, **changes: Any) -> InvalidInput:
    """The refusal of a submission, which left no trace."""
    with pytest.raises(InvalidInput) as refusal:
        await town.submit(login, **changes)
    for table in ("tickets", "events", "ticket_named_persons"):
        assert await town.admin.fetchval(f"select count(*) from {table}") == 0
    return refusal.value


async def test_an_enterprise_reports(town: Town) -> None:
    ticket = await town.submit(title="  厂区门口道路积水 ", county="guangyuan.cangxi")
    enterprise = town.world.guangyuan.enterprise
    row = await town.row(ticket.id)
    assert row == {
        **row,
        "city_id": town.world.guangyuan.id,
        "version": 1,
        "scheme_version": 1,
        "category": "HELP",
        "channel": "WEB",
        "title": "厂区门口道路积水",
        "body": SUBMISSION["body"],
        "status": "SUBMITTED",
        "round": 1,
        "secrecy": "NORMAL",
        "county_id": town.world.tenant("guangyuan.cangxi"),
        "enterprise_id": enterprise.id,
        "reporter_name": None,
        "reporter_anonymous": False,
        "submitter_id": town.world.user(enterprise.login),
        "lead_id": None,
        "submitted_at": town.now,
    }
    assert {row[f"{step}_at"] for step in ("accepted", "dispatched", "acknowledged", "resolved", "closed")} == {None}
    (event,) = await town.timeline(ticket.id)
    assert (event["seq"], event["version"], event["type"], event["at"]) == (1, 1, "SUBMITTED", town.now)
    assert (event["actor_id"], event["actor_role"]) == (town.world.user(enterprise.login), "ENTERPRISE_USER")
    assert event["data"] == {"toStatus": "SUBMITTED", "round": 1}
    assert first_broken([event]) is None
    assert town.bell.rung == 1


async def test_the_id_can_be_given(town: Town) -> None:
    ticket_id = new_id()
    assert (await town.submit(ticket_id=ticket_id)).id == ticket_id
    assert await town.row(ticket_id)


async def test_an_enterprise_reports_for_itself_only(town: Town) -> None:
    first, second = town.world.guangyuan.enterprises
    for other in (second.id, town.world.anshan.enterprise.id, new_id()):
        refusal = await refused(town, town.enterprise, enterprise_id=other)
        assert (refusal.field, refusal.rule) == ("enterpriseId", "unknown_enterprise")
    assert (await town.submit(enterprise_id=first.id)).enterprise_id == first.id


async def test_who_has_two_enterprises_says_which(town: Town) -> None:
    first, second = town.world.guangyuan.enterprises
    await town.grant(first.login, Role.ENTERPRISE_USER, "guangyuan", second.id)
    refusal = await refused(town, town.enterprise)
    assert (refusal.field, refusal.rule) == ("enterpriseId", "required")
    assert (await town.submit(enterprise_id=second.id)).enterprise_id == second.id


async def test_staff_names_an_enterprise_or_a_reporter(town: Town) -> None:
    enterprise = town.world.guangyuan.enterprises[1]
    ticket = await town.submit(AGENT, enterprise_id=enterprise.id, channel=TicketChannel.HOTLINE)
    assert ticket.enterprise_id == enterprise.id
    (event,) = await town.timeline(ticket.id)
    assert (event["actor_role"], event["actor_tenant_id"]) == ("INTAKE_AGENT", town.world.guangyuan.id)

    ticket = await town.submit(AGENT, reporter=Reporter(name=" 王芳 ", phone=" "))
    row = await town.row(ticket.id)
    assert (row["enterprise_id"], row["reporter_name"], row["reporter_phone"]) == (None, "王芳", None)

    ticket = await town.submit(AGENT, enterprise_id=enterprise.id, reporter=Reporter(phone="0839-3260000"))
    row = await town.row(ticket.id)
    assert (row["enterprise_id"], row["reporter_name"], row["reporter_phone"]) == (
        enterprise.id,
        None,
        "0839-3260000",
    )


async def test_staff_names_somebody(town: Town) -> None:
    refusal = await refused(town, AGENT)
    assert (refusal.field, refusal.rule) == ("reporter", "required")
    refusal = await refused(town, AGENT, reporter=Reporter())
    assert (refusal.field, refusal.rule) == ("reporter.name", "empty")
    for other in (town.world.anshan.enterprise.id, new_id()):
        refusal = await refused(town, AGENT, enterprise_id=other)
        assert (refusal.field, refusal.rule) == ("enterpriseId", "unknown_enterprise")


@pytest.mark.parametrize("role", ["steward", "special_monitor"])
async def test_stewards_and_monitors_report_what_they_find(town: Town, role: str) -> None:
    enterprise = town.world.guangyuan.enterprises[1]
    ticket = await town.submit(f"{role}@guangyuan", enterprise_id=enterprise.id)
    assert ticket.enterprise_id == enterprise.id


@pytest.mark.parametrize("category", TicketCategory)
async def test_nameless_only_to_report_or_complain(town: Town, category: TicketCategory) -> None:
    if category in (TicketCategory.REPORT, TicketCategory.COMPLAINT):
        row = await town.row((await town.submit(AGENT, category=category, reporter=ANONYMOUS)).id)
        assert (row["reporter_anonymous"], row["reporter_name"], row["reporter_phone"]) == (True, None, None)
    else:
        refusal = await refused(town, AGENT, category=category, reporter=ANONYMOUS)
        assert (refusal.field, refusal.rule) == ("reporter.anonymous", "not_allowed")


async def test_nameless_means_nameless(town: Town) -> None:
    for field in ("name", "phone"):
        reporter = Reporter(anonymous=True, **{field: "王芳"})
        refusal = await refused(town, AGENT, category=TicketCategory.REPORT, reporter=reporter)
        assert (refusal.field, refusal.rule) == (f"reporter.{field}", "anonymous")
    refusal = await refused(town, town.enterprise, category=TicketCategory.REPORT, reporter=ANONYMOUS)
    assert (refusal.field, refusal.rule) == ("reporter.anonymous", "names_enterprise")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("title", "", "empty"),
        ("title", "\u3000\n", "empty"),
        ("title", "水", "too_short"),
        ("title", "水" * 121, "too_long"),
        ("title", "a\x00b", "characters"),
        ("title", "a\udc00b", "characters"),
        ("body", " ", "empty"),
        ("body", "水" * 100_000, "too_long"),
        ("body", "a\x00b", "characters"),
        ("body", "\ud83c", "characters"),
    ],
)
async def test_texts_that_cannot_be(town: Town, field: str, value: str, rule: str) -> None:
    refusal = await refused(town, town.enterprise, **{field: value})
    assert (refusal.field, refusal.rule) == (field, rule)


@pytest.mark.parametrize(
    ("reporter", "field", "rule"),
    [
        (Reporter(name="王" * 101), "reporter.name", "too_long"),
        (Reporter(name="王\x00"), "reporter.name", "characters"),
        (Reporter(name="王芳", phone="1" * 41), "reporter.phone", "too_long"),
        (Reporter(name="王芳", phone="\ud800"), "reporter.phone", "characters"),
    ],
)
async def test_reporters_that_cannot_be(town: Town, reporter: Reporter, field: str, rule: str) -> None:
    refusal = await refused(town, AGENT, reporter=reporter)
    assert (refusal.field, refusal.rule) == (field, rule)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("guangyuan.nowhere", "unknown_tenant"),
        ("anshan.taian", "unknown_tenant"),
        ("", "unknown_tenant"),
        ("guangyuan.commerce", "not_a_county"),
        ("guangyuan.cangxi.housing", "not_a_county"),
        ("guangyuan", "not_a_county"),
    ],
)
async def test_counties_that_cannot_be(town: Town, path: str, rule: str) -> None:
    refusal = await refused(town, town.enterprise, county=path)
    assert (refusal.field, refusal.rule) == ("county", rule)


async def test_a_countys_desk_takes_in_for_its_county(town: Town) -> None:
    desk, cangxi = "intake_agent@guangyuan.cangxi", town.world.tenant("guangyuan.cangxi")
    refusal = await refused(town, desk, county="guangyuan.jiange", reporter=CITIZEN)
    assert (refusal.field, refusal.rule) == ("county", "outside_reach")
    assert (await town.submit(desk, reporter=CITIZEN)).county_id == cangxi
    assert (await town.submit(desk, reporter=CITIZEN, county="guangyuan.cangxi")).county_id == cangxi
    assert (await town.submit(AGENT, reporter=CITIZEN)).county_id is None


async def test_what_the_city_does_not_take(town: Town) -> None:
    await give_schemes(town.admin, channels=["HOTLINE"])
    refusal = await refused(town, town.enterprise, channel=TicketChannel.WEB)
    assert (refusal.field, refusal.rule) == ("channel", "not_taken")
    assert (await town.submit(AGENT, channel=TicketChannel.HOTLINE, reporter=CITIZEN)).channel == "HOTLINE"


@pytest.mark.parametrize("login", ["handler@guangyuan.commerce", "auditor@guangyuan", "city_administrator@guangyuan"])
async def test_who_may_not_submit(town: Town, login: str) -> None:
    assert not (await town.actor(login)).may(Permission.TICKET_SUBMIT)
    with pytest.raises(NotResponsible):
        await town.submit(login)


async def test_the_neighbour_submits_nothing_here(town: Town) -> None:
    for login in ("intake_agent@anshan", town.world.anshan.enterprise.login):
        with pytest.raises(NotResponsible):
            await town.do_in(town.world.guangyuan.id, login, submit, **SUBMISSION, reporter=CITIZEN)
    assert await town.admin.fetchval("select count(*) from tickets") == 0


async def test_secrecy_is_stored(town: Town) -> None:
    for secrecy in SecrecyLevel:
        ticket = await town.submit(category=TicketCategory.REPORT, secrecy=secrecy)
        assert (await town.row(ticket.id))["secrecy"] == secrecy
