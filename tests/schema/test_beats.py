"""One timer for all connections: each is called once, and nobody else waits for all of them."""

from __future__ import annotations

import asyncio

from schema.live.beats import AT_ONCE, Beats


class Heart:
    def __init__(self) -> None:
        self.beaten = 0

    def beat(self, now: float) -> None:
        self.beaten += 1


async def test_others_have_their_turn_among_thousands_that_are_due() -> None:
    beats, hearts = Beats(), [Heart() for _ in range(20 * AT_ONCE + 1)]
    for heart in hearts:
        beats.at(asyncio.get_running_loop().time(), heart)
    together: list[int] = []
    before = 0
    async with asyncio.timeout(10):
        while before < len(hearts):
            await asyncio.sleep(0)
            beaten = sum(heart.beaten for heart in hearts)
            together.append(beaten - before)
            before = beaten
    assert max(together) <= AT_ONCE
    assert {heart.beaten for heart in hearts} == {1}


async def test_who_leaves_among_those_that_are_due_is_not_called() -> None:
    beats, hearts = Beats(), [Heart() for _ in range(3 * AT_ONCE)]
    slots = {heart: beats.at(asyncio.get_running_loop().time(), heart) for heart in hearts}
    async with asyncio.timeout(10):
        while not any(heart.beaten for heart in hearts):  # noqa: ASYNC110 - turn by turn
            await asyncio.sleep(0)
    waiting = [heart for heart in hearts if not heart.beaten]
    assert waiting
    for heart in waiting:
        beats.forget(slots[heart], heart)
    late = Heart()
    beats.at(asyncio.get_running_loop().time(), late)
    async with asyncio.timeout(10):
        while not late.beaten:  # noqa: ASYNC110 - turn by turn
            await asyncio.sleep(0)
    assert not any(heart.beaten for heart in waiting)
