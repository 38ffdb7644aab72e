"""The reporter is asked, or says unasked, whether the outcome will do."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.kernel.errors import InvalidInput
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket_by, facts_of
from app.tickets.events import advance_by, author_of
from app.tickets.handlers import ask_again
from app.tickets.lifecycle import Action, follow_up_outcome, rating_outcome, required_permission
from app.tickets.models import Ticket
from app.tickets.quality.entering import enter
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_optional_text
from app.tickets.words import Satisfaction, TicketStatus
from authz.actor import Actor
from tenants.schemes.words import FollowUpQuestion, QualityConcern


@dataclass(frozen=True, slots=True)
class FollowUpAnswer:
    """What the reporter said of one thing that the follow-up asks beside the verdict."""

    question: FollowUpQuestion
    level: Satisfaction


async def follow_up(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    satisfaction: Satisfaction,
    justified: bool | None = None,
    note: str | None = None,
    answers: Sequence[FollowUpAnswer] = (),
    expected_version: int | None = None,
) -> Ticket:
    """The verdict of the follow-up call (回访), or of the reporter in the portal; `lifecycle` says where it leads.

    The desk must say of a dissatisfied reporter whether it is `justified` (`InvalidInput` `required`); the reporter
    cannot judge that (`not_allowed`), so their dissatisfaction waits for the desk's call. `answers` are the scheme's
    further questions, each once (`InvalidInput` `not_taken`, `repeated`). A low verdict enters the ticket in the ledger
    of low satisfaction, whatever comes later, and its handling in that of handling quality, as does an escalation.
    Further refusals as in `access_ticket`, and `InvalidInput` for the note.
    """
    ticket, action = await access_ticket_by(
        uow, actor, ticket_id, (Action.FOLLOW_UP, Action.RATE), expected_version=expected_version
    )
    scheme = (await scheme_of(uow, ticket)).tickets
    note = check_optional_text("note", note, scheme.texts.note)
    dissatisfied = satisfaction in scheme.follow_up.low_levels
    _check_answers(answers, scheme.follow_up.questions)
    facts = facts_of(ticket)
    if action is Action.RATE:
        if justified is not None:
            raise InvalidInput("justified", "not_allowed")
        outcome = rating_outcome(facts, dissatisfied=dissatisfied)
    else:
        if dissatisfied and justified is None:
            raise InvalidInput("justified", "required")
        outcome = follow_up_outcome(
            facts,
            ticket.round,
            dissatisfied=dissatisfied,
            justified=justified is True,
            rounds=scheme.follow_up.rounds,
        )
    await record_verdict(
        *(uow, author_of(actor, required_permission(facts, action), ticket), ticket, action, outcome),
        satisfaction=satisfaction,
        justified=justified,
        note=note,
        answers=[f"{answer.question.value}={answer.level.value}" for answer in answers] or None,
    )
    return ticket


async def record_verdict(
    uow: UnitOfWork,
    author: Author,
    ticket: Ticket,
    action: Action,
    outcome: TicketStatus,
    *,
    satisfaction: Satisfaction,
    justified: bool | None = None,
    **said: Any,
) -> None:
    """What a verdict leaves behind, of the call or the reporter's own; a transferred ticket is judged, and counted,
    where it was handled."""
    whole = await scheme_of(uow, ticket)
    judged_here = ticket.status != TicketStatus.TRANSFERRED
    if judged_here:
        ticket.satisfaction = satisfaction.value
    if judged_here and satisfaction in whole.tickets.follow_up.low_levels:
        ticket.low_satisfaction_at = ticket.low_satisfaction_at or uow.now
        # Of the round that was judged: before the step that may begin another.
        await enter(
            *(uow, ticket, whole, QualityConcern.LOW_SATISFACTION),
            opens_task=justified is True and whole.supervision.rectification.opened_by.low_satisfaction,
        )
        if outcome is TicketStatus.ESCALATED:
            await enter(uow, ticket, whole, QualityConcern.HARD_TO_SOLVE)
    advance_by(*(uow, author, ticket, action), to=outcome, satisfaction=satisfaction, justified=justified, **said)
    if outcome is TicketStatus.DISPATCHED:
        await ask_again(uow, ticket)


def _check_answers(answers: Sequence[FollowUpAnswer], questions: Sequence[FollowUpQuestion]) -> None:
    asked = [answer.question for answer in answers]
    for index, question in enumerate(asked):
        if question not in questions:
            raise InvalidInput(f"answers.{index}.question", "not_taken", value=question.value)
        if question in asked[:index]:
            raise InvalidInput(f"answers.{index}.question", "repeated", value=question.value)
