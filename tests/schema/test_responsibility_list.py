"""Publishing a responsibility list, and reading every version of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schema import ids
from tests.schema.conftest import Api
from tests.schema.test_dispatch_suggestions import OFFICE, SUBJECTS, publish

LIST = '{ responsibilityList(city: "guangyuan"%s) { id version note digest isCurrent publishedAt city { path } } }'
NAMES = """query($version: Int, $search: String, $department: TenantPath, $first: Int, $after: Cursor) {
responsibilitySubjects(version: $version, search: $search, department: $department, first: $first, after: $after) {
totalCount edges { node { id code name levelLabel department { path } keywords version } }
pageInfo { hasNextPage endCursor } } }"""


def told(**changes: Any) -> list[dict[str, Any]]:
    """The list with its first subject changed."""
    first, *rest = [{**each, "department": f"guangyuan.{each['department']}"} for each in SUBJECTS]
    return [{**first, **changes}, *rest]


async def codes(api: Api, login: str = OFFICE, **given: Any) -> list[str]:
    found = (await api.data(login, NAMES, **given))["responsibilitySubjects"]
    return [edge["node"]["code"] for edge in found["edges"]]


async def test_a_version_after_the_other_and_each_stays_readable(api: Api) -> None:
    assert (await api.data(OFFICE, LIST % "")) == {"responsibilityList": None}
    first = (await publish(api, note="首版"))["responsibilityList"]
    assert (first["version"], first["note"], first["isCurrent"], first["city"]["path"]) == (
        1,
        "首版",
        True,
        "guangyuan",
    )
    second = (await publish(api, subjects=told(name="对外贸易", keywords=["外贸", "进出口"])))["responsibilityList"]
    assert (second["version"], second["isCurrent"]) == (2, True)
    assert second["digest"] != first["digest"]
    old = (await api.data(OFFICE, LIST % ", version: 1"))["responsibilityList"]
    assert (old["digest"], old["isCurrent"]) == (first["digest"], False)
    for version, name in ((1, "内外贸与成品油经营"), (2, "对外贸易"), (None, "对外贸易")):
        shown = (await api.data(OFFICE, NAMES, version=version))["responsibilitySubjects"]
        assert shown["totalCount"] == 3
        assert shown["edges"][0]["node"]["name"] == name
    node = await api.data(
        OFFICE, "query($id: ID!) { node(id: $id) { id ... on ResponsibilityList { version } } }", id=first["id"]
    )
    assert node["node"] == {"id": first["id"], "version": 1}


async def test_the_same_again_changes_nothing(api: Api) -> None:
    first = (await publish(api))["responsibilityList"]
    again = (await publish(api, subjects=list(reversed(told())), note="another reason"))["responsibilityList"]
    assert again == first


async def test_the_version_that_was_expected(api: Api) -> None:
    assert (await publish(api, expectedVersion=0))["userErrors"] == []
    payload = await publish(api, subjects=told(name="别的"), expectedVersion=0)
    assert payload["responsibilityList"] is None
    (error,) = payload["userErrors"]
    assert (error["code"], error["currentVersion"]) == ("CONFLICT", 1)
    assert (await publish(api, subjects=told(name="别的"), expectedVersion=1))["responsibilityList"]["version"] == 2


async def test_two_at_once_get_two_versions_or_a_conflict(api: Api) -> None:
    await publish(api)
    payloads = await asyncio.gather(
        *(publish(api, subjects=told(name=f"第{number}个"), expectedVersion=1) for number in range(3))
    )
    versions = [each["responsibilityList"]["version"] for each in payloads if each["responsibilityList"]]
    assert versions == [2]
    refused = [each["userErrors"][0]["code"] for each in payloads if each["userErrors"]]
    assert refused == ["CONFLICT", "CONFLICT"]


async def test_a_retry_is_answered_and_not_applied_again(api: Api) -> None:
    first = await publish(api, idempotencyKey="k1")
    await publish(api, subjects=told(name="别的"))
    again = await publish(api, idempotencyKey="k1")
    assert again["responsibilityList"]["version"] == first["responsibilityList"]["version"] == 1
    other = await publish(api, subjects=told(name="又别的"), idempotencyKey="k1")
    assert other["userErrors"][0]["code"] == "IDEMPOTENCY_MISMATCH"


@pytest.mark.parametrize(
    ("changes", "path", "rule"),
    [
        ({"code": " "}, "subjects.0.code", "empty"),
        ({"code": "F01"}, "subjects.1.code", "code_twice"),
        ({"name": "很" * 201}, "subjects.0.name", "too_long"),
        ({"name": "a\x00b"}, "subjects.0.name", "characters"),
        ({"department": "guangyuan.nobody"}, "subjects.0.department", "unknown_tenant"),
        ({"department": "anshan.commerce"}, "subjects.0.department", "unknown_tenant"),
        ({"department": "guangyuan"}, "subjects.0.department", "not_handling"),
        ({"keywords": ["水"]}, "subjects.0.keywords", "too_short"),
        ({"keywords": [f"词语{number}" for number in range(51)]}, "subjects.0.keywords", "too_many"),
    ],
)
async def test_what_cannot_be_published(api: Api, changes: dict[str, Any], path: str, rule: str) -> None:
    payload = await publish(api, subjects=told(**changes))
    assert payload["responsibilityList"] is None
    (error,) = payload["userErrors"]
    assert (".".join(error["path"]), error["rule"]) == (f"input.{path}", rule)
    assert (await api.data(OFFICE, LIST % "")) == {"responsibilityList": None}


async def test_an_empty_list_is_none(api: Api) -> None:
    (error,) = (await publish(api, subjects=[]))["userErrors"]
    assert (error["rule"], error["path"]) == ("empty", ["input", "subjects"])


async def test_who_may_publish_and_who_may_read(api: Api) -> None:
    await publish(api)
    for login in ("city_administrator@guangyuan", "dispatcher@guangyuan", api.world.guangyuan.enterprise.login):
        refused = await api.ask(
            login,
            "mutation($input: ResponsibilityPublishInput!) { responsibilityPublish(input: $input) "
            "{ userErrors { code } } }",
            input={"city": "guangyuan", "subjects": told()},
        )
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN", login
    # A county's office has the role, and not the city's list.
    for login, city in (("office@guangyuan.cangxi", "guangyuan"), ("office@anshan", "guangyuan"), (OFFICE, "nowhere")):
        (error,) = (await publish(api, login, city, subjects=told()))["userErrors"]
        assert error["code"] == "NOT_FOUND", login
    for login in (api.world.guangyuan.enterprise.login, "handler@guangyuan.cangxi", "special_monitor@guangyuan"):
        assert await codes(api, login) == ["C01", "F01", "H01"]
    assert await codes(api, "office@anshan") == []
    stranger = await api.ask(None, NAMES)
    assert stranger["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_subject_by_its_id_is_the_neighbours_nothing(api: Api) -> None:
    await publish(api)
    shown = (await api.data(OFFICE, NAMES))["responsibilitySubjects"]["edges"]
    subject = shown[0]["node"]["id"]
    listed = ids.encode("RL", api.world.guangyuan.id, 1)
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    ours = (await api.data(OFFICE, query, ids=[subject, listed]))["nodes"]
    assert [node["__typename"] for node in ours] == ["ResponsibilitySubject", "ResponsibilityList"]
    assert (await api.data("office@anshan", query, ids=[subject, listed]))["nodes"] == [None, None]


async def test_looking_for_subjects(api: Api) -> None:
    await publish(api)
    assert await codes(api, search="渣土") == ["H01"]  # a keyword
    assert await codes(api, search="预算法") == ["F01"]  # the legal basis
    assert await codes(api, search="c0") == ["C01"]
    assert await codes(api, search="%") == []
    assert await codes(api, department="guangyuan.finance") == ["F01"]
    assert await codes(api, search="拨付", department="guangyuan.commerce") == []
    page = (await api.data(OFFICE, NAMES, first=2))["responsibilitySubjects"]
    assert page["pageInfo"]["hasNextPage"]
    assert await codes(api, first=2, after=page["pageInfo"]["endCursor"]) == ["H01"]
    assert page["edges"][0]["node"]["levelLabel"] == "City"
