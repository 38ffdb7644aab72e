"""A city as the demonstration's generators see it, and the fixed ids of what they make."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b

from tenants.models import TenantKind
from tenants.schemes.model import Scheme


class DemoKind(StrEnum):
    """What an invented row is. Each kind counts its rows from 0 in each city."""

    DEADLINE = "deadline"
    ENTERPRISE = "enterprise"
    ENTERPRISE_GRANT = "enterprise-grant"
    ENTERPRISE_USER = "enterprise-user"
    EVENT = "event"
    GRANT = "grant"
    INSPECTION = "inspection"
    INTEGRITY = "integrity"
    NOTICE = "notice"
    NOTIFICATION = "notification"
    TASK = "task"
    TICKET = "ticket"
    USER = "user"


_FIRST_PREFIX = 0xDE30 << 32
"""The upper 48 bits of the first id of every kind. As a UUIDv7 it would be of the year 9711: real ids never meet it."""
_PREFIXES = 1 << 32


def demo_id(city_path: str, kind: DemoKind, index: int) -> uuid.UUID:
    """The id of the `index`-th invented row of a kind: a UUIDv8 (RFC 9562) that rises with the index.

    The same in every run and on every machine, so that loading twice changes nothing.
    """
    digest = blake2b(f"{city_path}:{kind.value}:{index}".encode(), digest_size=10).digest()
    tail = int.from_bytes(digest, "big")
    value = (_FIRST_PREFIX + index) << 80 | (tail & ((1 << 80) - 1))
    value = value & ~(0xF000 << 64) | (0x8000 << 64)
    value = value & ~(0xC000 << 48) | (0x8000 << 48)
    return uuid.UUID(int=value)


FIRST_ID = uuid.UUID(int=_FIRST_PREFIX << 80)
LAST_ID = uuid.UUID(int=((_FIRST_PREFIX + _PREFIXES) << 80) - 1)
"""Every id of `demo_id` lies between these two, and nothing else does."""


def index_of(made: uuid.UUID) -> int:
    """The index that an id of `demo_id` was made from."""
    return (made.int >> 80) - _FIRST_PREFIX


def seeded(city_path: str, kind: DemoKind, index: int) -> random.Random:
    """The chance that decides about one invented row: the same in every run, independent of its neighbours."""
    digest = blake2b(f"seed:{city_path}:{kind.value}:{index}".encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - nothing secret is drawn


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A node of the city's tree."""

    id: int
    kind: str
    slug: str
    path: str
    name: str
    county_id: int | None
    division_code: str | None


@dataclass(frozen=True)
class DemoCity:
    """A provisioned city: everything in its tree, itself included, and the scheme that it runs on."""

    id: int
    path: str
    name: str
    division_code: str
    tenants: Sequence[DemoTenant]
    scheme: Scheme
    scheme_version: int

    @cached_property
    def root(self) -> DemoTenant:
        """The city's own node."""
        return next(tenant for tenant in self.tenants if tenant.id == self.id)

    @cached_property
    def counties(self) -> tuple[DemoTenant, ...]:
        """The counties and districts, in the tree's order."""
        return tuple(tenant for tenant in self.tenants if tenant.kind == TenantKind.COUNTY)

    @cached_property
    def departments(self) -> Mapping[str, DemoTenant]:
        """The city's own departments by slug; a county's are not among them."""
        return {t.slug: t for t in self.tenants if t.kind == TenantKind.DEPARTMENT and t.county_id is None}

    @cached_property
    def short_name(self) -> str:
        """`广元` for `广元市`."""
        return self.name.removesuffix("市")
