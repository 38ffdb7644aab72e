"""Releasing a month: counted, guarded, and written for the city and for its region in one transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from app.aggregates.counting import Figure, Figures, Part, count_month
from app.aggregates.guard import withheld
from app.aggregates.models import Aggregate
from app.aggregates.queries import AGGREGATES, CELLS
from app.aggregates.words import RATES, AggregateEventType, AggregateMeasure
from app.kernel.events import Author, canonical_json
from app.kernel.tables import new_id
from app.kernel.unit_of_work import Node, UnitOfWork
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.queries import TICKETS
from tenants.schemes.model import Scheme
from tenants.tree import SCHEMES

TOPIC = "aggregate"
"""Of the events of the aggregates."""
_INSERT_CELLS = insert(CELLS)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as it is released: of a measure in all (`part` is None) or of a part; none where it is withheld."""

    measure: AggregateMeasure
    part: Part | None
    figure: Figure | None

    def row(self) -> dict[str, Any]:
        """Its columns."""
        return {
            "measure": self.measure.value,
            "category": self.part.value if isinstance(self.part, str) else None,
            "level": self.part if isinstance(self.part, int) else None,
            "numerator": None if self.figure is None else self.figure.numerator,
            "denominator": None if self.figure is None else self.figure.denominator,
            "withheld": self.figure is None,
        }


def guarded(figures: Figures, minimum: int, *, before: Collection[tuple[str, str | int]] = ()) -> Iterator[Cell]:
    """The numbers without what is small; each measure in all, then by its parts. `before` as in `guard.withheld`."""
    for measure, parts in figures.items():
        places = [place for place, part in enumerate(parts) if (measure.value, part) in before]
        gone = withheld([each.frequencies for each in parts.values()], minimum, before=places)
        whole = Figure(
            sum(each.numerator for each in parts.values()),
            sum(each.denominator or 0 for each in parts.values()) if measure in RATES else None,
        )
        yield Cell(measure, None, None if gone.total else whole)
        for place, (part, figure) in enumerate(parts.items()):
            yield Cell(measure, part, None if place in gone.parts else figure)


async def release_month(
    uow: UnitOfWork,
    region: Node,
    month: date,
    scheme_version: int,
    scheme: Scheme,
    *,
    author: Author,
    corrects: Aggregate | None = None,
    reason: str | None = None,
) -> Aggregate | None:
    """A version of the month in the city's own space and in the region's, whose desk is told.

    None when that version is there already, or a correction changes nothing that is shown. `corrects` is the version
    before it, and `reason` why.
    """
    rules = scheme.cross_city.aggregates
    city: Any = uow.tree.by_id(uow.city_id)
    figures = await count_month(uow, month, ZoneInfo(scheme.calendar.time_zone))
    before = [] if corrects is None else await cells_of(uow, corrects)
    kept = {(row["measure"], row["category"] or row["level"]) for row in before if row["withheld"]}
    cells = [cell.row() for cell in guarded(figures, rules.minimum_cell, before=kept)]
    if cells == before:
        return None
    aggregate = Aggregate(
        city_id=uow.city_id,
        id=new_id(),
        of_city_id=uow.city_id,
        month=month,
        version=1 if corrects is None else corrects.version + 1,
        scheme_version=scheme_version,
        minimum_cell=rules.minimum_cell,
        automatic=author.user_id is None,
        reason=reason,
        released_at=uow.now,
        released_by=author.user_id,
    )
    aggregate.digest = digest_of(city.path, aggregate, cells)
    if not await _write(uow, aggregate, cells):
        return None
    kind = AggregateEventType.RELEASED if corrects is None else AggregateEventType.CORRECTED
    _tell(uow, aggregate, kind, author)
    async with uow.beside(region.id) as there:
        copy = Aggregate(**{**_columns(aggregate), "city_id": region.id, "released_by": None})
        assert await _write(there, copy, cells), "both are written in one transaction, or none"
        _tell(there, copy, kind, Author())
        notify(there, region.id, NotificationKind.AGGREGATE_RELEASED, aggregate_id=copy.id)
    return aggregate


async def first_day(uow: UnitOfWork, scheme: Scheme) -> date:
    """The day of the city from which there is something to count: its first scheme's, or of a ticket that came with an
    import and is older. Before it a month would be all zeros, and say that there was a city with nothing to do."""
    founded = select(func.min(SCHEMES.c.published_at)).where(SCHEMES.c.city_id == uow.city_id)
    oldest = select(func.min(TICKETS.c.submitted_at)).where(TICKETS.c.city_id == uow.city_id)
    moment: datetime | None = await uow.session.scalar(
        select(func.least(founded.scalar_subquery(), oldest.scalar_subquery()))
    )
    return (moment or uow.now).astimezone(ZoneInfo(scheme.calendar.time_zone)).date()


def digest_of(path: str, aggregate: Aggregate, cells: list[dict[str, Any]]) -> bytes:
    """SHA-256 over the canonical JSON of all that is released: `cells`, `city` (its path), `minimumCell`, `month`,
    `reason`, `version`. The same in both spaces, and nothing of when and by whom."""
    document = {
        "cells": cells,
        "city": path,
        "minimumCell": aggregate.minimum_cell,
        "month": f"{aggregate.month:%Y-%m}",
        "reason": aggregate.reason,
        "version": aggregate.version,
    }
    return hashlib.sha256(canonical_json(document)).digest()


async def cells_of(uow: UnitOfWork, aggregate: Aggregate) -> list[dict[str, Any]]:
    """What was released, as `Cell.row` had it."""
    shown = [CELLS.c[name] for name in ("measure", "category", "level", "numerator", "denominator", "withheld")]
    rows = await uow.session.execute(
        select(*shown)
        .where(CELLS.c.city_id == aggregate.city_id, CELLS.c.aggregate_id == aggregate.id)
        .order_by(CELLS.c.place)
    )
    return [row._asdict() for row in rows]


async def _write(uow: UnitOfWork, aggregate: Aggregate, cells: list[dict[str, Any]]) -> bool:
    """False when somebody else has released that version of the month: whoever comes second waits, and sees."""
    written = await uow.session.execute(
        insert_or_not(AGGREGATES)
        .values(_columns(aggregate))
        .on_conflict_do_nothing(index_elements=["city_id", "of_city_id", "month", "version"])
        .returning(AGGREGATES.c.id)
    )
    if written.first() is None:
        return False
    key: dict[str, int | uuid.UUID] = {"city_id": aggregate.city_id, "aggregate_id": aggregate.id}
    await uow.session.execute(_INSERT_CELLS, [{**key, "place": place, **cell} for place, cell in enumerate(cells)])
    return True


def _tell(uow: UnitOfWork, aggregate: Aggregate, kind: AggregateEventType, author: Author) -> None:
    uow.record(
        aggregate,
        kind,
        topic=TOPIC,
        author=author,
        visibility="INTERNAL",
        new=True,  # each version is an object of its own
        month=f"{aggregate.month:%Y-%m}",
        ofCity=aggregate.of_city_id,
        digest=aggregate.digest.hex(),
    )


def _columns(aggregate: Aggregate) -> dict[str, Any]:
    return {column.name: getattr(aggregate, column.name) for column in AGGREGATES.columns}
