"""One live path, measured: thousands of `graphql-transport-ws` subscribers of ours and of graphql-yoga + graphql-ws.

Both servers sit on the same database and tell of the same commits: comments on tickets. Times are from the moment at
which the committing process knows of its commit until the client's `recv` returns. The crowds
(`tests.benchmarks.crowd`) are processes of their own. Ours signs in, authorises, and reads under row-level security.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from sqlalchemy import make_url, text

from app.kernel.clock import SystemClock
from app.kernel.database import Database
from app.kernel.events import Author, Sequencer
from app.kernel.tables import new_id
from app.kernel.unit_of_work import unit_of_work
from authz.keys import signing_key
from authz.tokens import TokenIssuer
from tests.benchmarks.frame import (
    Bench,
    Clients,
    Row,
    Served,
    against_peer,
    cpu_seconds,
    free_port,
    install,
    memory_bytes,
    running,
    say,
)

QUERY = "subscription($id: ID!) { ticketEvents(id: $id) { cursor node { type at note ticket { number status } } } }"
PEER = Path(__file__).parent / "peers" / "live"
PER_PERSON = 20
"""Different tickets that one person may watch at a time (`Limits.live_groups_per_user`)."""
WARM = 100
"""Subscribers that come and go before the memory is looked at: what the first ones cost is not each one's."""
TO_ALL = 4
"""Commits per round that concern everybody."""
TO_ONE = 60
"""Commits per round that concern one of them."""
PATIENCE = 60.0
"""Seconds in which the last subscriptions have to be live."""

CPU = "CPU per delivery, µs"
MEMORY = "memory per idle subscriber, KiB"


@dataclass(frozen=True)
class Ticket:
    """What events are about (`app.kernel.unit_of_work.Subject`). `node`: its id in our schema."""

    city_id: int
    id: uuid.UUID
    version: int
    node: str


