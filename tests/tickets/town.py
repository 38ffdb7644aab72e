"""How the tests of this folder act: as somebody, one verb at a time, each in a transaction of its own."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
import orjson

from app.kernel.database import Database
from app.kernel.secrets import new_signing_key
from app.kernel.tables import new_id
from app.kernel.unit_of_work import UnitOfWork, unit_of_work
from app.tickets.actions.accept import accept
from app.tickets.actions.acknowledge import acknowledge
from app.tickets.actions.answer import answer
from app.tickets.actions.decline import decline
from app.tickets.actions.dispatch import dispatch
from app.tickets.actions.follow_up import follow_up
from app.tickets.actions.resolve import resolve
from app.tickets.actions.return_ import return_
from app.tickets.actions.submit import submit
from app.tickets.actions.withdraw import withdraw
from app.tickets.models import Ticket
from app.tickets.words import Satisfaction, TicketCategory, TicketChannel, TicketStatus
from app.transfers.actions.transfer import transfer
from authz.actor import Actor
from authz.actors import Actors
from authz.keys import signing_key
from authz.policy import load_policy
from authz.roles import Role
from authz.tokens import TokenVerifier
from tenants.schemes.model import Scheme, load_preset
from tenants.tree import TenantTreeCache
from tests.factories.world import World

P = ParamSpec("P")
T = TypeVar("T")
S = TicketStatus

BEGINNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SUBMISSION: dict[str, Any] = {
    "category": TicketCategory.HELP,
    "channel": TicketChannel.WEB,
    "title": "厂区门口道路积水",
    "body": "暴雨后厂区门口积水三天,货车无法进出。",
}

AGENT = "intake_agent@guangyuan"
DISPATCHER = "dispatcher@guangyuan"
OFFICE = "office@guangyuan"
SUPERVISION = "supervision_officer@guangyuan"
WORKING_GROUP = "working_group@guangyuan"
LEADING_GROUP = "leading_group@guangyuan"
HANDLER = "handler@guangyuan.commerce"
LEAD = "department_lead@guangyuan.commerce"
CO_HANDLER = "handler@guangyuan.finance"


async def give_schemes(admin: asyncpg.Connection, **changes: Any) -> None:
    """Put each city's own preset in force as the version 1 that the world made empty."""
    for slug in ("guangyuan", "anshan"):
        document = load_preset(slug).scheme.document()
        document["tickets"].update(changes)
        text = orjson.dumps(Scheme.model_validate(document).document(), option=orjson.OPT_SORT_KEYS)
        await admin.execute(
            "update schemes set document = $1::text::jsonb, digest = $2"
            " where version = 1 and city_id = (select id from tenants where path = $3)",
            *(text.decode(), hashlib.sha256(text).digest(), slug),
        )


class Bell:
    """A sequencer that only counts how often it is woken."""

    def __init__(self) -> None:
        self.rung = 0

    def wake(self, city_id: int) -> None:
        self.rung += 1


