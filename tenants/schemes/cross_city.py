"""Tickets that go to another city or up to the region (domain.md, section 9; 002_…txt, 四(二); 003_…txt, 二(三)), and
the numbers that a city gives to its region (section 1; 003_…txt, 二(八))."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from tenants.schemes.values import Flag, Model, TimeLimit


class Aggregates(Model):
    """The numbers of a month as a city of a region releases them."""

    release_day: Annotated[int, Strict(), Field(ge=1, le=28)]
    """The day of the month after on which they are released by themselves, where the office has not done it before."""
    minimum_cell: Annotated[int, Strict(), Field(ge=3, le=1_000)]
    """k: a count from 1 to under k is withheld, and what would give it away."""


class CrossCity(Model):
    """Transfers between cities and up to the region; by when the receiving side decides."""

    sideways: Flag
    """Whether the city exchanges tickets with other cities: passes on, and takes."""
    to_region: Flag
    """Whether it passes tickets up to its region; the region's desk takes what its cities pass up."""
    decision: TimeLimit
    """For deciding on what was received."""
    chase_after: TimeLimit
    """When the sending side has heard nothing for so long, it may chase (催办), in its own working time."""
    aggregates: Aggregates
