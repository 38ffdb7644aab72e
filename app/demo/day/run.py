"""Work the day, compare what everybody saw of it, and say so."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from textwrap import wrap
from typing import Any, Final

from app.demo.day.client import Client, Unexpected, Watch
from app.demo.day.desk import INTERNAL, SEED, Case, Desk, Turn
from app.demo.day.ways import WAYS, Way

AT_ONCE: Final = 4
"""So many tickets are worked at the same time."""
ENTERPRISES: Final = 3
"""So many report, or are reported for."""
LONG_DAY: Final = 150
"""Tickets from which on nothing may be missing that comes up by chance: channels, categories, internal notes."""
WIDTH: Final = 120
"""Characters of a line of the transcript."""
BY_ITSELF: Final = ("DEADLINE_", "NOTICE_")
"""What these begin comes between the steps of a ticket while a worker is about: nobody of the day does it."""
SETTLED: Final = 30.0
"""Seconds within which the last event must be on the boards."""
_STATISTICS: Final = ("submitted", "open", "closed", "declined", "terminated", "transferred", "withdrawn")
NOT_IN_A_DAY: Final = {"ticketTransferChase"}
"""What takes longer: who transferred a ticket may chase after a working day. That it is refused before is tried."""
_TIMELINE: Final = "status version timeline(first: 100) { edges { node { id type version visibility } } }"


@dataclass
class Day:
    """A day that was worked, and what was found."""

    desk: Desk
    seconds: float
    live: list[tuple[float, float]] = field(default_factory=list)
    """Of each event on the board: seconds since its verb was sent, and since it was answered."""
    board_events: int = 0
    enterprise_events: int = 0
    kept_internal: int = 0
    """Events on the tickets that the enterprise watches which are not for it."""
    statistics: str = ""
    wrong: list[str] = field(default_factory=list)


async def work_day(
    url: str, tokens: Mapping[str, str], *, city: str, neighbour: str, enterprises: Sequence[str], tickets: int
) -> Day:
    """So many tickets in all ways, `AT_ONCE` at a time, watched live by the dispatcher, by the first of the
    `enterprises` (logins) and by the neighbour. Raises Unexpected where there is nobody to work with."""
    with Client(url, tokens, at_once=AT_ONCE) as client:
        desk = Desk(
            client, city, neighbour, list(enterprises[:ENTERPRISES]), datetime.now(UTC).strftime("%m%d%H%M%S%f")
        )
        await _prepare(desk)
        turns = _plan(desk, tickets)
        async with AsyncExitStack() as stack:
            board, own, other = [
                await stack.enter_async_context(Watch(client, login, within))
                for login, within in (
                    (f"dispatcher@{city}", city),
                    (desk.enterprises[0], city),
                    (desk.neighbour("dispatcher"), neighbour),
                )
            ]
            await _ring(desk, desk.enterprises[0], board, own)
            desk.neighbours_ticket = await _ring(desk, desk.neighbour("steward"), other)
            before = await _statistics(desk)
            began = time.perf_counter()
            day = Day(desk, 0.0)
            day.wrong += await _walk(turns)
            day.seconds = time.perf_counter() - began
            seen = await _Outside(day, board, own, other).look()
            await _compare_statistics(day, before, seen)
        return day


async def _prepare(desk: Desk) -> None:
    """What the people look up before they begin: the city's rules, and who the enterprises are."""
    query = "query($city: TenantPath!) { scheme(city: $city) { document } }"
    found = await desk.client.ask(f"intake_agent@{desk.city}", query, city=desk.city)
    desk.rules = found["scheme"]["document"]["tickets"]
    for login in desk.enterprises:
        own = await desk.client.ask(login, "{ enterprises(first: 1) { edges { node { id } } } }")
        desk.enterprise_ids.append(own["enterprises"]["edges"][0]["node"]["id"])


def _plan(desk: Desk, tickets: int) -> list[tuple[Way, Turn]]:
    """Every way once, then by weight, in an order that is always the same."""
    chance = random.Random(SEED)  # noqa: S311 - nothing secret is drawn
    ways = list(WAYS)
    left = tickets - sum(way.tickets for way in ways)
    if left < 0:
        raise Unexpected(f"a day in all ways takes {tickets - left} tickets at least")
    while left:
        fitting = [way for way in WAYS if 0 < way.tickets <= left]
        (way,) = chance.choices(fitting, [way.weight for way in fitting])
        ways.append(way)
        left -= way.tickets
    chance.shuffle(ways)
    turns, number = [], 0
    for way in ways:
        turns.append((way, Turn(desk, way.name, number)))
        number += way.tickets
    return turns


