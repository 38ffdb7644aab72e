"""Samples for checks of quality: what they are drawn from, how they can be repeated, and what a check leaves."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from app.kernel.errors import InvalidInput, NotFound, NotResponsible
from app.tickets.actions.draw_quality_sample import draw_quality_sample
from app.tickets.actions.record_quality_check import record_quality_check
from app.tickets.models import QualitySample
from app.tickets.words import TicketCategory, TicketStatus
from authz.roles import Role
from tenants.schemes.model import load_preset
from tests.tickets.town import AGENT, OFFICE, SUPERVISION, Town, give_schemes

S = TicketStatus
MARCH = {"within": "guangyuan", "from_": date(2026, 3, 1), "to": date(2026, 4, 1)}


async def handled(town: Town, count: int) -> set[uuid.UUID]:
    """So many tickets that departments replied to in March, and some that count for nothing; it is April now."""
    ids = {await town.at(S.RESOLVED if place % 2 else S.CLOSED) for place in range(count)}
    await town.at(S.IN_PROGRESS)
    await town.at(S.ANSWERED)  # the desk's own answer is no department's handling
    restricted = await town.at(S.RESOLVED, category=TicketCategory.REPORT)
    await town.admin.execute("update tickets set secrecy = 'RESTRICTED' where id = $1", restricted)
    await town.name(restricted, SUPERVISION)
    town.now += timedelta(days=40)
    return ids


async def share(town: Town, value: float) -> None:
    follow_up = load_preset("guangyuan").scheme.document()["tickets"]["follow_up"]
    await give_schemes(town.admin, follow_up=follow_up | {"quality_sample": str(value)})


async def draw(town: Town, by: str = SUPERVISION, **changes: Any) -> QualitySample:
    return await town.do(by, draw_quality_sample, **(MARCH | changes))


async def drawn(town: Town, sample: QualitySample) -> list[uuid.UUID]:
    rows = await town.admin.fetch("select ticket_id from quality_checks where sample_id = $1", sample.id)
    return [row["ticket_id"] for row in rows]


async def refused(attempt: Callable[[], Any], field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await attempt()
    assert (refusal.value.field, refusal.value.rule) == (field, rule)


async def test_the_schemes_share_rounded_up_of_what_was_handled(town: Town) -> None:
    await share(town, 0.34)
    ids = await handled(town, 5)
    sample = await draw(town)
    assert (sample.population, sample.size) == (5, 2)
    found = await drawn(town, sample)
    assert len(found) == 2
    assert set(found) <= ids
    # Anybody can repeat it from what is kept.
    order = sorted(ids, key=lambda id_: hashlib.sha256(sample.seed + id_.bytes).digest())
    assert set(order[:2]) == set(found)


async def test_every_draw_is_another(town: Town) -> None:
    await share(town, 0.5)
    await handled(town, 6)
    samples = [await draw(town) for _ in range(12)]
    assert len({sample.seed for sample in samples}) == 12
    assert len({frozenset(await drawn(town, sample)) for sample in samples}) > 3, "20 samples are possible"


async def test_by_department_and_by_the_citys_days(town: Town) -> None:
    await share(town, 1)
    await handled(town, 2)
    assert (await draw(town, within="guangyuan.commerce")).population == 2
    await refused(lambda: draw(town, within="guangyuan.housing"), "within", "nothing_handled")
    # Replied to on 2 March in the city, whose midnight is 16:00 UTC of the day before.
    await refused(lambda: draw(town, to=date(2026, 3, 2)), "within", "nothing_handled")
    assert (await draw(town, from_=date(2026, 3, 2), to=date(2026, 3, 3))).population == 2
    await refused(lambda: draw(town, from_=date(2026, 3, 3)), "within", "nothing_handled")


async def test_what_cannot_be_drawn(town: Town) -> None:
    await handled(town, 1)
    await refused(lambda: draw(town, within="anshan"), "within", "unknown_tenant")
    await refused(lambda: draw(town, within="guangyuan.nothing"), "within", "unknown_tenant")
    await refused(lambda: draw(town, to=date(2026, 3, 1)), "to", "not_after")
    await refused(lambda: draw(town, to=date(2026, 5, 1)), "to", "not_over")
    await town.grant("steward@guangyuan", Role.SUPERVISION_OFFICER, "guangyuan.cangxi")
    await refused(lambda: draw(town, "steward@guangyuan"), "within", "outside_reach")
    await refused(lambda: draw(town, "steward@guangyuan", within="guangyuan.cangxi"), "within", "nothing_handled")


async def test_a_check_is_told_to_the_departments_once(town: Town) -> None:
    await share(town, 1)
    (ticket_id,) = await handled(town, 1)
    sample = await draw(town)
    verdict: dict[str, Any] = {"ticket_id": ticket_id, "passed": False, "findings": "未与企业联系"}
    checked = await town.do(SUPERVISION, record_quality_check, sample.id, **verdict)
    assert checked.version == 2
    row = await town.admin.fetchrow("select * from quality_checks where sample_id = $1", sample.id)
    assert (row["passed"], row["findings"], row["checked_at"]) == (False, "未与企业联系", town.now)
    event = (await town.timeline(ticket_id))[-1]
    assert (event["type"], event["visibility"], event["data"]["passed"]) == ("QUALITY_CHECKED", "INTERNAL", False)
    assert event["version"] == (await town.row(ticket_id))["version"], "the ticket goes on as it stands"
    await refused(
        lambda: town.do(SUPERVISION, record_quality_check, sample.id, **verdict | {"passed": True}),
        *("ticketId", "already_checked"),
    )


async def test_who_checks(town: Town) -> None:
    await share(town, 1)
    (ticket_id,) = await handled(town, 1)
    sample = await draw(town)
    verdict: dict[str, Any] = {"ticket_id": ticket_id, "passed": True, "findings": "规范"}
    for by, refusal in (
        ("supervision_officer@anshan", NotFound),
        (AGENT, NotFound),
        (town.enterprise, NotFound),
        (OFFICE, NotResponsible),
    ):
        with pytest.raises(refusal):
            await town.do(by, record_quality_check, sample.id, **verdict)
    # Who reads the city's samples in one role, and checks those of a county in another.
    await town.grant(OFFICE, Role.SUPERVISION_OFFICER, "guangyuan.cangxi")
    with pytest.raises(NotResponsible):
        await town.do(OFFICE, record_quality_check, sample.id, **verdict)
    other = await town.at(S.RESOLVED)
    await refused(
        lambda: town.do(SUPERVISION, record_quality_check, sample.id, **verdict | {"ticket_id": other}),
        *("ticketId", "not_drawn"),
    )
    assert await town.admin.fetchval("select count(*) from quality_checks where checked_at is not null") == 0
