"""Ticket numbers: unique, by the city's day, and no series."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket
from app.tickets.numbers import draw_serial, insert_numbered, ticket_number
from authz.actor import Actor
from tests.tickets.town import AGENT, SUBMISSION, Town

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("at", "serial", "number"),
    [
        (datetime(2026, 1, 31, 15, 59, 59, tzinfo=UTC), 482913, "GY-20260131-482913"),
        (datetime(2026, 1, 31, 16, 0, tzinfo=UTC), 7, "GY-20260201-000007"),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), 0, "GY-20260101-000000"),
    ],
)
def test_the_day_is_the_citys_own(at: datetime, serial: int, number: str) -> None:
    assert ticket_number("GY", at, SHANGHAI, serial) == number


def test_draws_tell_nothing_of_the_count() -> None:
    drawn = [draw_serial() for _ in range(2_000)]
    assert all(0 <= serial < 1_000_000 for serial in drawn)
    assert len(set(drawn)) > 1_900
    rising = sum(later > earlier for earlier, later in pairwise(drawn))
    assert 800 < rising < 1_200, "a series only rises"


class Hold:
    """Keeps a transaction open: `begun` once it has its number, until `over`."""

    def __init__(self) -> None:
        self.begun, self.over = asyncio.Event(), asyncio.Event()


async def insert(uow: UnitOfWork, actor: Actor, *serials: int, hold: Hold | None = None) -> Ticket:
    """A ticket numbered with the first of these serials that is free."""
    values = {key: value.value if hasattr(value, "value") else value for key, value in SUBMISSION.items()}
    ticket = Ticket(
        city_id=uow.city_id,
        id=new_id(),
        version=1,
        scheme_version=1,
        status="SUBMITTED",
        round=1,
        secrecy="NORMAL",
        reporter_anonymous=False,
        submitter_id=actor.user_id,
        submitted_at=uow.now,
        extensions=0,
        referred=False,
        absorbed=False,
        due_at=uow.now,
        own_receipt=False,
        has_office=True,
        **values,
    )
    draws = iter(serials)
    await insert_numbered(uow.session, ticket, prefix="GY", zone=SHANGHAI, draw=lambda: next(draws))
    if hold is not None:
        hold.begun.set()
        await hold.over.wait()
    return ticket


async def test_a_number_that_is_taken_is_drawn_again(town: Town) -> None:
    first = await town.do(AGENT, insert, 7)
    second = await town.do(AGENT, insert, 7, 7, 8)
    assert (first.number[-6:], second.number[-6:]) == ("000007", "000008")
    stored = await town.admin.fetch("select number from tickets order by number")
    assert [row["number"] for row in stored] == [first.number, second.number]


async def test_a_number_about_to_be_taken_is_waited_for(town: Town) -> None:
    hold = Hold()
    async with asyncio.timeout(30), asyncio.TaskGroup() as work:
        first = work.create_task(town.do(AGENT, insert, 7, hold=hold))
        await hold.begun.wait()
        second = work.create_task(town.do(AGENT, insert, 7, 8))
        while not await town.admin.fetchval("select exists (select from pg_locks where not granted)"):
            assert not second.done()
        hold.over.set()
    assert (first.result().number[-6:], second.result().number[-6:]) == ("000007", "000008")


async def test_numbers_that_never_come_free(town: Town) -> None:
    await town.do(AGENT, insert, 7)
    with pytest.raises(RuntimeError, match="no free ticket number"):
        await town.do(AGENT, insert, *[7] * 200)
    assert await town.admin.fetchval("select count(*) from tickets") == 1


async def test_a_submission_is_numbered(town: Town) -> None:
    tickets = [await town.submit() for _ in range(3)]
    assert len({ticket.number for ticket in tickets}) == 3
    for ticket in tickets:
        assert ticket.number.startswith("GY-20260302-")
        assert (await town.row(ticket.id))["number"] == ticket.number
    other = await town.submit(town.world.anshan.enterprise.login)
    assert not other.number.startswith("GY-")
