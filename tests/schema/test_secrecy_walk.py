"""The whole schema, asked as everybody there is: what is masked and what is hidden shows nowhere, nor by its absence.

Two questions of every answer: does it hold a text that its reader may not know; and is it, byte for byte, the answer
that would be given if the secret were another one, or were not there?
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull, get_named_type
from strawberry.types.base import get_object_definition

from app.kernel.clock import FixedClock
from app.kernel.config import Limits
from app.kernel.errors import RequestError
from app.kernel.tables import new_id
from authz.roles import Role
from schema import ids
from schema.live.hub import Hub
from schema.live.outbox import Interrupted
from schema.mutations import ID_OF, Bulk, Verb, camel
from schema.schema import VERBS, assemble
from tests.conftest import Server
from tests.factories.world import World, make_world
from tests.files.conftest import opened as serving
from tests.schema.conftest import Api, everything_is_numbered, opened, use_presets
from tests.schema.edge import until
from tests.schema.hidden import (
    AUDITOR,
    CITY,
    COUNTY_DESK,
    COUNTY_SUPERVISION,
    DESK,
    HANDLER,
    LEAD,
    OFFICE,
    PDF,
    STEWARD,
    SUPERVISION,
    Hidden,
    hide,
)
from tests.schema.ledger import LED_TO
from tests.schema.whole_schema import Asker, reachable

SCHEMA = assemble().executable
UNBOUNDED = Limits(rows=10_000_000, tables=10_000, fields=10_000, tokens=50_000)
"""The walk asks for more at a time than anybody may."""


@dataclass(frozen=True)
class Kept:
    """A database in which it has been told: copy it, do not connect to it. `folder` has its files and its key."""

    template: str
    folder: Path
    world: World
    hidden: Hidden


@pytest.fixture(scope="session")
def kept(server: Server) -> Kept:
    folder = server.run / "hidden_data"

    async def make(admin_url: str) -> tuple[World, Hidden]:
        world = await make_world(admin_url)
        connection = await asyncpg.connect(admin_url)
        await use_presets(connection)
        async with opened(world, server.application_url(admin_url), folder) as api:
            hidden = await hide(api, connection)
            await everything_is_numbered(api)
        await connection.close()
        return world, hidden

    template, (world, hidden) = server.told("hidden", make)
    return Kept(template, folder, world, hidden)


@pytest.fixture
def hidden(kept: Kept) -> Hidden:
    return kept.hidden


@pytest.fixture
def hidden_url(server: Server, kept: Kept) -> Iterator[str]:
    with server.clone(kept.template) as url:
        yield url


@pytest.fixture
async def behind(hidden_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection that no trigger and no foreign key holds."""
    connection = await asyncpg.connect(hidden_url)
    await connection.execute("set session_replication_role = replica")
    yield connection
    await connection.close()


