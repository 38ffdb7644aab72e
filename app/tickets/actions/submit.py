"""A ticket is made."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.enterprises.models import Enterprise
from app.kernel.errors import InvalidInput, NotResponsible
from app.kernel.tables import new_id, table_of
from app.kernel.texts import clean_optional_text, clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.responsibility.store import present_subject
from app.tickets.actions.attach import attach_uploads
from app.tickets.channels import Origin, acting_by, check_free, check_origin
from app.tickets.clocks import keep_clocks, set_clocks
from app.tickets.decisions import find_receiver
from app.tickets.events import record_submission
from app.tickets.lifecycle import INITIAL
from app.tickets.models import Ticket
from app.tickets.numbers import insert_numbered
from app.tickets.schemes import present_scheme
from app.tickets.secrecy import name_holders, name_person
from app.tickets.texts import check_text
from app.tickets.words import SecrecyLevel, TicketCategory, TicketChannel
from authz.actor import Actor, Reach
from authz.permissions import Permission
from authz.roles import Role
from tenants.models import TenantKind

ENTERPRISES = table_of(Enterprise)
ANONYMOUS_CATEGORIES = frozenset({TicketCategory.COMPLAINT, TicketCategory.REPORT})
"""Where nobody need be asked back or told: the rest is done for somebody."""
NAME_LENGTH = 100
PHONE_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports, where it is not (only) an enterprise. An anonymous reporter leaves neither name nor phone."""

    name: str | None = None
    phone: str | None = None
    anonymous: bool = False


async def submit(
    uow: UnitOfWork,
    actor: Actor,
    *,
    category: TicketCategory,
    channel: TicketChannel,
    title: str,
    body: str,
    county: str | None = None,
    enterprise_id: uuid.UUID | None = None,
    reporter: Reporter | None = None,
    secrecy: SecrecyLevel = SecrecyLevel.NORMAL,
    department: str | None = None,
    subject: uuid.UUID | None = None,
    origin: Origin | None = None,
    attachments: Sequence[uuid.UUID] = (),
    ticket_id: uuid.UUID | None = None,
) -> Ticket:
    """A new ticket in the unit of work's city; `ticket_id` is the one that the caller's idempotency key stands for.

    An enterprise's user reports for an enterprise of theirs, and need not name it when they have one; staff names any
    enterprise of the city, or a reporter. They act in those of their roles that report by the channel. `department`
    receives the ticket itself where the scheme says so, and leads it from the start; `subject` is one of the
    responsibility list; `origin` is the number that the ticket has on another platform, and keeps.

    Raises `NotResponsible` when the actor may not submit here, and `InvalidInput`: `channel` as `channels.acting_by`;
    `category` `not_taken` (by this city); the texts as in `kernel.texts`; `county` `unknown_tenant`, `not_a_county`,
    `outside_reach`; `enterpriseId` `required`, `unknown_enterprise`; `reporter` `required`, `enterprises_only` (the
    city registers nobody else); `reporter.anonymous` `not_allowed` (in this category), `names_enterprise`;
    `reporter.name`, `reporter.phone` `anonymous`; `department` as `decisions.find_receiver`; `subject` as
    `present_subject`; `origin` as `channels.check_origin`; `origin.number` `origin_taken`; `attachments`, public ones,
    as `attach_uploads`.
    """
    if actor.reach(Permission.TICKET_SUBMIT, uow.city_id).empty:
        raise NotResponsible(action="TICKET_SUBMIT")
    version, scheme = await present_scheme(uow)
    rules = scheme.tickets
    actor = acting_by(actor, uow.city_id, rules, channel)
    reach = actor.reach(Permission.TICKET_SUBMIT, uow.city_id)
    rule = rules.category(category)
    if rule is None:
        raise InvalidInput("category", "not_taken", value=category.value)
    title = check_text("title", title, rules.texts.title)
    body = check_text("body", body, rules.texts.body)
    county_id = _find_county(uow, reach, county)
    enterprise_id = await _find_enterprise(uow, reach, enterprise_id)
    if enterprise_id is None and not rules.public_in_person and actor.roles == {Role.INTAKE_AGENT}:
        raise InvalidInput("reporter", "enterprises_only")
    reporter = _check_reporter(reporter, category, enterprise_id)
    receiver = find_receiver(uow, rule, department)
    origin = check_origin(rules, channel, origin)
    if origin is not None:
        await check_free(uow, actor, origin)
    subject_id = None if subject is None else await present_subject(uow.session, uow.city_id, subject)

    ticket = Ticket(
        city_id=uow.city_id,
        id=ticket_id or new_id(),
        version=1,
        scheme_version=version,
        category=category.value,
        channel=channel.value,
        title=title,
        body=body,
        status=INITIAL.value,
        round=1,
        secrecy=secrecy.value,
        county_id=county_id,
        enterprise_id=enterprise_id,
        subject_id=subject_id,
        reporter_name=reporter.name,
        reporter_phone=reporter.phone,
        reporter_anonymous=reporter.anonymous,
        submitter_id=actor.user_id,
        lead_id=None if receiver is None else receiver.id,
        lead_county_id=None if receiver is None else receiver.county_id,
        submitted_at=uow.now,
        origin_platform=None if origin is None else origin.platform,
        origin_number=None if origin is None else origin.number,
        extensions=0,
        referred=False,
        absorbed=False,
        own_receipt=receiver is not None,
        has_office=rules.has_office,
    )
    clocks = set_clocks(uow, ticket, None, None, scheme)
    await insert_numbered(uow.session, ticket, prefix=rules.number_prefix, zone=ZoneInfo(scheme.calendar.time_zone))
    keep_clocks(uow, ticket, clocks)
    if secrecy is SecrecyLevel.RESTRICTED:
        await name_person(uow, ticket.id, actor.user_id)
        await name_holders(uow, ticket.id, scheme.secrecy.restricted_named_roles, uow.city_id)
        if receiver is not None:
            await name_holders(uow, ticket.id, scheme.secrecy.restricted_handler_roles, receiver.id)
    record_submission(uow, actor, ticket)
    if attachments:
        uploads = [(f"attachments.{index}", upload_id) for index, upload_id in enumerate(attachments)]
        await attach_uploads(uow, actor, ticket, uploads, Permission.TICKET_SUBMIT, scheme.files)
    return ticket


