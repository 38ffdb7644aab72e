"""No statement reaches a row that its reader may not see: each table in it carries the visibility that its type
declares, or hangs on a row that does; and where one were forgotten, row-level security still keeps the cities apart."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from sqlalchemy import Alias, Join, Select, Table
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.sql import visitors

from app.kernel.clock import SystemClock
from authz.actor import Actor, ActorGrant
from authz.permissions import Permission
from authz.policy import load_policy
from authz.roles import Role
from schema import ids
from schema.context import Viewer
from schema.reader import compile as compiling
from schema.reader.declare import STORED, Connection, Relation
from schema.reader.plan import Run
from schema.schema import assemble
from tests.schema.both import SCHEMA
from tests.schema.conftest import Api
from tests.schema.plans import Located, anybody, pools
from tests.schema.random_documents import Writer
from tests.schema.story import Story
from tests.schema.test_reader_fuzz import FURNITURE

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "40"))
SEEDS = range(int(os.environ.get("FUZZ_SEED", "1")), int(os.environ.get("FUZZ_SEED", "1")) + 4)
DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]

PUBLIC = {"tenants"}
OTHERWISE = {
    # What a city's scheme says of its tickets, and which version is the newest: of the reader's city.
    ("schemes", "schemes"): r"schemes\.city_id = \$",
    ("schemes", "newer"): r"newer\.city_id = \S+\.city_id AND newer\.version > ",
    ("schemes", "of_city"): r"of_city\.city_id = \$",
    ("responsibility_lists", "responsibility_lists"): r"responsibility_lists\.city_id = \$",
    # A likely duplicate is looked for among all of the city, by signatures that tell nothing, and by the enterprise;
    # of what is found only what is visible is joined (`likely`).
    ("ticket_signatures", "looked_at"): r"looked_at\.city_id = \$",
    ("ticket_signatures", "theirs"): r"theirs\.city_id = \$\d+::INTEGER AND theirs\.ticket_id = found\.ticket_id",
    ("tickets", "of_enterprise"): r"of_enterprise\.city_id = \$\d+::INTEGER AND of_enterprise\.enterprise_id = ",
    ("tickets", "likely"): r"likely\.city_id = \$",
    # By its number, and counted: as far as the reader sees tickets.
    ("tickets", "numbered"): r"numbered\.city_id = \$",
    # How common a word is, by a few of the city that are no secret; nothing of them is shown.
    ("tickets", "newest_"): r"newest_\.city_id = \$\d+::INTEGER AND newest_\.secrecy = 'NORMAL'",
    # The ledger's numbers, and a plan's: of the tasks that the reader sees.
    ("rectification_tasks", "counted"): r"counted\.city_id = \$",
    ("quality_entries", "counted"): r"counted\.city_id = \$",
    ("rectification_tasks", "planned_"): r"planned_\.city_id = \$",
    # Between which months the city has tickets at all.
    ("tickets", "outermost"): r"outermost\.city_id = \$",
    ("tickets", "counted"): r"counted\.secrecy|counted\.city_id = \$",
    # The numbers of notices, and the sums of the ledger of broken promises: of those that the reader sees.
    ("supervision_notices", "counted_"): r"counted_\.city_id = \$",
    ("integrity_entries", "entry_"): r"entry_\.city_id = \$",
    (
        "integrity_instalments",
        "instalment_",
    ): r"entry_\.city_id = instalment_\.city_id AND entry_\.id = instalment_\.entry_id",
    # What was released: of what the reader sees, its numbers, and whether a correction came after it.
    ("aggregates", "released_"): r"false|released_\.city_id = \$",
    ("aggregate_cells", "cell_"): r"cell_\.city_id = released_\.city_id AND cell_\.aggregate_id = released_\.id",
    ("aggregates", "newer_"): r"newer_\.city_id = \S+\.city_id AND newer_\.of_city_id = \S+\.of_city_id",
    # Where a ticket that the reader sees was passed on to, or came from.
    ("ticket_transfers", "of_ticket"): r"of_ticket\.city_id = \S+\.city_id AND of_ticket\.ticket_id = \S+\.id",
    # How far the reader has read.
    ("notification_marks", "mark_"): r"mark_\.city_id = \S+\.city_id AND mark_\.user_id = \$",
    # Oneself, one's own roles, whose role it is that one may see, and who acted, of what the staff alone see.
    ("users", "t$"): r"t\$\d+\.id = (\$|t\$\d+\.user_id)",
    ("users", "users"): r"users\.id = \S+\.(actor_id|raised_by|replied_by)",
    ("grants", "t$"): r"t\$\d+\.user_id = \$",
    ("grants", "grants"): r"grants\.tenant_id = \S+\.id AND grants\.user_id = \$",
    # The tickets that name the reader, looked up at once.
    ("ticket_named_persons", "ticket_named_persons"): r"ticket_named_persons\.user_id = \$",
}
"""Tables that neither carry the visibility of a type nor hang on a row by city and key, and what they must say."""


class _Watched(compiling.Compiler):
    """Keeps the statement, and which alias was given the visibility of which type."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.statement: Any = None
        self.guards: dict[str, list[Any]] = {}

    def _plan(self, statement: Any, **named: Any) -> Any:
        self.statement = statement
        return super()._plan(statement, **named)

    def visible(self, stored: Any, here: Any) -> Any:
        conditions = super().visible(stored, here)
        if here.row is not None:
            self.guards.setdefault(here.row.c._alias, []).append(conditions)
        return conditions


