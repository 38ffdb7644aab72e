"""How far a person's permissions go: from their grants and the policy, without a database."""

from __future__ import annotations

import uuid
from types import MappingProxyType

from authz.actor import Actor, ActorGrant, Reach
from authz.permissions import Permission
from authz.policy import load_policy
from authz.roles import Role
from tenants.models import TenantKind

GUANGYUAN, CANGXI, FINANCE, HEALTH, CANGXI_FINANCE, ANSHAN = 10, 11, 12, 13, 14, 20
ACME, ZENITH = uuid.UUID(int=1), uuid.UUID(int=2)


def grant(role: Role, tenant_id: int = GUANGYUAN, enterprise_id: uuid.UUID | None = None) -> ActorGrant:
    kind, city_id, county_id = {
        GUANGYUAN: (TenantKind.CITY, GUANGYUAN, None),
        CANGXI: (TenantKind.COUNTY, GUANGYUAN, CANGXI),
        FINANCE: (TenantKind.DEPARTMENT, GUANGYUAN, None),
        HEALTH: (TenantKind.DEPARTMENT, GUANGYUAN, None),
        CANGXI_FINANCE: (TenantKind.DEPARTMENT, GUANGYUAN, CANGXI),
        ANSHAN: (TenantKind.CITY, ANSHAN, None),
    }[tenant_id]
    return ActorGrant(role, city_id, tenant_id, kind, county_id, enterprise_id)


def person(*grants: ActorGrant, at_home: int = GUANGYUAN) -> Actor:
    return Actor(uuid.UUID(int=99), "somebody", "某人", at_home, 1, grants, load_policy())


def test_a_subtree_at_the_city_is_the_whole_city_and_no_other() -> None:
    dispatcher = person(grant(Role.DISPATCHER))
    assert dispatcher.reach(Permission.TICKET_DISPATCH, GUANGYUAN) == Reach(GUANGYUAN, whole_city=True)
    assert dispatcher.reach(Permission.TICKET_DISPATCH, ANSHAN).empty


def test_a_subtree_at_a_county_is_the_county() -> None:
    agent = person(grant(Role.INTAKE_AGENT, CANGXI))
    assert agent.reach(Permission.TICKET_ACCEPT, GUANGYUAN) == Reach(GUANGYUAN, counties=(CANGXI,))


def test_a_subtree_at_a_department_is_what_it_handles_also_inside_a_county() -> None:
    steward = person(grant(Role.STEWARD, CANGXI_FINANCE))
    assert steward.reach(Permission.TICKET_SUBMIT, GUANGYUAN) == Reach(GUANGYUAN, tenants=(CANGXI_FINANCE,))


def test_a_handler_reads_what_it_helps_with_but_takes_steps_only_where_it_leads() -> None:
    handler = person(grant(Role.HANDLER, FINANCE))
    assert handler.reach(Permission.TICKET_READ, GUANGYUAN) == Reach(GUANGYUAN, tenants=(FINANCE,))
    assert handler.reach(Permission.TICKET_RESOLVE, GUANGYUAN) == Reach(GUANGYUAN, leads=(FINANCE,))
    assert handler.reach(Permission.TICKET_DISPATCH, GUANGYUAN).empty


def test_an_enterprise_user_reaches_the_enterprise_and_what_they_submitted() -> None:
    user = person(grant(Role.ENTERPRISE_USER, enterprise_id=ZENITH), grant(Role.ENTERPRISE_USER, enterprise_id=ACME))
    assert user.reach(Permission.TICKET_READ, GUANGYUAN) == Reach(GUANGYUAN, own=True, enterprises=(ACME, ZENITH))
    assert user.reach(Permission.TICKET_READ_INTERNAL, GUANGYUAN).empty


def test_a_monitor_reports_anywhere_and_follows_what_they_reported() -> None:
    monitor = person(grant(Role.SPECIAL_MONITOR))
    assert monitor.reach(Permission.TICKET_SUBMIT, GUANGYUAN).whole_city
    assert monitor.reach(Permission.TICKET_READ, GUANGYUAN) == Reach(GUANGYUAN, own=True)


def test_only_the_auditor_reads_restricted_tickets_by_right() -> None:
    everybody_else = person(*(grant(role) for role in Role if role is not Role.AUDITOR))
    assert everybody_else.reach(Permission.TICKET_READ_RESTRICTED, GUANGYUAN).empty
    assert person(grant(Role.AUDITOR)).reach(Permission.TICKET_READ_RESTRICTED, GUANGYUAN).whole_city


def test_several_grants_add_up_inside_a_city() -> None:
    busy = person(
        grant(Role.HANDLER, HEALTH),
        grant(Role.DEPARTMENT_LEAD, FINANCE),
        grant(Role.INTAKE_AGENT, CANGXI),
        grant(Role.STEWARD),
        grant(Role.OFFICE, ANSHAN),
    )
    assert busy.reach(Permission.TICKET_READ, GUANGYUAN) == Reach(
        GUANGYUAN, counties=(CANGXI,), tenants=(FINANCE, HEALTH), own=True
    )
    assert busy.reach(Permission.TICKET_RETURN, GUANGYUAN) == Reach(GUANGYUAN, leads=(FINANCE, HEALTH))
    assert busy.reach(Permission.TICKET_READ, ANSHAN) == Reach(ANSHAN, whole_city=True)
    assert busy.cities == (GUANGYUAN, ANSHAN)


def test_a_grant_in_one_city_gives_nothing_in_the_city_of_ones_login() -> None:
    guest = person(grant(Role.OFFICE, ANSHAN), at_home=GUANGYUAN)
    assert guest.cities == (GUANGYUAN, ANSHAN)
    assert guest.reach(Permission.TICKET_READ, GUANGYUAN).empty


def test_may_asks_for_any_role_anywhere() -> None:
    handler = person(grant(Role.HANDLER, FINANCE))
    assert handler.may(Permission.TICKET_RESOLVE)
    assert not handler.may(Permission.TICKET_ACCEPT)
    assert not any(person().may(permission) for permission in Permission)


def test_may_follows_the_policy_it_was_given() -> None:
    nothing = Actor(uuid.UUID(int=99), "a", "a", GUANGYUAN, 1, (grant(Role.OFFICE),), MappingProxyType({}))
    assert not nothing.may(Permission.TICKET_READ)
    assert nothing.reach(Permission.TICKET_READ, GUANGYUAN).empty


def test_asking_about_many_cities_leaves_nothing_behind() -> None:
    agent = person(grant(Role.INTAKE_AGENT))
    for city_id in range(1000, 2000):
        assert agent.reach(Permission.TICKET_READ, city_id).empty
    assert agent.reach(Permission.TICKET_READ, GUANGYUAN) is agent.reach(Permission.TICKET_READ, GUANGYUAN)
    assert len(agent._reaches) == 1


def test_the_shape_tells_one_from_several() -> None:
    assert Reach(1, tenants=(2,)).shape == "t"
    assert Reach(1, tenants=(2, 3, 4)).shape == "tt"
    assert Reach(1).empty
