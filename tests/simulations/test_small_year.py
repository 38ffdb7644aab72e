"""A few weeks of the simulated year, across Spring Festival and its make-up days, with workers that die."""

from __future__ import annotations

import pickle
from datetime import date

import asyncpg
import pytest

from tests.conftest import Server
from tests.simulations.calendar import Change
from tests.simulations.year import Plan, Year, account_of, simulate

PLAN = Plan(
    tickets=200,
    enterprises=40,
    first=date(2026, 2, 11),
    last=date(2026, 3, 2),
    change=Change(date(2026, 2, 24), {date(2026, 2, 27): False, date(2026, 3, 1): True}),
    people=1,
    workers=2,
    ticks_per_death=20,
)


@pytest.fixture(scope="module")
def kept(server: Server) -> tuple[str, Year]:
    """A template in which the weeks have passed, and what was done in them."""

    async def pass_(admin_url: str) -> bytes:
        return pickle.dumps(await simulate(admin_url, server.application_url(admin_url), PLAN))

    template, year = server.told("small_year", pass_)
    return template, pickle.loads(year)


@pytest.fixture
def template(kept: tuple[str, Year]) -> str:
    return kept[0]


@pytest.fixture
def year(kept: tuple[str, Year]) -> Year:
    return kept[1]


@pytest.mark.long
async def test_everything_that_had_to_happen_happened_once(admin: asyncpg.Connection, year: Year) -> None:
    account = await account_of(admin, year, PLAN)
    assert account.wrong == []
    assert year.late == 0
    assert year.deaths > 0
    assert account.tickets >= PLAN.tickets
    assert account.warned > 50
    assert account.missed > 50
    assert account.moved > 0
    assert account.recomputed > 5
    assert {"OVERDUE", "REMINDER_UNANSWERED"} <= account.raised.keys()
    # In both cities December to February, and the last quarter of the nine who owe it.
    assert account.reports.total() == 2 * (3 + 9)
    assert account.transfers.keys() == {"OFFERED", "ACCEPTED", "DECLINED", "WITHDRAWN"}
    assert account.late_transfers > 0
    assert account.relayed > 0
    assert account.cleared > 0
    assert account.entries.keys() >= {"CONFIRMED", "DISMISSED"}


SPOILT = (
    ("delete from events where id = (select id from events where type = 'DEADLINE_MISSED' limit 1)", "deadline not"),
    (
        "update events set at = at + interval '1 hour'"
        " where id = (select id from events where type = 'DEADLINE_WARNED' limit 1)",
        "deadline too much",
    ),
    (
        "delete from events where id = (select id from events where type = 'DEADLINE_MOVED' limit 1)",
        "move of a deadline not there",
    ),
    (
        "update supervision_notices set addressee_id = city_id"
        " where id = (select id from supervision_notices where trigger = 'OVERDUE' limit 1)",
        "notice not there",
    ),
    (
        "update deadlines set missed_at = null where id = (select id from deadlines where state = 'MISSED' limit 1)",
        "ended late, and nobody was told",
    ),
    ("update rectification_tasks set due_at = due_at + interval '1 day'", "task due at another time"),
    ("update reports set begins_on = begins_on - 1 where id = (select id from reports limit 1)", "report not there"),
    ("update reports set due_at = due_at + interval '1 day'", "report due at another time"),
    ("update ticket_transfers set missed_at = null where direction = 'SENT'", "transfer not there"),
    ("delete from notifications where kind = 'TRANSFER_OVERDUE'", "transfer not there"),
    ("delete from events where type = 'PROGRESSED' and data->>'step' = 'DISPATCHED'", "not told across as it happened"),
    ("update integrity_instalments set amount = amount + 0.01", "entry not there"),
    ("update integrity_entries set amount = amount + 1 where status <> 'CLEARED'", "entry not there"),
)


async def test_the_account_finds_what_is_not_so(admin: asyncpg.Connection, year: Year) -> None:
    await admin.execute("set session_replication_role = replica")
    for spoilt, says in SPOILT:
        transaction = admin.transaction()
        await transaction.start()
        await admin.execute(spoilt)
        account = await account_of(admin, year, PLAN)
        assert any(says in line for line in account.wrong), spoilt
        await transaction.rollback()
