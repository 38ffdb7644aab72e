"""The reporter is asked, or says unasked, whether the outcome will do."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket_by
from app.tickets.events import advance
from app.tickets.lifecycle import Action, follow_up_outcome, rating_outcome
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_optional_text
from app.tickets.words import Satisfaction, TicketStatus
from authz.actor import Actor


async def follow_up(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    satisfaction: Satisfaction,
    justified: bool | None = None,
    note: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """The verdict of the follow-up call (回访), or of the reporter in the portal; `lifecycle` says where it leads.

    The desk must say of a dissatisfied reporter whether it is `justified` (`InvalidInput` `required`); the reporter
    cannot judge that (`not_allowed`), so their dissatisfaction waits for the desk's call. Further refusals as in
    `access_ticket`, and `InvalidInput` for the note.
    """
    ticket, action = await access_ticket_by(
        uow, actor, ticket_id, (Action.FOLLOW_UP, Action.RATE), expected_version=expected_version
    )
    scheme = (await scheme_of(uow, ticket)).tickets
    note = check_optional_text("note", note, scheme.texts.note)
    dissatisfied = satisfaction in scheme.follow_up.low_levels
    status = TicketStatus(ticket.status)
    if action is Action.RATE:
        if justified is not None:
            raise InvalidInput("justified", "not_allowed")
        outcome = rating_outcome(status, dissatisfied=dissatisfied)
    else:
        if dissatisfied and justified is None:
            raise InvalidInput("justified", "required")
        outcome = follow_up_outcome(
            status,
            ticket.round,
            dissatisfied=dissatisfied,
            justified=justified is True,
            rounds=scheme.follow_up.rounds,
        )
    ticket.satisfaction = satisfaction.value
    advance(uow, actor, ticket, action, to=outcome, satisfaction=satisfaction, justified=justified, note=note)
    return ticket
