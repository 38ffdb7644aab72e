"""`python -m tests.benchmarks.suggestions`: how often `dispatchSuggestions` is right on held-out tickets, and how fast.

Right: the department that the ticket ended with stands first, or among the first three. Trained on four fifths of the
demonstration's tickets and asked about the others, held out by ticket (texts made from the same templates: flattering),
and by template (no text of that title was ever seen: hard on practice, which then knows only the manner of speaking).
Only tickets that the city's own desk dispatched: a county's desk has the county alone to name. The demonstration draws
by lot whether the city or the county handles a matter, so that nobody could be right every time.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import shutil
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from app import migrate as migrating
from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.loader import PRESETS, load_demo
from app.demo.responsibility import Taught, drafts_of
from app.demo.tickets import EVENT_COLUMNS, TICKET_COLUMNS, DemoTicket, tickets
from app.kernel import embedded
from app.kernel.config import Settings
from app.kernel.database import Database, database_urls
from app.main import services_of
from app.responsibility.evidence import ALL_WORDS, Lesson, fold, learn
from app.responsibility.suggest import NO_PRACTICE, Count, Practice, Subject, match_subjects, suggest, terms_of
from app.tickets.competence import competent
from schema import ids
from schema.context import Viewer
from tests.demo.conftest import city_from_preset

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
HELD_OUT_PERCENT = 20
ASK = """query($id: ID!) { dispatchSuggestions(ticketId: $id) { department { path name } score
reasons { kind text keywords tickets subject { code name legalBasis } } } }"""
Rulings = dict[uuid.UUID, dict[int, int]]


def column(ticket: DemoTicket, name: str) -> Any:
    return ticket.row[TICKET_COLUMNS.index(name)]


def dispatched_by_the_city(ticket: DemoTicket, city: DemoCity) -> bool:
    kind, tenant = EVENT_COLUMNS.index("type"), EVENT_COLUMNS.index("actor_tenant_id")
    by = next((event[tenant] for event in ticket.events if event[kind] == "DISPATCHED"), None)
    return by == city.id and column(ticket, "secrecy") == "NORMAL"


def held_out(value: object) -> bool:
    digest = hashlib.sha256(str(value).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT


class Tree:
    """The city's tree, as `competent` asks it."""

    def __init__(self, city: DemoCity) -> None:
        self._nodes: dict[Any, Any] = {node.id: node for node in city.tenants}
        self._nodes |= {node.path: node for node in city.tenants}

    def by_id(self, key: int) -> Any:
        return self._nodes.get(key)

    def by_path(self, key: str) -> Any:
        return self._nodes.get(key)


def taught_by(city: DemoCity, subjects: Sequence[Subject], lives: Sequence[DemoTicket]) -> tuple[Practice, Rulings]:
    taught = Taught(city, subjects)
    taught.add(lives)
    words: dict[str, dict[int, Count]] = defaultdict(dict)
    for _, term, tenant, count, weight in taught.rows():
        words[term][tenant] = Count(count, weight)
    rulings: Rulings = defaultdict(lambda: defaultdict(int))
    for _, _, subject, tenant, _ in taught.rulings:
        rulings[subject][tenant] += 1
    return Practice(words, words.pop(ALL_WORDS, {})), rulings


def measure_accuracy(preset: str, count: int) -> None:
    city = city_from_preset(preset)
    tree = Tree(city)
    subjects = [
        Subject(uuid.uuid4(), draft.name, draft.tenant_id, draft.level, draft.legal_basis, draft.keywords)
        for draft in drafts_of(city)
    ]
    pool = list(enterprises(city, 0, 2_000))
    lives = [life for life in tickets(city, pool, 0, count, now=NOW) if dispatched_by_the_city(life, city)]
    print(f"{preset}: {len(subjects)} subjects, {len(lives):,} tickets dispatched by the city's desk")  # noqa: T201
    splits: dict[str, Callable[[DemoTicket], object]] = {
        "held out by ticket": lambda life: column(life, "id"),
        "held out by template": lambda life: column(life, "title"),
    }
    for split, key in splits.items():
        asked = [life for life in lives if held_out(key(life))]
        practice, rulings = taught_by(city, subjects, [life for life in lives if not held_out(key(life))])
        for voice, heard, taught, ruled in (
            ("list only", subjects, NO_PRACTICE, {}),
            ("learned only", [], practice, {}),
            ("both", subjects, practice, rulings),
        ):
            first = three = 0
            for life in asked:
                title, body = column(life, "title"), column(life, "body")
                found = suggest(
                    terms_of(title, body),
                    match_subjects(title, body, heard),
                    ruled,
                    taught,
                    competent(tree, column(life, "county_id")),
                )
                ranked = [each.tenant_id for each in found]
                first += ranked[:1] == [column(life, "lead_id")]
                three += column(life, "lead_id") in ranked[:3]
            print(  # noqa: T201
                f"  {split:21} {voice:13} top-1 {first / len(asked):6.1%}  top-3 {three / len(asked):6.1%}"
                f"  ({len(asked):,} asked)"
            )