async def _ring(desk: Desk, login: str, *watches: Watch) -> str:
    """A ticket that is only there to see that the streams have begun, and withdrawn again; its id."""
    client, key = desk.client, f"day-{desk.stamp}-ring"
    enterprise = {} if login.startswith("enterprise@") else {"reporter": {"name": "企业管家"}}
    given = {"category": "HELP", "channel": "WEB", "title": "试铃", "body": "开班前试一试看板。", **enterprise}
    made = await client.verb(login, "ticketSubmit", {**given, "idempotencyKey": key})
    if made.payload is None:
        raise Unexpected(f"{login} cannot submit: {made.refusal}")
    id_: str = made.payload["ticket"]["id"]
    for _ in range(60):
        comment = {"ticketId": id_, "body": "铃响了吗?", "visibility": "PUBLIC"}
        said = await client.verb(login, "ticketComment", comment)
        if said.payload is None:
            raise Unexpected(f"{login} cannot comment: {said.refusal}")
        if all([await watch.until(partial(_came, watch, id_, "COMMENTED"), 0.5) for watch in watches]):
            await client.verb(login, "ticketWithdraw", {"ticketId": id_})
            for watch in watches:
                await watch.until(partial(_came, watch, id_, "WITHDRAWN"), SETTLED)
                watch.arrivals.clear()
            return id_
    raise Unexpected("nothing arrives on the boards")


def _came(watch: Watch, ticket: str, event: str) -> bool:
    return any(arrival.type == event for arrival in watch.of(ticket))


async def _walk(turns: Sequence[tuple[Way, Turn]]) -> list[str]:
    """Walk them all; what went wrong."""
    gate = asyncio.Semaphore(AT_ONCE)
    wrong = []

    async def walk(way: Way, turn: Turn) -> None:
        async with gate:
            try:
                await way.walk(turn)
            except (Unexpected, LookupError, TypeError) as error:  # also an answer of another shape
                wrong.append(f"{way.name}: {error if isinstance(error, Unexpected) else repr(error)}")

    await asyncio.gather(*(walk(way, turn) for way, turn in turns))
    return wrong


