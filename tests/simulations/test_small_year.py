"""A few weeks of the simulated year, across Spring Festival and its make-up days, with workers that die."""

from __future__ import annotations

import pickle
from datetime import date

import asyncpg
import pytest

from tests.conftest import Server, blocking
from tests.simulations.account import Account, take
from tests.simulations.calendar import Change
from tests.simulations.year import FOUNDED, Plan, Year, simulate

PLAN = Plan(
    tickets=240,
    enterprises=40,
    first=date(2026, 2, 11),
    last=date(2026, 3, 2),
    change=Change(date(2026, 2, 24), {date(2026, 2, 27): False, date(2026, 3, 1): True}),
    people=1,
    workers=2,
    ticks_per_death=8,
)


@pytest.fixture(scope="module")
def kept(server: Server) -> tuple[str, Year]:
    """A template in which the weeks have passed, and what was done in them."""

    async def pass_(admin_url: str) -> bytes:
        return pickle.dumps(await simulate(admin_url, server.application_url(admin_url), PLAN))

    template, year = server.told("small-year".replace("-", "_"), pass_)
    return template, pickle.loads(year)


@pytest.fixture
def template(kept: tuple[str, Year]) -> str:
    return kept[0]


@pytest.fixture
def year(kept: tuple[str, Year]) -> Year:
    return kept[1]


def account_of(admin_url: str, year: Year) -> Account:
    taken: Account = blocking(
        take(admin_url, year.city_ids, year.ticks, founded=FOUNDED, change=PLAN.change, at=year.changed_at)
    )
    return taken


def test_everything_that_had_to_happen_happened_once(admin_url: str, year: Year) -> None:
    account = account_of(admin_url, year)
    assert account.wrong == []
    assert year.late == 0
    assert year.deaths > 0
    assert account.tickets >= PLAN.tickets
    assert account.warned > 50
    assert account.missed > 50
    assert account.moved > 0
    assert {"OVERDUE", "REMINDER_UNANSWERED"} <= account.raised.keys()
    assert account.reports.total() == 3 + 9  # December to February, and the last quarter of nine who owe it


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (
            "delete from events where id = (select id from events where type = 'DEADLINE_MISSED' limit 1)",
            "deadline not",
        ),
        (
            "update events set at = at + interval '1 hour'"
            " where id = (select id from events where type = 'DEADLINE_WARNED' limit 1)",
            "deadline too much",
        ),
        (
            "update supervision_notices set addressee_id = city_id"
            " where id = (select id from supervision_notices where trigger = 'OVERDUE' limit 1)",
            "notice not there",
        ),
        (
            "update deadlines set missed_at = null"
            " where id = (select id from deadlines where state = 'MISSED' limit 1)",
            "ended late, and nobody was told",
        ),
        (
            "update reports set begins_on = begins_on - 1 where id = (select id from reports limit 1)",
            "report not there",
        ),
    ],
)
async def test_the_account_finds_what_is_not_so(
    admin: asyncpg.Connection, admin_url: str, year: Year, spoilt: str, says: str
) -> None:
    await admin.execute("set session_replication_role = replica")
    await admin.execute(spoilt)
    assert any(says in line for line in account_of(admin_url, year).wrong)
