"""Who is behind a token, and how soon a change of their grants is felt."""

from __future__ import annotations

import uuid
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import select

from app.kernel.database import Database
from app.kernel.errors import InvalidInput, StaleActor, Unauthenticated
from app.kernel.secrets import new_signing_key
from authz.actions.revoke_role import revoke_role
from authz.actor import Actor
from authz.actors import Actors
from authz.keys import signing_key
from authz.models import Grant, User
from authz.permissions import Permission
from authz.policy import load_policy
from authz.roles import Role
from authz.tokens import TokenIssuer, TokenVerifier
from authz.users import create_user, user_by_id, user_by_login
from tenants.models import TenantKind
from tests.authz.desk import NOW, Desk
from tests.factories.world import World


async def test_a_token_leads_to_the_person_and_their_grants(database: Database, world: World) -> None:
    key = signing_key(new_signing_key())
    actors = Actors(database, load_policy(), TokenVerifier(key))
    user_id = world.user("handler@guangyuan.cangxi.housing")
    token = TokenIssuer(key).issue(user_id, now=NOW, lifetime=timedelta(hours=1))

    actor = await actors.from_token(token, NOW)

    assert (actor.user_id, actor.login, actor.name) == (user_id, "handler@guangyuan.cangxi.housing", "handler")
    assert (actor.city_id, actor.cities, actor.grants_version) == (10, (10,), 1)
    (grant,) = actor.grants
    assert (grant.role, grant.tenant_kind) == (Role.HANDLER, TenantKind.DEPARTMENT)
    assert grant.tenant_id == world.tenant("guangyuan.cangxi.housing")
    assert grant.county_id == world.tenant("guangyuan.cangxi")
    with pytest.raises(Unauthenticated, match="expired"):
        await actors.from_token(token, NOW + timedelta(hours=1))
    with pytest.raises(Unauthenticated, match="invalid"):
        await actors.from_token(token + "x", NOW)


async def test_everybody_in_the_world_can_be_loaded(desk: Desk) -> None:
    for login, user_id in desk.world.users.items():
        actor = await desk.actors.load(user_id)
        role = "ENTERPRISE_USER" if login.startswith("enterprise@") else login.partition("@")[0].upper()
        assert actor.roles == {Role(role)}, login
        if role == "ENTERPRISE_USER":
            code = login.partition("@")[2]
            owned = [firm for city in desk.world.cities for firm in city.enterprises if firm.credit_code == code]
            assert actor.grants[0].enterprise_id == owned[0].id


async def test_a_token_for_nobody_is_refused(desk: Desk) -> None:
    with pytest.raises(Unauthenticated, match="revoked"):
        await desk.actors.load(uuid.UUID(int=7))


