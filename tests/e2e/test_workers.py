"""Two processes behind one port are one server: what one commits or revokes, the streams of both feel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import asyncpg
import psutil
import pytest

from schema import ids
from tests.e2e.client import (
    TICKET_FEED,
    TRY_AGAIN,
    Closed,
    EventStream,
    Follower,
    Http,
    Listener,
    Over,
    Refused,
    Socket,
)
from tests.e2e.log import event_id, events_of, nothing_is_half_done, settled
from tests.e2e.serving import PATIENCE, Place, Serving
from tests.e2e.work import AGENT, DISPATCHER, HANDLER, SUBMISSION, office

T = TypeVar("T")
ADMINISTRATOR = "city_administrator@guangyuan"
TICKETS = "{ tickets(first: 1) { edges { node { id } } } }"
MANY = 200


class Desks:
    """People with a connection to each of the workers."""

    def __init__(self, serving: Serving, stack: AsyncExitStack) -> None:
        self.serving = serving
        self.workers = [worker.pid for worker in serving.worker_processes()]
        self._stack = stack

    async def ask(self, login: str) -> list[Http]:
        """A connection for requests to each worker, in the workers' order."""

        async def connected() -> tuple[Http, int]:
            http = await self._stack.enter_async_context(Http(self.serving.url, self.serving.place.token(login)))
            return http, http.local_port(await http.post("{ viewer { user { login } } }"))

        return await self._on_each(connected)

    async def watch(self, login: str) -> list[Listener]:
        """A subscription to the city's feed on each worker, in the workers' order."""

        async def connected() -> tuple[Socket, int]:
            token = self.serving.place.token(login)
            socket = await self._stack.enter_async_context(Socket.signed_in(self.serving.url, token))
            return socket, socket.local_port

        listeners = []
        for socket in await self._on_each(connected):
            await socket.start(TICKET_FEED, {"within": "guangyuan"})
            listeners.append(await self._stack.enter_async_context(Listener(socket)))
        return listeners

    async def _on_each(self, connect: Callable[[], Awaitable[tuple[T, int]]]) -> list[T]:
        """Connect until every worker has taken one; which one takes it is the kernel's choice."""
        found: dict[int, T] = {}
        for _ in range(MANY):
            connection, local_port = await connect()
            found.setdefault(self.serving.worker_of(local_port), connection)
            if len(found) == len(self.workers):
                return [found[worker] for worker in self.workers]
        raise AssertionError(f"{MANY} connections went to the workers {list(found)} of {self.workers}")


async def road(desks: dict[str, list[Http]], lead: str, place: int) -> str:
    """A ticket submitted, accepted and dispatched, each through another worker than the step before; its id."""
    enterprise, agent, dispatcher = (desks[login] for login in desks)
    ticket = (await enterprise[place % 2].verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]
    await agent[(place + 1) % 2].verb("ticketAccept", ticketId=ticket, expectedVersion=1)
    await dispatcher[place % 2].verb("ticketDispatch", ticketId=ticket, lead=lead, expectedVersion=2)
    return str(ticket)


@pytest.mark.long
async def test_two_workers_are_one_server(place: Place, admin: asyncpg.Connection) -> None:
    with Serving(place, workers=2) as serving:
        async with AsyncExitStack() as stack:
            desks = Desks(serving, stack)
            assert len(desks.workers) == 2
            people = {
                login: await desks.ask(login) for login in (place.world.guangyuan.enterprise.login, AGENT, DISPATCHER)
            }
            boards = [*await desks.watch(DISPATCHER), *await desks.watch("supervision_officer@guangyuan")]
            await every_event_reaches_every_board(people, boards, admin)
            await a_role_given_and_taken_widens_and_narrows(desks, people, place, admin)
            await a_role_taken_ends_its_streams(desks, people, boards, admin)
        await a_killed_worker_loses_nothing(serving, admin)
        await stopping_ends_workers_and_streams(serving)


