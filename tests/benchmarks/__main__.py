"""`make bench`: what a page costs, ours against the floor, interleaved in one run; medians, ratios, `bench.json`.

CPU is what the server process and its database processes used, per request. The floor reads as the superuser, past
row-level security; ours signs in, checks the permission, scopes and reads as the application role under it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import psutil

from app import migrate as migrating
from app.demo.loader import load_demo
from app.kernel import embedded
from app.kernel.clock import SystemClock
from app.kernel.config import Settings
from app.kernel.database import database_urls
from authz.keys import signing_key
from authz.tokens import TokenIssuer

Q1 = """query($id: ID!) { ticket(id: $id) { number title status submittedAt enterprise { name creditCode }
lead { name path } timeline(last: 10) { edges { node { type at note } } } } }"""
Q2 = """{ tickets(first: 50) { edges { cursor node { number title status submittedAt enterprise { name creditCode }
lead { name path } timeline(last: 3) { edges { node { type at } } } } } pageInfo { hasNextPage endCursor } } }"""
SUBMIT = """mutation($input: TicketSubmitInput!) { ticketSubmit(input: $input) {
ticket { id number } userErrors { code } } }"""
CONNECTIONS = 8


@dataclass
class Row:
    """A line of the table; milliseconds of CPU per request, server alone or with the database."""

    row: str
    ours: float
    floor: float
    peer: float | None
    ratio: float
    target: float
    met: bool


@dataclass
class Cost:
    """CPU milliseconds per request."""

    server: float
    total: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="yingshang-bench-"))
    os.chmod(folder, 0o755)
    os.environ["YINGSHANG_DATA_DIR"] = str(folder)
    try:
        rows = asyncio.run(_measure(Settings(data_dir=folder), arguments))
    finally:
        embedded.stop(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'row':58} {'ours ms':>8} {'floor ms':>9} {'ratio':>6} {'target':>7}  met")  # noqa: T201
    for row in rows:
        line = f"{row.row:58} {row.ours:8.3f} {row.floor:9.3f} {row.ratio:6.2f} {row.target:7.2f}"
        print(f"{line}  {'yes' if row.met else 'no'}")  # noqa: T201
    Path("bench.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


async def _measure(settings: Settings, arguments: argparse.Namespace) -> list[Row]:
    await asyncio.to_thread(migrating.migrate, settings)
    urls = await asyncio.to_thread(database_urls, settings)
    assert urls.admin is not None
    now = SystemClock().now()
    await load_demo(urls.admin, enterprises=2_000, tickets=arguments.tickets, now=now, progress=lambda *_: None)
    admin = await asyncpg.connect(urls.admin)
    city = await admin.fetchval("select id from tenants where path = 'guangyuan'")
    tickets = [
        row["id"]
        for row in await admin.fetch(
            "select id from tickets where city_id = $1 and secrecy = 'NORMAL' order by id limit 500", city
        )
    ]
    users = {
        login: await admin.fetchval("select id from users where login = $1", login)
        for login in ("dispatcher@guangyuan", "intake_agent@guangyuan")
    }
    issuer = TokenIssuer(signing_key(settings.signing_key_text()))
    tokens = {login: issuer.issue(user, now=now, lifetime=timedelta(hours=2)) for login, user in users.items()}
    ids = {ticket: await admin.fetchval("select global_id('T', $1, $2)", city, ticket) for ticket in tickets}
    with ExitStack() as stack:
        ours = stack.enter_context(_server("app.main:create_app"))
        floor = stack.enter_context(_server("tests.benchmarks.floor:create_app", FLOOR_DATABASE_URL=urls.admin))
        postgres = psutil.Process(int((settings.postgres_dir / "postmaster.pid").read_text().split()[0]))
        async with httpx.AsyncClient(timeout=60) as client:

            async def graphql(login: str, query: str, variables: dict[str, object]) -> None:
                response = await client.post(
                    f"{ours.url}/graphql",
                    json={"query": query, "variables": variables},
                    headers={"authorization": f"Bearer {tokens[login]}"},
                )
                if response.status_code != 200 or "errors" in response.json():
                    raise RuntimeError(response.text)

            async def bare(path: str) -> None:
                (await client.post(f"{floor.url}{path}")).raise_for_status()

            def ticket_of(number: int) -> uuid.UUID:
                return tickets[number % len(tickets)]

            kinds: dict[str, tuple[Callable[[int], Awaitable[None]], Callable[[int], Awaitable[None]]]] = {
                "Q1 a ticket with its last 10 events": (
                    lambda n: graphql("dispatcher@guangyuan", Q1, {"id": ids[ticket_of(n)]}),
                    lambda n: bare(f"/q1/{city}/{ticket_of(n)}"),
                ),
                "Q2 a page of 50 with their last 3 events": (
                    lambda _n: graphql("dispatcher@guangyuan", Q2, {}),
                    lambda _n: bare(f"/q2/{city}"),
                ),
            }
            rows = []
            for name, (ask_ours, ask_floor) in kinds.items():
                costs: dict[str, list[Cost]] = {"ours": [], "floor": []}
                for _ in range(arguments.rounds + 1):  # the first round warms up
                    costs["ours"].append(await _cost(ask_ours, arguments.requests, ours.process, postgres))
                    costs["floor"].append(await _cost(ask_floor, arguments.requests, floor.process, postgres))
                rows.append(_row(f"{name}, server CPU", costs, 1.5, lambda cost: cost.server))
                rows.append(_row(f"{name}, with PostgreSQL", costs, 1.5, lambda cost: cost.total))
            rows.append(await _submissions(admin, city, graphql, ours.process, postgres, arguments))
    await admin.close()
    return rows


async def _submissions(
    admin: asyncpg.Connection,
    city: int,
    graphql: Callable[..., Awaitable[None]],
    server: psutil.Process,
    postgres: psutil.Process,
    arguments: argparse.Namespace,
) -> Row:
    """`ticketSubmit` against the same two inserts in one hand-written transaction of one asyncpg connection."""
    sample = dict(await admin.fetchrow("select * from tickets where city_id = $1 limit 1", city))
    event = dict(await admin.fetchrow("select * from events where city_id = $1 limit 1", city))
    del event["ordinal"]
    insert = _insert("tickets", list(sample))
    insert_event = _insert("events", list(event))

    async def by_hand(number: int) -> None:
        identity = uuid.uuid4()
        fresh = {**sample, "id": identity, "number": f"B{number}-{identity.hex[:12]}"}
        told = {**event, "id": uuid.uuid4(), "subject_id": identity, "seq": 1, "position": None}
        async with admin.transaction():
            await admin.execute(insert, *fresh.values())
            await admin.execute(insert_event, *told.values())

    async def submit(number: int) -> None:
        given = {
            "category": "HELP",
            "channel": "HOTLINE",
            "title": f"测量用的第{number}个问题",
            "body": "这是一次测量,不是真实的诉求。",
            "reporter": {"name": "来电人", "phone": "00000000000"},
        }
        await graphql("intake_agent@guangyuan", SUBMIT, {"input": given})

    count = max(arguments.requests // 2, 50)
    ours, floor = [], []
    for _ in range(arguments.rounds + 1):
        ours.append(await _cost(submit, count, server, postgres))
        floor.append(await _cost(by_hand, count, psutil.Process(), postgres, connections=1))
    return _row("ticketSubmit, with PostgreSQL", {"ours": ours, "floor": floor}, 8.0, lambda cost: cost.total)


def _insert(table: str, columns: list[str]) -> str:
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"insert into {table} ({', '.join(columns)}) values ({places})"


def _row(name: str, costs: dict[str, list[Cost]], target: float, of: Callable[[Cost], float]) -> Row:
    ours, floor = (statistics.median(of(cost) for cost in costs[who][1:]) for who in ("ours", "floor"))
    ratio = ours / floor
    return Row(name, round(ours, 4), round(floor, 4), None, round(ratio, 3), target, ratio <= target)


async def _cost(
    ask: Callable[[int], Awaitable[None]],
    requests: int,
    server: psutil.Process,
    postgres: psutil.Process,
    *,
    connections: int = CONNECTIONS,
) -> Cost:
    """CPU of the server, and with the database's processes, while `requests` are asked over `connections`."""
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    before, database_before = _cpu(server), _family_cpu(postgres)
    await asyncio.gather(*(work() for _ in range(connections)))
    used, database = _cpu(server) - before, _family_cpu(postgres) - database_before
    return Cost(used * 1000 / requests, (used + database) * 1000 / requests)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _family_cpu(postgres: psutil.Process) -> float:
    """The postmaster counts its ended children; the living ones are added."""
    times = postgres.cpu_times()
    living = 0.0
    for child in postgres.children():
        try:
            living += _cpu(child)
        except psutil.NoSuchProcess:
            continue
    return float(times.user + times.system + times.children_user + times.children_system) + living


@dataclass
class Served:
    url: str
    process: psutil.Process


@contextmanager
def _server(factory: str, **environment: str) -> Iterator[Served]:
    """One uvicorn process on a free loopback port, stopped by its own process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        for _ in range(200):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"{factory} did not start")
            time.sleep(0.1)
        yield Served(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(15)


if __name__ == "__main__":
    main()
