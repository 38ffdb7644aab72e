"""What the neighbouring city, the wrong role and a stranger get, for every field of the three roots.

A new root without a row in a table here fails.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from app.kernel.errors import BadInput, Forbidden, RequestError, Unauthenticated
from authz.permissions import Permission
from schema import ids
from schema.schema import VERBS, assemble
from schema.tickets.subscriptions import STREAMS
from tests.schema.conftest import Api

NEIGHBOUR = "intake_agent@anshan"
NO_TICKETS = ("city_administrator@guangyuan", "platform_operator@platform", "evaluation_manager@guangyuan")
UNKNOWN = ids.encode("T", 10, uuid.UUID(int=7))

# field → (selection with its arguments, the neighbour's answer, who is FORBIDDEN, whether a stranger may ask)
QUERIES: dict[str, tuple[str, Any, tuple[str, ...], bool]] = {
    "ticket": ('ticket(id: "{ticket}") {{ id }}', None, NO_TICKETS, False),
    "ticketByNumber": ('ticketByNumber(number: "{number}") {{ id }}', None, NO_TICKETS, False),
    "tickets": ("tickets {{ totalCount }}", {"totalCount": 0}, NO_TICKETS, False),
    "enterprise": ('enterprise(creditCode: "{code}") {{ id }}', None, NO_TICKETS, False),
    "enterprises": (
        'enterprises(filter: {{text: "{code}"}}) {{ totalCount }}',
        {"totalCount": 0},
        NO_TICKETS,
        False,
    ),
    "scheme": ('scheme(city: "guangyuan") {{ version }}', BadInput, ("platform_operator@platform",), False),
    "node": ('node(id: "{ticket}") {{ id }}', None, (), True),
    "nodes": ('nodes(ids: ["{ticket}", "{enterprise}"]) {{ id }}', [None, None], (), True),
    "tenant": ('tenant(path: "guangyuan") {{ path }}', {"path": "guangyuan"}, (), True),
    "tenants": ("tenants(kind: CITY) {{ totalCount }}", {"totalCount": 2}, (), True),
    "viewer": ("viewer {{ user {{ login }} }}", {"user": {"login": NEIGHBOUR}}, (), True),
}
FORBIDDEN_VERBS = {
    "ticketSubmit": "dispatcher@guangyuan",
    "ticketAccept": "dispatcher@guangyuan",
    "ticketDecline": "handler@guangyuan.commerce",
    "ticketAnswer": "office@guangyuan",
    "ticketDispatch": "intake_agent@guangyuan",
    "ticketAcknowledge": "dispatcher@guangyuan",
    "ticketReturn": "intake_agent@guangyuan",
    "ticketArbitrate": "dispatcher@guangyuan",
    "ticketComment": "working_group@guangyuan",
    "ticketResolve": "intake_agent@guangyuan",
    "ticketFollowUp": "handler@guangyuan.commerce",
    "ticketWithdraw": "intake_agent@guangyuan",
    "tenantCreate": "intake_agent@guangyuan",
    "schemePublish": "office@guangyuan",
    "roleGrant": "office@guangyuan",
    "roleRevoke": "auditor@guangyuan",
}
"""Each mutation, and somebody of the right city without the role."""


def code_of(response: dict[str, Any]) -> str:
    (error,) = response["errors"]
    code: str = error["extensions"]["code"]
    return code


async def prepared(api: Api, template: str) -> str:
    ticket = await api.submit()
    enterprise = api.world.guangyuan.enterprise
    return (
        "{ found: "
        + template.format(
            ticket=ticket["id"],
            number=ticket["number"],
            code=enterprise.credit_code,
            enterprise=ids.encode("E", enterprise.city_id, enterprise.id),
        )
        + " }"
    )


def test_every_root_has_its_row() -> None:
    assembled = assemble()
    assert set(QUERIES) == set(assembled.roots) == set(assembled.executable.query_type.fields)  # type: ignore[union-attr]
    assert set(FORBIDDEN_VERBS) == set(VERBS)
    assert set(STREAMS) == set(assembled.executable.subscription_type.fields)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", QUERIES)
async def test_queries(api: Api, name: str) -> None:
    template, neighbour, forbidden, public = QUERIES[name]
    query = await prepared(api, template)
    response = await api.ask(NEIGHBOUR, query)
    if isinstance(neighbour, type):
        assert code_of(response) == neighbour.code
    else:
        assert response == {"data": {"found": neighbour}}
    for login in forbidden:
        refused = await api.ask(login, query)
        assert code_of(refused) == "FORBIDDEN"
        assert "data" in refused
        assert not (refused["data"] or {}).get("found")
    stranger = await api.ask(None, query)
    assert ("errors" not in stranger) is public
    if not public:
        assert code_of(stranger) == "UNAUTHENTICATED"
    ours = await api.data("auditor@guangyuan", query)
    assert ours["found"], "somebody of the city does see it"


def given_for(name: str, ticket: str) -> dict[str, Any]:
    texts = {"reply": "已办结", "basis": "依据", "reason": "原因", "body": "内容"}
    extra = {
        "ticketSubmit": {"category": "HELP", "channel": "WEB", "title": "用电报装", "body": "六月申请,没有答复。"},
        "ticketDecline": {"basis": texts["basis"]},
        "ticketAnswer": {"reply": texts["reply"]},
        "ticketDispatch": {"lead": "guangyuan.commerce"},
        "ticketReturn": {"reason": texts["reason"]},
        "ticketArbitrate": {"lead": "guangyuan.commerce", "reason": texts["reason"]},
        "ticketComment": {"body": texts["body"], "visibility": "PUBLIC"},
        "ticketResolve": {"reply": texts["reply"]},
        "ticketFollowUp": {"satisfaction": "SATISFIED"},
        "tenantCreate": {"parent": "guangyuan", "slug": "newone", "kind": "COUNTY", "name": "新区"},
        "schemePublish": {"city": "guangyuan", "document": "{}"},
        "roleGrant": {"login": "steward@guangyuan", "role": "AUDITOR", "tenant": "guangyuan"},
        "roleRevoke": {"grantId": ids.encode("G", 10, uuid.UUID(int=9))},
    }.get(name, {})
    return (
        extra
        if name in ("ticketSubmit", "tenantCreate", "schemePublish", "roleGrant", "roleRevoke")
        else {
            "ticketId": ticket,
            **extra,
        }
    )


NEIGHBOURS = {
    "ticketSubmit": "enterprise",
    "ticketAccept": "intake_agent@anshan",
    "ticketDecline": "intake_agent@anshan",
    "ticketAnswer": "intake_agent@anshan",
    "ticketDispatch": "dispatcher@anshan",
    "ticketAcknowledge": "handler@anshan.commerce",
    "ticketReturn": "handler@anshan.commerce",
    "ticketArbitrate": "office@anshan",
    "ticketComment": "intake_agent@anshan",
    "ticketResolve": "handler@anshan.commerce",
    "ticketFollowUp": "intake_agent@anshan",
    "ticketWithdraw": "enterprise",
    "tenantCreate": "city_administrator@anshan",
    "schemePublish": "city_administrator@anshan",
    "roleGrant": "city_administrator@anshan",
    "roleRevoke": "city_administrator@anshan",
}
"""Each mutation, and somebody who has the role, in the other city."""


@pytest.mark.parametrize("name", FORBIDDEN_VERBS)
async def test_mutations(api: Api, name: str) -> None:
    ticket = (await api.submit())["id"]
    document = (
        f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
    )
    given = given_for(name, ticket)
    assert code_of(await api.ask(None, document, input=given)) == "UNAUTHENTICATED"
    forbidden = [await api.ask(FORBIDDEN_VERBS[name], document, input=given)]
    if "ticketId" in given:  # whether there is such a ticket makes no difference to who may not even try
        forbidden.append(await api.ask(FORBIDDEN_VERBS[name], document, input={**given, "ticketId": UNKNOWN}))
    assert [code_of(each) for each in forbidden] == ["FORBIDDEN"] * len(forbidden)
    login = NEIGHBOURS[name]
    login = api.world.anshan.enterprise.login if login == "enterprise" else login
    if name == "ticketSubmit":  # on behalf of the other city's enterprise
        theirs = api.world.guangyuan.enterprise
        given = {**given, "enterpriseId": ids.encode("E", theirs.city_id, theirs.id)}
    response = await api.ask(login, document, input=given)
    codes = [error["code"] for error in response["data"][name]["userErrors"]]
    assert codes == ["NOT_FOUND"]
    shown = await api.data("auditor@guangyuan", "query($id: ID!) { ticket(id: $id) { version } }", id=ticket)
    assert shown == {"ticket": {"version": 1}}


@pytest.mark.parametrize("name", STREAMS)
async def test_subscriptions(api: Api, name: str) -> None:
    ticket = (await api.submit())["id"]
    arguments = {"ticketEvents": f'id: "{ticket}"', "ticketFeed": 'within: "guangyuan"'}[name]
    query = f"subscription {{ {name}({arguments}) {{ cursor node {{ type }} }} }}"
    executor = api.services.executor

    async def refusal(login: str | None) -> type[RequestError]:
        viewer = await api.viewer(login)
        with pytest.raises(RequestError) as refused:
            await executor.prepare_subscription(executor.prepare(query, None, viewer=viewer), {}, viewer)
        return refused.type

    assert await refusal(None) is Unauthenticated
    assert await refusal(NEIGHBOUR) is BadInput
    for login in NO_TICKETS:
        assert await refusal(login) is Forbidden
    viewer = await api.viewer("office@guangyuan")
    stream = await executor.prepare_subscription(executor.prepare(query, None, viewer=viewer), {}, viewer)
    assert stream.topic_city == api.world.guangyuan.id


def test_the_permissions_of_the_verbs_are_the_policy_s() -> None:
    assert {permission for verb in VERBS.values() for permission in verb.permissions} >= {
        permission
        for permission in Permission
        if permission.value.startswith("ticket:") and ":read" not in permission.value
    }
