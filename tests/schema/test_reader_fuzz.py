"""Random documents, asked by random people: spliced by the reader and completed by graphql-core, they are the same.

The completed way has a reader of its own each time, so that a plan kept for one request and wrong for the next shows.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import asyncpg
import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLObjectType,
    get_nullable_type,
    is_required_input_field,
)

from app.kernel.errors import RequestError
from app.kernel.events import FeedEvent, read_after
from app.kernel.tables import new_id
from authz.roles import GRANTABLE_AT, Role
from schema import ids
from schema.context import Viewer
from schema.errors import InvalidRequest
from schema.mutations import Bulk, Mutations
from schema.reader.declare import BY_PREFIX, STORED, Ref
from schema.reader.reader import Reader
from schema.schema import VERBS, assemble
from tests.schema.both import SCHEMA, completed, spliced
from tests.schema.conftest import Api
from tests.schema.ledger import LED_TO
from tests.schema.random_documents import Writer
from tests.schema.story import Story

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "40"))
SEEDS = range(int(os.environ.get("FUZZ_SEED", "1")), int(os.environ.get("FUZZ_SEED", "1")) + 8)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
async def test_both_ways_answer_the_same(there: Api, story: Story, behind: asyncpg.Connection, seed: int) -> None:
    writer = Writer(seed, SCHEMA, await pools(there, story, behind))
    people = random.Random(seed)
    logins = [*sorted(there.world.users), *FAVOURITES, *await mixed_people(there, behind, people), None]
    answered = refused = 0
    for number in range(DOCUMENTS):
        document = writer.document()
        for variables in document.variables:
            login = people.choice(logins)
            viewer = await there.viewer(login)
            fast = await answer(there, viewer, document.text, variables)
            if fast is None:
                refused += 1
                continue
            slow = orjson.loads(await completed(there, viewer, document.text, variables, reader=fresh_reader(there)))
            said = f"seed {seed}, document {number}, as {login}, {variables!r}:\n{document.text}"
            assert orjson.dumps(fast["data"]) == orjson.dumps(slow["data"]), said
            assert errors_of(fast) == errors_of(slow), said
            assert "INTERNAL" not in {error["extensions"]["code"] for error in fast.get("errors", [])}, said
            answered += fast["data"] is not None and any(fast["data"].values())
    assert answered > DOCUMENTS // 3  # they ask for something that is there
    assert refused <= DOCUMENTS // 5


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_a_stream_shows_an_event_as_a_query_does(
    there: Api, story: Story, behind: asyncpg.Connection, seed: int
) -> None:
    writer = Writer(seed, SCHEMA, await pools(there, story, behind))
    executor = there.services.executor
    city = there.world.guangyuan.id
    log = await read_after(there.services.database, city, 0, 500)
    shown = 0
    for number in range(DOCUMENTS):
        event = writer.random.choice(log)
        key = writer.random.choice(("ticketFeed", "found", "given", "edge", "cursor", "k" * 70))
        stream, query = writer.twins(
            "TicketEvent",
            ("subscription", f'{{ {key}: ticketFeed(within: "guangyuan") {{ {key}: node %s }} }}'),
            ("query", f'{{ node(id: "{ids.encode("TE", city, event.id)}") {{ ... on TicketEvent %s }} }}'),
        )
        login = writer.random.choice(STAFF)
        viewer = await there.viewer(login)
        for variables in stream.variables:
            said = f"seed {seed}, document {number}, as {login}, {variables!r}:\n{stream.text}"
            expected = orjson.loads(await spliced(there, viewer, query.text, variables))
            prepared = await executor.prepare(stream.text, None, viewer=viewer)
            if "errors" in expected:
                with pytest.raises((RequestError, GraphQLError)):
                    await read_one(executor, prepared, variables, viewer, event)
                continue
            told = await read_one(executor, prepared, variables, viewer, event)
            node = expected["data"]["node"]
            assert (None if told is None else orjson.dumps(orjson.loads(told)["data"][key][key])) == (
                None if node is None else orjson.dumps(node)
            ), said
            shown += told is not None
    assert shown > DOCUMENTS // 2


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_a_payload_shows_a_ticket_as_a_query_does(
    there: Api, story: Story, behind: asyncpg.Connection, seed: int
) -> None:
    writer = Writer(seed, SCHEMA, await pools(there, story, behind))
    verb = 'ticketComment(input: {ticketId: "%i", body: "请补充材料", visibility: %v})'
    shown = 0
    for number in range(DOCUMENTS // 2):
        login, names, visibility = writer.random.choice(COMMENTERS)
        ticket = story[writer.random.choice(names)]
        done = verb.replace("%i", ticket).replace("%v", visibility)
        mutation, query = writer.twins(
            "Ticket",
            ("mutation", f"{{ done: {done} {{ userErrors {{ code }} shown: ticket %s }} }}"),
            ("query", f'{{ shown: ticket(id: "{ticket}") %s }}'),
        )
        viewer = await there.viewer(login)
        for variables in mutation.variables:
            said = f"seed {seed}, document {number}, as {login}, {variables!r}:\n{mutation.text}"
            changed = await answer(there, viewer, mutation.text, variables)
            expected = await answer(there, viewer, query.text, variables)
            if changed is None or expected is None:
                continue
            shown += 1
            assert changed["data"]["done"]["userErrors"] == [], said
            assert orjson.dumps(changed["data"]["done"]["shown"]) == orjson.dumps(expected["data"]["shown"]), said
            assert [each["extensions"] for each in changed.get("errors", [])] == [
                each["extensions"] for each in expected.get("errors", [])
            ], said
    assert shown > DOCUMENTS // 2


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_a_stream_hears_of_what_a_list_shows(
    there: Api, story: Story, behind: asyncpg.Connection, seed: int
) -> None:
    """A board's filter lets through the events of exactly the tickets that a list with it holds."""
    writer = Writer(seed, SCHEMA, await pools(there, story, behind))
    executor = there.services.executor
    city = there.world.guangyuan.id
    filters = SCHEMA.subscription_type.fields["ticketFeed"].args["filter"].type  # type: ignore[union-attr]
    log = await read_after(there.services.database, city, 0, 500)
    heard = 0
    for number in range(DOCUMENTS):
        given = writer.literal("filter", filters)
        within = writer.random.choice(("guangyuan", "guangyuan", "guangyuan.cangxi", "guangyuan.commerce"))
        viewer = await there.viewer(writer.random.choice(STAFF))
        said = f"seed {seed}, document {number}, as {viewer.actor and viewer.actor.login}: {within} {given}"
        where = f'(within: "{within}", filter: {given}'
        listed = orjson.loads(
            await spliced(there, viewer, f"{{ tickets{where}, first: 100) {{ edges {{ node {{ id }} }} }} }}", {})
        )
        stream = f"subscription {{ ticketFeed{where}) {{ node {{ id ticket {{ id }} }} }} }}"
        prepared: Any = await executor.prepare(stream, None, viewer=viewer)
        if "errors" in listed:
            with pytest.raises((RequestError, GraphQLError)):
                await read_one(executor, prepared, {}, viewer, log[0])
            continue
        subscription = await executor.prepare_subscription(prepared, {}, viewer)
        told = await subscription.read(log, viewer, include_restricted=True)
        shown = [orjson.loads(each)["data"]["ticketFeed"]["node"]["ticket"]["id"] for each in told if each]
        assert set(shown) == {edge["node"]["id"] for edge in listed["data"]["tickets"]["edges"]}, said
        heard += len(shown)
    assert heard


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_every_verb_shows_what_a_query_does(
    there: Api, story: Story, behind: asyncpg.Connection, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payload of each verb, whatever it has done: here nothing, so that any of them may stand for any object."""
    given = await pools(there, story, behind)
    writer = Writer(seed, SCHEMA, given)
    refs: list[Ref] = []

    async def nothing(*_: object) -> Ref:
        return refs.pop(0)

    monkeypatch.setattr(Mutations, "_attempt", nothing)
    found = {prefix: [each for each in given["ids"] if each.startswith(f"{prefix}_")] for prefix in BY_PREFIX}
    shown = 0
    for name, verb in sorted(VERBS.items()):
        one = verb.each if isinstance(verb, Bulk) else verb
        if one.removes:
            continue
        for _ in range(max(1, DOCUMENTS // 20)):
            chosen = writer.random.choices(found[cast(str, STORED[one.shows].prefix)], k=3 if verb is not one else 1)
            called = f"{name}(input: {input_of(SCHEMA.mutation_type, name, len(chosen))})"  # type: ignore[arg-type]
            object_ = f"{{ userErrors {{ code }} {one.payload_field} %s }}"
            mutation, query = writer.twins(
                one.shows,
                ("mutation", f"{{ done: {called} {f'{{ results {object_} }}' if verb is not one else object_} }}"),
                ("query", f"{{ nodes(ids: {orjson.dumps(chosen).decode()}) {{ ... on {one.shows} %s }} }}"),
            )
            viewer = await there.viewer(writer.random.choice(DISPATCHERS if verb is not one else STAFF))
            for variables in mutation.variables:
                said = f"seed {seed}, as {viewer.actor and viewer.actor.login}, {variables!r}:\n{mutation.text}"
                refs[:] = [ref_of(each) for each in chosen]
                expected = await answer(there, viewer, query.text, variables)
                if expected is None:
                    continue
                changed = orjson.loads(await spliced(there, viewer, mutation.text, variables))
                if "errors" in expected:
                    assert {error["message"] for error in changed["errors"]} == {
                        error["message"] for error in expected["errors"]
                    }, said
                    continue
                assert "errors" not in changed, (changed["errors"], said)
                done = changed["data"]["done"]
                payloads = done["results"] if verb is not one else [done]
                assert [each["userErrors"] for each in payloads] == [[]] * len(chosen), said
                objects = [each[one.payload_field] for each in payloads]
                assert orjson.dumps(objects) == orjson.dumps(expected["data"]["nodes"]), said
                shown += any(objects)
    assert shown > len(VERBS) // 2


async def answer(api: Api, viewer: Viewer, text: str, variables: Mapping[str, Any]) -> dict[str, Any] | None:
    """As the product answers, or None where it may take too many rows."""
    try:
        response: dict[str, Any] = orjson.loads(await spliced(api, viewer, text, variables))
    except InvalidRequest as refusal:
        if "rows" in str(refusal):
            return None
        raise
    return response


def ref_of(text: str) -> Ref:
    decoded = ids.decode(text)
    return Ref(BY_PREFIX[decoded.prefix].name, decoded.city_id, decoded.key)


def input_of(type_: GraphQLObjectType, verb: str, items: int) -> str:
    """What a verb must be given, written out."""

    def written(of: Any, name: str = "") -> str:
        of = get_nullable_type(of)
        if isinstance(of, GraphQLList):
            return f"[{', '.join([written(of.of_type, name)] * (items if name == 'items' else 1))}]"
        if isinstance(of, GraphQLInputObjectType):
            needed = {inner: field.type for inner, field in of.fields.items() if is_required_input_field(field)}
            return "{" + ", ".join(f"{inner}: {written(each, inner)}" for inner, each in needed.items()) + "}"
        if isinstance(of, GraphQLEnumType):
            return next(iter(of.values))
        return INPUTS.get(name) or INPUTS.get(f"{of}", '"x"')

    return written(type_.fields[verb].args["input"].type)


INPUTS = {
    "ID": f'"{ids.encode("T", 10, UUID(int=0))}"',
    **{
        name: f'"{ids.encode(prefix, 10, UUID(int=0))}"'
        for name, prefix in {
            **LED_TO,
            "aggregateId": "AG",
            "entryId": "IE",
            "instalmentId": "II",
            "notificationId": "NO",
            "qualityEntryId": "QE",
            "reportId": "RO",
            "sampleId": "QS",
            "taskId": "RT",
            "transferId": "TT",
        }.items()
    },
    "TenantPath": '"guangyuan.commerce"',
    "Decimal": '"100.00"',
    "Int": "1",
    "Boolean": "true",
    "Date": '"2026-11-22"',
    "DateTime": '"2026-11-22T00:00:00Z"',
    "JSON": "{}",
}
DISPATCHERS = ("dispatcher@guangyuan", "office@guangyuan", "dispatcher@guangyuan.cangxi", "dispatcher@anshan")


async def mixed_people(api: Api, behind: asyncpg.Connection, draw: random.Random) -> list[str]:
    """The logins of people with several roles, in several tenants, some of them in both cities."""
    logins = []
    for serial in range(MIXED):
        city, other = draw.sample([city.id for city in api.world.cities], 2)
        login, user_id = f"mixed{serial}", new_id()
        await behind.execute(
            "insert into users (id, city_id, login, name, created_at) values ($1, $2, $3, $3, now())",
            user_id,
            city,
            login,
        )
        for _ in range(draw.randint(1, 5)):
            role = draw.choice([role for role in Role if role not in (Role.ENTERPRISE_USER, Role.PLATFORM_OPERATOR)])
            tenant = await behind.fetchrow(
                "select id, city_id from tenants where kind = any($1) and city_id = $2 order by md5(id::text || $3)",
                [kind.value for kind in GRANTABLE_AT[role]],
                other if draw.random() < 0.3 else city,
                str(draw.random()),
            )
            await behind.execute(
                "insert into grants (city_id, id, user_id, tenant_id, role, granted_at) values ($1, $2, $3, $4, $5, "
                "now()) on conflict do nothing",
                tenant["city_id"],
                new_id(),
                user_id,
                tenant["id"],
                role.value,
            )
        api.world.users[login] = user_id
        logins.append(login)
    return logins


MIXED = 12
COMMENTERS = (
    ("intake_agent@guangyuan", ("submitted", "in_progress", "confidential", "restricted"), "PUBLIC"),
    ("handler@guangyuan.finance", ("in_progress", "dispatched"), "INTERNAL"),
    ("handler@guangyuan.commerce", ("in_progress", "confidential", "resolved"), "PUBLIC"),
    ("office@guangyuan", ("submitted", "disputed", "escalated", "confidential"), "INTERNAL"),
    ("intake_agent@guangyuan.cangxi", ("submitted", "county"), "INTERNAL"),
)


async def read_one(executor: Any, prepared: Any, variables: Any, viewer: Any, event: FeedEvent) -> bytes | None:
    subscription = await executor.prepare_subscription(prepared, variables, viewer)
    (payload,) = await subscription.read([event], viewer, include_restricted=True)
    return payload


STAFF = (
    *("office@guangyuan", "intake_agent@guangyuan", "supervision_officer@guangyuan", "auditor@guangyuan"),
    *("handler@guangyuan.commerce", "handler@guangyuan.finance", "intake_agent@guangyuan.cangxi"),
)


FAVOURITES = (
    *("office@guangyuan", "intake_agent@guangyuan", "dispatcher@guangyuan", "auditor@guangyuan", "auditor@anshan"),
    *("handler@guangyuan.commerce", "handler@guangyuan.finance", "handler@anshan.commerce", "steward@guangyuan"),
    *("intake_agent@guangyuan.cangxi", "city_administrator@guangyuan", "supervision_officer@guangyuan"),
)


def errors_of(response: dict[str, Any]) -> list[Any]:
    """What is said about each error, in the order of the roots; where data is null, of the roots that made it so.

    Which of the other roots' errors are told then is free: their values are not.
    """
    errors = response.get("errors", [])
    if response["data"] is None:
        errors = errors[:1] and [{"path": [], "message": "", "extensions": {}}]
    return sorted((error["path"], error["message"], orjson.dumps(error["extensions"])) for error in errors)


def fresh_reader(api: Api) -> Reader:
    """A reader that has no plan yet."""
    services = api.services
    answer_bytes = services.settings.limits.answer_bytes
    return Reader(SCHEMA, assemble().roots, services.database, services.trees, answer_bytes=answer_bytes)


FURNITURE = """
insert into attachments (city_id, id, ticket_id, event_id, name, media_type, size, sha256, scanned, visibility,
  uploaded_by, uploaded_at)
select e.city_id, gen_random_uuid(), e.subject_id, e.id, '照片' || e.seq || '.png', 'image/png', 1000 + e.seq,
  sha256(e.id::text::bytea), e.seq % 2 = 0, case e.seq % 3 when 0 then 'INTERNAL' else 'PUBLIC' end, e.actor_id, e.at
from events e where e.topic = 'ticket' and e.actor_id is not null and e.seq % 2 = 1;

insert into published_decisions (city_id, id, ticket_id, tenant_id, scheme_version, category, number, text,
  published_at)
select city_id, gen_random_uuid(), id, coalesce(lead_id, county_id, city_id), scheme_version, category,
  '文〔2026〕' || number, title, submitted_at
from tickets where secrecy = 'NORMAL' and resolved_at is not null;

insert into quality_samples (city_id, id, version, scheme_version, tenant_id, resolved_from, resolved_before,
  population, size, seed, drawn_at, drawn_by)
select distinct on (t.id) t.city_id, gen_random_uuid(), 1, 1, t.id, now() - interval '9 days', now(), 99, 12,
  sha256(t.path::bytea), now(), u.id
from tenants t join users u on u.city_id = t.city_id where t.kind in ('CITY', 'COUNTY') order by t.id, u.id;

insert into quality_checks (city_id, sample_id, ticket_id, passed, findings, checked_at, checked_by)
select s.city_id, s.id, t.id, case t.round when 1 then true end, case t.round when 1 then '及时' end,
  case t.round when 1 then now() end, case t.round when 1 then s.drawn_by end
from quality_samples s join tickets t on t.city_id = s.city_id and t.lead_id is not null;

insert into quality_entries (city_id, id, version, scheme_version, kind, status, ticket_id, round, tenant_id, lead_id,
  opened_at, awaits_task)
select city_id, gen_random_uuid(), 1, 1, 'LOW_SATISFACTION', 'OPEN', id, round, coalesce(lead_county_id, city_id),
  lead_id, submitted_at, false
from tickets where lead_id is not null and secrecy <> 'RESTRICTED' on conflict do nothing;

insert into supervision_notices (city_id, id, number, version, scheme_version, level, kind, ticket_id, restricted,
  addressee_id, addressee_county_id, trigger, times, cause, issued_at, issued_on, reply_due_at, provisional, listed,
  may_refer, status)
select city_id, gen_random_uuid(), 'D-' || number, 1, 1, 1 + round % 2,
  (array['REMINDER', 'RECTIFICATION'])[1 + round % 2], id, secrecy = 'RESTRICTED', lead_id, lead_county_id,
  'OVERDUE', 2, id::text, submitted_at, submitted_at::date, submitted_at + interval '3 days', false, round % 2 = 1,
  false, 'ISSUED'
from tickets where lead_id is not null;

insert into ticket_transfers (city_id, id, version, direction, peer_id, status, number, category, secrecy, title, body,
  reporter_anonymous, reason, offered_at, due_at, provisional, warn_at, chases, relayed_seq, scheme_version)
select city_id, gen_random_uuid(), 1, 'RECEIVED', 1010 - city_id, 'OFFERED', 'X-' || number, category, 'NORMAL',
  '停水', '停水三天', false, '由贵市负责', submitted_at, submitted_at + interval '1 day', false, submitted_at, 0, 0, 1
from tickets where round = 1 and secrecy = 'NORMAL' and lead_id is not null;

insert into notifications (city_id, id, subject_id, tenant_id, kind, ticket_id, notice_id, restricted, at)
select city_id, gen_random_uuid(), id, addressee_id, 'NOTICE_ISSUED', ticket_id, id, restricted, issued_at
from supervision_notices;

insert into work_plans (city_id, id, version, tenant_id, county_id, year, title, published_at, published_by)
select distinct on (t.id) t.city_id, gen_random_uuid(), 1, t.id, t.county_id, 2026, '任务清单', now(), u.id
from tenants t join users u on u.city_id = t.city_id where t.kind in ('CITY', 'COUNTY') order by t.id, u.id;

insert into inspections (city_id, id, tenant_id, county_id, day, mode, inspectors, recorded_at, recorded_by)
select distinct on (t.id) t.city_id, gen_random_uuid(), t.id, t.county_id, '2026-02-01', 'UNDERCOVER', '两人', now(),
  u.id
from tenants t join users u on u.city_id = t.city_id where t.kind = 'DEPARTMENT' order by t.id, u.id;

insert into rectification_tasks (city_id, id, version, scheme_version, source, plan_id, title, problem, lead_id,
  lead_county_id, status, running, round, percent, issued_at, due_at, provisional, progress_due_at)
select t.city_id, gen_random_uuid(), 1, 1, 'WORK_PLAN', p.id, '整改' || t.slug, '问题', t.id, t.county_id, 'ISSUED',
  true, 1, t.id % 100, now(), now() + interval '30 days', false, now() + interval '30 days'
from tenants t join work_plans p on p.city_id = t.city_id and p.tenant_id = t.city_id where t.kind = 'DEPARTMENT';
insert into rectification_co_operators (city_id, task_id, tenant_id)
select r.city_id, r.id, t.id from rectification_tasks r join tenants t on t.city_id = r.city_id and t.kind = 'COUNTY';
insert into rectification_milestones (city_id, task_id, place, title, due_on)
select city_id, id, place, '节点', due_at::date from rectification_tasks, generate_series(1, 2) place;
insert into rectification_progress (city_id, task_id, month, tenant_id, text, percent, reported_at)
select city_id, id, '2026-02-01', lead_id, '推进', 50, issued_at from rectification_tasks;

insert into integrity_entries (city_id, id, version, scheme_version, kind, status, title, debtor_id, county_id,
  creditor_id, amount, opened_on, opened_at, opened_by)
select distinct on (t.id) t.city_id, gen_random_uuid(), 1, 1, 'ARREARS', 'CONFIRMED', '拖欠' || t.slug, t.id,
  t.county_id, e.id, 1000 + t.id, '2026-02-01', now(), u.id
from tenants t join users u on u.city_id = t.city_id join enterprises e on e.city_id = t.city_id
where t.kind = 'DEPARTMENT' order by t.id, md5(e.id::text || t.id), u.id;
insert into integrity_instalments (city_id, id, entry_id, amount, paid_on, note, recorded_at, recorded_by)
select city_id, gen_random_uuid(), id, place, '2026-02-03', '内部', opened_at, opened_by
from integrity_entries, generate_series(1, 2) place;

insert into reports (city_id, id, version, scheme_version, obligation, every, begins_on, ends_before, tenant_id,
  county_id, from_roles, to_roles, copied_to, status, due_at, content, drafted_at)
select city_id, gen_random_uuid(), 1, 1, '月报', 'MONTH', '2026-01-01', '2026-02-01', id, county_id, '{OFFICE}',
  '{LEADING_GROUP}', '{}', 'DUE', now(), '{"tickets": {"submitted": 1}}', now()
from tenants where kind in ('CITY', 'COUNTY', 'DEPARTMENT');

insert into aggregates (city_id, id, of_city_id, month, version, scheme_version, minimum_cell, automatic, reason,
  digest, released_at)
select id, gen_random_uuid(), id, '2026-01-01', version, 1, 5, version = 1, case version when 2 then '更正' end, '',
  now()
from tenants, generate_series(1, 2) version where kind = 'CITY';
insert into aggregate_cells (city_id, aggregate_id, place, measure, category, numerator, denominator, withheld)
select city_id, id, place, 'ON_TIME', case place when 1 then 'HELP' end, 7, 8, false
from aggregates, generate_series(0, 1) place;

insert into events (city_id, id, topic, subject_id, seq, version, type, at, actor_id, actor_tenant_id, actor_role,
  visibility, restricted, data, hash)
select told.city_id, gen_random_uuid(), topic, told.id, seq, seq, type, now(), by.id, by.tenant_id, by.role,
  'INTERNAL', false, data, sha256(told.id::text::bytea)
from (
  select city_id, id, 'rectification', 1, 'ISSUED', '{"toStatus": "ISSUED", "round": 1, "note": "限期"}'::jsonb
  from rectification_tasks
  union all select city_id, id, 'rectification', 2, 'MOVED', jsonb_build_object('round', 1, 'dueAt', due_at)
  from rectification_tasks
  union all select city_id, id, 'integrity', 1, 'OPENED', '{"toStatus": "OPENED", "amount": "1000.00"}'
  from integrity_entries
  union all select city_id, id, 'report', seq, type, '{"toStatus": "DUE"}'
  from reports, (values (1, 'DRAFTED'), (2, 'WARNED')) of (seq, type)
) told (city_id, id, topic, seq, type, data)
left join lateral (
  select u.id, g.tenant_id, g.role from users u join grants g on g.user_id = u.id
  where told.seq = 1 and u.city_id = told.city_id order by md5(u.id::text || told.id::text) limit 1
) by on true;

insert into notifications (city_id, id, subject_id, tenant_id, kind, task_id, report_id, entry_id, restricted, at)
select city_id, gen_random_uuid(), id, lead_id, 'TASK_ISSUED', id, null::uuid, null::uuid, false, issued_at
from rectification_tasks
union all select city_id, gen_random_uuid(), id, tenant_id, 'REPORT_DRAFTED', null, id, null, false, drafted_at
from reports
union all select city_id, gen_random_uuid(), id, debtor_id, 'ENTRY_OPENED', null, null, id, false, opened_at
from integrity_entries;
"""
"""What the story does not tell of: files, published decisions, samples and their checks, notices and what people are
told, the ledgers and what hangs on them, and reports: in both cities."""
LEDGERS = {
    "SN": "supervision_notices",
    "NO": "notifications",
    "WP": "work_plans",
    "IN": "inspections",
    "RT": "rectification_tasks",
    "IE": "integrity_entries",
    "II": "integrity_instalments",
    "RO": "reports",
    "AG": "aggregates",
    "TT": "ticket_transfers",
    "QE": "quality_entries",
}
"""The prefixes of what was put in by hand, and where it is."""


async def pools(api: Api, story: Story, behind: asyncpg.Connection) -> dict[str, list[Any]]:
    """Values to ask with: of things that are there, in both cities and of every secrecy, and of none."""
    await behind.execute(FURNITURE)
    seen = await api.data(
        "auditor@guangyuan",
        "query { tickets(first: 100) { edges { cursor node { id number attachments { id } "
        "timeline(first: 3) { edges { cursor node { id } } } } } } "
        "byNumber: tickets(first: 5, orderBy: {field: NUMBER, direction: ASC}) { edges { cursor } } "
        "enterprises { edges { cursor node { id creditCode } } } tenants(first: 6) { edges { cursor node { id path } } "
        '} scheme(city: "guangyuan") { id } viewer { user { id } roles { id } } '
        'responsibilityList(city: "guangyuan") { id } responsibilitySubjects { edges { cursor node { id } } } '
        'qualitySamples(within: "guangyuan") { edges { cursor node { id } } } '
        'publishedDecisions(within: "guangyuan") { edges { cursor node { id } } } }',
    )
    tickets = [edge["node"] for edge in seen["tickets"]["edges"]]
    events = [edge for ticket in tickets for edge in ticket["timeline"]["edges"]]
    enterprises = [edge["node"] for edge in seen["enterprises"]["edges"]]
    tenants = [edge["node"] for edge in seen["tenants"]["edges"]]
    world = api.world
    everything = [
        *story.tickets.values(),
        *tickets,
        *(edge["node"] for edge in events[::3]),
        *enterprises,
        *tenants,
        seen["scheme"],
        seen["viewer"]["user"],
        *seen["viewer"]["roles"],
        *filter(None, [seen["responsibilityList"]]),
        *(
            edge["node"]
            for name in ("responsibilitySubjects", "qualitySamples", "publishedDecisions")
            for edge in seen[name]["edges"]
        ),
        *(each for ticket in tickets for each in ticket["attachments"]),
    ]
    found = [each["id"] for each in everything]
    found += [
        ids.encode("T", world.guangyuan.id, new_id()),
        ids.encode("U", world.guangyuan.id, world.user("office@guangyuan")),
        ids.encode("E", world.anshan.id, world.anshan.enterprise.id),
        ids.encode("T", 999_999, new_id()),
    ]
    for prefix, table in LEDGERS.items():
        rows = await behind.fetch(f"select city_id, id from {table} order by city_id, md5(id::text) limit 40")
        found += [ids.encode(prefix, row["city_id"], row["id"]) for row in rows[::6]]
    connections = [seen[name] for name in ("tickets", "byNumber", "enterprises", "tenants")]
    cursors = [edge["cursor"] for connection in connections for edge in connection["edges"][:4]]
    cursors += [edge["cursor"] for edge in events[:6]]
    paths = ["guangyuan", "guangyuan.cangxi", "guangyuan.commerce", "guangyuan.cangxi.housing", "anshan", "platform"]
    return {
        "id": [*found, *story_ids(story), "nonsense"],
        "ids": found,
        "after": [*cursors, "bm9uc2Vuc2U"],
        "before": cursors,
        "within": [*paths, "guangyuan.nowhere"],
        "county": ["guangyuan.cangxi", "guangyuan.jiange", "guangyuan.commerce", "nowhere"],
        "department": ["guangyuan.commerce", "guangyuan.finance", "anshan.commerce"],
        "addressee": ["guangyuan.commerce", "guangyuan.finance", "anshan.commerce"],
        "debtor": ["guangyuan.commerce", "guangyuan.finance", "anshan.commerce"],
        "month": ["2026-01", "2026-13", ""],
        **{key: ["2026-01", "2026-12", "2026-13"] for key in ("fromMonth", "toMonth")},
        "tenant": paths,
        "path": [*paths, "nowhere"],
        "city": ["guangyuan", "guangyuan", "anshan", "guangyuan.cangxi"],
        "version": [1, 1, 2, 0, -5],
        "number": [story.number(name) for name in story.tickets] + ["", "GY-1", "\x00"],
        "creditCode": [*(each["creditCode"] for each in enterprises), "91510824000000001X", "x"],
        "enterpriseId": [*(each["id"] for each in enterprises), found[0]],
        "creditorId": [*(each["id"] for each in enterprises), found[0]],
        "obligation": ["SUPERVISION_MONTHLY", ""],
        "openedFrom": ["2020-01-01", "2026-11-01"],
        "openedBefore": ["2100-01-01", "2020-01-01"],
        **{
            key: ["2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"]
            for key in ("issuedFrom", "issuedBefore", "dueFrom", "dueBefore", "enteredFrom", "enteredBefore")
        },
        **{name: [ids.encode(prefix, world.guangyuan.id, new_id())] for name, prefix in LED_TO.items()},
        "year": [2026, 1, -5],
        "submittedFrom": ["2020-01-01T00:00:00Z", "2026-01-01T08:00:00+08:00"],
        "submittedBefore": ["2020-01-01T00:00:00Z", "2090-01-01T00:00:00.123456Z"],
        "from": ["2020-01-01", "2026-11-01"],
        "to": ["2100-01-01", "2100-01-01", "2026-12-01", "2020-01-01"],
        "ticketId": [*story_ids(story), *found[-4:], "nonsense"],
        "title": ["用电报装", "a", "", "\x00"],
        "body": ["至今没有答复", "a" * 300, ""],
        "search": ["用电", "执照", "%", "", "a" * 101],
        "text": ["用电", "举报", "GY", "山泉", "%", "_", "", "a" * 101],
    }


def story_ids(story: Story) -> list[str]:
    """The tickets once more: most documents should be about one."""
    return [story[name] for name in story.tickets] * 2
