"""The view: what is refused and how, who is asking, in which language, and that nothing a client sends is a 5xx."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.kernel.database import Database
from schema.http import negotiate, origin_allowed
from tests.factories.world import World
from tests.schema.edge import Edge

RESPONSE = "application/graphql-response+json"
PORTAL = "https://portal.guangyuan.example"
HELLO = {"query": "{ hello }"}


@pytest.fixture
def edge() -> Edge:
    """Nobody signs in: no database."""
    return Edge(None, allowed_origins=(PORTAL,))


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(edge) as opened:
        yield opened


def client_of(edge: Edge) -> httpx.AsyncClient:
    # What escapes from the application fails the test: a client would see it as a 500.
    return httpx.AsyncClient(transport=httpx.ASGITransport(edge.app), base_url="http://api.test")


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"17",
        b'"text"',
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"{",
        b"[" * 100_000,
        b'{"query": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 100_000 + b"}}",
        b'{"query": "{ hello }", "variables": {"a": 1e999}}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "\xff\xfe"}',
        b'{"query": "\xed\xa0\x80"}',
        b'{"query": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"query": null}',
        b'{"query": "{ hello }", "variables": 1}',
        b"\x00",
        b'{"query": "{ hello }"',
    ],
)
async def test_bodies_that_are_no_request(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"
    assert response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"query": "\x00"},
        {"query": "{ hello } {"},
        {"query": "{ hello }", "operationName": "Nobody"},
        {"query": "{" + "node{" * 300 + "name" + "}" * 300 + "}"},
        {"query": "query ($n: Int) { whole(number: $n) }", "variables": {"n": 10**18}},
        {"query": "query ($n: Int) { whole(number: $n) }", "variables": {"n": {"a": [None]}}},
        {"query": "query ($n: Int) { whole(number: $n) }", "variables": {"n": "1"}},
        {"query": "query ($n: Int!) { whole(number: $n) }"},
        {"query": "{ whole(number: " + "9" * 5_000 + ") }"},
        {"query": "type Query { a: Int }"},
        {"query": "fragment F on Query { hello }"},
    ],
)
async def test_documents_and_variables_that_are_wrong(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    response = await client.post("/graphql", json=body, headers={"accept": RESPONSE})
    assert response.status_code == 400
    assert "data" not in response.json()
    assert code(response) in {"BAD_REQUEST", "BAD_USER_INPUT"}


async def test_unknown_parameters_are_ignored(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={**HELLO, "extra": [1], "extensions": {"persistedQuery": {}}})
    assert response.json() == {"data": {"hello": "你好 world"}}


async def test_a_body_over_the_limit_is_not_read_to_its_end() -> None:
    edge = Edge(None, limits={"body_bytes": 1000})
    async with client_of(edge) as client:
        exactly = b'{"query": "{ hello }"}'.ljust(1000)
        assert (await client.post("/graphql", content=exactly, headers=JSON_TYPE)).status_code == 200
        response = await client.post("/graphql", content=exactly + b" ", headers=JSON_TYPE)
        assert response.status_code == 413
        assert "1000" in response.json()["errors"][0]["message"]

        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(1000):
                sent += 400
                yield b" " * 400

        response = await client.post("/graphql", content=endless(), headers=JSON_TYPE)
        assert response.status_code == 413
        # httpx's transport hands over one chunk at a time, as a server under back-pressure does
        assert sent <= 1600


JSON_TYPE = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/mixed; boundary=x"},
        {"content-type": "application/json; charset=gbk"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": ""},
    ],
)
async def test_only_plain_json_is_taken(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Which is also what keeps other sites' forms out: a browser asks before it sends JSON."""
    response = await client.post("/graphql", content=json.dumps(HELLO), headers=headers)
    assert response.status_code == 415
    assert response.headers["accept-post"] == "application/json"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "PROPFIND"])
