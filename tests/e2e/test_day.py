"""The day at the desk, as the command and piece by piece: it must succeed here, and notice what is not in order."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app import cli, operations
from app.demo.day import run
from app.demo.day.client import Arrival, Watch
from app.demo.day.desk import INTERNAL
from app.demo.day.run import work_day
from app.demo.day.ways import WAYS, Way
from app.demo.loader import load_demo
from app.kernel.config import Settings, get_settings
from tests.conftest import Server, blocking
from tests.e2e.serving import PROGRAM, Place, Serving
from tests.factories.world import World, WorldCity

NOBODY = World(WorldCity(0, "guangyuan", "广元市"), WorldCity(0, "anshan", "鞍山市"), {}, {})
EVERY_WAY_ONCE = sum(way.tickets for way in WAYS)


@pytest.fixture(scope="module")
def demonstration(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A small demonstration, served."""
    with server.clone() as admin_url:
        blocking(load_demo(admin_url, enterprises=8, tickets=60, now=datetime.now(UTC)))
        place = Place(admin_url, server.application_url(admin_url), tmp_path_factory.mktemp("day"), NOBODY)
        with Serving(place) as serving:
            yield serving


@pytest.fixture
def settings(demonstration: Serving, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process has the settings of the demonstration's place."""
    for name, value in demonstration.place.environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def day(serving: Serving, *options: str) -> subprocess.CompletedProcess[str]:
    """`yingshang day` in a shell of its own."""
    return subprocess.run(
        [PROGRAM, "day", *options], env=serving.place.environment, capture_output=True, text=True, timeout=240
    )


def way(name: str) -> Way:
    return next(each for each in WAYS if each.name == name)


async def short_day(serving: Serving) -> run.Day:
    """One ticket for each of the ways that `run` knows just now."""
    url = serving.place.application_url
    cities = await operations.listed_logins(url)
    (own,) = (each for each in cities if any(listed.login == "office@guangyuan" for listed in each.staff))
    enterprises = [listed.login for listed in own.enterprises][:1]
    staff = [listed.login for each in cities for listed in each.staff]
    settings = Settings(data_dir=serving.place.data_dir, signing_key=None)
    tokens = await operations.issue_tokens(
        settings, url, enterprises + staff, now=datetime.now(UTC), lifetime=timedelta(hours=1)
    )
    tickets = sum(each.tickets for each in run.WAYS)
    return await work_day(
        serving.url, tokens, city="guangyuan", neighbour="anshan", enterprises=enterprises, tickets=tickets
    )


async def test_a_day_in_all_ways(demonstration: Serving) -> None:
    before = await ended(demonstration)
    worked = await asyncio.to_thread(day, demonstration, "--url", demonstration.url, "--tickets", str(EVERY_WAY_ONCE))
    assert worked.returncode == 0, worked.stdout + worked.stderr
    assert f"{EVERY_WAY_ONCE} tickets in {len(WAYS)} ways" in worked.stdout
    assert "Everything is as it should be." in worked.stdout
    assert all(f"{each.name}: {each.tickets}" in worked.stdout for each in WAYS if each.tickets)
    # What it says of the tickets is what the database holds; one more was the bell, and withdrawn.
    after = await ended(demonstration)
    grown = {status: count - before.get(status, 0) for status, count in after.items()}
    grown["WITHDRAWN"] -= 1
    told = " ".join(worked.stdout.split("ended: ")[1].split("categories: ")[0].split())
    assert dict(pair.split() for pair in told.split(", ")) == {key: str(value) for key, value in grown.items() if value}


async def ended(serving: Serving) -> dict[str, int]:
    """How many of Guangyuan's tickets are in each state."""
    connection = await asyncpg.connect(serving.place.admin_url)
    try:
        rows = await connection.fetch(
            "select t.status, count(*) from tickets t join tenants c on c.id = t.city_id where c.path = 'guangyuan'"
            " group by t.status order by t.status"
        )
        return dict(rows)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ("lost", "arrived on the board as"),
        ("twice", "arrived on the board as"),
        ("late", "arrived on the board as"),
        ("leaked", "the enterprise received"),
        ("next door", "the neighbour's board received"),
    ],
)
async def test_a_stream_that_is_not_in_order_is_noticed(
    demonstration: Serving, monkeypatch: pytest.MonkeyPatch, spoilt: str, says: str
) -> None:
    spoil(monkeypatch, spoilt)
    monkeypatch.setattr(run, "WAYS", [way("rated by its reporter"), way("handled to the end")])
    monkeypatch.setattr(run, "SETTLED", 3.0)
    wrong = (await short_day(demonstration)).wrong
    assert any(says in line for line in wrong), wrong


