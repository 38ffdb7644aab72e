"""What many cities cost: the same questions to the same large city, with few and with 333 cities in the database.

The database is copied, the copy gets the other cities, and a server on each is asked in turns.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

import asyncpg

from app.kernel.database import database_name, with_database
from tests.benchmarks import data, reads, submissions
from tests.benchmarks.frame import Ask, Bench, Clients, Contender, Row, Served, compare, short

MANY = 333
TICKETS = 60
"""Of each of the others."""
TARGET = 1.1
REQUESTS = {"Q1": 500, "Q2": 150, "Q3": 30, "ticketSubmit": 100}


async def rows(bench: Bench) -> list[Row]:
    """A row for each question: CPU of server and database with many cities, against the same with few."""
    assert bench.urls.admin is not None
    name = f"{database_name(bench.urls.admin)}_many"
    many = MANY // 20 if bench.quick else MANY
    await _copy(bench.urls.admin, name)
    try:
        admin = with_database(bench.urls.admin, name)
        await data.add_cities(admin, bench.cities, cities=many, tickets=TICKETS, now=bench.now)
        return await _compare(bench, with_database(bench.urls.application, name), many)
    finally:
        await _drop(bench.urls.admin, name)


async def _compare(bench: Bench, application_url: str, many: int) -> list[Row]:
    tickets = await reads.sample(bench)
    few = len(bench.cities)
    async with AsyncExitStack() as stack:

        async def asking(served: Served) -> tuple[Served, dict[str, Ask]]:
            clients = await stack.enter_async_context(Clients(served))
            submit = await submissions.ours(bench, clients)
            return served, {**await reads.ours(bench, clients, tickets), "ticketSubmit": submit}

        asked = {
            "many": await asking(stack.enter_context(bench.ours(YINGSHANG_APP_DATABASE_URL=application_url))),
            "few": await asking(stack.enter_context(bench.ours(YINGSHANG_APP_DATABASE_URL=bench.urls.application))),
        }
        measured = []
        for key, requests in REQUESTS.items():
            contenders = {who: Contender(asks[key], served.process) for who, (served, asks) in asked.items()}
            # Where a tenth matters, many short rounds tell more than few long ones.
            costs = await compare(contenders, bench, bench.requests(requests), rounds=2 * bench.rounds)
            ratio = costs["many"].total / costs["few"].total
            measured.append(
                Row(
                    f"{key} with {many} cities loaded: CPU with PostgreSQL, ms (with {few})",
                    ours=short(costs["many"].total),
                    floor=short(costs["few"].total),
                    ratio=short(ratio),
                    target=TARGET,
                    met=ratio <= TARGET,
                )
            )
    return measured


async def _copy(admin_url: str, name: str) -> None:
    await _drop(admin_url, name)
    # By files: the other way writes every page to the log once more.
    await _execute(admin_url, f'create database "{name}" template "{database_name(admin_url)}" strategy file_copy')


async def _drop(admin_url: str, name: str) -> None:
    await _execute(admin_url, f'drop database if exists "{name}" with (force)')


async def _execute(admin_url: str, statement: str) -> None:
    connection = await asyncpg.connect(with_database(admin_url, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