def tables_of(source: Any) -> Iterator[tuple[str, str]]:
    """The stored tables of a FROM, with their aliases."""
    if isinstance(source, Join):
        yield from tables_of(source.left)
        yield from tables_of(source.right)
    elif isinstance(source, Alias) and isinstance(source.element, Table):
        yield source.element.name, str(source.name)
    elif isinstance(source, Table):
        yield source.name, source.name


def selects_of(
    element: Any, enclosing: frozenset[Any] = frozenset(), seen: set[int] | None = None
) -> Iterator[tuple[Any, str, list[tuple[str, str]]]]:
    """Every select in a statement: its own conditions, the text of them and of its joins, and the stored tables that
    are its own and not a row of what it stands in."""
    seen = set() if seen is None else seen
    if id(element) in seen:
        return
    seen.add(id(element))
    if isinstance(element, Select):
        sources = [source for source in element.get_final_froms() if source not in enclosing]
        conditions = element._where_criteria
        joins = [join.onclause for source in sources for join in visitors.iterate(source) if isinstance(join, Join)]
        text = " AND ".join(str(each.compile(dialect=DIALECT)) for each in (*conditions, *joins) if each is not None)
        yield conditions, text, [found for source in sources for found in tables_of(source)]
        enclosing |= {part for source in sources for part in (source, *_joined(source))}
    for child in element.get_children():
        yield from selects_of(child, enclosing, seen)


def _joined(source: Any) -> Iterator[Any]:
    if isinstance(source, Join):
        for side in (source.left, source.right):
            yield side
            yield from _joined(side)


