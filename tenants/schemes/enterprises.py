"""Stewards and their grid (政企直通车: domain.md, section 4; 004_…txt, 一)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from tenants.schemes.values import Broken, Model, Name, Positive, Share, Slug, repeated
from tenants.schemes.words import InteractionKind, StewardSegment


class GridCell(Model):
    """Who is responsible for a segment of enterprises; without an agency, the county they lie in."""

    segment: StewardSegment
    agency: Slug | None = None


class SpecialMonitors(Model):
    """Special monitors (特约监督员): how many the city appoints, and what they look at."""

    seats: Positive
    subjects: tuple[Name, ...] = ()


class Enterprises(Model):
    """How enterprises are served."""

    service: Name
    """What the city calls it."""
    grid: Annotated[tuple[GridCell, ...], Field(min_length=1)]
    interactions: Annotated[tuple[InteractionKind, ...], Field(min_length=1)]
    visit_coverage_target: Share
    special_monitors: SpecialMonitors

    def rules(self) -> Iterator[Broken]:
        yield from repeated("grid", (cell.segment for cell in self.grid), "segment")
        missing = [segment for segment in StewardSegment if segment not in {cell.segment for cell in self.grid}]
        if missing:
            yield Broken(("grid",), "every segment", f"none for {', '.join(missing)}")
        yield from repeated("interactions", self.interactions)
