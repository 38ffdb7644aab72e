"""How the tests of this folder act: as a person, in a city, at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from app.kernel.database import Database
from app.kernel.secrets import new_signing_key
from app.kernel.unit_of_work import UnitOfWork, unit_of_work
from authz.actor import Actor
from authz.actors import Actors
from authz.keys import signing_key
from authz.policy import load_policy
from authz.tokens import TokenVerifier
from tenants.tree import TenantTreeCache
from tests.factories.world import World

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Bell:
    """A sequencer that only counts how often it is woken."""

    def __init__(self) -> None:
        self.rung = 0

    def wake(self, city_id: int) -> None:
        self.rung += 1


class Desk:
    """One process of the product: its caches, and transactions in the name of a person."""

    def __init__(self, database: Database, world: World) -> None:
        self.database = database
        self.world = world
        self.bell = Bell()
        self.trees = TenantTreeCache(database)
        self.actors = Actors(database, load_policy(), TokenVerifier(signing_key(new_signing_key())))

    async def actor(self, login: str) -> Actor:
        return await self.actors.load(self.world.user(login))

    def acting(self, actor: Actor, city_id: int | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction of the actor in a city, their own unless told otherwise."""
        return self._acting(actor, actor.city_id if city_id is None else city_id)

    @asynccontextmanager
    async def _acting(self, actor: Actor, city_id: int) -> AsyncIterator[UnitOfWork]:
        async with unit_of_work(
            self.database,
            city_id=city_id,
            user_id=actor.user_id,
            grants_version=actor.grants_version,
            now=NOW,
            sequencer=self.bell,
            trees=self.trees,
        ) as uow:
            yield uow

    def another_process(self) -> Desk:
        """The same database, none of the caches."""
        return Desk(self.database, self.world)
