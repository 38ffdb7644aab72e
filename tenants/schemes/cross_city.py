"""Tickets that go to another city or up to the region (domain.md, section 9; 002_…txt, 四(二); 003_…txt, 二(三))."""

from __future__ import annotations

from tenants.schemes.values import Flag, Model, TimeLimit


class CrossCity(Model):
    """Transfers: sideways to another city, up to the region; by when the receiving side decides."""

    sideways: Flag
    to_region: Flag
    decision: TimeLimit
    chase_after: TimeLimit
    """Without an answer for so long, the sending side may chase (催办)."""
