"""Who is asking, and how far each of their permissions reaches."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from authz.permissions import Permission
from authz.roles import Role


class ReachScope(StrEnum):
    """How far a role's permission reaches from the tenant of the grant (the Casbin policy's `scope`).

    `SUBTREE`: everything in and below it. `SPACE`: the whole city, from a grant at the city itself and nowhere else.
    `TENANT`: what it leads. `HELPS`: what it helps with. `ASSIGNED`: both.
    `OWN`: what the person submitted, or what concerns their enterprise. `NAMED`: what the person is named on, which
    is how a restricted ticket is worked.
    """

    SUBTREE = "subtree"
    SPACE = "space"
    TENANT = "tenant"
    HELPS = "helps"
    ASSIGNED = "assigned"
    OWN = "own"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class ActorGrant:
    """One grant and what the reach needs to know of its tenant. `county_id`: the county the tenant is or lies in."""

    role: Role
    city_id: int
    tenant_id: int
    tenant_kind: str
    county_id: int | None
    enterprise_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one permission of one actor goes inside one city. Empty means: nowhere.

    `tenants` lead or co-handle (`assigned`), `leads` only lead, `helps` only co-handle: all list tenants of the grants.
    """

    city_id: int
    whole_city: bool = False
    counties: tuple[int, ...] = ()
    tenants: tuple[int, ...] = ()
    leads: tuple[int, ...] = ()
    helps: tuple[int, ...] = ()
    own: bool = False
    named: bool = False
    enterprises: tuple[uuid.UUID, ...] = ()

    @property
    def shape(self) -> str:
        """Which ways the reach has (doubled: several ids), without the ids: part of the key of a compiled plan."""
        ways = (
            ("c", int(self.whole_city)),
            ("y", len(self.counties)),
            ("t", len(self.tenants)),
            ("l", len(self.leads)),
            ("h", len(self.helps)),
            ("o", int(self.own)),
            ("n", int(self.named)),
            ("e", len(self.enterprises)),
        )
        return "".join(letter * min(count, 2) for letter, count in ways)

    @property
    def empty(self) -> bool:
        """Nothing can be reached."""
        return not self.shape


PolicyTable = Mapping[Permission, Mapping[Role, frozenset[ReachScope]]]
"""The compiled Casbin policy: permission → role → scopes. Immutable; swapped whole when the policy changes."""


@dataclass(frozen=True)
class Actor:
    """A signed-in person with their grants, as of `grants_version`; `policy` is the compiled table they act under."""

    user_id: uuid.UUID
    login: str
    name: str
    city_id: int
    grants_version: int
    grants: tuple[ActorGrant, ...]
    policy: PolicyTable = field(repr=False, compare=False)

    @cached_property
    def cities(self) -> tuple[int, ...]:
        """The spaces this actor may touch: what row-level security is set to. Sorted, their own city included."""
        return tuple(sorted({self.city_id, *(grant.city_id for grant in self.grants)}))

    @cached_property
    def roles(self) -> frozenset[Role]:
        """Every role they hold anywhere."""
        return frozenset(grant.role for grant in self.grants)

    def may(self, permission: Permission) -> bool:
        """Whether any role of theirs has the permission anywhere: decides FORBIDDEN, never about an object."""
        return not self.roles.isdisjoint(self.policy.get(permission, {}))

    def reach(self, permission: Permission, city_id: int) -> Reach:
        """How far the permission goes in that city; cached on the actor."""
        if city_id not in self.cities:  # ids of any city may be asked for: remember only the actor's own
            return Reach(city_id)
        key = (permission, city_id)
        cached = self._reaches.get(key)
        if cached is None:
            cached = self._reaches[key] = self._compute_reach(permission, city_id)
        return cached

    def in_city(self, city_id: int) -> Scope:
        """The actor inside one city: what visibility is computed from."""
        return Scope(self, city_id)

    @cached_property
    def _shapes(self) -> dict[int | None, Hashable]:
        return {}

    @cached_property
    def _reaches(self) -> dict[tuple[Permission, int], Reach]:
        return {}

    def _compute_reach(self, permission: Permission, city_id: int) -> Reach:
        whole_city = own = named = False
        counties: set[int] = set()
        tenants: set[int] = set()
        leads: set[int] = set()
        helps: set[int] = set()
        enterprises: set[uuid.UUID] = set()
        by_role = self.policy.get(permission, {})
        for grant in self.grants:
            if grant.city_id != city_id:
                continue
            for scope in by_role.get(grant.role, frozenset()):
                if scope is ReachScope.OWN:
                    own = True
                    if grant.enterprise_id is not None:
                        enterprises.add(grant.enterprise_id)
                elif scope is ReachScope.NAMED:
                    named = True
                elif scope is ReachScope.TENANT:
                    leads.add(grant.tenant_id)
                elif scope is ReachScope.HELPS:
                    helps.add(grant.tenant_id)
                elif scope is ReachScope.ASSIGNED:
                    tenants.add(grant.tenant_id)
                elif grant.tenant_id == city_id:
                    whole_city = True
                elif scope is ReachScope.SPACE:
                    continue
                elif grant.tenant_id == grant.county_id:
                    counties.add(grant.tenant_id)
                else:
                    tenants.add(grant.tenant_id)
        return Reach(
            city_id=city_id,
            whole_city=whole_city,
            counties=tuple(sorted(counties)),
            tenants=tuple(sorted(tenants)),
            leads=tuple(sorted(leads)),
            helps=tuple(sorted(helps)),
            own=own,
            named=named,
            enterprises=tuple(sorted(enterprises)),
        )


class Scope(NamedTuple):
    """An actor inside one city."""

    actor: Actor
    city_id: int

    def reach(self, permission: Permission) -> Reach:
        """How far the permission goes here."""
        return self.actor.reach(permission, self.city_id)

    @property
    def shape(self) -> Hashable:
        """What of the scope shapes a statement: which ways every reach has, and what the roles permit anywhere."""
        shapes = self.actor._shapes
        key = self.city_id if self.city_id in self.actor.cities else None  # elsewhere every reach is empty
        if key not in shapes:
            shapes[key] = tuple((self.reach(one).shape, self.actor.may(one)) for one in Permission)
        return shapes[key]

    @property
    def reaches(self) -> Hashable:
        """Every reach with its ids, and what the roles permit: what two people share when they may see the same."""
        return tuple((self.reach(one), self.actor.may(one)) for one in Permission)