def spoil(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Have the watchers see the first replies of the day otherwise than they came."""
    take, told = Watch._take, []

    def spoilt(watch: Watch, message: dict[str, object], at: float) -> None:
        take(watch, message, at)
        if not watch.arrivals or watch.arrivals[-1].type != "RESOLVED" or watch.login in told:
            return
        arrival = watch.arrivals[-1]
        board = watch.login == "dispatcher@guangyuan"
        told.append(watch.login)
        if how == "lost" and board:
            watch.arrivals.pop()
        elif how == "twice" and board:
            watch.arrivals.append(arrival)
        elif how == "late" and board:
            watch.arrivals.insert(0, watch.arrivals.pop())
        elif how == "leaked" and watch.login.startswith("enterprise@"):
            watch.arrivals.append(dataclasses.replace(arrival, note=f"{INTERNAL}请优先联系。"))
        elif how == "next door" and board:
            neighbours.append(arrival)

    neighbours: list[Arrival] = []
    monkeypatch.setattr(Watch, "_take", spoilt)
    if how == "next door":
        monkeypatch.setattr(run._Outside, "_ask_neighbours", also(neighbours, run._Outside._ask_neighbours))


def also(arrivals: list[Arrival], ask: object) -> object:
    async def asked(outside: run._Outside) -> None:
        outside.other.arrivals.extend(arrivals)
        await ask(outside)  # type: ignore[operator]

    return asked


async def test_what_is_done_otherwise_is_noticed(demonstration: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    async def astray(turn: run.Turn) -> None:
        await turn.submit(ends="CLOSED")
        case = await turn.submit(ends="SUBMITTED")
        await case.refused("intake_agent", "ticketAccept", "ILLEGAL_TRANSITION")

    monkeypatch.setattr(run, "WAYS", [Way("astray", 2, 1, astray)])
    hold_back("ACCEPTED", monkeypatch)
    day = await short_day(demonstration)
    assert "others worked meanwhile" not in day.statistics
    wrong = day.wrong
    for says in (
        "must be refused with ILLEGAL_TRANSITION, and was answered None",
        "is SUBMITTED, not CLOSED",
        "is ACCEPTED, not SUBMITTED",
        "is at version 2, not 1",
        "not done: ",
        "the statistics rose by",
    ):
        assert any(says in line for line in wrong), (says, wrong)


def hold_back(event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such an event arrives only when the boards have been looked at, as on a machine with much else to do."""
    take, ask = Watch._take, run._Outside._ask_neighbours
    held: list[tuple[Watch, Arrival]] = []
    came = asyncio.Event()

    def taken(watch: Watch, message: dict[str, object], at: float) -> None:
        take(watch, message, at)
        if watch.arrivals and watch.arrivals[-1].type == event:
            held.append((watch, watch.arrivals.pop()))
            came.set()

    async def asked(outside: run._Outside) -> None:
        async with asyncio.timeout(run.SETTLED):
            await came.wait()
        for watch, arrival in held:
            watch.arrivals.append(arrival)
        await ask(outside)

    monkeypatch.setattr(Watch, "_take", taken)
    monkeypatch.setattr(run._Outside, "_ask_neighbours", asked)


@pytest.mark.usefixtures("settings")
def test_a_day_that_cannot_begin(demonstration: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["day", "--url", demonstration.url, "--tickets", "3"]) == 1
    assert capfd.readouterr() == ("", f"a day in all ways takes {EVERY_WAY_ONCE} tickets at least\n")
    assert cli.run(["day", "--url", "http://127.0.0.1:9/graphql"]) == 1
    assert "`yingshang demo` does" in capfd.readouterr().err
    assert cli.run(["day", "--url", "ftp://127.0.0.1"]) == 1
    assert "not the http:// address" in capfd.readouterr().err


@pytest.mark.usefixtures("settings")
def test_a_day_that_went_wrong_ends_with_1(
    demonstration: Serving, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "WAYS", [way("withdrawn")])
    assert cli.run(["day", "--url", demonstration.url, "--tickets", "1"]) == 1
    printed = capfd.readouterr()
    assert "withdrawn: 1" in printed.out
    assert printed.err.startswith("Not as it should be:\nnot done: qualityCheckRecord, ")