async def every_event_reaches_every_board(
    people: dict[str, list[Http]], boards: list[Listener], admin: asyncpg.Connection
) -> None:
    enterprise = next(iter(people.values()))
    while not all(board.edges for board in boards):
        await enterprise[0].verb("ticketSubmit", **SUBMISSION)
    for number in range(4):
        await road(people, "guangyuan.commerce", number)
    await settled(admin)
    log = [event_id(event) for event in await events_of(admin)]
    for board in boards:
        await board.until(lambda board=board: log[-1] in board.ids)
        assert board.ids == log[log.index(board.ids[0]) :]


async def a_role_given_and_taken_widens_and_narrows(
    desks: Desks, people: dict[str, list[Http]], place: Place, admin: asyncpg.Connection
) -> None:
    """A handler's open streams show another department's tickets while they hold its role, on both workers."""
    handler, administrator = await desks.ask(HANDLER), await desks.ask(ADMINISTRATOR)
    boards = await desks.watch(HANDLER)

    async def tickets(number: int) -> list[str]:
        """One for finance, and after it one for commerce, which every board gets to see."""
        pair = [await road(people, f"guangyuan.{lead}", number) for lead in ("finance", "commerce")]
        for board in boards:
            await board.until(lambda board=board: pair[1] in shown(board))
        return pair

    mark = await road(people, "guangyuan.commerce", 0)
    while not all(board.edges for board in boards):
        await handler[0].verb("ticketComment", ticketId=mark, body="已收到", visibility="PUBLIC")
    finance, _ = await tickets(0)
    assert not any(finance in shown(board) for board in boards)
    assert await found(handler, finance) == [False, False]

    given = {"login": HANDLER, "role": "HANDLER", "tenant": "guangyuan.finance"}
    grant = (await administrator[0].verb("roleGrant", "roleGrant { id }", **given))["roleGrant"]["id"]
    assert await found(handler, finance) == [True, True]
    granted, _ = await tickets(1)
    assert all(granted in shown(board) for board in boards)

    await administrator[1].verb("roleRevoke", "roleGrantId", grantId=grant)
    assert await found(handler, finance) == [False, False]
    revoked, _ = await tickets(0)
    assert not any(revoked in shown(board) for board in boards)
    assert [board.ended for board in boards] == [None, None]


async def a_role_taken_ends_its_streams(
    desks: Desks, people: dict[str, list[Http]], boards: list[Listener], admin: asyncpg.Connection
) -> None:
    """The dispatcher's streams end on both workers and their next request is refused; who keeps their role goes on."""
    (administrator, _), dispatcher = await desks.ask(ADMINISTRATOR), people[DISPATCHER]
    user = desks.serving.place.world.user(DISPATCHER)
    row = await admin.fetchrow("select city_id, id from grants where user_id = $1", user)
    await administrator.verb("roleRevoke", "roleGrantId", grantId=ids.encode("G", row["city_id"], row["id"]))
    for http in dispatcher:
        with pytest.raises(Refused) as refused:
            await http.ask(TICKETS)
        assert refused.value.codes == ["FORBIDDEN"]
    enterprise = next(iter(people.values()))
    after = (await enterprise[0].verb("ticketSubmit", **SUBMISSION))["ticket"]["id"]
    for board in boards[:2]:
        ended = await board.end()
        assert isinstance(ended, Refused)
        assert ended.codes == ["FORBIDDEN"]
    for board in boards[2:]:
        await board.until(lambda board=board: after in shown(board))
    assert not any(after in shown(board) for board in boards[:2])

    given = {"login": DISPATCHER, "role": "DISPATCHER", "tenant": "guangyuan"}
    await administrator.verb("roleGrant", "roleGrant { id }", **given)
    for http in dispatcher:
        await http.ask(TICKETS)
    again = await desks.watch(DISPATCHER)
    while not all(board.edges for board in again):
        await enterprise[1].verb("ticketSubmit", **SUBMISSION)