@pytest.fixture
async def there(server: Server, kept: Kept, hidden_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    for module in ("schema.execution", "schema.reader.reader"):  # its documents are long, and asked by many
        monkeypatch.setattr(f"{module}.LONGEST_REMEMBERED", 1_000_000)
    monkeypatch.setattr("schema.execution.DOCUMENTS", 10_000)
    monkeypatch.setattr("schema.reader.reader.PLANS", 10_000)
    async with opened(kept.world, server.application_url(hidden_url), kept.folder, limits=UNBOUNDED) as api:
        yield Api(api.services, api.world, FixedClock(kept.hidden.told_at + timedelta(seconds=1)))


@dataclass(frozen=True)
class Question:
    """A document; `registry`: it asks the registry of enterprises, where the names of all of them stand."""

    text: str
    registry: bool = False
    way: bool = False


EVERYTHING = "SECRECY_WALK" in os.environ
"""Otherwise each person asks for all that there is, and in one of `TURNS` ways of asking for it, in turn."""
TURNS = 12
DEPTHS = {
    "tickets": 3 if EVERYTHING else 2,
    "nodes": 2 if EVERYTHING else 1,
    "qualitySamples": 3,
    "ticketStatistics": 2,
    "dispatchSuggestions": 2,
    "node": 0,
    "ticket": 2,
    **dict.fromkeys(("integrityEntry", "qualityEntry", "rectificationTask", "report"), 2),
    "ticketByNumber": 0,
}
REGISTRY = {"enterprise", "enterprises"}
LIGHT = {"Ticket": "id number", "Node": "id"}
PAGE = "totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { node { id } }"
"""What is asked of a list in each way of asking for it: which ones, in which order."""


async def questions(api: Api, hidden: Hidden) -> tuple[list[Question], Asker]:
    """Every root: for all that can be reached from it, and in every way that its arguments allow."""
    cursors = await api.data(AUDITOR, "{ tickets(first: 100) { edges { cursor node { id } } } }")
    places = [edge["cursor"] for edge in cursors["tickets"]["edges"]]
    tickets = [hidden.id(name) for name in hidden.tickets]
    secret = hidden.id("restricted")
    of_tickets = [*hidden.events["restricted"], *hidden.attachments["restricted"]]
    of_masked = [
        each
        for name in ("confidential", "called", "visited")
        for each in (*hidden.events[name], *hidden.attachments[name])
    ]
    enterprises = [hidden.enterprise_id(name) for name in hidden.enterprises]
    submitted = (await api.data(AUDITOR, "query($id: ID!) { ticket(id: $id) { submittedAt } }", id=secret))["ticket"]
    at = submitted["submittedAt"]
    day = hidden.told_at.date()
    words = [needle.text for needle in hidden.needles if not needle.registered]
    pools: dict[str, Sequence[Any]] = {
        "ticket.id": [secret, *tickets],
        "enterprise.id": enterprises,
        "id": [secret, *of_tickets[:8:2], *tickets, *of_masked[::5]],
        "ids": [
            [*tickets, *of_tickets, *of_masked],
            [*of_masked, secret],
            [*of_tickets[:2], *tickets, *of_masked[:10]],
        ],
        "ticketId": [secret, *tickets],
        "number": [hidden.tickets["restricted"]["number"], "MI770044", "AN660022"]
        + [hidden.tickets[name]["number"] for name in hidden.tickets],
        "text": ["积水", *words[::4]],
        "search": ["积水", *words[:4]],
        "title": ["密件子丑积水案", "厂区门口道路积水"],
        "body": ["暴雨后厂区门口道路积水三天,货车无法进出,影响发货。密语寅卯。"],
        "enterpriseId": enterprises,
        "creditCode": [enterprise.credit_code for enterprise in hidden.enterprises.values()],
        "within": [CITY, f"{CITY}.cangxi", f"{CITY}.commerce", f"{CITY}.finance", "anshan"],
        "county": [f"{CITY}.cangxi", f"{CITY}.jiange"],
        "department": [f"{CITY}.commerce", f"{CITY}.finance"],
        "addressee": [f"{CITY}.commerce", f"{CITY}.finance"],
        "debtor": [f"{CITY}.commerce"],
        "creditorId": enterprises[:2],
        "obligation": ["SUPERVISION_MONTHLY"],
        "openedFrom": [str(day)],
        "openedBefore": [str(day)],
        "qualityEntry.id": [ids.encode("QE", 10, new_id())],
        "releasedAggregate.id": [ids.encode("AG", 10, new_id())],
        "ticketTransfer.id": [ids.encode("TT", 10, new_id())],
        "integrityEntry.id": [ids.encode("IE", 10, new_id())],
        "report.id": [ids.encode("RO", 10, new_id())],
        "supervisionNotice.id": [hidden.notices["restricted"]["id"], hidden.notices["at_work"]["id"]],
        "month": [f"{day:%Y-%m}"],
        **{key: [f"{day:%Y-%m}"] for key in ("fromMonth", "toMonth")},
        "city": [CITY],
        "path": [CITY],
        "tenant": [CITY],
        "version": [1],
        "first": [100, 1, 2],
        "last": [1, 2],
        "after": places[1::2],
        "before": places[1::2],
        **{key: [at] for key in ("issuedFrom", "issuedBefore", "dueFrom", "dueBefore", "enteredFrom", "enteredBefore")},
        **{name: [ids.encode(prefix, 10, new_id())] for name, prefix in LED_TO.items()},
        "rectificationTask.id": [ids.encode("RT", 10, new_id())],
        "year": [2026],
        "submittedFrom": [at],
        "submittedBefore": [at],
        "from": [str(day - timedelta(days=10)), str(day)],
        "to": [str(day + timedelta(days=1)), str(day - timedelta(days=2))],
    }
    pools |= {f"{root}.after": [] for root in ("enterprises", "publishedDecisions", "qualitySamples", "tenants")}
    ledgers = (
        "rectificationTasks",
        "inspections",
        "supervisionNotices",
        "notifications",
        "integrityEntries",
        "qualityEntries",
        "reports",
    )
    pools |= {f"{root}.{place}": [] for root in ledgers for place in ("after", "before")}
    pools["responsibilitySubjects.after"] = []
    asker = Asker(SCHEMA, pools)
    found = []
    for root, of in asker.roots.items():
        depth = DEPTHS.get(root, 1)
        found += [Question(text, root in REGISTRY) for text in asker.whole(root, depth=depth)]
        type_ = get_named_type(of.type)
        light = PAGE if type_.name.endswith("Connection") else LIGHT.get(type_.name)
        selection = light or asker.selections(type_, 1)[0]
        found += [Question(text, root in REGISTRY, way=True) for text in asker.ways(root, selection)]
    return found, asker


PLACES = {
    "": "auditor city_administrator dispatcher evaluation_manager finance_officer intake_agent leading_group office "
    "special_monitor steward supervision_officer working_group",
    ".cangxi": "dispatcher intake_agent supervision_officer",
    ".commerce": "department_lead handler policy_officer",
    ".finance": "department_lead",
}
"""Everybody whose view differs from the others': each role in the city, and what it is elsewhere."""
STAFF = [f"{role}@{CITY}{place}" for place, roles in PLACES.items() for role in roles.split()]
GROUPS = 2


def people(api: Api, hidden: Hidden) -> list[str | None]:
    """All who are asked, those who see tickets evenly among the rest: staff, reporters, the neighbours and nobody."""
    reporters = [enterprise.login for enterprise in hidden.enterprises.values()]
    neighbours = [f"{role}@anshan" for role in ("auditor", "office", "intake_agent", "supervision_officer")]
    assert {login.partition("@")[0] for login in api.world.users} <= {
        login.partition("@")[0] for login in (*STAFF, *reporters, PLATFORM)
    }
    return [*STAFF, *reporters, *neighbours, "handler@anshan.commerce", PLATFORM, None]


PLATFORM = "platform_operator@platform"


def questions_of(asked: Sequence[Question], turn: int) -> list[Question]:
    """What somebody asks of it."""
    return [
        question for at, question in enumerate(asked) if EVERYTHING or not question.way or at % TURNS == turn % TURNS
    ]


async def answers(api: Api, login: str | None, asked: Sequence[Question]) -> list[bytes]:
    found = []
    for question in asked:
        answer = await api.ask(login, question.text)
        refusals = {error["message"] for error in answer.get("errors", ()) if "path" not in error}
        assert not refusals, f"{login} is refused {question.text} as a whole: {refusals}"
        found.append(orjson.dumps(answer))
    return found


@pytest.mark.long
@pytest.mark.parametrize("group", range(GROUPS))
async def test_nobody_reads_what_they_may_not_know(
    there: Api, behind: asyncpg.Connection, hidden: Hidden, group: int
) -> None:
    asked, asker = await questions(there, hidden)
    left = reachable(SCHEMA) - asker.asked  # the tenant that hangs deepest, at most
    assert {name for _, name in left} <= (set() if EVERYTHING else {"tenant"})
    first: dict[str | None, list[bytes]] = {}
    of = {
        login: questions_of(asked, turn) for turn, login in enumerate(people(there, hidden)) if turn % GROUPS == group
    }
    for login, wanted in of.items():
        first[login] = await answers(there, login, wanted)
        read = dict(zip(wanted, first[login], strict=True))
        assert not any(b'"INTERNAL"' in answer.replace(b'"visibility":"INTERNAL"', b"") for answer in read.values())
        for needle in hidden.needles:
            found = [question for question, answer in read.items() if needle.text.encode() in answer]
            leaks = [question.text[:2_000] for question in found if not (needle.registered and question.registry)]
            if login in needle.readers:
                assert leaks, f"{login} cannot find {needle.text}: the walk finds nothing"
            else:
                assert not leaks, f"{login} reads {needle.text}: {leaks}"

    # The same city, where others reported: whoever sees the tickets and may not know that is answered the same.
    await have_others_report(there, behind, hidden)
    reporters = concerned(hidden)
    insiders = [login for login in of if login in (knowing(hidden) | hidden.named) - reporters]
    second = {login: await answers(there, login, of[login]) for login in insiders}
    for login in insiders:
        if login in knowing(hidden):
            assert second[login] != first[login], f"{login} knows: the test can fail"
        else:
            assert_same(login, of[login], first[login], second[login])

    # And without the restricted ticket: so is everybody else.
    await forget_the_restricted(behind, hidden)
    for login, wanted in of.items():
        if login in WITHOUT_TICKETS or login in reporters or login is None or "anshan" in login:
            continue
        third = await answers(there, login, wanted)
        if login in hidden.named - {hidden.enterprises["restricted"].login}:
            assert third != second.get(login), f"{login} is named: the test can fail"
        else:
            assert_same(login, wanted, second.get(login, first[login]), third)


WITHOUT_TICKETS = {f"{role}@{CITY}" for role in ("city_administrator", "evaluation_manager", "finance_officer")} | {
    f"policy_officer@{CITY}.commerce",
    PLATFORM,
}


def knowing(hidden: Hidden) -> set[str]:
    """Who may know one of the reporters at least."""
    return {login for needle in hidden.needles if needle.registered for login in needle.readers}


def concerned(hidden: Hidden) -> set[str]:
    """Who reported one of them, in this world or in the other."""
    return {STEWARD, f"special_monitor@{CITY}", hidden.enterprises["known"].login, hidden.enterprises["other"].login}


def assert_same(login: str | None, asked: Sequence[Question], one: Sequence[bytes], other: Sequence[bytes]) -> None:
    for question, first, second in zip(asked, one, other, strict=True):
        assert first == second, f"{login} can tell the two worlds apart: {question.text}"


async def have_others_report(api: Api, behind: asyncpg.Connection, hidden: Hidden) -> None:
    """Change who reported every ticket whose reporter is not for all to know, wherever that is kept."""
    other = hidden.enterprises["other"]
    by_other = (other.id, api.world.user(other.login), Role.ENTERPRISE_USER)
    monitor = (other.id, api.world.user(f"special_monitor@{CITY}"), Role.SPECIAL_MONITOR)
    nobodys = (None, api.world.user(STEWARD), Role.STEWARD)
    for name, (enterprise, user, role) in {
        "confidential": by_other,
        "restricted": by_other,
        "visited": monitor,
        "called": nobodys,
    }.items():
        key = ids.decode(hidden.id(name)).key
        before = await behind.fetchval("select submitter_id from tickets where id = $1", key)
        await behind.execute(
            "update tickets set enterprise_id = $2, submitter_id = $3, reporter_name = '另一人', "
            "reporter_phone = '0839-1', origin_number = 'X' || origin_number, origin_platform = 'X' || origin_platform "
            "where id = $1",
            *(key, enterprise, user),
        )
        await behind.execute(
            "update events set actor_id = $3, actor_role = $4 where subject_id = $1 and actor_id = $2",
            *(key, before, user, role.value),
        )
        await behind.execute(
            "update attachments set uploaded_by = $3 where ticket_id = $1 and uploaded_by = $2", key, before, user
        )
        await behind.execute(
            "update ticket_named_persons set user_id = $3 where ticket_id = $1 and user_id = $2", key, before, user
        )


async def forget_the_restricted(behind: asyncpg.Connection, hidden: Hidden) -> None:
    """Delete every row that has the ticket's id in it, and what hangs on those that were about it (notices), but for
    the number of positions that were given."""
    columns = await behind.fetch(
        "select table_name, column_name from information_schema.columns natural join information_schema.tables "
        "where table_schema = 'public' and table_type = 'BASE TABLE' and udt_name = 'uuid'"
    )
    waiting = [ids.decode(hidden.id("restricted")).key]
    while waiting:
        key = waiting.pop()
        for table, column in columns:
            gone = await behind.fetch(
                f"""delete from "{table}" t where "{column}" = $1 returning to_jsonb(t) ->> 'id'""", key
            )
            if table not in ("tickets", "users", "enterprises") and column != "id":
                waiting += [uuid.UUID(id_) for (id_,) in gone if id_ is not None]


# Verbs


def outsiders(hidden: Hidden) -> list[str]:
    """Everybody of the staff and of the enterprises who is not named on the restricted ticket, and the neighbour."""
    logins = [*STAFF, *(enterprise.login for enterprise in hidden.enterprises.values()), "intake_agent@anshan"]
    return [login for login in logins if login not in hidden.named]


def input_of(verb: Verb, tickets: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Something to give to a verb: what it needs, and the ids by the name of the field."""
    type_ = SCHEMA.type_map[verb.input.__name__]
    assert isinstance(type_, GraphQLInputObjectType)
    return {
        name: {**tickets, **others}.get(name) or _value(name, field.type)
        for name, field in type_.fields.items()
        if name in tickets or isinstance(field.type, GraphQLNonNull)
    }


def _value(name: str, type_: Any) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _value(name, type_.of_type)
    if isinstance(type_, GraphQLList):
        return [_value(name, type_.of_type)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {
            inner: _value(inner, of.type) for inner, of in type_.fields.items() if isinstance(of.type, GraphQLNonNull)
        }
    return {"Int": 1, "Boolean": True, "TenantPath": f"{CITY}.commerce", "Date": "2026-01-01"}.get(
        type_.name, "按规定办理"
    )


def fields_for_tickets(verb: Verb) -> dict[str, bool]:
    """The fields of a verb's input that are the id of a ticket; whether it is a list of them."""
    type_ = SCHEMA.type_map[verb.input.__name__]
    assert isinstance(type_, GraphQLInputObjectType)
    return {
        name: "[" in str(type_.fields[name].type)
        for declared in get_object_definition(verb.input, strict=True).fields
        if declared.metadata.get(ID_OF) == "T"
        for name in (camel(declared.python_name),)
    }


async def do(api: Api, login: str, verb: Verb | Bulk, given: dict[str, Any]) -> str:
    """The whole response to a verb, with all that its errors tell."""
    errors = "userErrors { __typename code message path ... on NotFoundError { kind } }"
    shown = f"results {{ ticketId ticket {{ id }} {errors} }}"
    if isinstance(verb, Verb):
        shown = verb.payload_field if verb.removes else f"{verb.payload_field} {{ __typename }}"
    document = f"mutation($input: {verb.input.__name__}!) {{ {verb.name}(input: $input) {{ {shown} {errors} }} }}"
    return orjson.dumps(await api.ask(login, document, input=given)).decode()


async def test_a_restricted_ticket_is_changed_like_one_that_is_not_there(
    there: Api, behind: asyncpg.Connection, hidden: Hidden, caplog: pytest.LogCaptureFixture
) -> None:
    """Every verb, by everybody who is not named, with its id in every place that takes one."""
    caplog.set_level(logging.INFO)
    city_id = there.world.guangyuan.id
    secret, none = hidden.id("restricted"), ids.encode("T", city_id, new_id())
    day = hidden.told_at.date()
    drawn = await there.data(
        SUPERVISION,
        "mutation($input: QualitySampleDrawInput!) { qualitySampleDraw(input: $input) "
        "{ qualitySample { id population } userErrors { message } } }",
        input={"within": CITY, "from": str(day - timedelta(days=10)), "to": str(day)},
    )
    sample = drawn["qualitySampleDraw"]["qualitySample"]
    assert sample["population"] == 3, "the restricted one was replied to in that time too"
    before = await _state(behind, hidden)
    tried = refused = 0
    for verb in VERBS.values():
        one = verb.each if isinstance(verb, Bulk) else verb
        for field, many in fields_for_tickets(one).items():
            others = [name for name in fields_for_tickets(one) if name != field]
            for beside in ("new", "accepted", "at_work", "replied") if others else ("new",):
                for login in outsiders(hidden):
                    said = []
                    for ticket in (secret, none):
                        tickets: dict[str, Any] = {name: hidden.id(beside) for name in others}
                        tickets[field] = [ticket] if many else ticket
                        given = input_of(one, tickets, {"sampleId": sample["id"]})
                        given = {"items": [given]} if isinstance(verb, Bulk) else given
                        said.append((await do(there, login, verb, given)).replace(ticket, "…"))
                    assert said[0] == said[1], f"{verb.name} {field} by {login}"
                    tried += 1
                    refused += "NOT_FOUND" in said[0]
    assert refused > tried // 10
    assert await _state(behind, hidden) == before
    assert not [needle.text for needle in hidden.needles if needle.text in caplog.text]


async def _state(behind: asyncpg.Connection, hidden: Hidden) -> list[Any]:
    key = ids.decode(hidden.id("restricted")).key
    ticket = await behind.fetchrow(
        "select version, status, updated.count from tickets, lateral "
        "(select count(*) from events where subject_id = tickets.id) updated where id = $1",
        key,
    )
    return [tuple(ticket or ()), await behind.fetchval("select sum(version) from tickets")]


async def test_a_key_tells_nothing_and_gives_nothing_back(
    there: Api, behind: asyncpg.Connection, hidden: Hidden
) -> None:
    """Neither of a ticket that was never there for one, nor of one that no longer is."""
    secret, none = hidden.id("restricted"), ids.encode("T", there.world.guangyuan.id, new_id())
    selection = "id number title body timeline(first: 5) { totalCount edges { node { note } } }"
    comment = {"body": "已阅", "visibility": "INTERNAL", "idempotencyKey": "k"}
    said = [await there.refusable(DESK, "ticketComment", ticketId=each, **comment) for each in (secret, secret, none)]
    assert said[0] == said[1] == said[2], "the key was never used"
    done = await there.refusable(LEAD, "ticketComment", selection, ticketId=secret, **comment)
    assert done["ticket"]["id"] == secret
    await behind.execute("delete from ticket_named_persons where user_id = $1", there.world.user(LEAD))
    again = await there.refusable(LEAD, "ticketComment", selection, ticketId=secret, **comment)
    assert again == {"ticket": None, "userErrors": []}
    fresh = await there.refusable(
        LEAD, "ticketComment", selection, ticketId=secret, **comment | {"idempotencyKey": "l"}
    )
    assert [error["code"] for error in fresh["userErrors"]] == ["NOT_FOUND"]


async def test_its_number_elsewhere_is_free_for_whom_it_does_not_name(there: Api, hidden: Hidden) -> None:
    call = {"channel": "HOTLINE", "category": "REPORT", "reporter": {"name": "王芳", "phone": "13800000000"}}
    origin = {"platform": "密台", "number": "MI770044"}
    made = await there.submit(COUNTY_DESK, origin=origin, **call)
    found = await there.data(COUNTY_DESK, 'query { ticketByNumber(number: "MI770044") { id } }')
    assert found["ticketByNumber"]["id"] == made["id"]


# Streams


@pytest.mark.long
async def test_a_stream_tells_no_more_than_a_query(there: Api, hidden: Hidden) -> None:
    asker = (await questions(there, hidden))[1]
    selection = asker.selections(SCHEMA.type_map["TicketEventEdge"], 2)[0]
    selection += " node { ticket { enterprise { name } reporter { name phone } origin { number } } }"
    feed = (
        "subscription($within: TenantPath!, $filter: TicketFilter) "
        f"{{ ticketFeed(within: $within, filter: $filter) {{ {selection} }} }}"
    )
    one = "subscription($id: ID!) { ticketEvents(id: $id) { node { note } } }"
    secret, none = hidden.id("restricted"), ids.encode("T", there.world.guangyuan.id, new_id())
    filters: list[dict[str, Any]] = [
        {},
        {"secrecy": ["RESTRICTED"]},
        {"text": "密语寅卯"},
        {"enterpriseId": hidden.enterprise_id("restricted")},
        {"enterpriseId": hidden.enterprise_id("confidential")},
    ]
    heard: dict[str, list[Raw]] = {}
    async with Hub(there.services) as hub:
        await there.services.wakeups.connected()
        watching = [login for login in STAFF if login not in WITHOUT_TICKETS]
        for login in [*watching, hidden.enterprises["known"].login]:
            viewer = await there.viewer(login)
            place = login.partition("@")[2] if login in STAFF else CITY
            for given in filters:
                sink = Raw()
                heard.setdefault(login, []).append(sink)
                prepared = await there.services.executor.prepare(feed, None, viewer=viewer)
                await hub.subscribe(prepared, {"within": place, "filter": given}, viewer, sink)
            refusals = []
            for ticket in (secret, none):
                prepared = await there.services.executor.prepare(one, None, viewer=viewer)
                try:
                    await hub.subscribe(prepared, {"id": ticket}, viewer, Raw())
                except RequestError as refusal:
                    refusals.append((refusal.code, refusal.rule, str(refusal).replace(ticket, "…")))
            assert len(refusals) == 1 + (login not in hidden.named), login
            assert len(set(refusals)) == 1, login
        for login, name, visibility in (
            (SUPERVISION, "restricted", "INTERNAL"),
            (hidden.enterprises["restricted"].login, "restricted", "PUBLIC"),
            (hidden.enterprises["confidential"].login, "confidential", "PUBLIC"),
            (HANDLER, "confidential", "PUBLIC"),
            (hidden.enterprises["known"].login, "at_work", "PUBLIC"),
        ):
            await there.verb(login, "ticketComment", "id", ticketId=hidden.id(name), body="再看", visibility=visibility)
        for login in (AUDITOR, SUPERVISION):
            await until(lambda login=login: len(heard[login][0].payloads) == 5)
        await until(lambda: len(heard[HANDLER][0].payloads) == 3 and len(heard[OFFICE][0].payloads) == 3)
        await asyncio.sleep(0.3)
    for login, sinks in heard.items():
        told = b"".join(payload for sink in sinks for payload in sink.payloads).decode()
        leaks = [needle.text for needle in hidden.needles if needle.text in told and login not in needle.readers]
        assert not leaks, login
        counts = [len(sink.payloads) for sink in sinks]
        if login in (AUDITOR, SUPERVISION):
            assert counts == [5, 2, 2, 2, 2], "the test can fail"
            assert "联络暗名甲" in told
        elif login != LEAD:
            assert counts[1:4] == [0, 0, 0], login
            assert counts[4] in (0, 2)
            assert (counts[4] == 2) is (login in (DESK, COUNTY_DESK, COUNTY_SUPERVISION)), login
    assert [len(sink.payloads) for sink in heard[LEAD]] == [5, 2, 2, 0, 0], "named, without knowing who reported"


class Raw:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def deliver(self, payload: bytes) -> None:
        self.payloads.append(payload)

    async def room(self) -> None:
        pass

    def end(self, error: Exception | None) -> None:
        assert error is None or isinstance(error, Interrupted), error


# Files, and where else it could lie


async def test_its_files_are_not_there(server: Server, kept: Kept, hidden: Hidden, hidden_url: str) -> None:
    unknown = ids.encode("A", kept.world.guangyuan.id, new_id())
    async with serving(kept.world, server.application_url(hidden_url), kept.folder) as counter:
        for login in outsiders(hidden):
            missing = await counter.request(login, "GET", f"/files/{unknown}")
            for attachment in hidden.attachments["restricted"]:
                response = await counter.request(login, "GET", f"/files/{attachment}")
                assert (response.status_code, response.content) == (missing.status_code, missing.content), login
                assert response.headers.items() == missing.headers.items()
                assert response.status_code in (403, 404)
        given = await counter.request(LEAD, "GET", f"/files/{hidden.attachments['restricted'][0]}")
        assert (given.status_code, given.content) == (200, PDF)


async def test_what_it_says_lies_nowhere_but_with_it(behind: asyncpg.Connection, hidden: Hidden) -> None:
    """No list of words, count or memory that is shown to others has learned of it."""
    tables = [row[0] for row in await behind.fetch("select tablename from pg_tables where schemaname = 'public'")]
    key = str(ids.decode(hidden.id("restricted")).key)
    found = {
        table
        for table in tables
        for word in ("密语", "寅卯", "子丑", "密退", "密复", "MI770044", "密附", "密督", "密答")
        if await behind.fetchval(f'select exists (select from "{table}" t where t::text like $1)', f"%{word}%")
    }
    assert found == {"tickets", "events", "attachments", "supervision_notices"}
    referring = {
        table
        for table in tables
        if await behind.fetchval(f'select exists (select from "{table}" t where t::text like $1)', f"%{key}%")
    }
    assert referring <= {
        *("tickets", "events", "attachments", "deadlines", "ticket_signatures"),
        *("ticket_named_persons", "ticket_co_handlers"),
        *("supervision_notices", "notifications"),
    }
