"""`python -m tests.benchmarks.duplicates`: how long likely duplicates take, as the API answers them to the desk.

Milliseconds of one question at a time, server and database together. `--data` keeps the loaded city for another run;
`--within-days` is the scheme's, here as long as wished: 400 takes in every ticket of the demonstration.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from app import migrate as migrating
from app.demo.loader import load_demo
from app.kernel import embedded
from app.kernel.clock import SystemClock
from app.kernel.config import Settings
from app.kernel.database import database_urls
from app.main import services_of
from schema import ids
from schema.context import Viewer

OF_A_TICKET = "query($id: ID!) { ticket(id: $id) { duplicates { id number title status } } }"
WHILE_TELLING = "query($title: String, $body: String) { ticketDuplicates(title: $title, body: $body) { id title } }"
OF_AN_ENTERPRISE = "query($enterprise: ID) { ticketDuplicates(enterpriseId: $enterprise) { id title } }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=200_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--within-days", type=int, default=90)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    folder = arguments.data or Path(tempfile.mkdtemp(prefix="yingshang-bench-"))
    folder.mkdir(exist_ok=True)
    os.chmod(folder, 0o755)
    try:
        asyncio.run(_measure(Settings(data_dir=folder), arguments))
    finally:
        embedded.stop(Settings(data_dir=folder).postgres_dir)
        if arguments.data is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _measure(settings: Settings, arguments: argparse.Namespace) -> None:
    await asyncio.to_thread(migrating.migrate, settings)
    urls = await asyncio.to_thread(database_urls, settings)
    assert urls.admin is not None
    now = SystemClock().now()
    await load_demo(urls.admin, enterprises=2_000, tickets=arguments.tickets, now=now, presets=("guangyuan",))
    admin = await asyncpg.connect(urls.admin)
    await admin.execute(
        "update schemes set document = jsonb_set(document, '{tickets,duplicates,within_days}', to_jsonb($1::int))",
        arguments.within_days,
    )
    city = await admin.fetchval("select id from tenants where path = 'guangyuan'")
    desk = await admin.fetchval("select id from users where login = 'intake_agent@guangyuan'")
    inside = await admin.fetchval(
        "select count(*) from tickets where city_id = $1 and submitted_at > now() - $2 * interval '1 day'",
        *(city, arguments.within_days),
    )
    rows = await admin.fetch(
        "select id, title, body, enterprise_id from tickets where city_id = $1 and secrecy = 'NORMAL'"
        " and enterprise_id is not null order by submitted_at desc limit 5000",
        city,
    )
    await admin.close()
    asked = random.Random(0).sample(rows, arguments.questions)
    kinds: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "of a ticket": (OF_A_TICKET, [{"id": ids.encode("T", city, row["id"])} for row in asked]),
        "similar text, while telling": (WHILE_TELLING, [{"title": row["title"], "body": row["body"]} for row in asked]),
        "same enterprise": (
            OF_AN_ENTERPRISE,
            [{"enterprise": ids.encode("E", city, row["enterprise_id"])} for row in asked],
        ),
    }
    print(f"{arguments.tickets:,} tickets, {inside:,} of the last {arguments.within_days} days")  # noqa: T201
    print(f"{'':30} {'p50 ms':>8} {'p95 ms':>8} {'found':>6}")  # noqa: T201
    async with services_of(settings.model_copy(update={"pool_size": 2})) as services:
        viewer = Viewer(await services.actors.load(desk), "zh-CN", now)
        for name, (query, questions) in kinds.items():
            prepared = services.executor.prepare(query, None, viewer=viewer)
            took, found = [], []
            for variables in [*questions[:10], *questions]:
                begun = time.perf_counter()
                answer = orjson.loads(await services.executor.execute(prepared, variables, viewer))
                took.append((time.perf_counter() - begun) * 1_000)
                (shown,) = answer["data"].values()
                found.append(len(shown["duplicates"] if isinstance(shown, dict) else shown))
            took = sorted(took[10:])  # the first ones prepare the statement
            line = f"{statistics.median(took):8.1f} {took[int(len(took) * 0.95)]:8.1f} {statistics.mean(found):6.1f}"
            print(f"{name:30} {line}")  # noqa: T201


if __name__ == "__main__":
    main()