async def test_who_is_not_active_is_refused_from_the_next_transaction_on(desk: Desk, admin: asyncpg.Connection) -> None:
    agent = await desk.actor("intake_agent@guangyuan")
    await admin.execute("update users set active = false where id = $1", agent.user_id)

    assert await desk.actors.load(agent.user_id) is agent, "the cache alone does not know"
    with pytest.raises(StaleActor) as stale:
        async with desk.acting(agent):
            pytest.fail("the transaction must not begin")
    assert stale.value.user_id == agent.user_id
    desk.actors.forget(agent.user_id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await desk.actors.load(agent.user_id)


async def test_somebody_without_any_grant_signs_in_and_may_nothing(desk: Desk) -> None:
    async with desk.database.session(cities=(10,)) as session:
        user = await create_user(session, city_id=10, login="newcomer", name="新人", demo=False, now=NOW)
    actor = await desk.actors.load(user.id)
    assert (actor.grants, actor.cities) == ((), (10,))
    assert not any(actor.may(permission) for permission in Permission)


async def test_an_actor_is_remembered_until_forgotten(desk: Desk) -> None:
    actor = await desk.actor("office@guangyuan")
    assert await desk.actor("office@guangyuan") is actor
    desk.actors.forget(actor.user_id)
    again = await desk.actor("office@guangyuan")
    assert again == actor
    assert again is not actor


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = desk.actors._read

    async def overtaken(user_id: uuid.UUID) -> Actor:
        actor = await read(user_id)
        desk.actors.forget(user_id)  # the news of a change arrives while the old state is on its way
        return actor

    with monkeypatch.context() as patched:
        patched.setattr(desk.actors, "_read", overtaken)
        old = await desk.actor("office@guangyuan")
    assert await desk.actor("office@guangyuan") is not old


async def test_a_revocation_holds_from_the_next_transaction_on_in_every_process(desk: Desk) -> None:
    elsewhere = desk.another_process()
    handler = await elsewhere.actor("handler@guangyuan.finance")
    assert handler.may(Permission.TICKET_RESOLVE)
    async with elsewhere.acting(handler):
        pass

    administrator = await desk.actor("city_administrator@guangyuan")
    async with desk.acting(administrator) as uow:
        grant_id = await uow.session.scalar(select(Grant.id).where(Grant.user_id == handler.user_id))
        assert grant_id is not None
        await revoke_role(uow, administrator, grant_id)

    with pytest.raises(StaleActor):
        async with elsewhere.acting(handler):
            pytest.fail("the transaction must not begin")
    elsewhere.actors.forget(handler.user_id)
    reloaded = await elsewhere.actors.load(handler.user_id)
    assert reloaded.grants_version == handler.grants_version + 1
    assert not reloaded.may(Permission.TICKET_RESOLVE)


async def test_people_see_their_own_grants_in_every_city(desk: Desk, admin: asyncpg.Connection) -> None:
    world = desk.world
    await admin.execute(
        "insert into grants (city_id, id, user_id, tenant_id, role, granted_at) values ($1, $2, $3, $1, 'AUDITOR', $4)",
        world.anshan.id,
        uuid.UUID(int=5),
        world.user("auditor@guangyuan"),
        NOW,
    )
    auditor = await desk.actor("auditor@guangyuan")
    assert auditor.cities == (world.guangyuan.id, world.anshan.id)
    assert auditor.reach(Permission.TICKET_READ, world.anshan.id).whole_city


async def test_people_and_grants_of_another_city_are_not_there(database: Database, world: World) -> None:
    stranger = world.user("handler@anshan.finance")
    async with database.session(cities=(world.guangyuan.id,), user_id=world.user("office@guangyuan")) as session:
        assert await user_by_login(session, "handler@anshan.finance") is None
        assert await user_by_id(session, stranger) is None
        cities = set(await session.scalars(select(User.city_id))) | set(await session.scalars(select(Grant.city_id)))
        assert cities == {world.guangyuan.id}
        assert await user_by_login(session, "handler@guangyuan.finance") is not None
    async with database.session(cities=(), user_id=stranger) as session:
        assert set(await session.scalars(select(User.id))) == {stranger}
        assert set(await session.scalars(select(Grant.user_id))) == {stranger}
    async with database.session(cities=()) as session:
        assert not list(await session.scalars(select(User.id)))
        assert not list(await session.scalars(select(Grant.id)))


@pytest.mark.parametrize(
    "login",
    ["zhang.wei", "department_lead@guangyuan.audit", "enterprise@91510824000000018T", "a", "x-1@y"],
)
async def test_logins_that_are_taken_as_they_are(database: Database, world: World, login: str) -> None:
    async with database.session(cities=(10,)) as session:
        made = await create_user(session, city_id=10, login=login, name=" 张伟 ", demo=True, now=NOW)
        found = await user_by_login(session, login)
    assert found is not None
    assert (found.id, found.name, found.demo, found.active) == (made.id, "张伟", True, True)
    assert (found.grants_version, found.created_at) == (1, NOW)


@pytest.mark.parametrize(
    "login",
    ["", " ", "Admin", "a b", "a@", "@a", "a@b@c", "办事员", "a\x00", "a\n", "\ud800", "а", "a" * 65, "a@" + "b" * 129],
    ids=ascii,
)
async def test_logins_that_are_none(database: Database, world: World, login: str) -> None:
    async with database.session(cities=(10,)) as session:
        with pytest.raises(InvalidInput) as refused:
            await create_user(session, city_id=10, login=login, name="张伟", demo=False, now=NOW)
        assert await user_by_login(session, login) is None
    assert (refused.value.field, refused.value.rule) == ("login", "syntax")


async def test_a_login_is_taken_across_cities_and_a_name_is_needed(database: Database, world: World) -> None:
    async with database.session(cities=(10,)) as session:
        for taken in ("office@guangyuan", "office@anshan"):
            with pytest.raises(InvalidInput) as refused:
                await create_user(session, city_id=10, login=taken, name="张伟", demo=False, now=NOW)
            assert refused.value.rule == "taken"
        with pytest.raises(InvalidInput) as refused:
            await create_user(session, city_id=10, login="zhang.wei", name=" ", demo=False, now=NOW)
        assert refused.value.field == "name"