class _Outside:
    """What the boards, the timelines and the neighbours say of the day."""

    def __init__(self, day: Day, board: Watch, own: Watch, other: Watch) -> None:
        self.day, self.desk = day, day.desk
        self.board, self.own, self.other = board, own, other
        self.cases = {case.id: case for case in day.desk.cases}

    async def look(self) -> bool:
        """Compare everything with what was done; whether nobody else worked at the city's tickets meanwhile."""
        desk, board = self.desk, self.board
        open_cases = [case for case in desk.cases if not case.restricted]
        expected = sum(len(case.steps) for case in open_cases) + len(desk.checked)
        ours = self.cases.keys() | set(desk.checked)
        await board.until(
            lambda: sum(each.ticket in ours and _done(each.type) for each in board.arrivals) >= expected, SETTLED
        )
        dispatcher = await self._timelines(f"dispatcher@{desk.city}")
        supervision = await self._timelines(f"supervision_officer@{desk.city}")
        for case in desk.cases:
            self._compare(case, (supervision if case.restricted else dispatcher).get(case.id))
            if case.restricted and (case.id in dispatcher or board.of(case.id)):
                self._say(case, "is restricted, and the dispatcher saw it")
            elif not case.restricted:
                self._compare_board(case, dispatcher.get(case.id))
        for ticket in desk.checked:
            checks = [each for each in board.of(ticket) if each.type == "QUALITY_CHECKED"]
            if len(checks) != desk.checked.count(ticket):
                self.day.wrong.append(f"a check of quality arrived {len(checks)} times")
        self.day.board_events = sum(each.ticket in ours for each in board.arrivals)
        await self._compare_enterprise()
        await self._ask_neighbours()
        await self._ask_for_all()
        # Looked at once more: what nobody expected may have arrived since the board was counted.
        return all(each.ticket in ours for each in board.arrivals if _done(each.type))

    def _say(self, case: Case, what: str) -> None:
        self.day.wrong.append(f"{case.number} ({case.way}) {what}")

    async def _timelines(self, login: str, *further: str) -> dict[str, Any]:
        """Every ticket of the day, and of some `further` ones, that the person sees, by id."""
        query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ id ... on Ticket {{ {_TIMELINE} }} }} }}"
        found = {}
        for ids in _slices([*self.cases, *further], 50):
            nodes = (await self.desk.client.ask(login, query, ids=ids))["nodes"]
            found.update({node["id"]: node for node in nodes if node is not None})
        return found

    def _compare(self, case: Case, found: Mapping[str, Any] | None) -> None:
        """The final state and the timeline, against what was done."""
        if found is None:
            return self._say(case, "is not there")
        if found["status"] != case.ends:
            self._say(case, f"is {found['status']}, not {case.ends}")
        if found["version"] != case.version:
            self._say(case, f"is at version {found['version']}, not {case.version}")
        told = [each["type"] for each in _nodes(found) if _done(each["type"])]
        done = [step.event for step in case.steps]
        if told != done:
            self._say(case, f"tells {told}, but {done} was done")
        return None

    def _compare_board(self, case: Case, found: Mapping[str, Any] | None) -> None:
        """Every event once, in the order of the timeline, versions without a gap; and how fast."""
        # What comes by itself may have come to the one and not yet to the other.
        arrivals = [each for each in self.board.of(case.id) if _done(each.type)]
        told = [] if found is None else [each["id"] for each in _nodes(found) if _done(each["type"])]
        if [each.event for each in arrivals] != told:
            self._say(case, f"arrived on the board as {[each.type for each in arrivals]}, {len(told)} events happened")
            return
        versions = [each.version for each in arrivals]
        if sorted(set(versions)) != list(range(1, case.version + 1)) or versions != sorted(versions):
            self._say(case, f"arrived in the versions {versions}")
        for arrival, step in zip(arrivals, case.steps, strict=False):
            self.day.live.append((arrival.at - step.began, arrival.at - step.ended))

    async def _compare_enterprise(self) -> None:
        """The enterprise saw the public events of what is its own, in order, and nothing else."""
        login = self.desk.enterprises[0]
        others = {each.ticket for each in self.own.arrivals} - self.cases.keys()  # somebody else is at work here
        visible = await self._timelines(login, *others)
        expected = {
            id_: [each["id"] for each in _nodes(visible[id_]) if _done(each["type"])] for id_ in visible.keys() - others
        }
        total = sum(map(len, expected.values()))
        await self.own.until(
            lambda: sum(each.ticket in expected and _done(each.type) for each in self.own.arrivals) >= total, SETTLED
        )
        for id_, events in expected.items():
            if [each.event for each in self.own.of(id_) if _done(each.type)] != events:
                self._say(self.cases[id_], "did not reach its enterprise as its timeline tells it")
        for arrival in self.own.arrivals:
            if arrival.visibility != "PUBLIC" or INTERNAL in arrival.note or arrival.ticket not in visible:
                self.day.wrong.append(f"the enterprise received {arrival}")
        for case in self.desk.cases:
            if case.reporter == login and case.id not in visible:
                self._say(case, "is not shown to its reporter")
        self.day.enterprise_events = sum(each.ticket in expected for each in self.own.arrivals)
        self.day.kept_internal = sum(
            each.ticket in expected and each.visibility == "INTERNAL" for each in self.board.arrivals
        )
        if not self.day.kept_internal and len(self.cases) >= LONG_DAY:
            self.day.wrong.append("nothing internal happened to the tickets that the enterprise watches")

    async def _ask_neighbours(self) -> None:
        """To the other city there is none of it: not live, not by id or number, and no verb."""
        desk = self.desk
        if any(each.ticket in self.cases for each in self.other.arrivals):
            self.day.wrong.append("the neighbour's board received an event")
        for role in ("dispatcher", "intake_agent", "auditor"):
            if await self._timelines(desk.neighbour(role)):
                self.day.wrong.append(f"the neighbour's {role} sees a ticket by its id")
        case = next(each for each in desk.cases if each.ends != "TRANSFERRED")
        login = desk.neighbour("intake_agent")
        try:
            await desk.refuse(login, "ticketAccept", {"ticketId": case.id}, "NOT_FOUND")
            found = await desk.client.ask(
                login, "query($number: String!) { ticketByNumber(number: $number) { id } }", number=case.number
            )
            if found["ticketByNumber"] is not None:
                raise Unexpected("the neighbour finds a number")
            feed = "query($within: TenantPath!) { tickets(within: $within, first: 1) { totalCount } }"
            if await desk.client.refusal(login, feed, within=desk.city) != "BAD_USER_INPUT":
                raise Unexpected("the neighbour may list the city")
            desk.refusals["BAD_USER_INPUT"] += 1
        except Unexpected as error:
            self.day.wrong.append(str(error))

    async def _ask_for_all(self) -> None:
        """Every verb of tickets that the schema has was done; and on a long day all channels and categories came up."""
        query = "{ __schema { mutationType { fields { name } } } }"
        found = await self.desk.client.ask(f"dispatcher@{self.desk.city}", query)
        verbs = [each["name"] for each in found["__schema"]["mutationType"]["fields"]]
        missing = {verb for verb in verbs if verb.startswith(("ticket", "quality"))}
        missing -= self.desk.latencies.keys() | NOT_IN_A_DAY
        if missing:
            self.day.wrong.append(f"not done: {', '.join(sorted(missing))}")
        for name, taken in (("channel", self.desk.rules["channels"]), ("category", self.desk.rules["categories"])):
            unused = set(taken) - {case.submission[name] for case in self.desk.cases}
            if unused and len(self.cases) >= LONG_DAY:
                self.day.wrong.append(f"nothing came by {', '.join(sorted(unused))}")


