"""`ticketSubmit` against the same inserts in one transaction written by hand.

By hand means: the rows that the product left of a ticket just submitted, with new ids, inserted by prepared statements
over asyncpg, as the superuser. The product reads the scheme, checks, numbers, hashes, authorises, and tells the live
path besides; its own work after the commit counts too.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import asyncpg
import psutil

from schema import ids
from tests.benchmarks.frame import CONNECTIONS, Ask, Bench, Clients, Contender, Row, against_floor, compare

SUBMIT = """mutation($input: TicketSubmitInput!) { ticketSubmit(input: $input) {
ticket { id number } userErrors { code message } } }"""
REQUESTS = 400
LOGIN = "intake_agent@{city}"


def given(number: int) -> dict[str, Any]:
    """What is submitted as the ticket of this number."""
    return {
        "category": "HELP",
        "channel": "HOTLINE",
        "title": f"测量用的第{number}个问题",
        "body": "这是一次测量,不是真实的诉求。",
        "reporter": {"name": "来电人", "phone": "00000000000"},
    }


async def ours(bench: Bench, clients: Clients) -> Ask:
    """How the product is asked, at the desk of the large city."""
    token = await bench.token(LOGIN.format(city=bench.large.path))

    async def submit(number: int) -> bytes:
        answer = await clients.graphql(token, SUBMIT, {"input": given(number)})
        if b'"userErrors":[]' not in answer:
            raise RuntimeError(answer.decode())
        return answer

    return submit


class ByHand:
    """Inserts what `submitted` has left, again and again. Use as an async context manager."""

    def __init__(self, bench: Bench, submitted: bytes) -> None:
        self._bench = bench
        made = json.loads(submitted)["data"]["ticketSubmit"]["ticket"]["id"]
        self._made = ids.decode_as(made, "T")

    async def __aenter__(self) -> Self:
        self._connections = [await self._bench.admin() for _ in range(CONNECTIONS)]
        admin = self._connections[0]
        self._tables: list[tuple[str, dict[str, Any]]] = []
        for table, of_ticket in _TABLES.items():
            given = await admin.fetchval(_GIVEN, table)  # what the database does not work out itself
            query = f"select {given} from {table} where city_id = $1 and {of_ticket} = $2"
            row = dict(await admin.fetchrow(query, self._made.city_id, self._made.key))
            if "position" in row:
                row["position"] = None  # the sequencer's, after the commit
            columns = ", ".join(row)
            places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
            self._tables.append((f"insert into {table} ({columns}) values ({places})", row))
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            await connection.close()

    async def insert(self, _number: int) -> None:
        """One ticket more, with its signature, clock and event."""
        connection = self._connections.pop()
        ticket_id = uuid.uuid4()
        new: Mapping[str, Any] = {"ticket_id": ticket_id, "subject_id": ticket_id, "number": f"BENCH-{ticket_id}"}
        try:
            await _insert(connection, self._tables, ticket_id, new)
        finally:
            self._connections.append(connection)


_GIVEN = (
    "select string_agg(column_name, ', ') from information_schema.columns where table_schema = 'public'"
    " and table_name = $1 and is_identity = 'NO' and is_generated = 'NEVER'"
)
_TABLES = {"tickets": "id", "ticket_signatures": "ticket_id", "deadlines": "subject_id", "events": "subject_id"}


async def _insert(
    connection: asyncpg.Connection,
    tables: list[tuple[str, dict[str, Any]]],
    ticket_id: uuid.UUID,
    new: Mapping[str, Any],
) -> None:
    async with connection.transaction():
        for statement, row in tables:
            fresh = {**row, **{name: value for name, value in new.items() if name in row}}
            if "id" in row:
                fresh["id"] = ticket_id if "number" in row else uuid.uuid4()
            if "number" in row:  # of the list of responsibilities
                fresh["subject_id"] = row["subject_id"]
            await connection.execute(statement, *fresh.values())


async def rows(bench: Bench) -> list[Row]:
    """One row: CPU of server and database together."""
    async with AsyncExitStack() as stack:
        served = stack.enter_context(bench.ours())
        submit = await ours(bench, await stack.enter_async_context(Clients(served)))
        by_hand = await stack.enter_async_context(ByHand(bench, await submit(0)))
        contenders = {
            "ours": Contender(submit, served.process),
            "floor": Contender(by_hand.insert, psutil.Process()),
        }
        costs = await compare(contenders, bench, bench.requests(REQUESTS))
    name = "ticketSubmit: CPU with PostgreSQL, ms (one asyncpg transaction)"
    return [against_floor(name, costs["ours"].total, costs["floor"].total, 8.0)]
