"""What one process does is known to the other with its very next request: tenants, roles, schemes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.schema.conftest import Api, opened

ADMINISTRATOR = "city_administrator@guangyuan"
HANDLER = "handler@guangyuan.cangxi"
CREATE = """mutation($input: TenantCreateInput!) {
  tenantCreate(input: $input) { tenant { path } userErrors { message } } }"""
TOWN = {"parent": "guangyuan.cangxi", "slug": "lingjiang", "kind": "TOWNSHIP", "name": "陵江镇"}
PATH = "guangyuan.cangxi.lingjiang"
GRANT = """mutation($input: RoleGrantInput!) {
  roleGrant(input: $input) { roleGrant { id tenant { path } } userErrors { code message } } }"""


@pytest.fixture
async def other(api: Api, application_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """Another process on the database of `api`, which has the tree and everybody's grants in its cache."""
    async with opened(api.world, application_url, tmp_path / "other") as second:
        for login in (ADMINISTRATOR, HANDLER, "office@guangyuan"):
            await second.data(login, "{ tenants(first: 1) { totalCount } viewer { user { login } } }")
        yield second


async def create_town(api: Api) -> None:
    data = await api.data(ADMINISTRATOR, CREATE, input=TOWN)
    assert data["tenantCreate"] == {"tenant": {"path": PATH}, "userErrors": []}


QUERIES = {
    "a list within it": f'{{ tickets(within: "{PATH}") {{ totalCount }} }}',
    "a filter by it": f'{{ tickets(filter: {{department: "{PATH}"}}) {{ totalCount }} }}',
    "beside what can be null": f'{{ tenant(path: "{PATH}") {{ path }} tickets(within: "{PATH}") {{ totalCount }} }}',
    "tenants below it": f'{{ tenants(within: "{PATH}") {{ totalCount }} }}',
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_tenant_of_the_other_process_is_there(api: Api, other: Api, name: str) -> None:
    before = await other.ask("office@guangyuan", QUERIES[name])
    assert [error["extensions"]["rule"] for error in before["errors"]] == ["no_such_tenant"]
    await create_town(api)
    assert "errors" not in await other.ask("office@guangyuan", QUERIES[name])


async def test_a_verb_meets_the_new_tenant(api: Api, other: Api) -> None:
    await create_town(api)
    given: dict[str, Any] = {"login": "steward@guangyuan", "role": "HANDLER", "tenant": PATH}
    granted = (await other.data(ADMINISTRATOR, GRANT, input=given))["roleGrant"]
    assert granted["userErrors"] == []
    assert granted["roleGrant"]["tenant"] == {"path": PATH}


async def test_a_stream_of_the_new_tenant(api: Api, other: Api) -> None:
    await create_town(api)
    viewer = await other.viewer("office@guangyuan")
    executor = other.services.executor
    document = f'subscription {{ ticketFeed(within: "{PATH}") {{ cursor }} }}'
    prepared = await executor.prepare(document, None, viewer=viewer)
    stream = await executor.prepare_subscription(prepared, {}, viewer)
    assert stream.topic_city == api.world.guangyuan.id


async def test_a_role_of_the_other_process_counts(api: Api, other: Api) -> None:
    """Granted there, used here; revoked there, refused here: no message has to arrive first."""
    query = '{ viewer { permissions(tenant: "guangyuan.cangxi") } tickets(within: "guangyuan.cangxi") { totalCount } }'
    login = "evaluation_manager@guangyuan"
    assert "errors" in await other.ask(login, query)
    given = {"login": login, "role": "OFFICE", "tenant": "guangyuan.cangxi"}
    granted = (await api.data(ADMINISTRATOR, GRANT, input=given))["roleGrant"]
    seen = await other.data(login, query)
    assert "TICKET_ARBITRATE" in seen["viewer"]["permissions"]
    revoked = "mutation($input: RoleRevokeInput!) { roleRevoke(input: $input) { userErrors { message } } }"
    await api.data(ADMINISTRATOR, revoked, input={"grantId": granted["roleGrant"]["id"]})
    refused = await other.ask(login, query)
    assert refused["data"] is None
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["FORBIDDEN"]
