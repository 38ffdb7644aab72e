"""The policy says what domain.md says, and the compiled table says what Casbin says."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from authz.actor import ReachScope
from authz.permissions import Permission
from authz.policy import POLICY, PolicyProblem, build_enforcer, compile_policy, load_policy
from authz.roles import GRANTABLE_AT, Role

ROLES = {
    "INT": Role.INTAKE_AGENT,
    "DIS": Role.DISPATCHER,
    "HAN": Role.HANDLER,
    "LEA": Role.DEPARTMENT_LEAD,
    "OFF": Role.OFFICE,
    "SUP": Role.SUPERVISION_OFFICER,
    "WRK": Role.WORKING_GROUP,
    "LDG": Role.LEADING_GROUP,
    "AUD": Role.AUDITOR,
    "ENT": Role.ENTERPRISE_USER,
    "STE": Role.STEWARD,
    "MON": Role.SPECIAL_MONITOR,
    "ADM": Role.CITY_ADMINISTRATOR,
    "OPR": Role.PLATFORM_OPERATOR,
    "EVA": Role.EVALUATION_MANAGER,
    "FIN": Role.FINANCE_OFFICER,
    "POL": Role.POLICY_OFFICER,
}
SCOPES = {
    "s": ReachScope.SUBTREE,
    "t": ReachScope.TENANT,
    "a": ReachScope.ASSIGNED,
    "o": ReachScope.OWN,
    "n": ReachScope.NAMED,
    "h": ReachScope.HELPS,
    "c": ReachScope.SPACE,
}

# s subtree, c the whole city from a grant at the city itself, t tenant (what it leads), h what it helps with,
# a assigned (both), o own, n what one is named on, . not at all
MATRIX = """
                           INT DIS HAN LEA OFF SUP WRK LDG AUD ENT STE MON ADM OPR EVA FIN POL
