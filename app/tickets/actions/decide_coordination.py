"""A group decides what was brought before it."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from authz.actor import Actor


async def decide_coordination(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    opinion: str,
    escalate: bool = False,
    expected_version: int | None = None,
) -> Ticket:
    """The group's opinion, which binds the departments; or, with `escalate`, the matter taken one group up
    (003_…txt, 二(五): 提请工作小组协调, 必要时书面报告领导小组). Refusals as in `access_ticket`, and `InvalidInput`:
    `escalate` `no_higher_group`, and for the opinion."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.COORDINATION_DECIDE, expected_version=expected_version)
    rules = (await scheme_of(uow, ticket)).tickets
    asked = ticket.coordination
    assert asked is not None, "the lifecycle lets nobody decide what was not asked"
    note = check_text("opinion", opinion, rules.texts.reason)
    following = None
    if escalate:
        levels = [level.value for level in rules.coordination]
        above = levels[levels.index(asked) + 1 :]
        if not above:
            raise InvalidInput("escalate", "no_higher_group")
        following = above[0]
    advance(uow, actor, ticket, Action.COORDINATION_DECIDE, note=note, coordination=following)
    ticket.coordination = following
    return ticket
