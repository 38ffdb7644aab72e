"""Two cities as tests need them: a few tenants, a person for every role, two enterprises with their users. Where a test
asks for it, a region with two cities of its own besides.

`guangyuan` and `anshan` have the same shape, so that a test can always ask the neighbour. Plain INSERTs by the
superuser: a test must not depend on the code it tests to set its world up.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import orjson
from stdnum.cn import uscc

from app.kernel.tables import new_id
from authz.roles import Role
from tenants.schemes.model import load_preset

PLATFORM_ID = 1
FOUNDED = datetime(2026, 1, 1, tzinfo=UTC)
"""When everything in this world began."""


@dataclass(frozen=True)
class WorldEnterprise:
    """An enterprise and the login of its user."""

    id: uuid.UUID
    city_id: int
    credit_code: str
    name: str
    county_id: int

    @property
    def login(self) -> str:
        return f"enterprise@{self.credit_code}"


@dataclass
class WorldCity:
    """One isolated city. `counties` and `departments` are tenant ids by slug."""

    id: int
    path: str
    name: str
    counties: dict[str, int] = field(default_factory=dict)
    departments: dict[str, int] = field(default_factory=dict)
    enterprises: list[WorldEnterprise] = field(default_factory=list)

    @property
    def county_id(self) -> int:
        """The first county."""
        return next(iter(self.counties.values()))

    @property
    def enterprise(self) -> WorldEnterprise:
        """The first enterprise."""
        return self.enterprises[0]


@dataclass
class WorldRegion:
    """What `add_region` made. `desk` is the region's own space: departments and people, no counties, no enterprises."""

    desk: WorldCity
    nanning: WorldCity
    liuzhou: WorldCity


@dataclass
class World:
    """What `make_world` made. Tenants are found by path, people by login."""

    guangyuan: WorldCity
    anshan: WorldCity
    tenants: dict[str, int]
    users: dict[str, uuid.UUID]
    region: WorldRegion | None = None

    @property
    def cities(self) -> tuple[WorldCity, WorldCity]:
        return (self.guangyuan, self.anshan)

    @property
    def spaces(self) -> tuple[WorldCity, ...]:
        """Every isolated space: the cities, and those of the region where there is one."""
        of_region = () if self.region is None else (self.region.desk, self.region.nanning, self.region.liuzhou)
        return (*self.cities, *of_region)

    def tenant(self, path: str) -> int:
        """The id of the tenant at a path."""
        return self.tenants[path]

    def user(self, login: str) -> uuid.UUID:
        """The id of the person with a login, such as `handler@guangyuan.commerce` or `enterprise@<credit code>`."""
        return self.users[login]


@dataclass(frozen=True)
class _City:
    id: int
    slug: str
    name: str
    division_code: str
    number_prefix: str
    counties: tuple[tuple[str, str, str], ...]
    kind: str = "CITY"
    above: int = PLATFORM_ID


_CITIES = (
    _City(10, "guangyuan", "广元市", "510800", "GY", (("cangxi", "苍溪县", "510824"), ("jiange", "剑阁县", "510823"))),
    _City(1000, "anshan", "鞍山市", "210300", "AS", (("taian", "台安县", "210321"), ("haicheng", "海城市", "210381"))),
)
_REGION = _City(2000, "guangxi", "广西壮族自治区", "450000", "GX", (), "REGION")
_OF_THE_REGION = (
    _City(
        *(2100, "nanning", "南宁市", "450100", "NN"),
        (("qingxiu", "青秀区", "450103"), ("hengzhou", "横州市", "450181")),
        above=_REGION.id,
    ),
    _City(
        *(2200, "liuzhou", "柳州市", "450200", "LZ"),
        (("liunan", "柳南区", "450204"), ("luzhai", "鹿寨县", "450223")),
        above=_REGION.id,
    ),
)
_DEPARTMENTS = (("commerce", "商务局"), ("finance", "财政局"), ("housing", "住房和城乡建设局"))

