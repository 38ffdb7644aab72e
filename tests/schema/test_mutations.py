"""The verbs through the schema: the whole road, who may, retries, versions, roles, tenants and schemes."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
import yaml

from tenants.schemes.model import load_preset
from tests.schema.conftest import Api

DESK = "intake_agent@guangyuan"
DISPATCHER = "dispatcher@guangyuan"
OFFICE = "office@guangyuan"
SUPERVISION = "supervision_officer@guangyuan"
HANDLER = "handler@guangyuan.commerce"
LEAD = "department_lead@guangyuan.commerce"
ADMINISTRATOR = "city_administrator@guangyuan"
CONTENT = {"category": "HELP", "channel": "WEB", "title": "用电报装久拖未决", "body": "六月申请,至今没有答复。"}

INPUTS: dict[str, dict[str, Any]] = {
    "ACCEPT": {},
    "ACKNOWLEDGE": {},
    "ANSWER": {"reply": "请到政务大厅三楼窗口办理。"},
    "ARBITRATE": {"lead": "guangyuan.commerce", "reason": "按职责清单"},
    "COMMENT": {"body": "补充说明", "visibility": "INTERNAL"},
    "DECLINE": {"basis": "不属于受理范围"},
    "DISPATCH": {"lead": "guangyuan.commerce"},
    "FOLLOW_UP": {"satisfaction": "UNSATISFIED", "justified": True},
    "RATE": {"satisfaction": "UNSATISFIED"},
    "RESOLVE": {"reply": "已办结"},
    "RETURN": {"reason": "不属于本部门职责"},
    "WITHDRAW": {},
}
"""What each action of `allowedActions` is called with."""


def mutation_of(action: str) -> str:
    name = "FOLLOW_UP" if action == "RATE" else action
    return "ticket" + "".join(part.capitalize() for part in name.split("_"))


async def test_the_whole_road_twice_round_and_up(api: Api) -> None:
    reporter = api.world.guangyuan.enterprise.login
    ticket = (await api.submit(county="guangyuan.cangxi"))["id"]

    async def step(login: str, name: str, **given: Any) -> str:
        shown = await api.verb(login, name, "status round version", ticketId=ticket, **given)
        return f"{shown['status']} {shown['round']} v{shown['version']}"

    to_commerce = {"lead": "guangyuan.commerce", "coHandlers": ["guangyuan.finance"]}
    assert await step(DESK, "ticketAccept") == "ACCEPTED 1 v2"
    assert await step(DISPATCHER, "ticketDispatch", lead="guangyuan.housing") == "DISPATCHED 1 v3"
    assert await step("handler@guangyuan.housing", "ticketReturn", reason="不属于本部门职责") == "DISPUTED 1 v4"
    assert await step(OFFICE, "ticketArbitrate", reason="按职责清单", **to_commerce) == "DISPATCHED 1 v5"
    assert await step(HANDLER, "ticketAcknowledge") == "IN_PROGRESS 1 v6"
    note = {"body": "已联系企业", "visibility": "INTERNAL"}
    assert await step("handler@guangyuan.finance", "ticketComment", **note) == "IN_PROGRESS 1 v6"
    assert await step(LEAD, "ticketResolve", reply="已接通") == "RESOLVED 1 v7"
    assert await step(reporter, "ticketFollowUp", satisfaction="UNSATISFIED") == "RESOLVED 1 v8"
    again = {"satisfaction": "UNSATISFIED", "justified": True}
    assert await step(DESK, "ticketFollowUp", **again) == "DISPATCHED 2 v9"
    assert await step(HANDLER, "ticketAcknowledge") == "IN_PROGRESS 2 v10"
    assert await step(HANDLER, "ticketResolve", reply="已重新接通") == "RESOLVED 2 v11"
    assert await step(DESK, "ticketFollowUp", **again) == "ESCALATED 2 v12"
    assert await step(SUPERVISION, "ticketDispatch", lead="guangyuan.commerce") == "DISPATCHED 3 v13"
    assert await step(LEAD, "ticketAcknowledge") == "IN_PROGRESS 3 v14"
    assert await step(LEAD, "ticketResolve", reply="已彻底解决") == "RESOLVED 3 v15"
    assert await step(reporter, "ticketFollowUp", satisfaction="VERY_SATISFIED") == "CLOSED 3 v16"
    shown = await api.data(
        reporter, "query($id: ID!) { ticket(id: $id) { allowedActions timeline { totalCount } } }", id=ticket
    )
    assert shown["ticket"] == {"allowedActions": [], "timeline": {"totalCount": 16}}


@pytest.mark.parametrize("steps", [(), ("ACCEPT",), ("ACCEPT", "DISPATCH"), ("ACCEPT", "DISPATCH", "RETURN")], ids=str)
async def test_what_is_allowed_works_and_nothing_else_does(api: Api, steps: tuple[str, ...]) -> None:
    """Every action, as everybody concerned, on a fresh ticket brought to the same state."""
    who = {"ACCEPT": DESK, "DISPATCH": DISPATCHER, "RETURN": HANDLER}
    reporter = api.world.guangyuan.enterprise.login

    async def fresh() -> str:
        ticket: str = (await api.submit())["id"]
        for action in steps:
            await api.verb(who[action], mutation_of(action), ticketId=ticket, **INPUTS[action])
        return ticket

    for login in (reporter, DESK, DISPATCHER, OFFICE, SUPERVISION, HANDLER, LEAD, "handler@guangyuan.finance"):
        ticket = await fresh()
        shown = await api.data(login, "query($id: ID!) { ticket(id: $id) { allowedActions } }", id=ticket)
        allowed = set(shown["ticket"]["allowedActions"]) if shown["ticket"] else set()
        for action, given in INPUTS.items():
            name = mutation_of(action)
            if login == reporter and action == "COMMENT":
                given = {**given, "visibility": "PUBLIC"}
            response = await api.ask(
                login,
                f"mutation($input: {name[0].upper()}{name[1:]}Input!) "
                f"{{ {name}(input: $input) {{ ticket {{ id }} userErrors {{ code }} }} }}",
                input={"ticketId": ticket, **given},
            )
            done = "errors" not in response and response["data"][name]["userErrors"] == []
            twin = {"RATE": "FOLLOW_UP", "FOLLOW_UP": "RATE"}.get(action, action)
            assert done is (action in allowed or (twin in allowed and twin != action)), (login, action, response)
            if done:
                ticket = await fresh()


async def test_a_stale_version_is_refused_with_both_versions(api: Api) -> None:
    ticket = (await api.submit())["id"]
    await api.verb(DESK, "ticketAccept", ticketId=ticket, expectedVersion=1)
    refused = await api.refusable(
        DISPATCHER, "ticketDispatch", ticketId=ticket, expectedVersion=1, **INPUTS["DISPATCH"]
    )
    (error,) = refused["userErrors"]
    assert (error["code"], error["expectedVersion"], error["currentVersion"]) == ("CONFLICT", 1, 2)


async def test_a_retry_is_answered_and_not_applied(api: Api, admin: asyncpg.Connection) -> None:
    reporter = api.world.guangyuan.enterprise.login
    first = await api.verb(reporter, "ticketSubmit", idempotencyKey="k-1", **CONTENT)
    assert await api.verb(reporter, "ticketSubmit", idempotencyKey="k-1", **CONTENT) == first
    other = await api.refusable(reporter, "ticketSubmit", idempotencyKey="k-1", **{**CONTENT, "title": "另一个问题"})
    assert [error["code"] for error in other["userErrors"]] == ["IDEMPOTENCY_MISMATCH"]
    for _ in range(2):
        accepted = await api.verb(DESK, "ticketAccept", ticketId=first["id"], idempotencyKey="a-1")
        assert accepted["version"] == 2
    assert await admin.fetchval("select count(*) from tickets") == 1
    assert await admin.fetchval("select count(*) from events") == 2


async def test_concurrent_twins_have_one_effect(api: Api, admin: asyncpg.Connection) -> None:
    reporter = api.world.guangyuan.enterprise.login
    twins = await asyncio.gather(
        *(api.verb(reporter, "ticketSubmit", idempotencyKey="twin", **CONTENT) for _ in range(4))
    )
    assert len({twin["id"] for twin in twins}) == 1
    assert await admin.fetchval("select count(*) from tickets") == 1


async def test_a_refusal_is_not_remembered(api: Api) -> None:
    reporter = api.world.guangyuan.enterprise.login
    refused = await api.refusable(reporter, "ticketSubmit", idempotencyKey="again", **{**CONTENT, "title": " "})
    assert [error["rule"] for error in refused["userErrors"]] == ["empty"]
    assert (await api.verb(reporter, "ticketSubmit", idempotencyKey="again", **CONTENT))["version"] == 1


GRANT = """mutation($input: RoleGrantInput!) { roleGrant(input: $input) {
roleGrant { id role tenant { path } user { login } } userErrors { code ... on InvalidInputError { rule } } } }"""
REVOKE = """mutation($input: RoleRevokeInput!) { roleRevoke(input: $input) { roleGrantId userErrors { code } } }"""


async def test_a_role_works_from_the_next_request_to_the_last(api: Api) -> None:
    login = "steward@guangyuan"
    accept = {"ticketId": (await api.submit())["id"]}
    document = "mutation($input: TicketAcceptInput!) { ticketAccept(input: $input) { userErrors { code } } }"
    refused = await api.ask(login, document, input=accept)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    given = {"login": login, "role": "INTAKE_AGENT", "tenant": "guangyuan", "idempotencyKey": "g-1"}
    granted = (await api.data(ADMINISTRATOR, GRANT, input=given))["roleGrant"]
    assert granted["userErrors"] == []
    assert granted["roleGrant"]["user"] == {"login": login}
    assert (await api.data(ADMINISTRATOR, GRANT, input=given))["roleGrant"] == granted
    assert (await api.data(login, document, input=accept))["ticketAccept"]["userErrors"] == []
    gone = (await api.data(ADMINISTRATOR, REVOKE, input={"grantId": granted["roleGrant"]["id"]}))["roleRevoke"]
    assert gone == {"roleGrantId": granted["roleGrant"]["id"], "userErrors": []}
    refused = await api.ask(login, document, input=accept)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_roles_are_given_inside_ones_own_city_only(api: Api) -> None:
    given = {"login": "steward@guangyuan", "role": "INTAKE_AGENT", "tenant": "guangyuan"}
    neighbour = (await api.data("city_administrator@anshan", GRANT, input=given))["roleGrant"]
    assert [error["code"] for error in neighbour["userErrors"]] == ["NOT_FOUND"]
    wrong_role = await api.ask(DESK, GRANT, input=given)
    assert wrong_role["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    operator = {**given, "role": "CITY_ADMINISTRATOR"}
    named = (await api.data("platform_operator@platform", GRANT, input=operator))["roleGrant"]
    assert named["userErrors"] == []
    assert named["roleGrant"]["role"] == "CITY_ADMINISTRATOR"


CREATE = """mutation($input: TenantCreateInput!) { tenantCreate(input: $input) {
tenant { id path kind parent { path } } userErrors { code ... on InvalidInputError { rule } } } }"""


async def test_a_tenant_is_added_once(api: Api) -> None:
    given = {"parent": "guangyuan.cangxi", "slug": "lingjiang", "kind": "TOWNSHIP", "name": "陵江镇"}
    keyed = {**given, "idempotencyKey": "t-1"}
    made = (await api.data(ADMINISTRATOR, CREATE, input=keyed))["tenantCreate"]
    assert made["userErrors"] == []
    assert made["tenant"]["path"] == "guangyuan.cangxi.lingjiang"
    assert made["tenant"]["parent"] == {"path": "guangyuan.cangxi"}
    assert (await api.data(ADMINISTRATOR, CREATE, input=keyed))["tenantCreate"] == made
    taken = (await api.data(ADMINISTRATOR, CREATE, input=given))["tenantCreate"]
    assert [error["rule"] for error in taken["userErrors"]] == ["taken"]
    neighbour = (await api.data("city_administrator@anshan", CREATE, input=given))["tenantCreate"]
    assert [error["code"] for error in neighbour["userErrors"]] == ["NOT_FOUND"]
    assert (await api.ask(DESK, CREATE, input=given))["errors"][0]["extensions"]["code"] == "FORBIDDEN"


PUBLISH = """mutation($input: SchemePublishInput!) { schemePublish(input: $input) {
scheme { version isCurrent note document } userErrors { code message ... on InvalidInputError { rule details }
... on ConflictError { currentVersion } } } }"""


def anshan_for_the_world() -> dict[str, Any]:
    """Anshan's document; the world's city has fewer tenants than the real one, which publishing would refuse."""
    return load_preset("anshan").scheme.document()


async def test_a_wrong_scheme_is_refused_with_line_and_key(api: Api) -> None:
    text = yaml.safe_dump(anshan_for_the_world(), allow_unicode=True).replace("number_prefix", "number_prefiks")
    payload = (await api.data("city_administrator@anshan", PUBLISH, input={"city": "anshan", "document": text}))[
        "schemePublish"
    ]
    (error,) = payload["userErrors"]
    assert payload["scheme"] is None
    assert error["code"] == "INVALID_INPUT"
    assert any("number_prefiks" in detail and ":" in detail for detail in error["details"]), error


async def test_publishing_what_is_in_force_changes_nothing(api: Api) -> None:
    text = yaml.safe_dump(anshan_for_the_world(), allow_unicode=True)
    given = {"city": "anshan", "document": text, "expectedVersion": 1}
    payload = (await api.data("city_administrator@anshan", PUBLISH, input=given))["schemePublish"]
    assert payload["userErrors"] == []
    assert payload["scheme"]["version"] == 1
    given["expectedVersion"] = 7
    stale = (await api.data("city_administrator@anshan", PUBLISH, input=given))["schemePublish"]
    assert [(error["code"], error["currentVersion"]) for error in stale["userErrors"]] == [("CONFLICT", 1)]
    neighbour = (await api.data(ADMINISTRATOR, PUBLISH, input=given))["schemePublish"]
    assert [error["code"] for error in neighbour["userErrors"]] == ["NOT_FOUND"]
