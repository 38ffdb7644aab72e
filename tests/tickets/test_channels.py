"""Which role reports by which channel, cell by cell; and what a city's own scheme makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from app.kernel.errors import InvalidInput, NotResponsible
from app.tickets.actions.submit import Reporter, submit
from app.tickets.channels import Origin
from app.tickets.words import TicketCategory, TicketChannel
from authz.roles import Role
from tenants.schemes.model import load_preset
from tests.tickets.town import AGENT, SUBMISSION, Town, give_schemes

C = TicketChannel
CITIZEN = Reporter(name="王芳", phone="13800000000")
STEWARD, MONITOR = "steward@guangyuan", "special_monitor@guangyuan"

# channel → may enterprise, desk, steward, monitor; does it bring a number along (- no, o it may, + it must)
MATRIX = {
    C.HOTLINE: "- x - - o",
    C.SERVICE_WINDOW: "- x - - -",
    C.STUCK_WINDOW: "- x - - -",
    C.WEB: "x x x x -",
    C.MINI_PROGRAM: "x x x x -",
    C.QR_CODE: "x x - x -",
    C.E_LICENCE: "x - - - -",
    C.STEWARD_VISIT: "- - x - -",
    C.OFFICER_VISIT: "- x x - -",
    C.FORWARDED: "- x - - o",
    C.OTHER_CITY: "- x - - o",
    C.OTHER_PLATFORM: "- x - - +",
    C.EMAIL: "- x - - -",
    C.COMPLAINT_CENTRE: "- x - x -",
}


async def refused(town: Town, login: str, **changes: Any) -> InvalidInput:
    """The refusal of a submission, which left no trace."""
    before = await town.admin.fetchval("select count(*) from tickets")
    with pytest.raises(InvalidInput) as refusal:
        await town.submit(login, **changes)
    assert await town.admin.fetchval("select count(*) from tickets") == before
    return refusal.value


def test_every_channel_has_its_row() -> None:
    assert set(MATRIX) == set(C)
    for preset in ("guangyuan", "anshan"):
        assert set(load_preset(preset).scheme.tickets.channel_rules) == set(C)


@pytest.mark.parametrize("channel", C)
async def test_who_reports_by_it(town: Town, channel: C) -> None:
    *cells, brings = MATRIX[channel].split()
    origin = {"origin": Origin("智桂通", "ZGT-1")} if brings == "+" else {}
    roles = (
        (Role.ENTERPRISE_USER, town.enterprise),
        (Role.INTAKE_AGENT, AGENT),
        (Role.STEWARD, STEWARD),
        (Role.SPECIAL_MONITOR, MONITOR),
    )
    for (role, login), cell in zip(roles, cells, strict=True):
        given = {**origin, **({} if role is Role.ENTERPRISE_USER else {"reporter": CITIZEN})}
        if cell == "x":
            ticket = await town.submit(login, channel=channel, **given)
            assert ticket.channel == channel
            (event,) = await town.timeline(ticket.id)
            assert event["actor_role"] == role
        else:
            refusal = await refused(town, login, channel=channel, **given)
            assert (refusal.field, refusal.rule) == ("channel", "channel_not_yours")
    for login in ("dispatcher@guangyuan", "handler@guangyuan.commerce", "auditor@guangyuan", "intake_agent@anshan"):
        with pytest.raises(NotResponsible):
            await town.do_in(
                *(town.world.guangyuan.id, login, submit),
                **(SUBMISSION | {"channel": channel, "reporter": CITIZEN} | origin),
            )


@pytest.mark.parametrize("channel", C)
async def test_which_channels_bring_a_number(town: Town, channel: C) -> None:
    login = {C.E_LICENCE: town.enterprise, C.STEWARD_VISIT: STEWARD}.get(channel, AGENT)
    given: dict[str, Any] = {"channel": channel, **({} if login == town.enterprise else {"reporter": CITIZEN})}
    brings = MATRIX[channel][-1]
    if brings == "-":
        refusal = await refused(town, login, origin=Origin("12345", "1"), **given)
        assert (refusal.field, refusal.rule) == ("origin", "not_allowed")
    else:
        row = await town.row((await town.submit(login, origin=Origin("12345", "1"), **given)).id)
        assert (row["origin_platform"], row["origin_number"]) == ("12345", "1")
    if brings == "+":
        refusal = await refused(town, login, **given)
        assert (refusal.field, refusal.rule) == ("origin", "required")
    else:
        row = await town.row((await town.submit(login, **given)).id)
        assert (row["origin_platform"], row["origin_number"]) == (None, None)


async def test_one_acts_in_the_role_of_the_channel_only(town: Town) -> None:
    """A steward of the city who also owns a shop: by each channel with the reach of that role, and in its name."""
    shop = town.world.guangyuan.enterprises[1]
    await town.grant(STEWARD, Role.ENTERPRISE_USER, "guangyuan", shop.id)
    visited = await town.submit(STEWARD, channel=C.STEWARD_VISIT, enterprise_id=town.world.guangyuan.enterprise.id)
    own = await town.submit(STEWARD, channel=C.E_LICENCE)
    assert (visited.enterprise_id, own.enterprise_id) == (town.world.guangyuan.enterprise.id, shop.id)
    roles = [(await town.timeline(ticket.id))[0]["actor_role"] for ticket in (visited, own)]
    assert roles == ["STEWARD", "ENTERPRISE_USER"]
    refusal = await refused(town, STEWARD, channel=C.E_LICENCE, enterprise_id=town.world.guangyuan.enterprise.id)
    assert (refusal.field, refusal.rule) == ("enterpriseId", "unknown_enterprise")


async def test_a_desks_reach_is_not_widened_by_another_role(town: Town) -> None:
    """A county's desk that is also the city's steward takes calls in for its county, not for the city."""
    desk = "intake_agent@guangyuan.cangxi"
    await town.grant(desk, Role.STEWARD, "guangyuan")
    refusal = await refused(town, desk, channel=C.HOTLINE, county="guangyuan.jiange", reporter=CITIZEN)
    assert (refusal.field, refusal.rule) == ("county", "outside_reach")
    visited = await town.submit(desk, channel=C.STEWARD_VISIT, county="guangyuan.jiange", reporter=CITIZEN)
    assert visited.county_id == town.world.tenant("guangyuan.jiange")


async def test_who_submits_is_the_schemes_choice(town: Town) -> None:
    await give_schemes(town.admin, submitters=["INTAKE_AGENT", "ENTERPRISE_USER"])
    with pytest.raises(NotResponsible):
        await town.submit(MONITOR, reporter=CITIZEN)
    assert await town.submit()


async def test_a_rule_of_a_citys_own(town: Town) -> None:
    rules = {"HOTLINE": {"submitters": ["SPECIAL_MONITOR"], "origin": "REQUIRED"}}
    await give_schemes(town.admin, channel_rules=rules)
    refusal = await refused(town, AGENT, channel=C.HOTLINE, reporter=CITIZEN)
    assert refusal.rule == "channel_not_yours"
    ticket = await town.submit(MONITOR, channel=C.HOTLINE, reporter=CITIZEN, origin=Origin("12345", "1"))
    assert ticket.origin_number == "1"
    assert await town.submit(AGENT, channel=C.E_LICENCE, reporter=CITIZEN)  # no rule: whoever submits


async def test_where_only_enterprises_are_heard(town: Town) -> None:
    await give_schemes(town.admin, public_in_person=False)
    for reporter, category in ((CITIZEN, TicketCategory.HELP), (Reporter(anonymous=True), TicketCategory.REPORT)):
        refusal = await refused(town, AGENT, reporter=reporter, category=category)
        assert (refusal.field, refusal.rule) == ("reporter", "enterprises_only")
    enterprise = town.world.guangyuan.enterprise
    assert (await town.submit(AGENT, reporter=CITIZEN, enterprise_id=enterprise.id)).reporter_name == "王芳"
    assert await town.submit(MONITOR, reporter=CITIZEN)  # who reports what they found themselves is not the public