async def test_other_methods(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST, OPTIONS"


async def test_a_mutation_by_get_does_not_happen(edge: Edge, client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": 'mutation { note(text: "x") }'})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert not edge.executor.notes


@pytest.mark.parametrize(
    "query",
    ["query=%ff", "query=%ED%A0%80", "variables=%7B&query=%7Bhello%7D", "&".join("a=1" for _ in range(500)), ""],
)
async def test_urls_that_are_no_request(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/graphql?{query}")).status_code == 400


@pytest.mark.parametrize(
    ("accept", "json_type", "stream", "html"),
    [
        (None, "application/json", False, False),
        ("*/*", "application/json", False, False),
        ("application/*;q=0.5", "application/json", False, False),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE, False, False),
        ("application/json;q=0.9, application/graphql-response+json", RESPONSE, False, False),
        ("application/json, application/graphql-response+json", "application/json", False, False),
        # urql sends this with every request
        (
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
            "multipart/mixed",
            RESPONSE,
            True,
            False,
        ),
        ("text/event-stream", None, True, False),
        ("text/event-stream, application/json;q=0", None, True, False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json", False, True),
        ("application/json, text/html;q=0.1", "application/json", False, False),
        ("image/png", None, False, False),
        ("nonsense;;;q=x,,", None, False, False),
    ],
)
def test_accept(accept: str | None, json_type: str | None, stream: bool, html: bool) -> None:
    accepted = negotiate(accept)
    assert (accepted.json, accepted.event_stream, accepted.html) == (json_type, stream, html)
    assert accepted.streams_everything == (stream and json_type is None)


async def test_nothing_acceptable(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphql", json=HELLO, headers={"accept": "image/png"})).status_code == 406


@pytest.mark.parametrize(
    ("field", "expected", "status", "status_json"),
    [
        ("denied", "FORBIDDEN", 403, 200),
        ("me", "UNAUTHENTICATED", 401, 200),
        ("slow", "TIMEOUT", 503, 503),
        ("missing", "NOT_FOUND", 400, 400),
        ("bad", "BAD_USER_INPUT", 400, 200),
        ("broken", "INTERNAL", 500, 500),
    ],
)
async def test_refusals_have_a_code_and_a_status(
    client: httpx.AsyncClient, field: str, expected: str, status: int, status_json: int
) -> None:
    body = {"query": f"{{ {field} {'{ name }' if field == 'node' else ''} }}"}
    response = await client.post("/graphql", json=body, headers={"accept": RESPONSE})
    assert (response.status_code, code(response)) == (status, expected)
    response = await client.post("/graphql", json=body, headers={"accept": "application/json"})
    assert (response.status_code, code(response)) == (status_json, expected)


async def test_our_own_faults_are_masked_and_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = await client.post("/graphql", json={"query": "{ broken }"})
    error = response.json()["errors"][0]
    assert "secret" not in response.text
    assert error["extensions"]["correlationId"] in caplog.text
    assert error["extensions"]["correlationId"] in error["message"]
    assert "the secret detail" in caplog.text


@pytest.mark.parametrize(
    "authorization", ["Basic eDp5", "Bearer", "Bearer ", "Bearer x.y.z", "x", "Bearer " + "a" * 9000]
)
async def test_a_bad_token_is_401_whatever_is_asked(client: httpx.AsyncClient, authorization: str) -> None:
    for accept in ("application/json", RESPONSE, "text/event-stream"):
        response = await client.post("/graphql", json=HELLO, headers={"authorization": authorization, "accept": accept})
        assert response.status_code == 401
        assert code(response) == "UNAUTHENTICATED"
        assert "data" not in response.json()
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_messages_come_in_the_wanted_language(client: httpx.AsyncClient) -> None:
    async def say(language: str | None) -> str:
        headers = {} if language is None else {"accept-language": language}
        response = await client.post("/graphql", json={"query": "{ denied }"}, headers=headers)
        return str(response.json()["errors"][0]["message"])

    chinese, english = "您没有进行此操作的权限。", "None of your roles may do this."
    assert await say(None) == await say("zh-CN,zh;q=0.9,en;q=0.8") == await say("fr") == await say("zh-TW") == chinese
    assert await say("en") == await say("en-GB, zh;q=0.5") == await say("fr, en;q=0.3, *;q=0.1") == english
    assert await say("en;q=0, zh;q=nonsense") == chinese


async def test_security_headers_are_on_every_answer(client: httpx.AsyncClient) -> None:
    for response in (
        await client.post("/graphql", json=HELLO),
        await client.post("/graphql", content="{"),
        await client.get("/graphql", headers={"accept": "text/html"}),
        await client.put("/graphql"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert len(response.headers.get_list("content-security-policy")) == 1
        assert "authorization" in response.headers["vary"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_sites_page_cannot_get(client: httpx.AsyncClient, site: str) -> None:
    async def get(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await client.get("/graphql", params=HELLO, headers={"sec-fetch-site": site, **named})).status_code

    assert await get() == 403
    assert await get(origin="https://evil.example") == 403
    assert await get(x_graphql_csrf="1") == await get(apollo_require_preflight="true") == 200
    assert await get(origin=PORTAL) == 200
    ours = await client.get("/graphql", params=HELLO, headers={"sec-fetch-site": "same-origin"})
    assert ours.status_code == 200


async def test_listed_origins_may_call_from_a_browser(client: httpx.AsyncClient) -> None:
    asked = {
        "origin": PORTAL,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    preflight = await client.options("/graphql", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == PORTAL
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = await client.post("/graphql", json=HELLO, headers={"origin": PORTAL})
    assert answer.headers["access-control-allow-origin"] == PORTAL
    assert "origin" in answer.headers["vary"]

    for origin in ("https://evil.example", "null", PORTAL + ".evil.example"):
        refused = await client.options("/graphql", headers={**asked, "origin": origin})
        assert not any(name.startswith("access-control") for name in refused.headers)
        answer = await client.post("/graphql", json=HELLO, headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers


def test_origins() -> None:
    assert origin_allowed({"host": "api.test"}, ())
    assert origin_allowed({"host": "api.test:8000", "origin": "http://api.test:8000"}, ())
    assert not origin_allowed({"host": "api.test:8000", "origin": "http://api.test"}, ())
    assert not origin_allowed({"host": "api.test", "origin": "null"}, ())


async def test_the_ide_comes_whole_and_under_a_strict_policy(client: httpx.AsyncClient) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "host": "127.0.0.1:8000"}
    page = await client.get("/graphql", headers=browser)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert page.text.count(f'nonce="{nonce}"') == page.text.count("<script") + page.text.count("<style")
    assert "unsafe" not in policy
    assert "ws://127.0.0.1:8000" in policy
    for foreign in ("http://", "https://", "//cdn", "@import"):
        assert foreign not in page.text.replace('"https:" ? "wss://" : "ws://"', "")
    again = await client.get("/graphql", headers=browser)
    assert nonce not in again.text

    forged = await client.get("/graphql", headers={**browser, "host": "a b; script-src *"})
    assert "script-src *" not in forged.headers["content-security-policy"]


async def test_the_ide_never_runs_what_a_link_carries(edge: Edge, client: httpx.AsyncClient) -> None:
    link = {"query": '{ hello(name: "a word of the link") }'}
    page = await client.get("/graphql", params=link, headers={"accept": "text/html", "sec-fetch-site": "cross-site"})
    assert page.status_code == 200
    assert "a word of the link" not in page.text


async def test_the_ide_can_be_switched_off() -> None:
    async with client_of(Edge(None, ide=False)) as client:
        response = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
        assert response.status_code == 400


async def test_a_subscription_needs_a_stream(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { ticketFeed { cursor } }"})
    assert response.status_code == 400
    assert "text/event-stream" in response.json()["errors"][0]["message"]


class TestSignedIn:
    """With people and their grants."""

    @pytest.fixture
    def edge(self, database: Database, world: World) -> Edge:
        return Edge(database, world)

    async def me(self, client: httpx.AsyncClient, token: str, query: str = "{ me }") -> httpx.Response:
        return await client.post(
            "/graphql", json={"query": query}, headers={"authorization": f"Bearer {token}", "accept": RESPONSE}
        )

    async def test_the_token_says_who(self, edge: Edge, client: httpx.AsyncClient) -> None:
        response = await self.me(client, edge.token("dispatcher@guangyuan"))
        assert response.json() == {"data": {"me": "dispatcher@guangyuan"}}

    async def test_an_expired_token_and_another_keys(self, edge: Edge, client: httpx.AsyncClient) -> None:
        expired = await self.me(client, edge.token("dispatcher@guangyuan", lifetime=timedelta(seconds=-1)))
        assert expired.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "rule": "expired"}
        forged = await self.me(client, Edge(edge.database, edge.world).token("dispatcher@guangyuan"))
        assert forged.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "rule": "invalid"}

    async def test_changed_grants_are_loaded_and_the_request_begins_anew(
        self, edge: Edge, client: httpx.AsyncClient
    ) -> None:
        token = edge.token("dispatcher@guangyuan")
        edge.executor.stale = 1
        assert (await self.me(client, token, "{ stale }")).json() == {"data": {"stale": "fresh"}}
        edge.executor.stale = 100
        response = await self.me(client, token, "{ stale }")
        assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")

    async def test_a_person_no_longer_active(self, edge: Edge, client: httpx.AsyncClient, admin: Any) -> None:
        token = edge.token("dispatcher@guangyuan")
        await admin.execute("update users set active = false where login = 'dispatcher@guangyuan'")
        response = await self.me(client, token)
        assert response.status_code == 401
        assert response.json()["errors"][0]["extensions"]["rule"] == "revoked"
