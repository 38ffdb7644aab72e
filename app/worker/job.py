"""What a job is, and what its turns work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from app.kernel.clock import Clock
from app.kernel.config import Settings
from app.kernel.database import Database
from app.kernel.unit_of_work import UnitOfWork, unit_of_work
from tenants.tree import TenantTree, TenantTreeCache

T = TypeVar("T")


class Numbering(Protocol):
    """Who gives committed events their positions, and knows how new the tree must be (`events.Sequencer`)."""

    tree_version: int | None

    def wake(self, city_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the process that jobs work with. A turn asks `clock` once and hands the moment on."""

    database: Database
    trees: TenantTreeCache
    sequencer: Numbering
    clock: Clock
    settings: Settings

    async def tree(self) -> TenantTree:
        """The tenant tree, no older than the sequencer's last poll: a city that was just made is in it."""
        return await self.trees.get(self.sequencer.tree_version)

    def unit(self, city_id: int, *, now: datetime) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction of a city, in which nobody but the system acts."""
        return unit_of_work(
            self.database,
            city_id=city_id,
            user_id=None,
            grants_version=None,
            now=now,
            sequencer=self.sequencer,
            trees=self.trees,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is due time and again.

    `turn` does a bounded part of what is due and returns how much it did: after a turn that did something the next
    one follows at once, after one that found nothing the job rests for `every`. A turn that is cut off anywhere, with
    its process, must leave nothing half done; what it raises is logged, and the turn is tried again.
    """

    name: str
    every: timedelta
    turn: Callable[[Context], Awaitable[int]]


async def one_by_one(items: Iterable[T], step: Callable[[T], Awaitable[int]]) -> int:
    """Take the step of each city, or of whatever a turn goes through; how much was done. One that fails does not keep
    the others waiting: the failures are raised at the end, as an ExceptionGroup."""
    done = 0
    failures: list[Exception] = []
    for each in items:
        try:
            done += await step(each)
        except Exception as failure:  # whatever it is: what is one city's must not be late for another's sake
            failures.append(failure)
    if failures:
        raise ExceptionGroup("some steps of the turn failed", failures)
    return done
