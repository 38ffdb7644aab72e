"""The tenant tree as the processes keep it: one immutable snapshot, reloaded when its version has moved on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from app.kernel.database import Database
from app.kernel.tables import table_of
from app.kernel.workdays import BUILT_IN, StateCalendar
from tenants.calendars import load_calendars
from tenants.models import PlatformState, RankingGroup, SchemeVersion, Tenant, TenantKind

TENANTS = table_of(Tenant)
SCHEMES = table_of(SchemeVersion)
PLATFORM_STATE = table_of(PlatformState)

Transaction = AsyncSession | AsyncConnection
"""An open transaction; the tenants' own statements run in either kind."""

SPACES = (TenantKind.PLATFORM, TenantKind.REGION, TenantKind.CITY)
"""Kinds whose tenants are isolated spaces: `city_id` is their own id, and their path is a single label."""


@dataclass(frozen=True, slots=True)
class TenantNode:
    """A tenant. `city_id`: its isolated space; `county_id`: the county it is or lies in.

    `scheme_version` is the current one of its city, None while there is none.
    """

    id: int
    city_id: int
    parent_id: int | None
    county_id: int | None
    kind: TenantKind
    slug: str
    path: str
    name: str
    division_code: str | None
    ranking_group: RankingGroup | None
    number_prefix: str | None
    scheme_version: int | None


class TenantTree:
    """Every tenant of the deployment, and the state's calendar, at one version. Children are in the order in which they
    are shown."""

    def __init__(
        self, version: int, nodes: Iterable[TenantNode], calendars: Sequence[StateCalendar] = (BUILT_IN,)
    ) -> None:
        self.version = version
        self.calendars = tuple(calendars)
        """The state's calendar, by its versions from 0 on."""
        self.nodes = tuple(nodes)
        self._by_id = {node.id: node for node in self.nodes}
        self._by_path = {node.path: node for node in self.nodes}
        below: dict[int, list[TenantNode]] = {}
        for node in self.nodes:
            if node.parent_id is not None:
                below.setdefault(node.parent_id, []).append(node)
        self._children = {parent: tuple(nodes) for parent, nodes in below.items()}
        self.cities = tuple(node for node in self.nodes if node.kind in (TenantKind.REGION, TenantKind.CITY))
        """The spaces that do business: cities and regions, not the platform itself."""
        self.space_ids = tuple(sorted(node.id for node in self.nodes if node.kind in SPACES))

    @property
    def calendar(self) -> StateCalendar:
        """The state's calendar in force."""
        return self.calendars[-1]

    def by_id(self, tenant_id: int, /) -> TenantNode | None:
        """The tenant with that id."""
        return self._by_id.get(tenant_id)

    def by_path(self, path: str, /) -> TenantNode | None:
        """The tenant at that path."""
        return self._by_path.get(path)

    def city_of(self, tenant_id: int, /) -> TenantNode | None:
        """The isolated space that a tenant belongs to: a city, a region or the platform."""
        node = self._by_id.get(tenant_id)
        return None if node is None else self._by_id.get(node.city_id)

    def children(self, tenant_id: int, /) -> tuple[TenantNode, ...]:
        """The tenants right below, cities of a region included."""
        return self._children.get(tenant_id, ())

    def region_of(self, city_id: int, /) -> TenantNode | None:
        """The region that a city lies in. It is a space of its own: nobody's grants reach from one into the other."""
        city = self._by_id.get(city_id)
        if city is None or city.kind is not TenantKind.CITY or city.parent_id is None:
            return None
        above = self._by_id.get(city.parent_id)
        return above if above is not None and above.kind is TenantKind.REGION else None

    def cities_of(self, region_id: int, /) -> tuple[TenantNode, ...]:
        """The cities that lie in a region."""
        return tuple(node for node in self.children(region_id) if node.kind is TenantKind.CITY)

    @staticmethod
    def is_within(inner: str, outer: str) -> bool:
        """Whether a path is `outer` or below it: `city.k1.desk` is within `city.k1`, `city.k10` is not."""
        return inner == outer or inner.startswith(outer + ".")


class TenantTreeCache:
    """Keeps the snapshot of a process. `begin_request` tells each transaction the version it must not be older than."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tree: TenantTree | None = None
        self._loading = asyncio.Lock()

    async def get(self, min_version: int | None = None) -> TenantTree:
        """The tree, reloaded first when it is older than `min_version`."""
        tree = self._fresh(min_version)
        if tree is not None:
            return tree
        async with self._loading:
            tree = self._fresh(min_version)
            if tree is None:
                tree = self._tree = await self._load()
            return tree

    def _fresh(self, min_version: int | None) -> TenantTree | None:
        tree = self._tree
        return None if tree is None or tree.version < (min_version or 0) else tree

    async def _load(self) -> TenantTree:
        # On a connection of its own: those who wait for the tree may be holding every connection of the pools.
        engine = create_async_engine("postgresql+asyncpg://", pool=self._database.engine.sync_engine.pool.recreate())
        try:
            async with engine.begin() as connection:
                return await load_tree(connection)
        finally:
            await engine.dispose()


_SEE_EVERY_SPACE = select(
    func.set_config("app.cities", func.coalesce(func.string_agg(cast(TENANTS.c.id, Text), ","), ""), True)
).where(TENANTS.c.id == TENANTS.c.city_id)


async def load_tree(connection: AsyncConnection) -> TenantTree:
    """Read the tree in a transaction of its own, whose view of the cities it widens to all of them."""
    # The version first: what is committed while the rest is read makes the tree newer than it says, never older.
    version = await connection.scalar(select(PLATFORM_STATE.c.tree_version))
    await connection.execute(_SEE_EVERY_SPACE)
    schemes = {
        row.city_id: row.version
        for row in await connection.execute(
            select(SCHEMES.c.city_id, func.max(SCHEMES.c.version).label("version")).group_by(SCHEMES.c.city_id)
        )
    }
    rows = await connection.execute(select(TENANTS).order_by(TENANTS.c.city_id, TENANTS.c.position, TENANTS.c.id))
    nodes = [_node(row, schemes.get(row.city_id)) for row in rows]
    return TenantTree(version or 0, nodes, await load_calendars(connection))


def _node(row: Any, scheme_version: int | None) -> TenantNode:
    return TenantNode(
        id=row.id,
        city_id=row.city_id,
        parent_id=row.parent_id,
        county_id=row.county_id,
        kind=TenantKind(row.kind),
        slug=row.slug,
        path=row.path,
        name=row.name,
        division_code=row.division_code,
        ranking_group=None if row.ranking_group is None else RankingGroup(row.ranking_group),
        number_prefix=row.number_prefix,
        scheme_version=scheme_version,
    )


async def bump_tree_version(transaction: Transaction) -> int:
    """Tell every process that the tree, or a current scheme, is another from this commit on."""
    version = await transaction.scalar(
        update(PLATFORM_STATE)
        .where(PLATFORM_STATE.c.id == 1)
        .values(tree_version=PLATFORM_STATE.c.tree_version + 1)
        .returning(PLATFORM_STATE.c.tree_version)
    )
    assert isinstance(version, int), "the migration makes the row"
    return version


TENANT_LOCK = 7_302_001
SCHEME_LOCK = 7_302_002


async def lock(transaction: Transaction, kind: int, subject: int = 0) -> None:
    """Wait until no other transaction holds this lock; it is kept to the end of the transaction."""
    await transaction.execute(select(func.pg_advisory_xact_lock(kind, subject)))
