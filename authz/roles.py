"""The roles of `domain.md`, section 1, and the kinds of tenant each is granted at."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from tenants.models import TenantKind


class Role(StrEnum):
    """What a person is in a tenant. The public and evaluators have no role: they do not sign in."""

    AUDITOR = "AUDITOR"
    CITY_ADMINISTRATOR = "CITY_ADMINISTRATOR"
    DEPARTMENT_LEAD = "DEPARTMENT_LEAD"
    DISPATCHER = "DISPATCHER"
    ENTERPRISE_USER = "ENTERPRISE_USER"
    EVALUATION_MANAGER = "EVALUATION_MANAGER"
    FINANCE_OFFICER = "FINANCE_OFFICER"
    HANDLER = "HANDLER"
    INTAKE_AGENT = "INTAKE_AGENT"
    LEADING_GROUP = "LEADING_GROUP"
    OFFICE = "OFFICE"
    PLATFORM_OPERATOR = "PLATFORM_OPERATOR"
    POLICY_OFFICER = "POLICY_OFFICER"
    SPECIAL_MONITOR = "SPECIAL_MONITOR"
    STEWARD = "STEWARD"
    SUPERVISION_OFFICER = "SUPERVISION_OFFICER"
    WORKING_GROUP = "WORKING_GROUP"


_SPACE = frozenset({TenantKind.CITY, TenantKind.REGION})
"""Tenants that are a space of their own: a region's desk is staffed like a city's."""
_LEVEL = _SPACE | {TenantKind.COUNTY}
"""Where a desk, a dispatcher or an office sits: each level has its own."""
_UNIT = frozenset({TenantKind.COUNTY, TenantKind.DEPARTMENT, TenantKind.TOWNSHIP})
"""What a ticket can be dispatched to. A county is among them: it leads as a unit, and is ranked as one."""

GRANTABLE_AT: Mapping[Role, frozenset[TenantKind]] = MappingProxyType(
    {
        Role.AUDITOR: _SPACE,
        Role.CITY_ADMINISTRATOR: _SPACE,
        Role.DEPARTMENT_LEAD: _UNIT,
        Role.DISPATCHER: _LEVEL,
        Role.ENTERPRISE_USER: frozenset({TenantKind.CITY}),
        Role.EVALUATION_MANAGER: _SPACE,
        Role.FINANCE_OFFICER: _LEVEL,
        Role.HANDLER: _UNIT,
        Role.INTAKE_AGENT: _LEVEL,
        Role.LEADING_GROUP: _SPACE,
        Role.OFFICE: _LEVEL,
        Role.PLATFORM_OPERATOR: frozenset({TenantKind.PLATFORM}),
        Role.POLICY_OFFICER: frozenset({TenantKind.DEPARTMENT, TenantKind.TOWNSHIP}),
        Role.SPECIAL_MONITOR: _SPACE,
        Role.STEWARD: _LEVEL | {TenantKind.DEPARTMENT},
        Role.SUPERVISION_OFFICER: _LEVEL,
        Role.WORKING_GROUP: _SPACE,
    }
)
"""The kinds of tenant at which a role makes sense (domain.md, section 1, "scope")."""
