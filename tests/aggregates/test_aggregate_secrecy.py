"""Twin worlds: in one a restricted ticket, in the other there never was one. What the region gets is the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from app.kernel.clock import FixedClock
from app.worker import Context
from tests.aggregates.conftest import FEBRUARY, Country
from tests.conftest import Server
from tests.factories.world import World, add_region, make_world
from tests.schema.conftest import opened, use_presets

MARCH_5 = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
SUMS = "measure value label tenant { path } numerator denominator rate releases withheld"


async def lived(country: Country, *, secret: bool) -> list[dict[str, Any]]:
    """A February in Nanning, with a secret in it or without, and all that the region is told of it."""
    await country.copies(await country.ticket(), 9)
    await country.copies(await country.ticket(category="REPORT"), 3)
    if secret:
        await restricted(country)
    country.clock.at = MARCH_5
    assert await country.work() == 4
    told: list[dict[str, Any]] = []
    for login in ("office@guangxi", "auditor@guangxi", "intake_agent@guangxi"):
        told += [released(each) for each in await country.seen(login)]
        for by in ("", ", by: CITY", ", by: MONTH", ", by: CATEGORY"):
            query = (
                f'{{ regionAggregates(within: "guangxi", fromMonth: "2026-01", toMonth: "2026-12"{by}) {{ {SUMS} }} }}'
            )
            told += (await country.api.data(login, query))["regionAggregates"]
    return told


async def restricted(country: Country) -> None:
    """Five restricted reports, of every sort: handled late, followed up as bad, with a notice, merged, still open."""
    enterprise = country.region.nanning.enterprise.login
    report = {
        "category": "REPORT",
        "secrecy": "RESTRICTED",
        "title": "举报工作人员索要好处",
        "body": "办理许可时被要求给好处费。",
    }
    done = (await country.api.submit(enterprise, **report))["id"]
    await country.copies(done, 4)
    named = await country.admin.fetch("select id, city_id from tickets where secrecy = 'RESTRICTED' order by id")
    assert len(named) == 5
    first, second, third = (row["id"] for row in named[:3])
    await country.admin.execute(
        "update tickets set status = 'CLOSED', closed_at = submitted_at + interval '2 days', satisfaction = $2,"
        " resolved_at = submitted_at + interval '1 day' where id = $1",
        *(first, "VERY_UNSATISFIED"),
    )
    await country.admin.execute(
        "update deadlines set state = 'MISSED', ended_at = started_at + interval '20 days' where subject_id = $1",
        second,
    )
    await country.admin.execute(
        "insert into supervision_notices (city_id, id, number, version, scheme_version, level, kind, ticket_id,"
        " restricted, addressee_id, trigger, times, cause, issued_at, issued_on, reply_due_at, provisional, listed,"
        " may_refer, status) select city_id, gen_random_uuid(), 'SECRET-' || n, 1, 1, 1, 'REMINDER', id, true, $2,"
        " 'OVERDUE', 1, 'cause-' || n, $3, '2026-02-10', $3, false, false, false, 'ISSUED'"
        " from tickets, generate_series(1, 9) n where id = $1",
        *(third, country.api.world.tenant("nanning.commerce"), FEBRUARY),
    )


def released(node: dict[str, Any]) -> dict[str, Any]:
    """What was released, without the id that each has of its own and the moment of the clock."""
    return {name: value for name, value in node.items() if name not in ("id", "releasedAt")}


@pytest.mark.parametrize(("small", "received"), [(False, 14), (True, 15)])
async def test_the_region_gets_the_same(server: Server, tmp_path: Path, small: bool, received: int) -> None:
    told = []
    for secret in (False, True):
        with server.clone() as url:
            world: World = await make_world(url)
            region = await add_region(url, world)
            admin = await asyncpg.connect(url)
            await use_presets(admin)
            async with opened(world, server.application_url(url), tmp_path / str(secret)) as api:
                clock = api.clock = FixedClock(FEBRUARY)
                services = api.services
                services.executor._mutations._clock = clock  # type: ignore[attr-defined]
                context = Context(services.database, services.trees, services.sequencer, clock, services.settings)
                country = Country(api, clock, context, admin, region)
                if small:
                    await lived_small(country)
                told.append(orjson.dumps(await lived(country, secret=secret), option=orjson.OPT_SORT_KEYS))
            await admin.close()
    assert told[0] == told[1]
    assert f'"measure":"RECEIVED","numerator":{received}'.encode() in told[0]  # there is something to see


async def lived_small(country: Country) -> None:
    """Numbers of which the secret ones would be enough to be told, or not to be."""
    await country.ticket(category="COMPLAINT")
    await country.copies(await country.ticket("liuzhou"), 1)
