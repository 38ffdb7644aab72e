"""Granting: who may give which role where, and what comes of it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from app.kernel.errors import DomainError, InvalidInput, NotFound, StaleActor
from authz.actions.grant_role import grant_role
from authz.actor import Actor
from authz.models import Grant
from authz.permissions import Permission
from authz.roles import GRANTABLE_AT, Role
from tests.authz.desk import NOW, Desk


async def grant(desk: Desk, actor: Actor, user: str | uuid.UUID, role: Role, tenant: str, **more: Any) -> Grant:
    city_id = more.pop("city_id", desk.world.guangyuan.id)
    async with desk.acting(actor, city_id) as uow:
        return await grant_role(uow, actor, user=user, role=role, tenant=tenant, **more)


async def refused(desk: Desk, actor: Actor, *wanted: Any, **more: Any) -> tuple[str, str | None, Any]:
    """How it was refused: the code, the field, and the rule or the kind of what was not found."""
    with pytest.raises(DomainError) as refusal:
        await grant(desk, actor, *wanted, **more)
    error = refusal.value
    return error.code, error.field, error.data.get("rule", error.data.get("kind"))


@pytest.fixture
async def administrator(desk: Desk) -> Actor:
    return await desk.actor("city_administrator@guangyuan")


async def test_a_granted_role_holds_from_the_next_transaction_on(desk: Desk, administrator: Actor) -> None:
    handler = await desk.actor("handler@guangyuan.finance")

    granted = await grant(desk, administrator, handler.login, Role.DEPARTMENT_LEAD, "guangyuan.commerce")

    commerce = desk.world.tenant("guangyuan.commerce")
    assert (granted.city_id, granted.user_id, granted.tenant_id) == (10, handler.user_id, commerce)
    assert (granted.role, granted.enterprise_id) == ("DEPARTMENT_LEAD", None)
    assert (granted.granted_at, granted.granted_by) == (NOW, administrator.user_id)
    with pytest.raises(StaleActor):
        async with desk.acting(handler):
            pytest.fail("the transaction must not begin")
    desk.actors.forget(handler.user_id)
    now = await desk.actors.load(handler.user_id)
    assert now.roles == {Role.HANDLER, Role.DEPARTMENT_LEAD}
    assert now.reach(Permission.TICKET_RETURN, 10).leads == tuple(
        sorted((commerce, desk.world.tenant("guangyuan.finance")))
    )


async def test_a_person_may_be_named_by_id(desk: Desk, administrator: Actor) -> None:
    user_id = desk.world.user("handler@guangyuan.finance")
    assert (await grant(desk, administrator, user_id, Role.OFFICE, "guangyuan")).user_id == user_id


async def test_the_city_is_told_in_its_log(desk: Desk, administrator: Actor, admin: asyncpg.Connection) -> None:
    user_id = desk.world.user("handler@guangyuan.finance")
    granted = await grant(desk, administrator, user_id, Role.OFFICE, "guangyuan.cangxi")

    (event,) = await admin.fetch("select *, data::text as said from events")
    assert (event["topic"], event["type"], event["subject_id"]) == ("user", "ROLE_GRANTED", user_id)
    assert (event["city_id"], event["version"], event["visibility"]) == (10, 2, "INTERNAL")
    assert (event["actor_id"], event["actor_tenant_id"]) == (administrator.user_id, 10)
    assert (event["actor_role"], event["at"]) == ("CITY_ADMINISTRATOR", NOW)
    assert f'"{granted.id}"' in event["said"]
    assert '"OFFICE"' in event["said"]
    assert desk.bell.rung == 1


async def test_granting_again_gives_the_same_grant_and_changes_nothing(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    who = "handler@guangyuan.finance"
    first = await grant(desk, administrator, who, Role.OFFICE, "guangyuan")
    again = await grant(desk, administrator, who, Role.OFFICE, "guangyuan")
    assert again.id == first.id
    assert await admin.fetchval("select grants_version from users where login = $1", who) == 2
    assert await admin.fetchval("select count(*) from events") == 1
    assert desk.bell.rung == 1


async def test_two_who_grant_the_same_at_once_make_one_grant(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    wanted = ("handler@guangyuan.finance", Role.OFFICE, "guangyuan")
    grants = await asyncio.gather(*(grant(desk, administrator, *wanted) for _ in range(4)))
    assert len({granted.id for granted in grants}) == 1
    assert await admin.fetchval("select count(*) from events") == 1


async def test_two_different_grants_at_once_are_both_told_in_order(
    desk: Desk, administrator: Actor, admin: asyncpg.Connection
) -> None:
    who = "handler@guangyuan.finance"
    roles = [Role.OFFICE, Role.DISPATCHER, Role.INTAKE_AGENT, Role.STEWARD]
    await asyncio.gather(*(grant(desk, administrator, who, role, "guangyuan") for role in roles))
    events = await admin.fetch("select seq, version from events order by seq")
    assert [(event["seq"], event["version"]) for event in events] == [(1, 2), (2, 3), (3, 4), (4, 5)]


async def test_the_neighbours_administrator_cannot_grant_here_nor_ours_there(desk: Desk, administrator: Actor) -> None:
    neighbour = await desk.actor("city_administrator@anshan")
    here = ("handler@guangyuan.finance", Role.OFFICE, "guangyuan")
    not_there = ("NOT_FOUND", "tenant", "Tenant")
    assert await refused(desk, neighbour, *here) == not_there
    assert await refused(desk, neighbour, *here, city_id=desk.world.anshan.id) == not_there
    assert await refused(desk, neighbour, "handler@anshan.finance", Role.OFFICE, "guangyuan") == not_there
    assert await refused(desk, administrator, "handler@anshan.finance", Role.OFFICE, "guangyuan") == (
        "NOT_FOUND",
        "user",
        "User",
    )
    missing = ("handler@guangyuan.finance", Role.OFFICE, "guangyuan.atlantis")
    assert await refused(desk, administrator, *missing) == not_there


async def test_people_who_do_not_exist_are_not_found(desk: Desk, administrator: Actor) -> None:
    nobody: list[Any] = ["nobody", "", "no body\x00", "\ud800", uuid.UUID(int=3), desk.world.user("office@anshan")]
    for user in nobody:
        outcome = await refused(desk, administrator, user, Role.OFFICE, "guangyuan")
        assert outcome == ("NOT_FOUND", "user", "User")


@pytest.mark.parametrize("login", ["dispatcher@guangyuan", "auditor@guangyuan", "office@guangyuan.cangxi"])
async def test_without_the_right_every_tenant_is_out_of_reach(desk: Desk, login: str) -> None:
    actor = await desk.actor(login)
    assert not actor.may(Permission.ROLE_GRANT)
    outcome = await refused(desk, actor, "handler@guangyuan.finance", Role.OFFICE, "guangyuan.cangxi")
    assert outcome == ("NOT_FOUND", "tenant", "Tenant")


async def test_a_role_fits_the_kind_of_tenant(desk: Desk, administrator: Actor) -> None:
    tenants = {"CITY": "guangyuan", "COUNTY": "guangyuan.jiange", "DEPARTMENT": "guangyuan.housing"}
    for role in set(Role) - {Role.PLATFORM_OPERATOR, Role.ENTERPRISE_USER}:
        for kind, tenant in tenants.items():
            if kind in GRANTABLE_AT[role]:
                assert (await grant(desk, administrator, "steward@guangyuan", role, tenant)).role == role.value
            else:
                with pytest.raises(InvalidInput) as refusal:
                    await grant(desk, administrator, "steward@guangyuan", role, tenant)
                assert (refusal.value.field, refusal.value.rule) == ("role", "tenant_kind")
                assert refusal.value.data["kind"] == kind
                assert refusal.value.data["kinds"] == sorted(GRANTABLE_AT[role])


async def test_an_enterprises_user_needs_an_enterprise_of_the_city_and_nobody_else_has_one(
    desk: Desk, administrator: Actor
) -> None:
    ours, theirs = desk.world.guangyuan.enterprises, desk.world.anshan.enterprise
    for_whom = (ours[0].login, Role.ENTERPRISE_USER, "guangyuan")
    granted = await grant(desk, administrator, *for_whom, enterprise_id=ours[1].id)
    assert granted.enterprise_id == ours[1].id
    user = await desk.actor(ours[0].login)
    assert set(user.reach(Permission.TICKET_READ, 10).enterprises) == {ours[0].id, ours[1].id}

    assert await refused(desk, administrator, *for_whom) == ("INVALID_INPUT", "enterpriseId", "required")
    for absent in (theirs.id, uuid.UUID(int=9)):
        outcome = await refused(desk, administrator, *for_whom, enterprise_id=absent)
        assert outcome == ("NOT_FOUND", "enterpriseId", "Enterprise")
    staff = ("handler@guangyuan.finance", Role.OFFICE, "guangyuan")
    outcome = await refused(desk, administrator, *staff, enterprise_id=ours[0].id)
    assert outcome == ("INVALID_INPUT", "enterpriseId", "not_allowed")
    county = (ours[0].login, Role.ENTERPRISE_USER, "guangyuan.cangxi")
    assert await refused(desk, administrator, *county, enterprise_id=ours[0].id) == (
        "INVALID_INPUT",
        "role",
        "tenant_kind",
    )


async def test_nobody_grants_themselves_a_role(desk: Desk, administrator: Actor) -> None:
    for me in (administrator.login, administrator.user_id):
        outcome = await refused(desk, administrator, me, Role.AUDITOR, "guangyuan")
        assert outcome == ("INVALID_INPUT", "user", "own_grant")
    operator = await desk.actor("platform_operator@platform")
    outcome = await refused(desk, operator, operator.login, Role.CITY_ADMINISTRATOR, "guangyuan")
    assert outcome == ("INVALID_INPUT", "user", "own_grant")


async def test_the_operator_names_administrators_in_every_city_and_nothing_else(desk: Desk) -> None:
    operator = await desk.actor("platform_operator@platform")
    for city in desk.world.cities:
        made = await grant(desk, operator, f"office@{city.path}", Role.CITY_ADMINISTRATOR, city.path, city_id=city.id)
        assert (made.city_id, made.granted_by) == (city.id, operator.user_id)
    for role in set(Role) - {Role.CITY_ADMINISTRATOR}:
        outcome = await refused(desk, operator, "office@guangyuan", role, "guangyuan")
        assert outcome == ("INVALID_INPUT", "role", "not_grantable")
    assert await refused(desk, operator, "office@guangyuan", Role.CITY_ADMINISTRATOR, "guangyuan.cangxi") == (
        "INVALID_INPUT",
        "role",
        "tenant_kind",
    )


async def test_the_operators_own_role_is_not_given_through_the_api(desk: Desk, administrator: Actor) -> None:
    for tenant in ("guangyuan", "platform"):
        outcome = await refused(desk, administrator, "office@guangyuan", Role.PLATFORM_OPERATOR, tenant)
        assert outcome == ("INVALID_INPUT", "role", "not_grantable")


async def test_a_refusal_leaves_nothing_behind(desk: Desk, administrator: Actor, admin: asyncpg.Connection) -> None:
    before = await admin.fetchval("select count(*) from grants")
    with pytest.raises(NotFound):
        await grant(desk, administrator, "nobody", Role.OFFICE, "guangyuan")
    assert await admin.fetchval("select count(*) from grants") == before
    assert await admin.fetchval("select count(*) from events") == 0
    assert desk.bell.rung == 0