@dataclass
class Town:
    """The world at work. Every verb takes a minute."""

    database: Database
    world: World
    admin: asyncpg.Connection
    now: datetime = BEGINNING
    bell: Bell = field(default_factory=Bell)

    def __post_init__(self) -> None:
        self.trees = TenantTreeCache(self.database)
        self.actors = Actors(self.database, load_policy(), TokenVerifier(signing_key(new_signing_key())))

    @property
    def enterprise(self) -> str:
        """The login of Guangyuan's first enterprise."""
        return self.world.guangyuan.enterprise.login

    @property
    def other_enterprise(self) -> str:
        """The login of Guangyuan's second enterprise."""
        return self.world.guangyuan.enterprises[1].login

    async def actor(self, login: str) -> Actor:
        return await self.actors.load(self.world.user(login))

    async def do(
        self,
        login: str,
        action: Callable[Concatenate[UnitOfWork, Actor, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Have somebody do it, in their own city."""
        actor = await self.actor(login)
        return await self.do_in(actor.city_id, login, action, *args, **kwargs)

    async def do_in(
        self,
        city_id: int,
        login: str,
        action: Callable[Concatenate[UnitOfWork, Actor, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        actor = await self.actor(login)
        self.now += timedelta(minutes=1)
        async with unit_of_work(
            self.database,
            city_id=city_id,
            user_id=actor.user_id,
            grants_version=actor.grants_version,
            now=self.now,
            sequencer=self.bell,
            trees=self.trees,
        ) as uow:
            return await action(uow, actor, *args, **kwargs)

    async def submit(self, login: str | None = None, **changes: Any) -> Ticket:
        """A ticket of the first enterprise, or of whoever it is."""
        return await self.do(login or self.enterprise, submit, **(SUBMISSION | changes))

    async def at(self, status: TicketStatus, **submission: Any) -> uuid.UUID:
        """A ticket brought to that state on the shortest way; led by commerce, finance helps."""
        ticket = await self.submit(**submission)
        id_ = ticket.id
        if status is S.SUBMITTED:
            return id_
        if status is S.DECLINED:
            await self.do(AGENT, decline, id_, basis="不属于受理范围")
        elif status is S.ANSWERED:
            await self.do(AGENT, answer, id_, reply="已当场答复")
        elif status is S.TRANSFERRED:
            await self.do(AGENT, transfer, id_, to="anshan", reason="由鞍山市负责")
        elif status is S.WITHDRAWN:
            await self.do(self.enterprise, withdraw, id_)
        else:
            await self.do(AGENT, accept, id_)
            await self._dispatched(id_, status)
        assert (await self.row(id_))["status"] == status
        return id_

    async def _dispatched(self, id_: uuid.UUID, status: TicketStatus) -> None:
        if status is S.ACCEPTED:
            return
        await self.do(DISPATCHER, dispatch, id_, lead="guangyuan.commerce", co_handlers=["guangyuan.finance"])
        if status is S.DISPATCHED:
            return
        if status is S.DISPUTED:
            await self.do(HANDLER, return_, id_, reason="不属于本部门职责")
            return
        await self.do(HANDLER, acknowledge, id_)
        if status is S.IN_PROGRESS:
            return
        await self.do(HANDLER, resolve, id_, reply="已疏通排水管道")
        if status is S.RESOLVED:
            return
        if status is S.CLOSED:
            await self.do(AGENT, follow_up, id_, satisfaction=Satisfaction.SATISFIED)
            return
        assert status is S.ESCALATED
        await self.do(AGENT, follow_up, id_, satisfaction=Satisfaction.UNSATISFIED, justified=True)
        await self.do(HANDLER, acknowledge, id_)
        await self.do(HANDLER, resolve, id_, reply="已再次疏通")
        await self.do(AGENT, follow_up, id_, satisfaction=Satisfaction.UNSATISFIED, justified=True)

    async def row(self, ticket_id: uuid.UUID) -> dict[str, Any]:
        """The ticket as it is stored."""
        row = await self.admin.fetchrow("select * from tickets where id = $1", ticket_id)
        assert row is not None
        return dict(row)

    async def timeline(self, subject_id: uuid.UUID) -> list[dict[str, Any]]:
        """The events of a subject as they are stored."""
        rows = await self.admin.fetch("select * from events where subject_id = $1 order by seq", subject_id)
        return [{**row, "data": orjson.loads(row["data"])} for row in rows]

    async def co_handlers(self, ticket_id: uuid.UUID) -> set[int]:
        rows = await self.admin.fetch("select tenant_id from ticket_co_handlers where ticket_id = $1", ticket_id)
        return {row["tenant_id"] for row in rows}

    async def named(self, ticket_id: uuid.UUID) -> set[str]:
        """The logins of those who are named on a ticket."""
        rows = await self.admin.fetch(
            "select login from ticket_named_persons n join users u on u.id = n.user_id where ticket_id = $1", ticket_id
        )
        return {row["login"] for row in rows}

    async def name(self, ticket_id: uuid.UUID, login: str) -> None:
        """Name somebody by hand."""
        await self.admin.execute(
            "insert into ticket_named_persons select city_id, id, $2, now() from tickets where id = $1",
            *(ticket_id, self.world.user(login)),
        )

    async def grant(self, login: str, role: Role, path: str, enterprise_id: uuid.UUID | None = None) -> None:
        """Give somebody a role more."""
        user_id = self.world.user(login)
        await self.admin.execute(
            "insert into grants (city_id, id, user_id, tenant_id, role, enterprise_id, granted_at)"
            " select city_id, $1, $2, id, $3, $4, now() from tenants where path = $5",
            *(new_id(), user_id, role.value, enterprise_id, path),
        )
        await self.admin.execute("update users set grants_version = grants_version + 1 where id = $1", user_id)
        self.actors.forget(user_id)
