"""Documents that are new are compiled beside everybody else: no turn of the loop waits for one of them to be done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from app.kernel.errors import RateLimited
from schema.aside import MOST_WAITING, Aside
from schema.reader.reader import Reader
from tests.schema.conftest import Api

OFFICE, DISPATCHER = "office@guangyuan", "dispatcher@guangyuan"


class Held:
    """Work that is done when it is told to go on."""

    def __init__(self, result: Any = None) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.times = 0
        self.result = result

    def __call__(self) -> Any:
        self.times += 1
        self.begun.set()
        assert self.go_on.wait(30)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def has_begun(self) -> None:
        await asyncio.to_thread(self.begun.wait, 30)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_loop_turns_while_it_is_worked() -> None:
    aside, work = Aside(), Held("done")
    asked = asyncio.create_task(aside.once("a", "anna", work))
    await work.has_begun()
    await turns(100)
    assert not asked.done()
    work.go_on.set()
    assert await asked == "done"


@pytest.mark.parametrize("result", ["done", ValueError("no")])
async def test_who_asks_for_the_same_waits_for_it(result: Any) -> None:
    aside, work = Aside(), Held(result)
    asked = [asyncio.create_task(aside.once("a", person, work)) for person in ("anna", "anna", "ben")]
    await work.has_begun()
    work.go_on.set()
    assert await asyncio.gather(*asked, return_exceptions=True) == [result] * 3
    assert work.times == 1
    again = Held("again")
    again.go_on.set()
    assert await aside.once("a", "ben", again) == "again", "what is done is not remembered here"


async def test_who_is_gone_leaves_it_to_the_others() -> None:
    aside, first, second = Aside(), Held("first"), Held("second")
    second.go_on.set()
    gone = asyncio.create_task(aside.once("a", "anna", first))
    await first.has_begun()
    waiting = asyncio.create_task(aside.once("a", "ben", second))
    await turns()
    gone.cancel()
    await turns()
    first.go_on.set()
    assert await waiting == "second"
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert not aside._going
    assert not aside._waiting
    assert not aside._lines


async def test_one_at_a_time_and_persons_take_turns() -> None:
    """Ten of one person come before another's one: it is the second to be done."""
    aside, order, held = Aside(), list[str](), Held()

    def noting(name: str) -> Callable[[], None]:
        return lambda: order.append(name)

    first = asyncio.create_task(aside.once("held", "anna", held))
    await held.has_begun()
    many = [asyncio.create_task(aside.once(number, "anna", noting(f"anna {number}"))) for number in range(10)]
    await turns()
    one = asyncio.create_task(aside.once("one", "ben", noting("ben")))
    await turns()
    assert order == []
    held.go_on.set()
    await asyncio.gather(first, one, *many)
    assert order.index("ben") <= 1
    assert [name for name in order if name != "ben"] == [f"anna {number}" for number in range(10)]


async def test_a_person_has_no_more_waiting_than_so_many() -> None:
    aside, held = Aside(), Held()
    tasks = [asyncio.create_task(aside.once(number, "anna", held)) for number in range(MOST_WAITING)]
    await held.has_begun()
    with pytest.raises(RateLimited) as refused:
        await aside.once("more", "anna", held)
    assert (refused.value.rule, refused.value.data) == ("documents", {"limit": MOST_WAITING})
    other = asyncio.create_task(aside.once("other", "ben", held))
    held.go_on.set()
    await asyncio.gather(*tasks, other)
    assert await aside.once("more", "anna", lambda: 1) == 1


# Documents


def large(number: int) -> str:
    """A document that is like no other, and takes long."""
    shown = f"n{number}: number title body status statusLabel lead {{ name path }} timeline(first: 2) {{ totalCount }}"
    parts = "".join(f"p{n}: tickets(first: 1) {{ edges {{ node {{ {shown} }} }} }} " for n in range(3))
    return f"{{ {parts} }}"


async def test_fifty_new_documents_stop_nobody(there: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While they are made, a known one is answered again and again, and a heartbeat beats between any two of them."""
    small = "{ tickets(first: 1) { totalCount } }"
    await there.data(DISPATCHER, small)
    beats = 0
    made: list[int] = []
    compile_ = Reader._compile

    def noting(*given: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        begun = beats
        plan = compile_(*given)
        made.append(beats - begun)
        return plan

    monkeypatch.setattr(Reader, "_compile", noting)

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    heart = asyncio.create_task(beat())
    crowd = [asyncio.create_task(there.ask(OFFICE, large(number))) for number in range(50)]
    answered = 0
    while not all(task.done() for task in crowd):
        await there.data(DISPATCHER, small)
        answered += 1
    heart.cancel()
    assert len(made) == 50
    assert min(made) >= 1, "the loop has turned while each was compiled"
    assert answered >= 50
    answers = await asyncio.gather(*crowd)
    assert all("errors" not in answer for answer in answers), answers[0]


async def test_the_same_new_document_is_made_once(there: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    compile_ = Reader._compile

    def counting(*given: Any) -> Any:
        nonlocal made
        made += 1
        return compile_(*given)

    monkeypatch.setattr(Reader, "_compile", counting)
    answers = await asyncio.gather(*(there.ask(OFFICE, large(0)) for _ in range(10)))
    assert made == 1
    assert len({orjson.dumps(answer) for answer in answers}) == 1
    assert "errors" not in answers[0]