async def a_killed_worker_loses_nothing(serving: Serving, admin: asyncpg.Connection) -> None:
    """One of them dies under its writers and its subscriber: the other takes over, and a new one comes."""
    token = serving.place.token(DISPATCHER)
    async with office(serving) as people, Follower(serving.url, token, TICKET_FEED, {"within": "guangyuan"}) as board:
        while not board.edges:
            await people.submit(f"开始 {len(people.confirmed)}")
        dying = psutil.Process(serving.worker_of(board.local_port))
        async with asyncio.TaskGroup() as work:
            done = len(people.confirmed)
            for writer in range(4):
                work.create_task(people.carry(f"工单 {writer}"))
            await people.until(done + 8)
            dying.kill()
        await settled(admin)
        log = await events_of(admin)
        last = event_id(log[-1])
        await board.until(lambda: last in board.ids)
        whole = [event_id(event) for event in log]
        assert board.ids == whole[whole.index(board.ids[0]) :]
        assert board.connections == 2
    await nothing_is_half_done(admin)
    notes = [event["data"].get("note") for event in log]
    assert [notes.count(f"工单 {writer}: 已办结") for writer in range(4)] == [1] * 4
    for _ in range(3 * MANY):  # the parent may be asking the dead one just then, and waits for its answer
        if len(serving.worker_processes()) == 2 and dying.pid not in [each.pid for each in serving.worker_processes()]:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("nobody took the place of the killed worker")


async def stopping_ends_workers_and_streams(serving: Serving) -> None:
    """At once and in order, open streams included: their clients are told to come back."""
    token = serving.place.token(DISPATCHER)
    async with (
        Http(serving.url, token) as http,
        Socket.signed_in(serving.url, token) as socket,
        http.events(TICKET_FEED, {"within": "guangyuan"}) as stream,
    ):
        await socket.start(TICKET_FEED, {"within": "guangyuan"})
        waiting = [asyncio.create_task(each.next()) for each in (socket, stream)]
        enterprise = serving.place.token(serving.place.world.guangyuan.enterprise.login)
        async with Http(serving.url, enterprise) as writer:
            while not all(task.done() for task in waiting):
                await writer.verb("ticketSubmit", **SUBMISSION)
        workers = serving.worker_processes()
        assert await asyncio.to_thread(serving.stop) == 0
        assert psutil.wait_procs(workers, PATIENCE)[1] == [], "the workers outlive their parent"
        closed = await end_of(socket)
        assert isinstance(closed, Closed)
        assert closed.code in TRY_AGAIN
        assert isinstance(await end_of(stream), Over)
        assert not stream.completed, "it is to be resumed"
    said = serving.log.read_text()
    assert "Traceback" not in said
    assert "exceeded" not in said, "it waited for a stream that did not end"


async def end_of(source: Socket | EventStream) -> Exception:
    """How a stream ends, after what is still on its way."""
    try:
        while True:
            await source.next()
    except (Closed, Over) as end:
        return end


def shown(board: Listener) -> set[str]:
    """The tickets of which a board has shown an event."""
    return {edge["node"]["ticket"]["id"] for edge in board.edges}


async def found(desks: list[Http], ticket: str) -> list[bool]:
    """Whether each worker shows the ticket."""
    answers = [await http.ask("query($id: ID!) { ticket(id: $id) { id } }", id=ticket) for http in desks]
    return [answer["ticket"] is not None for answer in answers]


async def test_workers_do_not_outlive_a_killed_parent(place: Place) -> None:
    """Or they would go on serving, unattended, and keep the port from the next one."""
    with Serving(place, workers=2) as serving:
        workers = serving.worker_processes()
        serving.kill()
        assert psutil.wait_procs(workers, 30)[1] == [], "the workers outlive their parent"
        assert not serving.answers()