def check(compiler: _Watched, located: Located, said: str) -> Counter[str]:
    """Fails on a table of the statement that nothing keeps to its reader; else counts the tables."""
    met: Counter[str] = Counter()
    for conditions, text, tables in selects_of(compiler.statement):
        for table, alias in tables:
            met[table] += 1
            guards = compiler.guards.get(alias)
            guarded = guards is not None and all(
                any(own is guard for own in conditions) for each in guards for guard in each
            )
            if table in PUBLIC or (guarded and any(guards or ())):
                continue
            key = rf"{re.escape(alias)}\.\w+"
            by_city = re.search(rf"(?<![\w$]){re.escape(alias)}\.city_id = [\w$]+\.city_id", text)
            by_key = re.search(rf"(?<![\w$]){key} = ([\w$]+\.(?!city_id)\w+|CAST|\(|ANY)", text)
            if by_city and by_key:
                continue
            kind = "t$" if re.fullmatch(r"t\$\d+", alias) else alias
            assert (table, kind) in OTHERWISE, f"{table} as {alias} where {text}\n{said}"
            assert re.search(OTHERWISE[table, kind], text, re.DOTALL), f"{table} as {alias} where {text}\n{said}"
            if kind in ("likely", "numbered") and not reads_restricted(located):
                assert f"{alias}.secrecy != 'RESTRICTED'" in text, f"{table} as {alias} where {text}\n{said}"
            if (table, kind) == ("supervision_notices", "counted_") and not reads_restricted(located):
                assert "counted_.restricted IS false" in text, f"{table} as {alias} where {text}\n{said}"
    return met