def _find_county(uow: UnitOfWork, reach: Reach, path: str | None) -> int | None:
    """Where the matter lies; whose desk serves one county only need not say so."""
    if path is None:
        return reach.counties[0] if len(reach.counties) == 1 and not reach.whole_city else None
    node = uow.tree.by_path(path)
    if node is None or node.city_id != uow.city_id:
        raise InvalidInput("county", "unknown_tenant", tenant=path)
    if node.kind != TenantKind.COUNTY:
        raise InvalidInput("county", "not_a_county", tenant=path)
    if reach.counties and not reach.whole_city and node.id not in reach.counties:
        raise InvalidInput("county", "outside_reach", tenant=path)
    return node.id


async def _find_enterprise(uow: UnitOfWork, reach: Reach, enterprise_id: uuid.UUID | None) -> uuid.UUID | None:
    """Whom the ticket is for: enterprise users speak for their own only, staff for any of the city or for none."""
    is_staff = reach.whole_city or reach.counties or reach.tenants or reach.leads
    if not is_staff and reach.enterprises:
        if enterprise_id is None and len(reach.enterprises) == 1:
            return reach.enterprises[0]
        if enterprise_id is None:
            raise InvalidInput("enterpriseId", "required")
        if enterprise_id not in reach.enterprises:
            raise InvalidInput("enterpriseId", "unknown_enterprise")
    elif enterprise_id is not None:
        known = select(ENTERPRISES.c.id).filter_by(city_id=uow.city_id, id=enterprise_id)
        if await uow.session.scalar(known) is None:
            raise InvalidInput("enterpriseId", "unknown_enterprise")
    return enterprise_id


def _check_reporter(reporter: Reporter | None, category: TicketCategory, enterprise_id: uuid.UUID | None) -> Reporter:
    if reporter is None:
        if enterprise_id is None:
            raise InvalidInput("reporter", "required")
        return Reporter()
    if reporter.anonymous:
        if category not in ANONYMOUS_CATEGORIES:
            raise InvalidInput("reporter.anonymous", "not_allowed", category=category.value)
        if enterprise_id is not None:
            raise InvalidInput("reporter.anonymous", "names_enterprise")
        for field in ("name", "phone"):
            if getattr(reporter, field):
                raise InvalidInput(f"reporter.{field}", "anonymous")
        return Reporter(anonymous=True)
    phone = clean_optional_text("reporter.phone", reporter.phone, at_most=PHONE_LENGTH)
    if enterprise_id is not None:  # a contact person of the enterprise
        return Reporter(clean_optional_text("reporter.name", reporter.name, at_most=NAME_LENGTH), phone)
    return Reporter(clean_text("reporter.name", reporter.name or "", at_most=NAME_LENGTH), phone)