class Crowd:
    """A process full of subscribers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._commands: IO[str] = process.stdin
        self._answers: IO[str] = process.stdout

    async def do(self, command: str, **given: Any) -> dict[str, Any]:
        """See `tests.benchmarks.crowd`. Raises RuntimeError when a connection was closed."""
        answer = await asyncio.to_thread(self._do, {"do": command, **given})
        if answer.get("closed"):
            raise RuntimeError(f"closed: {answer['closed']}")
        return answer

    def _do(self, command: Mapping[str, Any]) -> dict[str, Any]:
        self._commands.write(json.dumps(command) + "\n")
        self._commands.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer


@contextmanager
def _crowd() -> Iterator[Crowd]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.crowd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Crowd(process)
    finally:
        process.terminate()
        process.communicate()


class Committer:
    """Another process of ours, as it were: writes the events and tells of them."""

    def __init__(self, database: Database, city_id: int) -> None:
        async def cities() -> tuple[int, ...]:
            return (city_id,)

        self.sequencer = Sequencer(database, cities)
        self._database = database
        self._waken = False
        self._committed_at = 0

    def wake(self, city_id: int) -> None:
        """The transaction is committed."""
        self._committed_at = time.monotonic_ns()
        if self._waken:
            self.sequencer.wake(city_id)

    async def comment(self, tickets: Sequence[Ticket], note: str, *, peer: bool) -> int:
        """Commit a comment on each of the tickets; returns when that was, ns of CLOCK_MONOTONIC.

        The peer is notified by the transaction itself. Ours then finds these events by and by, which nobody awaits.
        """
        self._waken = not peer
        work = unit_of_work(
            self._database,
            city_id=tickets[0].city_id,
            user_id=None,
            grants_version=None,
            now=SystemClock().now(),
            sequencer=self,
        )
        async with work as uow:
            for ticket in tickets:
                event = uow.record(ticket, "COMMENTED", author=Author(), note=note)
                if peer:
                    notify = text("select pg_notify('live_peer', :payload)")
                    await uow.session.execute(notify, {"payload": f"{ticket.city_id}:{event}"})
        return self._committed_at


@dataclass
class Contender:
    """A server under test with its crowd, and what was measured of it."""

    name: str
    served: Served
    crowd: Crowd
    tickets: Sequence[Ticket]
    tokens: Sequence[str]
    committer: Committer
    p50: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0
    single: list[float] = field(default_factory=list)

    @property
    def is_peer(self) -> bool:
        return self.name == "peer"

    async def open(self, count: int, *, tickets: Sequence[Ticket]) -> None:
        """Subscribe `count` clients to the tickets in turn, `PER_PERSON` each person, and wait until all are live."""
        subscribers = [
            {
                "token": self.tokens[number // PER_PERSON % len(self.tokens)],
                "variables": {"id": self._id_of(tickets[number % len(tickets)])},
            }
            for number in range(count)
        ]
        await self.crowd.do("open", port=self.served.port, query=QUERY, subscribers=subscribers)
        probed = tickets[-PER_PERSON:]
        expected = count if len(tickets) == 1 else len(probed)
        patience = max(1.0, expected / 1_000)
        until = time.monotonic() + PATIENCE
        while True:
            await self.committer.comment(probed, "开始", peer=self.is_peer)
            answer = await self.crowd.do("wait", deliveries=expected, seconds=patience)
            if len(answer["at"]) == expected:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name}: {len(answer['at'])} of {expected} are live")
            await self.crowd.do("wait", deliveries=1 << 30, seconds=1.0)

    async def settled(self) -> int:
        """The server's memory when it has done what it had to do. The peer may collect its garbage first."""
        before = -1.0
        while (used := cpu_seconds(self.served.process)) - before > 0.05:
            before = used
            await asyncio.sleep(2.0)
        if self.is_peer:
            async with Clients(self.served, 1) as client:
                await client.post("/collect-garbage", b"")
            await asyncio.sleep(0.5)
        return memory_bytes(self.served.process)

    async def tell(self, ticket: Ticket, deliveries: int, note: str) -> list[float]:
        """Commit one event; the milliseconds until each of the deliveries."""
        committed_at = await self.committer.comment([ticket], note, peer=self.is_peer)
        answer = await self.crowd.do("wait", deliveries=deliveries, seconds=30.0)
        if len(answer["at"]) != deliveries or answer["different"] or note not in answer["first"]:
            raise RuntimeError(f"{self.name}: {len(answer['at'])} of {deliveries} deliveries, {answer['first']}")
        return sorted((at - committed_at) / 1e6 for at in answer["at"])

    def _id_of(self, ticket: Ticket) -> str:
        return str(ticket.id) if self.is_peer else ticket.node

    async def measure_all(self, count: int, round_: int) -> None:
        """A round of events to everybody; the first round warms up."""
        for number in range(TO_ALL):
            used = cpu_seconds(self.served.process)
            times = await self.tell(self.tickets[0], count, f"第{round_}轮第{number}条")
            await asyncio.sleep(0.2)  # what the server still tidies up is its cost as well
            if round_:
                self.cpu.append((cpu_seconds(self.served.process) - used) * 1e6 / count)
                self.p50.append(statistics.median(times))
                self.last.append(times[-1])

    async def measure_single(self, round_: int) -> None:
        """A round of events to one of many, each another one."""
        for number in range(TO_ONE):
            ticket = self.tickets[(round_ * TO_ONE + number) * 37 % len(self.tickets)]
            times = await self.tell(ticket, 1, f"第{round_}轮第{number}条")
            if round_:
                self.single.append(times[0])


async def rows(bench: Bench) -> list[Row]:
    """The rows of the live path."""
    count = 500 if bench.quick else 5_000
    rounds = 2 if bench.quick else bench.rounds
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    with_peer = bench.node is not None and not bench.quick
    # Each server has tickets of its own: what the other is told of is in the same log.
    tickets, tokens = await _prepare(bench, count, 2 * count if with_peer else count)
    contenders: list[Contender] = []
    async with AsyncExitStack() as stack:
        database = await Database.open(bench.urls.application)
        stack.push_async_callback(database.close)
        committer = Committer(database, bench.large.id)
        await stack.enter_async_context(committer.sequencer)
        served = stack.enter_context(bench.ours())
        contenders.append(Contender("ours", served, stack.enter_context(_crowd()), tickets[:count], tokens, committer))
        if with_peer and bench.node is not None:
            served = stack.enter_context(_peer(bench, bench.node))
            crowd = stack.enter_context(_crowd())
            contenders.append(Contender("peer", served, crowd, tickets[count:], tokens, committer))
        say(f"live: {count:,} subscribers to one ticket")
        for contender in contenders:
            await contender.open(WARM, tickets=contender.tickets[:1])
            await contender.crowd.do("close")
            before = await contender.settled()
            await contender.open(count, tickets=contender.tickets[:1])
            contender.memory = (await contender.settled() - before) / count / 1024
        for round_ in range(rounds + 1):
            for contender in contenders:
                await contender.measure_all(count, round_)
        for contender in contenders:
            p50, last, cpu = (statistics.median(each) for each in (contender.p50, contender.last, contender.cpu))
            memory = f"{contender.memory:.1f} KiB, {cpu:.1f} µs"
            say(f"live: {contender.name}: {memory}, p50 {p50:.0f} ms, last {last:.0f} ms")
        say(f"live: {count:,} subscribers to a ticket each")
        for contender in contenders:
            await contender.crowd.do("close")
            await contender.open(count, tickets=contender.tickets)
        for round_ in range(rounds + 1):
            for contender in contenders:
                await contender.measure_single(round_)
    return [*_rows(count, contenders)]