_CITY_ROLES = (
    Role.AUDITOR,
    Role.CITY_ADMINISTRATOR,
    Role.DISPATCHER,
    Role.EVALUATION_MANAGER,
    Role.FINANCE_OFFICER,
    Role.INTAKE_AGENT,
    Role.LEADING_GROUP,
    Role.OFFICE,
    Role.SPECIAL_MONITOR,
    Role.STEWARD,
    Role.SUPERVISION_OFFICER,
    Role.WORKING_GROUP,
)
_COUNTY_ROLES = (Role.DISPATCHER, Role.HANDLER, Role.INTAKE_AGENT, Role.OFFICE, Role.SUPERVISION_OFFICER)
_DEPARTMENT_ROLES = (Role.DEPARTMENT_LEAD, Role.HANDLER, Role.POLICY_OFFICER)
_TENANT_COLUMNS = [
    "id",
    "city_id",
    "parent_id",
    "county_id",
    "kind",
    "slug",
    "path",
    "name",
    "division_code",
    "ranking_group",
    "number_prefix",
    "created_at",
]
_ENTERPRISES = (("ABOVE_SCALE", "山泉食品有限公司"), ("MSME", "云帆机械有限公司"))


def credit_code(division_code: str, serial: int) -> str:
    """A unified social credit code with a right check character (GB 32100-2015)."""
    body = f"91{division_code}{serial:08d}X"
    return body + uscc.calc_check_digit(body)


async def make_world(admin_url: str) -> World:
    """Fill an empty, migrated database.

    Each city: two counties (the first with a `housing` department of its own), three departments, a login
    `<role>@<path>` for every role where it makes sense, two enterprises in the first county with `enterprise@<credit
    code>`, the head of its event log and version 1 of an empty scheme. Beside them `platform_operator@platform`.
    """
    made = _Rows()
    made.tenant(PLATFORM_ID, PLATFORM_ID, None, None, "PLATFORM", "platform", "platform", "平台")
    made.user(PLATFORM_ID, f"{Role.PLATFORM_OPERATOR.lower()}@platform", Role.PLATFORM_OPERATOR, PLATFORM_ID)
    cities = [_make_city(made, city) for city in _CITIES]
    await _fill(admin_url, made)
    return World(cities[0], cities[1], tenants=made.tenant_ids, users=made.user_ids)


