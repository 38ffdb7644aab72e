"""Tickets that go to another city or up to the region (domain.md, section 9; 002_…txt, 四(二); 003_…txt, 二(三)), and the
numbers that a city gives to its region (section 1; 003_…txt, 二(八))."""

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
    """Transfers: sideways to another city, up to the region; by when the receiving side decides."""

    sideways: Flag
    to_region: Flag
    decision: TimeLimit
    chase_after: TimeLimit
    """Without an answer for so long, the sending side may chase (催办)."""
    aggregates: Aggregates
