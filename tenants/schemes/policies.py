"""Redemption of policies for enterprises (惠企政策兑现: domain.md, section 8; 000_…txt)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, Strict

from tenants.schemes.values import Broken, Flag, Model, Name, Share, TimeLimit, Word, repeated
from tenants.schemes.words import PolicyItemKind, PolicyLevel


class PolicyKind(Model):
    """A kind of policy item, as the city calls it."""

    kind: PolicyItemKind
    name: Name


class PolicyLimits(Model):
    """How long each step of an application may take."""

    assignment: TimeLimit
    """From acceptance by the window to the assignment notice."""
    acknowledgement: TimeLimit
    """From the assignment notice to the department's response."""
    decision: TimeLimit
    """From the assignment notice to approval or rejection, for policies of `decision_levels`; others by their guide."""
    decision_levels: Annotated[tuple[PolicyLevel, ...], Field(min_length=1)]
    disbursement: TimeLimit
    """From approval to payment."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("decision_levels", self.decision_levels)


class Policies(Model):
    """Everything about policies that a city chooses."""

    kinds: tuple[PolicyKind, ...]
    limits: PolicyLimits
    follow_up_share: Share
    satisfaction_questionnaire: Word
    monthly_summary_day: Annotated[int, Strict(), Field(ge=1, le=28)]
    """The day of the month by which the month before is summed up."""
    automatic_confirmation: Flag
    """Automatic items: the enterprise confirms its account before payment."""

    def rules(self) -> Iterator[Broken]:
        yield from repeated("kinds", (entry.kind for entry in self.kinds), "kind")
        missing = set(PolicyItemKind) - {entry.kind for entry in self.kinds}
        if missing:
            yield Broken(("kinds",), "a name for each kind", f"none for {', '.join(sorted(missing))}")