aggregate:read              c   .   .   .   c   c   c   c   c   .   .   .   .   .   .   .   .
aggregate:release           .   .   .   .   c   .   .   .   .   .   .   .   .   .   .   .   .
ticket:submit               s   .   .   .   .   .   .   .   .   o   s   s   .   .   .   .   .
ticket:accept               s   .   .   .   .   n   .   .   .   .   .   .   .   .   .   .   .
ticket:decline              s   .   .   .   .   n   .   .   .   .   .   .   .   .   .   .   .
ticket:answer               s   .   .   .   .   n   .   .   .   .   .   .   .   .   .   .   .
ticket:dispatch             .   s   .   .   .   n   .   .   .   .   .   .   .   .   .   .   .
ticket:acknowledge          .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:return               .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:resolve              .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:arbitrate            .   .   .   .   s   n   .   .   .   .   .   .   .   .   .   .   .
ticket:dispatch_escalated   .   .   .   .   c   cn  .   .   .   .   .   .   .   .   .   .   .
ticket:arbitrate_referred   .   .   .   .   .   .   s   .   .   .   .   .   .   .   .   .   .
ticket:refer                .   .   .   .   s   .   .   .   .   .   .   .   .   .   .   .   .
ticket:receive              .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:first_contact        .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:extension_request    .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:extension_decide     .   .   .   .   s   n   .   .   .   .   .   .   .   .   .   .   .
ticket:suspend              .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:resume               .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:coordination_request .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:coordinate_task_group .  .   .   .   s   s   .   .   .   .   .   .   .   .   .   .   .
ticket:coordinate_working_group . . .   .   .   .   s   .   .   .   .   .   .   .   .   .   .
ticket:coordinate_leading_group . . .   .   .   .   .   s   .   .   .   .   .   .   .   .   .
ticket:part_report          .   .   h   h   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:terminate            .   .   .   .   s   n   .   .   .   .   .   .   .   .   .   .   .
ticket:malice_find          .   .   .   .   s   n   .   .   .   .   .   .   .   .   .   .   .
ticket:malice_appeal        .   .   .   .   .   .   .   .   .   o   o   o   .   .   .   .   .
ticket:malice_decide        .   .   .   .   .   .   s   .   .   .   .   .   .   .   .   .   .
ticket:quality_check        .   .   .   .   .   s   .   .   .   .   .   .   .   .   .   .   .
ticket:quality_keep         .   .   .   .   s   .   .   .   .   .   .   .   .   .   .   .   .
ticket:read_quality         .   .   .   .   s   s   s   s   s   .   .   .   .   .   .   .   .
ticket:follow_up            s   .   .   .   .   n   .   .   .   .   .   .   .   .   .   .   .
ticket:rate                 .   .   .   .   .   .   .   .   .   o   o   o   .   .   .   .   .
ticket:withdraw             .   .   .   .   .   .   .   .   .   o   o   o   .   .   .   .   .
ticket:attach               s   .   a   a   .   n   .   .   .   o   o   o   .   .   .   .   .
ticket:comment              s   .   a   a   .   n   .   .   .   o   o   o   .   .   .   .   .
ticket:merge                s   .   .   .   .   n   .   .   .   .   .   .   .   .   .   .   .
ticket:transfer             s   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
ticket:note                 s   s   a   a   s   s   .   .   .   .   .   .   .   .   .   .   .
ticket:read                 s   s   a   a   s   s   s   s   s   o   o   o   .   .   .   .   .
ticket:read_internal        s   s   a   a   s   s   s   s   s   .   .   .   .   .   .   .   .
ticket:read_reporter        s   .   .   .   .   s   .   .   s   .   .   .   .   .   .   .   .
ticket:read_restricted      .   .   .   .   .   .   .   .   s   .   .   .   .   .   .   .   .
ticket:read_statistics      s   s   a   a   s   s   s   s   s   .   .   .   .   .   .   .   .
supervision:remind          .   .   .   .   s   .   .   .   .   .   .   .   .   .   .   .   .
supervision:rectify         .   .   .   .   .   s   .   .   .   .   .   .   .   .   .   .   .
supervision:interview       .   .   .   .   .   .   s   .   .   .   .   .   .   .   .   .   .
supervision:reply           .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
supervision:read            .   .   t   t   s   s   s   s   s   .   .   .   .   .   .   .   .
supervision:read_referral   .   .   .   .   .   .   s   s   s   .   .   .   .   .   .   .   .
transfer:decide             c   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
transfer:read               c   .   .   .   c   c   .   .   c   .   .   .   .   .   .   .   .
notification:read           t   .   t   t   t   t   t   t   .   .   .   .   .   .   .   .   .
decision:read               s   s   s   s   s   s   s   s   s   o   s   s   s   .   s   s   s
enterprise:read             s   s   a   a   s   s   s   s   s   o   s   .   .   .   .   s   s
scheme:read                 s   s   s   s   s   s   s   s   s   o   s   s   s   .   s   s   s
rectification:issue         .   .   .   .   s   s   .   .   .   .   .   .   .   .   .   .   .
rectification:judge         .   .   .   .   s   s   .   .   .   .   .   .   .   .   .   .   .
rectification:progress      .   .   a   a   .   .   .   .   .   .   .   .   .   .   .   .   .
rectification:read          .   .   a   a   s   s   s   s   s   .   .   .   .   .   .   .   .
rectification:work          .   .   t   t   .   .   .   .   .   .   .   .   .   .   .   .   .
responsibility:publish      .   .   .   .   c   .   .   .   .   .   .   .   .   .   .   .   .
responsibility:read         s   s   s   s   s   s   s   s   s   o   s   s   s   .   s   s   s
responsibility:suggest       .   s   .   .   s   cn  s   .   .   .   .   .   .   .   .   .   .
scheme:publish              .   .   .   .   .   .   .   .   .   .   .   .   s   .   .   .   .
schema:introspect           s   s   s   s   s   s   s   s   s   .   s   s   s   s   s   s   s
tenant:create               .   .   .   .   .   .   .   .   .   .   .   .   s   s   .   .   .
role:grant                  .   .   .   .   .   .   .   .   .   .   .   .   s   s   .   .   .
role:read                   .   .   .   .   .   .   .   .   s   .   .   .   s   .   .   .   .
user:read                   .   .   .   .   .   .   .   .   s   .   .   .   s   s   .   .   .
integrity:keep              .   .   .   .   s   s   .   .   .   .   .   .   .   .   .   .   .
integrity:record            .   .   t   t   s   s   .   .   .   .   .   .   .   .   .   s   .
integrity:read              .   .   t   t   s   s   s   s   s   o   .   .   .   .   .   s   .
integrity:read_internal     .   .   t   t   s   s   s   s   s   .   .   .   .   .   .   s   .
report:submit               .   .   .   t   s   s   s   .   .   .   .   .   .   .   .   .   .
report:decide               .   .   .   .   s   s   s   s   .   .   .   .   .   .   .   .   .
report:read                 .   .   .   t   s   s   s   s   s   .   .   .   .   .   .   .   .
"""


def matrix() -> dict[Permission, dict[Role, frozenset[ReachScope]]]:
    header, *lines = MATRIX.strip("\n").splitlines()
    columns = [ROLES[short] for short in header.split()]
    rows = {}
    for line in lines:
        name, *cells = line.split()
        assert len(cells) == len(columns), line
        rows[Permission(name)] = {
            role: frozenset(SCOPES[letter] for letter in cell)
            for role, cell in zip(columns, cells, strict=True)
            if cell != "."
        }
    return rows


def test_who_may_what() -> None:
    table = load_policy()
    for permission, roles in matrix().items():
        assert dict(table[permission]) == roles, permission


def test_the_matrix_knows_every_role_and_permission() -> None:
    assert set(ROLES.values()) == set(Role)
    assert set(matrix()) == set(Permission)


def test_the_table_answers_as_casbin_does() -> None:
    enforcer: Any = build_enforcer()
    table = load_policy()
    combinations = list(itertools.product(Role, Permission, ReachScope))
    assert len(combinations) == len(Role) * len(Permission) * len(ReachScope)
    allowed = 0
    for role, permission, scope in combinations:
        obj, action = permission.value.split(":")
        said = enforcer.enforce(role.value, obj, action, scope.value)
        assert (scope in table[permission].get(role, frozenset())) is said, (role, permission, scope)
        allowed += said
    assert allowed == len(enforcer.get_policy()), "every line of the policy is a combination"


def test_the_auditor_writes_nothing_and_sees_all_that_is_to_be_read() -> None:
    table = load_policy()
    held = {permission for permission in Permission if Role.AUDITOR in table[permission]}
    assert all(permission.value.split(":")[1].startswith(("read", "introspect")) for permission in held)
    assert held >= {permission for permission in Permission if permission.value.startswith("ticket:read")}


@pytest.mark.parametrize("role", [Role.CITY_ADMINISTRATOR, Role.PLATFORM_OPERATOR])
def test_administrators_have_nothing_to_do_with_tickets(role: Role) -> None:
    held = {permission for permission, roles in load_policy().items() if role in roles}
    assert held
    assert not {permission for permission in held if permission.value.startswith(("ticket:", "enterprise:"))}


def test_internal_notes_are_never_for_those_who_see_only_their_own() -> None:
    table = load_policy()
    for role, scopes in table[Permission.TICKET_READ_INTERNAL].items():
        assert ReachScope.OWN not in scopes, role
        assert scopes == table[Permission.TICKET_READ][role], "exactly where they read the ticket"


def test_the_table_cannot_be_changed() -> None:
    table: Any = load_policy()
    with pytest.raises(TypeError):
        table[Permission.TICKET_READ] = {}
    with pytest.raises(TypeError):
        table[Permission.TICKET_READ][Role.CITY_ADMINISTRATOR] = frozenset(ReachScope)
    assert load_policy() is table, "built once"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("p, JANITOR, ticket, read, subtree", "JANITOR"),
        ("p, OFFICE, ticket, burn, subtree", "ticket:burn"),
        ("p, OFFICE, ticket, read, galaxy", "galaxy"),
        ("p, OFFICE, ticket, read", "expected"),
        ("p, OFFICE, ticket, read, subtree, deny", "expected"),
        ("q, OFFICE, ticket, read, subtree", "expected"),  # Casbin would pass over it in silence
        ("OFFICE may read", "expected"),
    ],
)
def test_a_line_that_means_nothing_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    policy = tmp_path / "policy.csv"
    policy.write_text(POLICY.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(PolicyProblem, match=complaint):
        compile_policy(build_enforcer(policy))


def test_a_permission_that_no_role_has_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "policy.csv"
    lines = POLICY.read_text("utf-8").splitlines()
    policy.write_text("\n".join(line for line in lines if ", arbitrate," not in line), "utf-8")
    with pytest.raises(PolicyProblem, match="no role has ticket:arbitrate"):
        compile_policy(build_enforcer(policy))


def test_the_table_is_far_cheaper_than_the_enforcer() -> None:
    """Relative only: both are asked the same questions on the same machine."""
    enforcer: Any = build_enforcer()
    table = load_policy()
    questions = list(itertools.product(Role, Permission, [ReachScope.SUBTREE]))[:200]

    def seconds(ask: Any) -> float:
        def once() -> float:
            begun = time.perf_counter()
            for role, permission, scope in questions:
                ask(role, permission, scope)
            return time.perf_counter() - begun

        return min(once() for _ in range(3))

    by_table = seconds(lambda role, permission, scope: scope in table[permission].get(role, frozenset()))
    by_casbin = seconds(
        lambda role, permission, scope: enforcer.enforce(role.value, *permission.value.split(":"), scope.value)
    )
    assert by_table * 20 < by_casbin


def test_every_role_has_its_place() -> None:
    assert set(GRANTABLE_AT) == set(Role)
    assert all(GRANTABLE_AT.values())
