"""From a token to the person behind it, with their grants.

Grants are read once and kept, under the version they were read at. Every transaction begins by reading the user's
current version anyway; whoever finds another one raises `StaleActor`, the edge calls `forget` and tries once more.
So a revocation holds from the next transaction on, in every process, without a message having to arrive first.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from app.kernel.database import Database
from app.kernel.errors import Unauthenticated
from authz.actor import Actor, ActorGrant, PolicyTable
from authz.lru import Lru
from authz.roles import Role
from authz.tokens import TokenVerifier

# One statement, so that the grants are those of this version. Row-level security shows people their own row and
# grants in every city, and tenants to everybody.
_LOAD = """
select u.login, u.name, u.city_id as home_city_id, u.grants_version,
       g.role, g.city_id, g.tenant_id, g.enterprise_id, t.kind, t.county_id
from users u
left join grants g on g.user_id = u.id
left join tenants t on t.id = g.tenant_id
where u.id = $1 and u.active
order by g.granted_at, g.id
"""


class Actors:
    """The signed-in people this process has met lately, at most `remembered` of them."""

    def __init__(
        self, database: Database, policy: PolicyTable, verifier: TokenVerifier, *, remembered: int = 10_000
    ) -> None:
        self._database = database
        self._policy = policy
        self._verifier = verifier
        self._actors: Lru[uuid.UUID, Actor] = Lru(remembered)
        self._forgotten = 0

    async def from_token(self, token: str, now: datetime) -> Actor:
        """The person whom the token names. Raises `Unauthenticated`: `expired`, `invalid` or `revoked`."""
        return await self.load(self._verifier.verify(token, now).user_id)

    async def load(self, user_id: uuid.UUID) -> Actor:
        """The person with their grants. Raises `Unauthenticated("revoked")` if there is none, or none active."""
        actor = self._actors.get(user_id)
        if actor is None:
            forgotten = self._forgotten
            actor = await self._read(user_id)
            if forgotten == self._forgotten:  # else what was read may be from before the change
                self._actors.put(user_id, actor)
        return actor

    def forget(self, user_id: uuid.UUID) -> None:
        """Their grants have changed: read them again next time."""
        self._forgotten += 1
        self._actors.drop(user_id)

    async def _read(self, user_id: uuid.UUID) -> Actor:
        async with self._database.reading(cities=(), user_id=user_id) as reading:
            rows = await reading.connection.fetch(_LOAD, user_id)
        if not rows:
            raise Unauthenticated("revoked")
        person = rows[0]
        return Actor(
            user_id=user_id,
            login=person["login"],
            name=person["name"],
            city_id=person["home_city_id"],
            grants_version=person["grants_version"],
            grants=tuple(
                ActorGrant(
                    role=Role(row["role"]),
                    city_id=row["city_id"],
                    tenant_id=row["tenant_id"],
                    tenant_kind=row["kind"],
                    county_id=row["county_id"],
                    enterprise_id=row["enterprise_id"],
                )
                for row in rows
                if row["role"] is not None
            ),
            policy=self._policy,
        )