async def _statistics(desk: Desk) -> dict[str, int]:
    """The city's numbers of these days, as the dispatcher reads them."""
    today = datetime.now(UTC).date()
    query = (
        "query($city: TenantPath!, $from: Date!, $to: Date!)"
        f" {{ ticketStatistics(within: $city, from: $from, to: $to) {{ {' '.join(_STATISTICS)} }} }}"
    )
    period = {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=2))}
    rows = (await desk.client.ask(f"dispatcher@{desk.city}", query, city=desk.city, **period))["ticketStatistics"]
    return rows[0] if rows else dict.fromkeys(_STATISTICS, 0)


async def _compare_statistics(day: Day, before: Mapping[str, int], undisturbed: bool) -> None:
    """By how much the city's numbers rose, against what was done."""
    after = await _statistics(day.desk)
    rose = {name: after[name] - before[name] for name in _STATISTICS}
    ends = Counter(case.ends for case in day.desk.cases if not case.restricted and not case.merged)
    done = {name: ends[name.upper()] for name in _STATISTICS}
    done["submitted"] = ends.total()
    done["open"] = ends.total() - sum(done[name] for name in _STATISTICS[2:])
    if undisturbed and rose != done:
        day.wrong.append(f"the statistics rose by {rose}, and {done} was done")
    day.statistics = ", ".join(f"{name} +{count}" for name, count in rose.items())
    if not undisturbed:
        day.statistics += " (others worked meanwhile)"


def transcript(day: Day) -> Iterator[str]:
    """What was done and seen, line by line."""
    desk, cases = day.desk, day.desk.cases
    verbs = sum(map(len, desk.latencies.values()))
    yield f"{len(cases)} tickets in {len(WAYS)} ways: {verbs:,} verbs in {day.seconds:.1f} s, {AT_ONCE} at a time"
    yield from _columns(Counter(case.way for case in cases).most_common(), 3)
    yield from _listed("ended", Counter(case.ticket["status"] for case in cases))
    yield from _listed("categories", Counter(case.submission["category"] for case in cases))
    yield from _listed("channels", Counter(case.submission["channel"] for case in cases))
    yield "  each verb: how often, p50 / p95 in ms"
    yield from _columns([(name, f"{len(took)}, {_times(took)}") for name, took in sorted(desk.latencies.items())], 3)
    sent, answered = zip(*day.live, strict=True) if day.live else ((0.0,), (0.0,))
    yield (
        f"  board: {day.board_events:,} events, each once and in order, {_times(sent)} ms after the verb was sent,"
        f" {_times(answered)} after its answer"
    )
    yield (
        f"  the enterprise: {day.enterprise_events} events, all public and of its own tickets; {day.kept_internal}"
        " internal ones kept from it; the neighbour: 0"
    )
    yield from _listed("refused as expected", Counter({_short(each): n for each, n in desk.refusals.items()}))
    followed, right = len(desk.suggested), sum(desk.suggested)
    yield f"  suggestions: {followed} followed, {right} of them to whom the demonstration holds competent"
    yield f"  ticketStatistics: {day.statistics}"
    longest = max(cases, key=lambda case: len(case.steps))
    told = f"such as {longest.number}, {longest.way}: {' > '.join(step.event for step in longest.steps)}"
    yield from wrap(told, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _times(seconds: Sequence[float]) -> str:
    """The median and the 95th percentile, in ms."""
    ordered = sorted(seconds)
    return " / ".join(f"{1000 * ordered[int(share * (len(ordered) - 1) + 0.5)]:.0f}" for share in (0.5, 0.95))


def _short(refusal: str) -> str:
    return refusal.removeprefix("INVALID_INPUT ")


def _listed(name: str, counts: Counter[str]) -> list[str]:
    text = ", ".join(f"{each} {count}" for each, count in counts.most_common())
    return wrap(f"{name}: {text}", WIDTH, initial_indent="  ", subsequent_indent="    ")


def _columns(pairs: Iterable[tuple[str, object]], columns: int) -> Iterator[str]:
    cells = [f"{name}: {value}" for name, value in pairs]
    for row in _slices(cells, columns):
        yield "  " + " ".join(cell.ljust(WIDTH // columns - 1) for cell in row).rstrip()


def _slices(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _nodes(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [edge["node"] for edge in found["timeline"]["edges"]]


def _done(event: str) -> bool:
    """Whether somebody did it."""
    return not event.startswith(BY_ITSELF)
