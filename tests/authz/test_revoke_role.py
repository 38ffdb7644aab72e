"""Revoking: who may take which role, and that the city keeps an administrator."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from app.kernel.errors import DomainError, InvalidInput, NotFound, StaleActor
from authz.actions.grant_role import grant_role
from authz.actions.revoke_role import revoke_role
from authz.actor import Actor
from authz.models import Grant
from authz.roles import Role
from tests.authz.desk import NOW, Desk
from tests.factories.world import WorldCity


@pytest.fixture
async def administrator(desk: Desk) -> Actor:
    return await desk.actor("city_administrator@guangyuan")


async def revoke(desk: Desk, actor: Actor, grant_id: uuid.UUID, city: WorldCity | None = None) -> Grant:
    async with desk.acting(actor, (city or desk.world.guangyuan).id) as uow:
        return await revoke_role(uow, actor, grant_id)


async def grant_of(admin: asyncpg.Connection, desk: Desk, login: str) -> uuid.UUID:
    found: Any = await admin.fetchval("select id from grants where user_id = $1", desk.world.user(login))
    return uuid.UUID(str(found))


async def second_administrator(desk: Desk, administrator: Actor) -> Actor:
    async with desk.acting(administrator) as uow:
        await grant_role(uow, administrator, user="steward@guangyuan", role=Role.CITY_ADMINISTRATOR, tenant="guangyuan")
    return await desk.actor("steward@guangyuan")


async def test_a_revoked_role_is_gone_and_the_city_is_told(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    handler = await desk.actor("handler@guangyuan.finance")
    grant_id = await grant_of(admin, desk, handler.login)

    was = await revoke(desk, administrator, grant_id)

    assert (was.id, was.role, was.user_id) == (grant_id, "HANDLER", handler.user_id)
    assert await admin.fetchval("select count(*) from grants where id = $1", grant_id) == 0
    (event,) = await admin.fetch("select *, data::text as said from events")
    assert (event["topic"], event["type"], event["subject_id"]) == ("user", "ROLE_REVOKED", handler.user_id)
    assert (event["version"], event["visibility"], event["at"]) == (2, "INTERNAL", NOW)
    assert str(grant_id) in event["said"]
    assert desk.bell.rung == 1
    with pytest.raises(StaleActor):
        async with desk.acting(handler):
            pytest.fail("the transaction must not begin")
    desk.actors.forget(handler.user_id)
    assert (await desk.actors.load(handler.user_id)).grants == ()


async def test_only_the_one_grant_goes(desk: Desk, administrator: Actor) -> None:
    async with desk.acting(administrator) as uow:
        more = await grant_role(
            uow, administrator, user="handler@guangyuan.finance", role=Role.HANDLER, tenant="guangyuan.housing"
        )
    await revoke(desk, administrator, more.id)
    handler = await desk.actor("handler@guangyuan.finance")
    assert [grant.tenant_id for grant in handler.grants] == [desk.world.tenant("guangyuan.finance")]
    assert handler.grants_version == 3


async def test_what_is_not_there_and_what_is_not_ours_is_one_answer(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    ours = await grant_of(admin, desk, "handler@guangyuan.finance")
    theirs = await grant_of(admin, desk, "handler@anshan.finance")
    neighbour = await desk.actor("city_administrator@anshan")
    dispatcher = await desk.actor("dispatcher@guangyuan")
    operator = await desk.actor("platform_operator@platform")
    operators_own = await grant_of(admin, desk, "platform_operator@platform")
    attempts = [
        (administrator, uuid.UUID(int=1), None),
        (administrator, theirs, None),
        (administrator, theirs, desk.world.anshan),
        (neighbour, ours, None),
        (neighbour, ours, desk.world.anshan),
        (dispatcher, ours, None),
        (operator, ours, None),
        (administrator, operators_own, None),
    ]
    for actor, grant_id, city in attempts:
        with pytest.raises(NotFound) as refusal:
            await revoke(desk, actor, grant_id, city)
        assert (refusal.value.field, refusal.value.data) == ("grantId", {"kind": "Grant"})
    async with desk.acting(operator, 1) as uow:
        with pytest.raises(NotFound):
            await revoke_role(uow, operator, operators_own)
    assert await admin.fetchval("select count(*) from events") == 0


async def test_the_last_administrator_stays(desk: Desk, administrator: Actor, admin: asyncpg.Connection) -> None:
    own = await grant_of(admin, desk, administrator.login)
    with pytest.raises(InvalidInput) as refusal:
        await revoke(desk, administrator, own)
    assert (refusal.value.field, refusal.value.rule) == ("grantId", "last_administrator")
    assert (await desk.another_process().actor(administrator.login)).roles == {Role.CITY_ADMINISTRATOR}


async def test_an_administrator_may_leave_when_another_is_there(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    await second_administrator(desk, administrator)
    await revoke(desk, administrator, await grant_of(admin, desk, administrator.login))
    assert (await desk.another_process().actor(administrator.login)).grants == ()


async def test_another_who_cannot_sign_in_is_no_other(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    second = await second_administrator(desk, administrator)
    await admin.execute("update users set active = false where id = $1", second.user_id)
    with pytest.raises(InvalidInput, match="last_administrator"):
        await revoke(desk, administrator, await grant_of(admin, desk, administrator.login))


async def test_two_administrators_who_revoke_one_another_leave_one(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    second = await second_administrator(desk, administrator)
    of_second = await admin.fetchval(
        "select id from grants where user_id = $1 and role = 'CITY_ADMINISTRATOR'", second.user_id
    )
    of_first = await grant_of(admin, desk, administrator.login)
    both_in = asyncio.Barrier(2)

    async def attempt(actor: Actor, grant_id: uuid.UUID) -> DomainError | None:
        async with desk.acting(actor) as uow:
            await both_in.wait()  # both transactions are open, and both actors still administrators
            try:
                await revoke_role(uow, actor, grant_id)
            except DomainError as error:
                return error
        return None

    outcomes = await asyncio.gather(attempt(administrator, of_second), attempt(second, of_first))
    (refusal,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(refusal, InvalidInput)
    assert refusal.rule == "last_administrator"
    left = await admin.fetchval(
        "select count(*) from grants where city_id = 10 and role = 'CITY_ADMINISTRATOR'",
    )
    assert left == 1


async def test_two_who_revoke_the_same_grant_do_it_once(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    grant_id = await grant_of(admin, desk, "handler@guangyuan.finance")
    outcomes = await asyncio.gather(*(revoke(desk, administrator, grant_id) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(outcome, Grant) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 2
    assert await admin.fetchval("select count(*) from events") == 1


async def test_the_operator_may_revoke_the_last_administrator_of_any_city(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    operator = await desk.actor("platform_operator@platform")
    await revoke(desk, operator, await grant_of(admin, desk, administrator.login))
    assert (await desk.another_process().actor(administrator.login)).grants == ()
    (event,) = await admin.fetch("select * from events")
    assert (event["city_id"], event["actor_role"], event["actor_tenant_id"]) == (10, "PLATFORM_OPERATOR", 1)


async def test_a_guest_from_another_city_loses_the_role_all_the_same(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    world = desk.world
    guest_id, grant_id = world.user("auditor@anshan"), uuid.UUID(int=5)
    await admin.execute(
        "insert into grants (city_id, id, user_id, tenant_id, role, granted_at) values (10, $1, $2, 10, 'AUDITOR', $3)",
        grant_id,
        guest_id,
        NOW,
    )
    guest = await desk.actor("auditor@anshan")
    assert guest.cities == (10, world.anshan.id)

    async with desk.acting(administrator) as uow:
        await revoke_role(uow, administrator, grant_id)
        request = (await uow.session.connection()).exec_driver_sql(
            "select current_setting('app.cities'), current_setting('app.user')"
        )
        assert tuple((await request).one()) == ("10", str(administrator.user_id)), "back in our city"

    with pytest.raises(StaleActor):
        async with desk.acting(guest):
            pytest.fail("the transaction must not begin")
    desk.actors.forget(guest_id)
    assert (await desk.actors.load(guest_id)).cities == (world.anshan.id,)
    (event,) = await admin.fetch("select city_id, subject_id, version from events")
    assert tuple(event) == (10, guest_id, 2)
