"""The demonstration's logins: `<role>@<tenant path>` for every role where it makes sense, `enterprise@<credit code>`.

Marked `demo` in the database: `serve` refuses to leave the loopback address while there are any.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from app.demo.city import DemoCity, DemoKind, DemoTenant, demo_id
from authz.roles import GRANTABLE_AT, Role
from tenants.models import TenantKind

ROLE_NAMES: Mapping[Role, str] = MappingProxyType(
    {
        Role.AUDITOR: "审计监督员",
        Role.CITY_ADMINISTRATOR: "城市管理员",
        Role.DEPARTMENT_LEAD: "部门负责人",
        Role.DISPATCHER: "分办员",
        Role.ENTERPRISE_USER: "企业用户",
        Role.EVALUATION_MANAGER: "评价管理员",
        Role.FINANCE_OFFICER: "财政资金专员",
        Role.HANDLER: "经办人员",
        Role.INTAKE_AGENT: "受理专席",
        Role.LEADING_GROUP: "领导小组",
        Role.OFFICE: "工作小组办公室",
        Role.PLATFORM_OPERATOR: "平台运维员",
        Role.POLICY_OFFICER: "政策专员",
        Role.SPECIAL_MONITOR: "特约监督员",
        Role.STEWARD: "企业管家",
        Role.SUPERVISION_OFFICER: "督查督办专责组",
        Role.WORKING_GROUP: "工作小组",
    }
)
"""What a role is called in the name of its demonstration login: offices, never people."""


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """A login and its one grant. `city_id` is the space it belongs to."""

    id: uuid.UUID
    grant_id: uuid.UUID
    city_id: int
    login: str
    name: str
    role: Role
    tenant_id: int


def staff_logins(city_id: int, tenants: Sequence[DemoTenant]) -> list[DemoLogin]:
    """The staff of a city, or of the platform: every role at every tenant that it can be granted at."""
    return [
        _login(city_id, tenant, role)
        for tenant in tenants
        for role in Role
        if role is not Role.ENTERPRISE_USER and TenantKind(tenant.kind) in GRANTABLE_AT[role]
    ]


def login_of(role: Role, path: str) -> str:
    """`handler@guangyuan.finance`."""
    return f"{role.value.lower()}@{path}"


def enterprise_login(credit_code: str) -> str:
    """`enterprise@91510824…`."""
    return f"enterprise@{credit_code}"


def login_id(login: str) -> uuid.UUID:
    """The fixed id of a demonstration login of the staff."""
    return demo_id(login, DemoKind.USER, 0)


def enterprise_user_id(city: DemoCity, index: int) -> uuid.UUID:
    """The fixed id of the user of the city's `index`-th enterprise."""
    return demo_id(city.path, DemoKind.ENTERPRISE_USER, index)


def _login(city_id: int, tenant: DemoTenant, role: Role) -> DemoLogin:
    login = login_of(role, tenant.path)
    name = f"{ROLE_NAMES[role]}({tenant.name})"
    return DemoLogin(login_id(login), demo_id(login, DemoKind.GRANT, 0), city_id, login, name, role, tenant.id)
