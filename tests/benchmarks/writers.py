"""What telling the live path costs those who write: `ticketSubmit` at 16 writers, told and untold, in turns.

The product's own path from the document to the committed ticket and its payload, in this process: over HTTP the same
cost would be a smaller part of the whole. Untold means that nobody is notified; in a further row, which has no target,
that the events are not even numbered. Both exist in this process only.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial

import orjson

from app.kernel.events import Sequencer
from app.main import services_of
from schema.context import Services, Viewer
from tests.benchmarks.frame import Bench, Row
from tests.benchmarks.submissions import LOGIN, SUBMIT, given

WRITERS = 16
SUBMISSIONS = 400
LEAST = 0.9
"""Of the rate without notification."""
Submit = Callable[[int], Awaitable[None]]


async def rows(bench: Bench) -> list[Row]:
    """Commits a second."""
    async with services_of(bench.settings) as services:
        submit = await _desk(bench, services)
        rates: dict[str, list[float]] = {"told": [], "untold": [], "unnumbered": []}
        for _ in range(bench.rounds + 1):
            for name, measured in rates.items():
                with_sequencer = _VARIANTS[name](services.sequencer)
                measured.append(await _rate(submit, bench.requests(SUBMISSIONS)))
                with_sequencer()
                while await services.sequencer.number_events():
                    pass
    told, untold, unnumbered = (measured[1:] for measured in rates.values())
    name = f"ticketSubmit by {WRITERS} writers, commits/s"
    return [
        _row(f"{name} (without notification; at least {LEAST})", told, untold, LEAST),
        _row(f"{name} (without numbering and notification)", told, unnumbered, None),
    ]


def _row(name: str, ours: list[float], floor: list[float], least: float | None) -> Row:
    """Medians; the ratio is that of the rounds, each against what stood beside it."""
    ratio = statistics.median(told / untold for told, untold in zip(ours, floor, strict=True))
    rate, without = (round(statistics.median(rates), 1) for rates in (ours, floor))
    return Row(name, rate, without, None, round(ratio, 3), least, None if least is None else ratio >= least)


async def _desk(bench: Bench, services: Services) -> Submit:
    admin = await bench.admin()
    try:
        user = await admin.fetchval("select id from users where login = $1", LOGIN.format(city=bench.large.path))
    finally:
        await admin.close()
    viewer = Viewer(await services.actors.load(user), "zh-CN", services.clock.now())
    prepared = await services.executor.prepare(SUBMIT, None, viewer=viewer)

    async def submit(number: int) -> None:
        answer = orjson.loads(await services.executor.execute(prepared, {"input": given(number)}, viewer))
        if "errors" in answer or answer["data"]["ticketSubmit"]["userErrors"]:
            raise RuntimeError(answer)

    return submit


async def _rate(submit: Submit, submissions: int) -> float:
    """Commits a second of `WRITERS` who each submit one after the other."""
    numbers = iter(range(submissions))

    async def write() -> None:
        for number in numbers:
            await submit(number)

    begun = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return submissions / (time.perf_counter() - begun)


async def _no_events(_city_ids: object = None) -> int:
    return 0


def _as_delivered(_sequencer: Sequencer) -> Callable[[], None]:
    return lambda: None


def _unannounced(sequencer: Sequencer) -> Callable[[], None]:
    sequencer.announces = False
    return partial(setattr, sequencer, "announces", True)


def _unnumbered(sequencer: Sequencer) -> Callable[[], None]:
    setattr(sequencer, "number_events", _no_events)  # noqa: B010 - a method
    return partial(delattr, sequencer, "number_events")


_VARIANTS: dict[str, Callable[[Sequencer], Callable[[], None]]] = {
    "told": _as_delivered,
    "untold": _unannounced,
    "unnumbered": _unnumbered,
}
