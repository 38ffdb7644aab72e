"""A ticket keeps the number of another platform, which no other ticket of the city then has."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import unit_of_work
from app.tickets.actions.submit import Reporter, submit
from app.tickets.channels import Origin
from app.tickets.models import Ticket
from app.tickets.words import SecrecyLevel, TicketCategory, TicketChannel
from tests.tickets.town import AGENT, SUBMISSION, Town

CITIZEN = Reporter(name="王芳", phone="13800000000")
CALL: dict[str, Any] = {
    "channel": TicketChannel.HOTLINE,
    "category": TicketCategory.REPORT,
    "reporter": CITIZEN,
    "origin": Origin("12345", "GD2026030200017"),
}
OTHER_AGENT = "intake_agent@guangyuan.cangxi"


async def refused(town: Town, login: str = AGENT, **changes: Any) -> InvalidInput:
    """The refusal of a submission, which left no trace."""
    before = await town.admin.fetchval("select count(*) from tickets")
    with pytest.raises(InvalidInput) as refusal:
        await town.submit(login, **(CALL | changes))
    assert await town.admin.fetchval("select count(*) from tickets") == before
    return refusal.value


async def test_the_number_is_kept_as_it_is_spelt_alike(town: Town) -> None:
    row = await town.row((await town.submit(AGENT, **(CALL | {"origin": Origin(" 12345 ", "ＧＤ－１７")}))).id)
    assert (row["origin_platform"], row["origin_number"]) == ("12345", "GD-17")
    refusal = await refused(town, origin=Origin("１２３４５", "GD-17"))
    assert refusal.rule == "origin_taken"


async def test_no_number_twice_of_one_platform(town: Town) -> None:
    await town.submit(AGENT, **CALL)
    for login in (AGENT, OTHER_AGENT):
        for secrecy in SecrecyLevel:
            refusal = await refused(town, login, secrecy=secrecy)
            assert (refusal.field, refusal.rule) == ("origin.number", "origin_taken")
            assert refusal.data == {"rule": "origin_taken", "platform": "12345", "number": "GD2026030200017"}
    for origin in (Origin("智桂通", "GD2026030200017"), Origin("12345", "GD2026030200018")):
        assert await town.submit(AGENT, **(CALL | {"origin": origin}))


async def test_the_neighbour_may_have_the_same_number(town: Town) -> None:
    await town.submit(AGENT, **CALL)
    theirs = await town.submit("intake_agent@anshan", **CALL)
    assert theirs.city_id == town.world.anshan.id


async def test_a_restricted_ticket_takes_no_number_from_anybody(town: Town) -> None:
    """That it is there must not show: who is not named gets the number, as if there were nothing."""
    secret = await town.submit(AGENT, **(CALL | {"secrecy": SecrecyLevel.RESTRICTED}))
    assert AGENT in await town.named(secret.id)
    assert (await refused(town)).rule == "origin_taken"  # who is named knows of it anyway
    other = await town.submit(OTHER_AGENT, **(CALL | {"secrecy": SecrecyLevel.RESTRICTED}))
    plain = await town.submit(OTHER_AGENT, **(CALL | {"origin": Origin("12345", "GD2")}))
    assert other.origin_number == secret.origin_number
    assert plain.origin_number == "GD2"
    third = await town.submit("intake_agent@guangyuan.jiange", **CALL)
    assert third.origin_number == secret.origin_number
    assert (await refused(town, "intake_agent@guangyuan.jiange")).rule == "origin_taken"  # of the third


async def test_of_many_at_once_one_gets_the_number(town: Town) -> None:
    outcomes = await asyncio.gather(
        *(town.submit(login, **CALL) for login in (AGENT, OTHER_AGENT) * 3), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if not isinstance(outcome, Ticket)]
    assert len(refusals) == 5
    assert all(isinstance(refusal, InvalidInput) and refusal.rule == "origin_taken" for refusal in refusals)
    assert await town.admin.fetchval("select count(*) from tickets") == 1
    assert await town.admin.fetchval("select count(*) from events") == 1


@pytest.mark.parametrize("first_commits", [True, False])
async def test_the_second_waits_for_the_first(town: Town, first_commits: bool) -> None:
    actor = await town.actor(AGENT)
    held = asyncio.Event()
    go_on = asyncio.Event()

    async def first() -> None:
        async with unit_of_work(
            town.database,
            city_id=town.world.guangyuan.id,
            user_id=actor.user_id,
            grants_version=actor.grants_version,
            now=town.now,
            sequencer=town.bell,
            trees=town.trees,
        ) as uow:
            await submit(uow, actor, **(SUBMISSION | CALL))
            held.set()
            await go_on.wait()
            if not first_commits:
                raise KeyError("undone")

    beginning = asyncio.create_task(first())
    await held.wait()
    waiting = asyncio.create_task(town.submit(OTHER_AGENT, **CALL))
    await _until_it_waits(town.admin)
    assert not waiting.done()
    go_on.set()
    if first_commits:
        await beginning
        with pytest.raises(InvalidInput, match="origin_taken"):
            await waiting
    else:
        with pytest.raises(KeyError):
            await beginning
        assert (await waiting).origin_number == "GD2026030200017"
    assert await town.admin.fetchval("select count(*) from tickets") == 1


async def _until_it_waits(admin: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        while not await admin.fetchval("select count(*) from pg_locks where not granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("platform", "number", "field", "rule"),
    [
        ("", "1", "origin.platform", "empty"),
        ("12345", " \u3000", "origin.number", "empty"),
        ("台" * 41, "1", "origin.platform", "too_long"),
        ("12345", "1" * 61, "origin.number", "too_long"),
        ("12345", "1" * 100_000, "origin.number", "too_long"),
        ("12345", "1\x00", "origin.number", "characters"),
        ("12345", "\ud800", "origin.number", "characters"),
        ("12345", "1\n2", "origin.number", "characters"),
        ("12345", "1\u200b2", "origin.number", "characters"),
    ],
)
async def test_numbers_that_cannot_be(town: Town, platform: str, number: str, field: str, rule: str) -> None:
    refusal = await refused(town, origin=Origin(platform, number))
    assert (refusal.field, refusal.rule) == (field, rule)


@pytest.mark.parametrize("half", ["origin_platform", "origin_number"])
async def test_the_table_holds_both_or_neither(town: Town, half: str) -> None:
    ticket = await town.submit(AGENT, **CALL)
    with pytest.raises(asyncpg.CheckViolationError, match="ck_tickets_origin"):
        await town.admin.execute(f"update tickets set {half} = null where id = $1", ticket.id)