async def add_region(admin_url: str, world: World) -> WorldRegion:
    """Put a region beside the world's cities: its desk, and below it Nanning and Liuzhou, which are shaped like them.

    All three with their own schemes (the presets) in force. The world then knows their tenants and people too.
    """
    made = _Rows()
    desk, nanning, liuzhou = (_make_city(made, city) for city in (_REGION, *_OF_THE_REGION))
    region = WorldRegion(desk, nanning, liuzhou)
    made.schemes = []
    for space in (region.desk, region.nanning, region.liuzhou):
        document = orjson.dumps(load_preset(space.path).scheme.document(), option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(document).digest()
        made.schemes.append((space.id, 1, space.path, document.decode(), digest, FOUNDED))
    await _fill(admin_url, made)
    world.tenants |= made.tenant_ids
    world.users |= made.user_ids
    world.region = region
    return region


async def _fill(admin_url: str, made: _Rows) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        async with connection.transaction():
            for table, columns, rows in made.tables():
                await connection.copy_records_to_table(table, columns=columns, records=rows)
            await connection.execute("update platform_state set tree_version = tree_version + 1")
    finally:
        await connection.close()


def _make_city(made: _Rows, city: _City) -> WorldCity:
    made.tenant(
        city.id, city.id, city.above, None, city.kind, city.slug, city.slug, city.name, city.division_code, None, city
    )
    result = WorldCity(city.id, city.slug, city.name)
    next_id = city.id + 1
    for slug, name, code in city.counties:
        path = f"{city.slug}.{slug}"
        made.tenant(next_id, city.id, city.id, next_id, "COUNTY", slug, path, name, code, "COUNTIES")
        made.staff(city.id, next_id, path, _COUNTY_ROLES)
        result.counties[slug] = next_id
        next_id += 1
    for slug, name in _DEPARTMENTS:
        path = f"{city.slug}.{slug}"
        made.tenant(next_id, city.id, city.id, None, "DEPARTMENT", slug, path, name, None, "DEPARTMENTS")
        made.staff(city.id, next_id, path, _DEPARTMENT_ROLES)
        result.departments[slug] = next_id
        next_id += 1
    made.staff(city.id, city.id, city.slug, _CITY_ROLES)
    made.heads.append((city.id, 0))
    made.schemes.append((city.id, 1, city.slug, "{}", hashlib.sha256(b"{}").digest(), FOUNDED))
    if not city.counties:  # a region: the counties and the enterprises are its cities'
        return result
    county_slug, county_name, _ = city.counties[0]
    path = f"{city.slug}.{county_slug}.housing"
    made.tenant(
        next_id, city.id, result.county_id, result.county_id, "DEPARTMENT", "housing", path, f"{county_name}住建局"
    )
    made.staff(city.id, next_id, path, _DEPARTMENT_ROLES)
    for serial, (kind, name) in enumerate(_ENTERPRISES, start=1):
        code = credit_code(city.counties[0][2], serial)
        enterprise = WorldEnterprise(new_id(), city.id, code, f"{city.name}{name}", result.county_id)
        made.enterprises.append(
            (city.id, enterprise.id, code, enterprise.name, kind, "C1352", result.county_id, FOUNDED)
        )
        made.user(city.id, enterprise.login, Role.ENTERPRISE_USER, city.id, enterprise.id)
        result.enterprises.append(enterprise)
    return result


class _Rows:
    """The rows of the world, table by table."""

    def __init__(self) -> None:
        self.tenants: list[tuple[object, ...]] = []
        self.users: list[tuple[object, ...]] = []
        self.grants: list[tuple[object, ...]] = []
        self.enterprises: list[tuple[object, ...]] = []
        self.heads: list[tuple[object, ...]] = []
        self.schemes: list[tuple[object, ...]] = []
        self.tenant_ids: dict[str, int] = {}
        self.user_ids: dict[str, uuid.UUID] = {}

    def tenant(
        self,
        id_: int,
        city_id: int,
        parent_id: int | None,
        county_id: int | None,
        kind: str,
        slug: str,
        path: str,
        name: str,
        division_code: str | None = None,
        ranking_group: str | None = None,
        city: _City | None = None,
    ) -> None:
        prefix = city.number_prefix if city is not None else None
        self.tenants.append(
            (id_, city_id, parent_id, county_id, kind, slug, path, name, division_code, ranking_group, prefix, FOUNDED)
        )
        self.tenant_ids[path] = id_

    def staff(self, city_id: int, tenant_id: int, path: str, roles: Iterable[Role]) -> None:
        for role in roles:
            self.user(city_id, f"{role.lower()}@{path}", role, tenant_id)

    def user(
        self, city_id: int, login: str, role: Role, tenant_id: int, enterprise_id: uuid.UUID | None = None
    ) -> None:
        user_id = self.user_ids[login] = new_id()
        self.users.append((user_id, city_id, login, login.partition("@")[0], FOUNDED))
        self.grants.append((city_id, new_id(), user_id, tenant_id, role.value, enterprise_id, FOUNDED))

    def tables(self) -> Iterable[tuple[str, list[str], list[tuple[object, ...]]]]:
        """Table, columns and rows, in an order that foreign keys allow."""
        return (
            ("tenants", _TENANT_COLUMNS, self.tenants),
            (
                "enterprises",
                ["city_id", "id", "credit_code", "name", "kind", "industry_code", "county_id", "created_at"],
                self.enterprises,
            ),
            ("users", ["id", "city_id", "login", "name", "created_at"], self.users),
            ("grants", ["city_id", "id", "user_id", "tenant_id", "role", "enterprise_id", "granted_at"], self.grants),
            ("event_heads", ["city_id", "position"], self.heads),
            ("schemes", ["city_id", "version", "name", "document", "digest", "published_at"], self.schemes),
        )
