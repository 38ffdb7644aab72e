"""Three typical pages, as the product serves them: ours against the floor and against PostGraphile 5.

Ours signs in, checks the permission, scopes and reads as the application role under row-level security. The peer is
told the same role and cities with every request, so that row-level security holds for it too; it checks nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from schema import ids
from tests.benchmarks import postgraphile
from tests.benchmarks.frame import (
    Ask,
    Bench,
    Clients,
    Contender,
    Row,
    Served,
    against_floor,
    against_peer,
    compare,
)

Q1 = """query($id: ID!) { ticket(id: $id) { number title status submittedAt enterprise { name creditCode }
lead { name path } timeline(last: 10) { edges { node { type at note } } } } }"""
Q2 = """{ tickets(first: 50) { edges { cursor node { number title status submittedAt enterprise { name creditCode }
lead { name path } timeline(last: 3) { edges { node { type at } } } } } pageInfo { hasNextPage endCursor } } }"""
Q3 = """query($within: TenantPath!, $from: Date!, $to: Date!) {
byStatus: ticketStatistics(within: $within, from: $from, to: $to, by: STATUS) {
  value submitted onTimeRate { numerator denominator } }
byDepartment: ticketStatistics(within: $within, from: $from, to: $to, by: DEPARTMENT) {
  value submitted onTimeRate { numerator denominator } } }"""
NAMES = {
    "Q1": "Q1 a ticket with its last 10 events",
    "Q2": "Q2 a page of 50 with their last 3 events",
    "Q3": "Q3 a month by status and department",
}
REQUESTS = {"Q1": 1_000, "Q2": 400, "Q3": 50}
LOGIN = "dispatcher@{city}"


def month_of(bench: Bench) -> tuple[date, date]:
    """The last whole month: its first day, and the first of the next."""
    ends = bench.now.date().replace(day=1)
    return (ends - timedelta(days=1)).replace(day=1), ends


async def sample(bench: Bench, count: int = 500) -> list[UUID]:
    """Tickets of the large city that everybody of the staff sees."""
    admin = await bench.admin()
    try:
        rows = await admin.fetch(
            "select id from tickets where city_id = $1 and secrecy = 'NORMAL' order by md5(id::text) limit $2",
            *(bench.large.id, count),
        )
    finally:
        await admin.close()
    return [row["id"] for row in rows]


async def ours(bench: Bench, clients: Clients, tickets: list[UUID]) -> dict[str, Ask]:
    """How the product is asked each of the three."""
    token, city = await bench.token(LOGIN.format(city=bench.large.path)), bench.large
    begins, ends = map(str, month_of(bench))
    gids = [ids.encode("T", city.id, ticket) for ticket in tickets]
    return {
        "Q1": lambda number: clients.graphql(token, Q1, {"id": gids[number % len(gids)]}),
        "Q2": lambda _: clients.graphql(token, Q2),
        "Q3": lambda _: clients.graphql(token, Q3, {"within": city.path, "from": begins, "to": ends}),
    }


def floor(bench: Bench, clients: Clients, tickets: list[UUID]) -> dict[str, Ask]:
    """How the floor is asked the same."""
    city = bench.large.id
    begins, ends = map(str, month_of(bench))
    return {
        "Q1": lambda number: clients.post(f"/q1/{city}/{tickets[number % len(tickets)]}", b""),
        "Q2": lambda _: clients.post(f"/q2/{city}", b""),
        "Q3": lambda _: clients.post(f"/q3/{city}/{begins}/{ends}", b""),
    }


async def rows(bench: Bench) -> list[Row]:
    """Each of the three: server CPU, and CPU with PostgreSQL."""
    tickets = await sample(bench)
    async with AsyncExitStack() as stack:

        async def clients_of(served: Served) -> tuple[Served, Clients]:
            return served, await stack.enter_async_context(Clients(served))

        asked: dict[str, tuple[Served, dict[str, Ask]]] = {}
        served, clients = await clients_of(stack.enter_context(bench.ours()))
        asked["ours"] = served, await ours(bench, clients, tickets)
        bare = bench.bare("tests.benchmarks.floor:create_app", FLOOR_DATABASE_URL=str(bench.urls.admin))
        served, clients = await clients_of(stack.enter_context(bare))
        asked["floor"] = served, floor(bench, clients, tickets)
        if (peer := await postgraphile.serving(bench)) is not None:
            served, clients = await clients_of(stack.enter_context(peer))
            asked["peer"] = served, postgraphile.asks(bench, clients, tickets, month_of(bench))
        measured: list[Row] = []
        for key, name in NAMES.items():
            await _check_same(key, {who: asks[key] for who, (_, asks) in asked.items()})
            contenders = {who: Contender(asks[key], served.process) for who, (served, asks) in asked.items()}
            costs = await compare(contenders, bench, bench.requests(REQUESTS[key]))
            there = costs.get("peer")
            for what, of, floor_target, peer_target in _KINDS:
                line = f"{name}: {what}, ms (floor)"
                measured.append(against_floor(line, of(costs["ours"]), of(costs["floor"]), floor_target))
                if not bench.quick:
                    theirs = None if there is None else of(there)
                    line = f"{name}: {what}, ms (PostGraphile 5)"
                    measured.append(against_peer(line, of(costs["ours"]), theirs, peer_target))
    return measured


# The floor pays nothing for row-level security, which is most of what ours takes more in PostgreSQL.
_KINDS: tuple[tuple[str, Callable[[Any], float], float | None, float], ...] = (
    ("server CPU", lambda cost: cost.server, 1.5, 1 / 5),
    ("CPU with PostgreSQL", lambda cost: cost.total, None, 1 / 1.5),
)


async def _check_same(key: str, asks: Mapping[str, Ask]) -> None:
    """All must answer the same, or the comparison would be worth nothing. Raises RuntimeError.

    But for one thing: the peer shows of whom a confidential ticket is, since it knows of no masking.
    """
    plain = {}
    for who, ask in asks.items():
        answer = json.loads(await ask(0))
        plain[who] = _plain(answer.get("data", answer))
    for who, answer in plain.items():
        ours, theirs = (json.dumps(_masked(each) if who == "peer" else each) for each in (plain["ours"], answer))
        if ours != theirs:
            raise RuntimeError(f"{key}: {who} does not answer what ours does:\n{theirs[:2_000]}\n{ours[:2_000]}")


def _masked(answer: Any) -> Any:
    if isinstance(answer, dict) and "tickets" in answer:
        return _plain([{**ticket, "enterprise": None} for ticket in answer["tickets"]])
    return answer


def _plain(value: Any) -> Any:
    """What an answer says, however its lists are wrapped and ordered, its rates nested and its moments written."""
    if isinstance(value, dict):
        if "edges" in value:
            return _plain([edge["node"] for edge in value["edges"]])
        flat = {name: each for name, each in value.items() if name != "onTimeRate"} | value.get("onTimeRate", {})
        return {name: _plain(each) for name, each in flat.items() if name not in {"hasNextPage", "pageInfo"}}
    if isinstance(value, list):
        return sorted((_plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, str) and _MOMENT.match(value):
        return datetime.fromisoformat(value).isoformat()
    return value


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
