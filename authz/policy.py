"""The Casbin policy, compiled once into the table that every check reads.

`policy.csv` is the law and Casbin its reference reading, but one `enforce()` costs a hundred microseconds and more.
The table answers the same question by two look-ups; a test asks both about every role, permission and scope.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType

import casbin

from authz.actor import PolicyTable, ReachScope
from authz.permissions import Permission
from authz.roles import Role

HERE = Path(__file__).parent
MODEL = HERE / "model.conf"
POLICY = HERE / "policy.csv"


class PolicyProblem(Exception):
    """The policy cannot be used; the message names the line or the word that is wrong. Raised at start only."""


@cache
def load_policy() -> PolicyTable:
    """The policy of this installation, built once per process. Raises `PolicyProblem`."""
    return compile_policy(build_enforcer())


def build_enforcer(policy: Path = POLICY) -> casbin.Enforcer:
    """Casbin with the policy file loaded. Raises `PolicyProblem` for a line that Casbin would pass over or misread."""
    for number, line in enumerate(policy.read_text("utf-8").splitlines(), start=1):
        rule = line.strip()
        if rule and not rule.startswith("#") and (not rule.startswith("p,") or rule.count(",") != 4):
            raise PolicyProblem(f"{policy.name}:{number}: expected `p, ROLE, object, action, scope`, got `{rule}`")
    return casbin.Enforcer(str(MODEL), str(policy))


def compile_policy(enforcer: casbin.Enforcer) -> PolicyTable:
    """The enforcer's rules as an immutable table; every permission is in it. Raises `PolicyProblem` for an unknown
    role, permission or scope, and for a permission that no role has: nobody could ever use what it guards."""
    table: dict[Permission, dict[Role, set[ReachScope]]] = {permission: {} for permission in Permission}
    for rule in enforcer.get_policy():  # type: ignore[no-untyped-call]
        role, obj, action, scope = rule
        try:
            granted = table[Permission(f"{obj}:{action}")]
            granted.setdefault(Role(role), set()).add(ReachScope(scope))
        except ValueError as unknown:
            raise PolicyProblem(f"in `p, {', '.join(rule)}`: {unknown}") from None
    unused = [permission.value for permission, roles in table.items() if not roles]
    if unused:
        raise PolicyProblem(f"no role has {', '.join(unused)}")
    return MappingProxyType(
        {
            permission: MappingProxyType({role: frozenset(scopes) for role, scopes in roles.items()})
            for permission, roles in table.items()
        }
    )
