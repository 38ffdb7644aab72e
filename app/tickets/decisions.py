"""What the competent department receives and decides itself (001_…txt, first plan, 15): who it is, the number of its
written decision, and publishing the decisions that must be public."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id, table_of
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import Node, UnitOfWork
from app.tickets.handlers import find_handling
from app.tickets.models import PublishedDecision, Ticket
from app.tickets.words import SecrecyLevel
from tenants.schemes.tickets import Category
from tenants.schemes.words import Receiver

PUBLISHED = table_of(PublishedDecision)
NUMBER_LENGTH = 100


def find_receiver(uow: UnitOfWork, rule: Category, path: str | None) -> Node | None:
    """The department that receives a ticket of this category itself; None where the desk does.

    Raises `InvalidInput` of `department`: `required`, `not_allowed` (the desk receives it), or as `find_handling`.
    """
    if rule.received_by is not Receiver.COMPETENT_DEPARTMENT:
        if path is not None:
            raise InvalidInput("department", "not_allowed")
        return None
    if path is None:
        raise InvalidInput("department", "required")
    return find_handling(uow, "department", path)


def check_number(rule: Category | None, number: str | None) -> str | None:
    """The number (文号) of a written decision. Raises `InvalidInput` of `decisionNumber`: `required`, `not_allowed`
    (the category takes no written decision), or as `kernel.texts`."""
    if rule is None or not rule.written_decision:
        if number is not None:
            raise InvalidInput("decisionNumber", "not_allowed")
        return None
    if number is None:
        raise InvalidInput("decisionNumber", "required")
    return clean_text("decisionNumber", number, at_most=NUMBER_LENGTH)


async def publish(uow: UnitOfWork, ticket: Ticket) -> None:
    """Publish the decision that the ticket holds, in place of an earlier one on it.

    Never that of a confidential or restricted ticket: the decision would tell that it is there, and what of.
    """
    if ticket.secrecy != SecrecyLevel.NORMAL:
        return
    ticket.decision_published_at = uow.now
    decision = {
        "tenant_id": ticket.lead_id,
        "number": ticket.decision_number,
        "text": ticket.resolution,
        "published_at": uow.now,
    }
    key = {"city_id": ticket.city_id, "ticket_id": ticket.id}
    of_the_ticket = {"scheme_version": ticket.scheme_version, "category": ticket.category}
    await uow.session.execute(
        insert(PUBLISHED)
        .values(id=new_id(), **key, **of_the_ticket, **decision)
        .on_conflict_do_update(index_elements=list(key), set_=decision)
    )
