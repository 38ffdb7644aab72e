"""Global ids: one spelling each, the same from Python and from SQL, and `node` finds again what has one."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import BadInput
from schema import ids
from schema.reader.declare import BY_PREFIX
from schema.schema import assemble
from tests.schema.conftest import Api
from tests.schema.story import Story

CITIES = st.integers(-(2**31), 2**31 - 1)
OFFICE = "office@guangyuan"


@given(st.sampled_from(sorted(ids.WITH_UUID)), CITIES, st.uuids())
def test_what_is_encoded_is_decoded(prefix: str, city_id: int, key: uuid.UUID) -> None:
    text = ids.encode(prefix, city_id, key)
    assert ids.decode(text) == ids.GlobalId(prefix, city_id, key)
    assert text.isascii()
    assert not set(text) & set("=+/ ")


@given(CITIES, st.integers(1, 2**31 - 1))
def test_tenants_and_schemes(city_id: int, number: int) -> None:
    assert ids.decode(ids.encode("TN", city_id, number)) == ids.GlobalId("TN", 0, number)
    assert ids.decode(ids.encode("S", city_id, number)) == ids.GlobalId("S", city_id, number)


@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        ids.decode(text)
    assert caught.value.rule == "malformed_id"


TICKET = ids.encode("T", 10, uuid.UUID("018f0c6e-0000-7000-8000-000000000001"))


@pytest.mark.parametrize(
    "text",
    [
        *("", "T", "T_", "_", "T_!", "X_AAAA", "t" + TICKET[1:], TICKET + "=", TICKET + " ", " " + TICKET, TICKET[:-1]),
        *(TICKET + "A", "TN_" + TICKET[2:], "T__" + TICKET[2:], TICKET.replace("T_", "T-"), "T_" + "A" * 100_000),
        *("TN_AAAAAQ==", "TN_AAAAA", "S_AAAAAQ", "T_" + base64.b64encode(bytes(20)).decode(), "1", "guangyuan"),
        *("T_\x00", "T_广元", "TN_AAAAAR"),
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        ids.decode(text)
    assert caught.value.rule == "malformed_id"
    assert len(caught.value.data["id"]) <= 80


@pytest.mark.parametrize("prefix", ["TE", "E", "U", "G", "TN", "S"])
def test_an_id_of_another_type(prefix: str) -> None:
    with pytest.raises(BadInput) as caught:
        ids.decode_as(TICKET, prefix)
    assert caught.value.rule == "wrong_type_of_id"


async def test_sql_writes_the_same(admin: asyncpg.Connection) -> None:
    for city_id in (1, 10, 1000, 2**31 - 1):
        for key in (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.uuid4()):
            for prefix in sorted(ids.WITH_UUID):
                assert await admin.fetchval("select global_id($1, $2, $3)", prefix, city_id, key) == ids.encode(
                    prefix, city_id, key
                )
        assert await admin.fetchval("select tenant_gid($1)", city_id) == ids.encode("TN", 0, city_id)


def test_every_node_has_a_prefix_of_its_own() -> None:
    schema = assemble().executable
    nodes = {each.name for each in schema.get_possible_types(schema.type_map["Node"])}  # type: ignore[arg-type]
    assert {stored.name for stored in BY_PREFIX.values()} == nodes
    assert set(BY_PREFIX) == ids.WITH_UUID | ids.VERSIONED | {ids.TENANT}


async def test_node_finds_again_what_has_an_id(there: Api, story: Story) -> None:
    """Every id that any field answers leads back to the same object, of the same type."""
    data = await there.data(
        "city_administrator@guangyuan",
        "{ viewer { user { id __typename } roles { id __typename tenant { id __typename } } } "
        'scheme(city: "guangyuan") { id __typename } }',
    )
    tickets = await there.data(
        OFFICE,
        "query($id: ID!) { ticket(id: $id) { id __typename enterprise { id __typename } lead { id __typename } "
        "timeline { edges { node { id __typename } } } } }",
        id=story["in_progress"],
    )
    for login, answer, kinds in (
        ("city_administrator@guangyuan", data, {"User", "RoleGrant", "Tenant", "Scheme"}),
        (OFFICE, tickets, {"Ticket", "Enterprise", "Tenant", "TicketEvent"}),
    ):
        found = list(identified(answer))
        assert {each["__typename"] for each in found} == kinds
        asked = [each["id"] for each in found]
        query = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"
        again = await there.data(login, query, ids=asked)
        assert again["nodes"] == [{"id": each["id"], "__typename": each["__typename"]} for each in found]
        for each in found:
            one = await there.data(login, "query($id: ID!) { node(id: $id) { id __typename } }", id=each["id"])
            assert one["node"] == {"id": each["id"], "__typename": each["__typename"]}


def identified(value: Any) -> Any:
    if isinstance(value, dict):
        if "id" in value:
            yield value
        for inner in value.values():
            yield from identified(inner)
    if isinstance(value, list):
        for inner in value:
            yield from identified(inner)


async def test_nodes_keep_the_order_and_the_repeats(there: Api, story: Story) -> None:
    names = ["closed", "anshan.submitted", "submitted", "closed", "restricted", "submitted"]
    asked = [story[name] for name in names]
    data = await there.data(OFFICE, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=asked)
    hidden = {"anshan.submitted", "restricted"}
    assert data["nodes"] == [None if name in hidden else {"id": story[name]} for name in names]


async def test_nodes_of_none_and_of_a_hundred(there: Api) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert await there.data(OFFICE, query, ids=[]) == {"nodes": []}
    city = ids.encode("TN", 0, there.world.guangyuan.id)
    assert await there.data(OFFICE, query, ids=[city] * 100) == {"nodes": [{"id": city}] * 100}
    refused = await there.ask(OFFICE, query, ids=[city] * 101)
    assert refused["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "rule": "too_many_ids"}


async def test_one_bad_id_among_good_ones_is_an_error(there: Api, story: Story) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    refused = await there.ask(OFFICE, query, ids=[story["closed"], "nonsense"])
    assert refused["data"] is None
    assert refused["errors"][0]["extensions"]["rule"] == "malformed_id"
