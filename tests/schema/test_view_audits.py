"""The audits of npm `graphql-http` 1.23 (`auditServer`), which hold a server to the GraphQL-over-HTTP specification.

Ported with their ids, since the tests need no Node.js; the original reports 61 of 61 for this view.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.schema.edge import Edge

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
TYPENAME = {"query": "{ __typename }"}
VARIABLES = {"query": "query Type($name: String!) { __type(name: $name) { name } }", "variables": {"name": "sometype"}}
NAMED = {"query": "query Query { __typename }", "operationName": "Query"}
UNKNOWN_FIELD = {"query": "{ 8f31403dfe404bccbb0e835f2629c6a7 }"}
COERCE = {"query": "query CoerceFailure($id: ID!){ __typename }", "variables": {"id": None}}
NOT_STRINGS: tuple[Any, ...] = ({"obj": "ect"}, 0, False, ["array"])
NOT_MAPS: tuple[Any, ...] = ("string", 0, False, ["array"])


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Edge(None).app)  # nobody signs in: no database
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as opened:
        yield opened


async def post(
    client: httpx.AsyncClient, body: object, accept: str | None = None, content_type: str | None = JSON
) -> httpx.Response:
    headers = {"accept": accept or "*/*"}
    if content_type is not None:
        headers["content-type"] = content_type
    content = body if isinstance(body, str) else json.dumps(body)
    return await client.post("/graphql", headers=headers, content=content)


@pytest.mark.parametrize(
    ("audit", "accept", "answered"),
    [("22EB", RESPONSE, RESPONSE), ("4655", JSON, JSON), ("47DE", "*/*", JSON)],
)
async def test_media_types(client: httpx.AsyncClient, audit: str, accept: str, answered: str) -> None:
    response = await post(client, TYPENAME, accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"
    response.content.decode("utf-8")  # 82A3


async def test_80d8_no_accept_means_json(client: httpx.AsyncClient) -> None:
    request = client.build_request("POST", "/graphql", json=TYPENAME)
    del request.headers["accept"]
    response = await client.send(request)
    assert response.status_code == 200
    assert JSON in response.headers["content-type"]


async def test_bf61_utf8_in_requests(client: httpx.AsyncClient) -> None:
    query = {"query": '{ __type(name: "Run🏃Swim🏊") { name } }'}
    for content_type in ("application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', JSON):  # 78D5, 2C94
        response = await client.post(
            "/graphql", headers={"content-type": content_type}, content=json.dumps(query, ensure_ascii=False).encode()
        )
        assert response.status_code == 200


async def test_gets(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql", params=TYPENAME)).status_code == 200  # 5A70
    mutation = await client.get("/graphql", params={"query": "mutation { __typename }"}, headers={"accept": RESPONSE})
    assert mutation.status_code == 405  # 9C48
    assert mutation.headers["allow"] == "POST"
    for accept in (RESPONSE, JSON):  # D6D5, 6A70
        params = {"query": VARIABLES["query"], "variables": json.dumps(VARIABLES["variables"])}
        response = await client.get("/graphql", params=params, headers={"accept": accept})
        assert response.status_code == 200
        assert "errors" not in response.json()


async def test_posts_without_type_or_body(client: httpx.AsyncClient) -> None:
    assert (await post(client, TYPENAME, content_type=None)).status_code == 415  # 9ABE
    assert (await post(client, "")).status_code == 400  # A5BF
    assert (await post(client, {"notquery": "{ __typename }"}, RESPONSE)).status_code == 400  # 423L, 8764, 3E3A


@pytest.mark.parametrize("value", NOT_STRINGS)
@pytest.mark.parametrize("parameter", ["query", "operationName"])
async def test_lkj_6c0_not_a_string(client: httpx.AsyncClient, parameter: str, value: Any) -> None:
    assert (await post(client, {**TYPENAME, parameter: value})).status_code == 400


@pytest.mark.parametrize("value", NOT_MAPS)
@pytest.mark.parametrize("parameter", ["variables", "extensions"])
async def test_476_58b_not_a_map(client: httpx.AsyncClient, parameter: str, value: Any) -> None:
    assert (await post(client, {**TYPENAME, parameter: value})).status_code == 400


@pytest.mark.parametrize("accept", [RESPONSE, JSON])
@pytest.mark.parametrize(
    "body",
    [
        TYPENAME,  # 34A2, 13EE
        NAMED,  # 8161, B8B3
        VARIABLES,  # 2EA1, 28B9
        {**TYPENAME, "variables": None},  # 94B0, 0220
        {**TYPENAME, "operationName": None},  # 94B1, 0221
        {**TYPENAME, "extensions": None},  # 94B2, 0222
        {**TYPENAME, "extensions": {"some": "value"}},  # 428F, 1B7A
    ],
)
async def test_good_parameters(client: httpx.AsyncClient, accept: str, body: Any) -> None:
    response = await post(client, body, accept)
    assert response.status_code == 200
    assert "errors" not in response.json()


@pytest.mark.parametrize("accept", [RESPONSE, JSON])
async def test_b6dc_bcf8_b7n8_not_json(client: httpx.AsyncClient, accept: str) -> None:
    assert (await post(client, '{ "not a JSON', accept)).status_code == 400


@pytest.mark.parametrize("body", [{"query": "{"}, UNKNOWN_FIELD, COERCE])
async def test_572b_fde2_7b9b_json_says_200_to_what_is_well_formed(client: httpx.AsyncClient, body: Any) -> None:
    response = await post(client, body, JSON)
    assert response.status_code == 200
    assert response.json()["errors"]


@pytest.mark.parametrize("body", [{"query": "{"}, UNKNOWN_FIELD, COERCE])
async def test_865d_556a_d586_51fe_74ff_5e5b_86ee_response_json_says_400(client: httpx.AsyncClient, body: Any) -> None:
    response = await post(client, body, RESPONSE)
    assert response.status_code == 400
    assert "data" not in response.json()