def _rows(count: int, contenders: Sequence[Contender]) -> Iterator[Row]:
    many = f"{count:,} subscribers"
    measured: dict[str, tuple[Callable[[Contender], float], float]] = {
        f"{many}, one event, commit to p50, ms": (lambda each: statistics.median(each.p50), 1 / 5),
        f"{many}, one event, commit to last, ms": (lambda each: statistics.median(each.last), 1 / 5),
        f"{many}, one event, {CPU}": (lambda each: statistics.median(each.cpu), 1 / 6),
        f"{many}, {MEMORY}": (lambda each: each.memory, 1.0),
        f"1 of {many}, commit to client, p50, ms": (lambda each: statistics.median(each.single), 1.0),
        f"1 of {many}, commit to client, p99, ms": (lambda each: _p99(each.single), 1.0),
    }
    ours, *peers = contenders
    for name, (of, target) in measured.items():
        yield against_peer(name, of(ours), of(peers[0]) if peers else None, target)


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[math.ceil(len(times) * 0.99) - 1]


async def _prepare(bench: Bench, count: int, wanted: int) -> tuple[list[Ticket], list[str]]:
    """The tickets to be watched, and the tokens of people of the city who may see `count` of them within the limits."""
    admin = await bench.admin()
    try:
        found = await admin.fetch(
            "select city_id, id, version, global_id('T', city_id, id) as node from tickets"
            " where city_id = $1 and secrecy = 'NORMAL' order by id limit $2",
            bench.large.id,
            wanted,
        )
        people = [new_id() for _ in range(math.ceil(count / PER_PERSON))]
        model = await admin.fetchrow("select * from users where login = $1", f"dispatcher@{bench.large.path}")
        for place, person in enumerate(people):
            await admin.execute(
                "insert into users (id, city_id, login, name, created_at) values ($1, $2, $3, '观察员', $4)",
                person,
                model["city_id"],
                f"watcher-{place}-{person.hex[-6:]}@{bench.large.path}",
                bench.now,
            )
            await admin.execute(
                "insert into grants (city_id, id, user_id, tenant_id, role, granted_at)"
                " select city_id, $1, $2, tenant_id, role, granted_at from grants where user_id = $3",
                new_id(),
                person,
                model["id"],
            )
    finally:
        await admin.close()
    if len(found) < wanted:
        raise RuntimeError(f"{bench.large.path} has {len(found)} tickets that everybody may see; {wanted} are needed")
    issuer = TokenIssuer(signing_key(bench.settings.signing_key_text()))
    now = SystemClock().now()
    return (
        [Ticket(**row) for row in found],
        [issuer.issue(person, now=now, lifetime=timedelta(hours=6)) for person in people],
    )


@contextmanager
def _peer(bench: Bench, node: Path) -> Iterator[Served]:
    folder = install(PEER, bench.folder / "live-peer", node)
    url = make_url(str(bench.urls.admin))
    host = url.query.get("host", url.host)
    port = free_port()
    environment = {
        "PORT": str(port),
        "PGHOST": str(host),
        "PGPORT": str(url.query.get("port", url.port or 5432)),
        "PGUSER": str(url.username),
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": str(url.database),
    }
    with running([node, "--expose-gc", "server.mjs"], port, folder=folder, **environment) as served:
        yield served