async def measure_latency(settings: Settings, counts: Sequence[int], calls: int) -> None:
    await asyncio.to_thread(migrating.migrate, settings)
    urls = await asyncio.to_thread(database_urls, settings)
    assert urls.admin is not None
    for count in counts:
        begun = time.perf_counter()
        await load_demo(urls.admin, enterprises=2_000, tickets=count, now=NOW, presets=PRESETS[:1])
        loading = time.perf_counter() - begun
        admin = await asyncpg.connect(urls.admin)
        await admin.execute("analyze")
        city = await admin.fetchval("select id from tenants where path = 'guangyuan'")
        user = await admin.fetchval("select id from users where login = 'dispatcher@guangyuan'")
        rows = await admin.fetch(
            "select id from tickets where city_id = $1 and secrecy = 'NORMAL' order by md5(id::text) limit $2",
            *(city, calls),
        )
        terms = await admin.fetchval("select count(*) from responsibility_terms where city_id = $1", city)
        print(f"{count:,} tickets ({loading:.0f} s to load, {terms:,} counts)")  # noqa: T201
        async with services_of(settings) as services:
            viewer = Viewer(await services.actors.load(user), "zh-CN", NOW)
            prepared = await services.executor.prepare(ASK, None, viewer=viewer)

            async def ask(ticket: uuid.UUID, city: int = city, prepared: Any = prepared, viewer: Any = viewer) -> float:
                begun = time.perf_counter()
                answer = await services.executor.execute(prepared, {"id": ids.encode("T", city, ticket)}, viewer)
                assert b'"errors"' not in answer
                return (time.perf_counter() - begun) * 1000

            for row in rows[:20]:
                await ask(row["id"])
            _tell("dispatchSuggestions, the whole query in process", [await ask(row["id"]) for row in rows])
            await _gather_lessons(services.database, admin, city, 100)
            _tell("… with 100 lessons not yet added up", [await ask(row["id"]) for row in rows])
            await _gather_lessons(services.database, admin, city, 400)
            _tell("… with 500", [await ask(row["id"]) for row in rows])
            begun = time.perf_counter()
            async with services.database.session(cities=(city,)) as session:
                folded = await fold(session, city)
            print(f"  adding up {folded} lessons: {(time.perf_counter() - begun) * 1000:.0f} ms")  # noqa: T201
        await admin.close()


async def _gather_lessons(database: Database, admin: asyncpg.Connection, city: int, count: int) -> None:
    rows = await admin.fetch(
        "select title, body, lead_id from tickets where city_id = $1 and lead_id is not null"
        " and secrecy = 'NORMAL' order by md5(id::text || 'x') limit $2",
        *(city, count),
    )
    async with database.session(cities=(city,)) as session:
        for row in rows:
            await learn(session, city, terms_of(row["title"], row["body"]), [Lesson(row["lead_id"], 1, 1)])


def _tell(what: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=20)
    print(f"  {what:50} p50 {statistics.median(times):6.1f} ms   p95 {cuts[18]:6.1f} ms   ({len(times)} calls)")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=20_000, help="for the accuracy; 0: leave it out")
    parser.add_argument("--latency", type=int, nargs="*", default=[10_000, 200_000], help="sizes; none: leave it out")
    parser.add_argument("--calls", type=int, default=400)
    arguments = parser.parse_args()
    for preset in PRESETS if arguments.tickets else ():
        measure_accuracy(preset, arguments.tickets)
    if not arguments.latency:
        return
    folder = Path(tempfile.mkdtemp(prefix="yingshang-bench-"))
    os.chmod(folder, 0o755)
    try:
        asyncio.run(measure_latency(Settings(data_dir=folder), arguments.latency, arguments.calls))
    finally:
        embedded.stop(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