@pytest.mark.parametrize("seed", SEEDS)
def test_every_table_carries_its_scope_or_hangs_on_one_that_does(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    writer = Writer(seed, SCHEMA, pools(draw))
    met: Counter[str] = Counter()
    for number in range(DOCUMENTS):
        document = writer.document()
        located = Located(document.text, document.variables[0], anybody(draw))
        compiler = _Watched(
            SCHEMA,
            located.prepared.fragments,
            located.variables,
            locale=located.viewer.locale,
            tree=None,  # type: ignore[arg-type]
        )
        monkeypatch.setattr(located, "compiler", lambda compiler=compiler: compiler)
        if located.plan() is None:
            continue
        said = f"seed {seed}, document {number}, {located.viewer!r}:\n{document.text}"
        met += check(compiler, located, said)
    assert len(met) > 8, met


class _Forgetful(_Watched):
    """Leaves out what a type declares to be visible."""

    def visible(self, stored: Any, here: Any) -> Any:
        return []


@pytest.mark.parametrize(
    "text",
    [
        "{ tickets { edges { node { id } } } }",
        "{ tickets { totalCount } }",
        "{ enterprises { edges { cursor } } }",
        f'{{ node(id: "{ids.encode("T", 10, UUID(int=1))}") {{ id }} }}',
        f'{{ nodes(ids: ["{ids.encode("TE", 10, UUID(int=1))}"]) {{ id }} }}',
        'query { publishedDecisions(within: "guangyuan") { totalCount } }',
    ],
)
def test_what_is_forgotten_is_noticed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = Actor(UUID(int=5), "a", "甲", 10, 1, (ActorGrant(Role.OFFICE, 10, 11, "COUNTY", 11),), load_policy())
    located = Located(text, {}, Viewer(actor, "en", SystemClock().now()))
    for kind in (_Watched, _Forgetful):
        compiler = kind(SCHEMA, {}, located.variables, locale="en", tree=None)
        monkeypatch.setattr(located, "compiler", lambda compiler=compiler: compiler)
        assert located.plan() is not None
        if kind is _Watched:
            assert check(compiler, located, text)
        else:
            with pytest.raises(AssertionError):
                check(compiler, located, text)


def reads_restricted(located: Located) -> bool:
    """Whether somebody reads every restricted ticket of a city that they ask about, by right."""
    scopes = [scope for root in located.roots for scope in root.scopes if scope is not None]
    return any(scope.reach(Permission.TICKET_READ_RESTRICTED).whole_city for scope in scopes)


def test_what_is_shown_with_its_parent_is_known() -> None:
    """What takes no visibility of its own: it is another side of the row that it hangs on, or belongs to it."""
    inherited = {
        f"{name}.{field}"
        for name, stored in STORED.items()
        for field, shown in stored.fields.items()
        if isinstance(shown, (Relation, Connection)) and shown.inherits
    }
    assert inherited == {
        *("Attachment.uploader", "TicketEvent.actor", "TicketEvent.attachment", "TicketEvent.ticket"),
        *("QualityEntry.timeline", "QualityEvent.actor", "QualitySample.passRate"),
        *("QualitySample.checks", "RoleGrant.user", "Viewer.roles", "Viewer.user"),
        *("Ticket.attachments", "Ticket.deadline", "Ticket.deadlines", "Ticket.enterprise", "Ticket.origin"),
        *("Ticket.parts", "Ticket.reporter", "Ticket.timeline"),
        *("RectificationEvent.actor", "RectificationStatistics.onTimeRate", "RectificationTask.milestones"),
        *("RectificationTask.progress", "RectificationTask.timeline", "WorkPlan.done"),
        *("IntegrityEntry.creditor", "IntegrityEntry.instalments", "IntegrityEntry.timeline"),
        *("IntegrityEvent.actor", "IntegrityInstalment.reverses", "Report.timeline", "ReportEvent.actor"),
        "ReleasedAggregate.cells",
        *(f"TicketStatistics.{name}Rate" for name in ("response", "onTime", "resolution", "satisfaction", "followUp")),
    }


def test_a_type_without_a_visibility_hangs_on_one_that_has() -> None:
    roots = {root.what.target for root in assemble().roots.values() if isinstance(root.what, (Relation, Connection))}
    bare = {name for name, stored in STORED.items() if stored.visible is None and not stored.public}
    assert bare == {
        *("QualityEvent", "QualityStatistics"),
        *("Actor", "Deadline", "QualityCheck", "Reporter", "TicketOrigin", "TicketPart"),
        *("RectificationEvent", "RectificationMilestone", "RectificationProgress", "RectificationStatistics"),
        *("IntegrityEvent", "IntegrityTotals", "ReportEvent", "SupervisionStatistics"),
        *("AggregateCell", "RegionAggregate"),
        *("DispatchSuggestion", "Rate", "Stage", "SuggestionReason", "TicketStatistics"),
    }
    assert {name for name in bare if STORED[name].prefix is not None} == set()
    # What is a root of its own is no table: it was worked out for this reader.
    assert {name for name in roots & bare if isinstance(STORED[name].table, Table)} == set()
    for name, stored in STORED.items():
        for field, shown in stored.fields.items():
            if isinstance(shown, (Relation, Connection)) and shown.target in bare and name not in bare:
                told = shown.inherits or (isinstance(shown, Relation) and shown.rows is not None)
                assert told, f"{name}.{field} reaches a type that is nobody's"


# Row-level security, where a condition were forgotten

EVERYTHING = """query($id: ID!, $ids: [ID!]!, $number: String!) {
  tickets(first: 100) { totalCount edges { node { id timeline { totalCount } repeats { totalCount } } } }
  ticket(id: $id) { id } ticketByNumber(number: $number) { id } node(id: $id) { id } nodes(ids: $ids) { id }
  enterprises { totalCount edges { node { id } } }
  publishedDecisions(within: "guangyuan") { totalCount edges { node { id } } }
  qualitySamples(within: "guangyuan") { totalCount edges { node { id } } }
  responsibilitySubjects { totalCount edges { node { id } } }
  responsibilityList(city: "guangyuan") { id } scheme(city: "guangyuan") { id }
  ticketStatistics(within: "guangyuan", from: "2020-01-01", to: "2100-01-01") { submitted }
  ticketDuplicates(title: "用电报装", body: "用电报装久拖未决") { id }
}"""
EMPTY = {"totalCount": 0, "edges": []}


async def test_under_another_citys_setting_the_same_statement_finds_nothing(
    there: Api, story: Story, behind: asyncpg.Connection
) -> None:
    """The statement of Guangyuan's office, run as if the request were Anshan's: each count is nought."""
    await behind.execute(FURNITURE)
    await grant(there, behind, "office@guangyuan", there.world.guangyuan.id, Role.INTAKE_AGENT)
    variables = {
        "id": story["in_progress"],
        "ids": [story["submitted"], story["closed"]],
        "number": story.number("in_progress"),
    }
    viewer = await there.viewer("office@guangyuan")
    executor: Any = there.services.executor
    prepared = await executor.prepare(EVERYTHING, None, viewer=viewer)
    reader, database = executor._reader, there.services.database
    whole = await there.data("office@guangyuan", EVERYTHING, **variables)
    counted = [whole[name]["totalCount"] for name in ("tickets", "enterprises", "publishedDecisions", "qualitySamples")]
    assert min(counted) > 0
    assert whole["ticketStatistics"][0]["submitted"] > 0
    assert None not in (whole["ticket"], whole["node"], *whole["nodes"], whole["scheme"], whole["responsibilityList"])

    (plan,) = [plan for (of, _), plan in reader._plans._entries.items() if of is prepared]
    tree = await there.services.trees.get()
    coerced = executor._coerce(prepared, variables)
    roots = reader._collect(prepared, coerced)
    for root in roots:
        reader._locate(root, coerced, viewer, tree)
    run = Run(viewer, tree, coerced, [scope for root in roots for scope in root.scopes])
    run.given = {root.key: root.arguments for root in roots}
    run.handed = {f"keys{number}": [] for number in range(len(run.scopes))}
    for number, root in enumerate(roots):
        if root.handed:
            run.handed[f"keys{number}"] = root.handed[0]
    for cities, found in (((there.world.guangyuan.id,), True), ((there.world.anshan.id,), False), ((), False)):
        read = await database.value(
            plan.sql,
            plan.values(run),
            cities=cities,
            user_id=viewer.user_id,
            grants_version=viewer.actor.grants_version,  # type: ignore[union-attr]
            tree_version=None,
        )
        answer = orjson.loads(read.data)
        if found:
            assert answer == whole
            continue
        for name in ("tickets", "enterprises", "publishedDecisions", "qualitySamples", "responsibilitySubjects"):
            assert answer[name] == EMPTY, (cities, name)
        for name in ("ticket", "ticketByNumber", "node", "scheme", "responsibilityList"):
            assert answer[name] is None, (cities, name)
        assert answer["nodes"] == [None, None]
        assert answer["ticketDuplicates"] == []
        assert {each["submitted"] for each in answer["ticketStatistics"]} <= {0}


async def test_counts_are_of_the_city_asked_for(there: Api, story: Story, behind: asyncpg.Connection) -> None:
    """For somebody with a role in both cities too."""
    await behind.execute(FURNITURE)
    await grant(there, behind, "office@guangyuan", there.world.anshan.id, Role.OFFICE)
    for city in there.world.cities:
        data = await there.data(
            "office@guangyuan",
            "query($within: TenantPath!) { tickets(within: $within) { totalCount } enterprises(within: $within) "
            "{ totalCount } publishedDecisions(within: $within) { totalCount } responsibilitySubjects(within: $within) "
            "{ totalCount } }",
            within=city.path,
        )
        expected = {
            "tickets": "select count(*) from tickets where city_id = $1 and secrecy <> 'RESTRICTED'",
            "enterprises": "select count(*) from enterprises where city_id = $1",
            "publishedDecisions": "select count(*) from published_decisions where city_id = $1",
            "responsibilitySubjects": "select count(*) from responsibility_subjects where city_id = $1",
        }
        for name, statement in expected.items():
            there_are = await behind.fetchval(statement, city.id)
            assert data[name]["totalCount"] == there_are, (city.path, name)
            assert there_are or (city.path, name) == ("anshan", "publishedDecisions")


async def grant(api: Api, behind: asyncpg.Connection, login: str, city: int, role: Role) -> None:
    """One more role of somebody's."""
    user = api.world.user(login)
    await behind.execute(
        "insert into grants (city_id, id, user_id, tenant_id, role, granted_at) values "
        "($1, gen_random_uuid(), $2, $1, $3, now())",
        city,
        user,
        role.value,
    )
    await behind.execute("update users set grants_version = grants_version + 1 where id = $1", user)
    api.services.actors.forget(user)
