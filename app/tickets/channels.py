"""Who reports by which channel, and the number that a ticket brings along (003_…txt, 二(二); domain.md, section 5)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, exists, or_, select

from app.kernel.errors import InvalidInput, NotResponsible
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.queries import NAMED_PERSONS, TICKETS
from app.tickets.words import SecrecyLevel, TicketChannel
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.tickets import Tickets
from tenants.schemes.words import OriginRule

PLATFORM_LENGTH = 40
NUMBER_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Origin:
    """The platform that had the ticket before (12345, 智桂通 …), and the number it has there."""

    platform: str
    number: str


def acting_by(actor: Actor, city_id: int, rules: Tickets, channel: TicketChannel) -> Actor:
    """The actor in those of their roles that may report by this channel here, and in no others.

    So a steward who also keeps a shop reports by STEWARD_VISIT as the steward. Raises `NotResponsible` for somebody who
    submits nothing in this city, and `InvalidInput` of `channel`: `not_taken` (by this city), `channel_not_yours`.
    """
    submitting = actor.policy.get(Permission.TICKET_SUBMIT, {})
    grants = [
        grant
        for grant in actor.grants
        if grant.city_id == city_id and grant.role in submitting and grant.role in rules.submitters
    ]
    if not grants:
        raise NotResponsible(action="TICKET_SUBMIT")
    if channel not in rules.channels:
        raise InvalidInput("channel", "not_taken", value=channel.value)
    rule = rules.channel_rules.get(channel)
    if rule is not None:
        grants = [grant for grant in grants if grant.role in rule.submitters]
        if not grants:
            raise InvalidInput("channel", "channel_not_yours", value=channel.value)
    return replace(actor, grants=tuple(grants))


def check_origin(rules: Tickets, channel: TicketChannel, origin: Origin | None) -> Origin | None:
    """The origin as it is stored. Raises `InvalidInput`: `origin` `required` or `not_allowed` (by this channel);
    `origin.platform` and `origin.number` as `plain_number`."""
    rule = rules.channel_rules.get(channel)
    brings = OriginRule.NONE if rule is None else rule.origin
    if origin is None:
        if brings is OriginRule.REQUIRED:
            raise InvalidInput("origin", "required")
        return None
    if brings is OriginRule.NONE:
        raise InvalidInput("origin", "not_allowed")
    return Origin(
        plain_number("origin.platform", origin.platform, at_most=PLATFORM_LENGTH),
        plain_number("origin.number", origin.number, at_most=NUMBER_LENGTH),
    )


def plain_number(field: str, value: str, *, at_most: int) -> str:
    """A name or number in one spelling (full-width digits are digits), since it is compared. Raises `InvalidInput` as
    `kernel.texts`, also `characters` for what cannot be seen."""
    text = clean_text(field, unicodedata.normalize("NFKC", value), at_most=at_most)
    if not text.isprintable():
        raise InvalidInput(field, "characters")
    return text


_TAKEN = (
    select(TICKETS.c.id)
    .where(
        TICKETS.c.city_id == bindparam("city_id"),
        TICKETS.c.origin_number == bindparam("number"),
        TICKETS.c.origin_platform == bindparam("platform"),
        or_(
            TICKETS.c.secrecy != SecrecyLevel.RESTRICTED,
            exists().where(
                NAMED_PERSONS.c.city_id == TICKETS.c.city_id,
                NAMED_PERSONS.c.ticket_id == TICKETS.c.id,
                NAMED_PERSONS.c.user_id == bindparam("user_id"),
            ),
        ),
    )
    .limit(1)
)


async def check_free(uow: UnitOfWork, actor: Actor, origin: Origin) -> None:
    """Raise `InvalidInput` `origin_taken` where a ticket has this number already.

    A restricted one counts only for whom it names: to everybody else it is not there, and two tickets of one number are
    the lesser evil. Two who submit at once are told apart by the table's own constraint (`numbers.insert_numbered`).
    """
    told = {"platform": origin.platform, "number": origin.number}
    if await uow.session.scalar(_TAKEN, {**told, "city_id": uow.city_id, "user_id": actor.user_id}) is not None:
        raise InvalidInput("origin.number", "origin_taken", **told)
