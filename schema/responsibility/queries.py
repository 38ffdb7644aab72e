"""The queries of the responsibility list, and `dispatchSuggestions`, which is worked out before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import Integer, Text, Uuid, and_, func, or_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.responsibility.suggest import MOST_SUGGESTIONS, Reason, SuggestionReasonKind
from app.tickets.competence import suggestions_for
from authz.permissions import Permission
from schema import ids
from schema.context import Locale, Viewer
from schema.pages import After, First
from schema.reader.declare import Connection, Here, Located, Order, Relation, Root, root
from schema.responsibility.types import (
    DispatchSuggestion,
    ResponsibilityList,
    ResponsibilitySubjectConnection,
    newest,
)
from schema.scalars import TenantPath, searched
from schema.tenants.within import locate_city, locate_within, tenant_number
from tenants.tree import TenantTree

_SENTENCES = {
    SuggestionReasonKind.LISTED: (
        "部门职责清单“{subject}”由该单位负责{basis}。",
        "The responsibility list names it for “{subject}”{basis}.",
    ),
    SuggestionReasonKind.CORRECTED: (
        "“{subject}”类工单经裁定改由该单位办理 {tickets} 次。",
        "Arbitrated to it {tickets} time(s), against the list, about “{subject}”.",
    ),
    SuggestionReasonKind.PRACTICE: (
        "“{word}”等词多见于该单位办理的工单(含“{word}”的有 {tickets} 件)。",
        "Words such as “{word}” are frequent in its tickets ({tickets} with this one).",
    ),
    SuggestionReasonKind.RETURNED: ("该单位已退回本工单。", "It has returned this very ticket."),
}


def _sentence(reason: Reason, locale: Locale) -> str:
    chinese, english = _SENTENCES[reason.kind]
    basis = reason.subject.legal_basis if reason.subject is not None else None
    said = {
        "subject": reason.subject.name if reason.subject is not None else "",
        "word": reason.keywords[0] if reason.keywords else "",
        "tickets": reason.tickets,
    }
    if locale == "en":
        return english.format(basis=f" ({basis})" if basis else "", **said)
    return chinese.format(basis=f"(依据:{basis})" if basis else "", **said)


async def _suggest(
    session: AsyncSession, arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree
) -> dict[str, list[Any]]:
    assert viewer.actor is not None
    ticket = ids.decode_as(arguments["ticketId"], "T")
    key = str(ticket.key)
    suggestions = await suggestions_for(session, viewer.actor, tree, ticket.city_id, cast(Any, ticket.key))
    return {
        "suggestions": [
            {"ticket_id": key, "place": place, "tenant_id": each.tenant_id, "score": str(each.score)}
            for place, each in enumerate(suggestions)
        ],
        "suggestion_reasons": [
            {
                "ticket_id": key,
                "tenant_id": each.tenant_id,
                "place": place,
                "kind": reason.kind.value,
                "text": _sentence(reason, viewer.locale),
                "city_id": ticket.city_id,
                "subject_id": None if reason.subject is None else str(reason.subject.id),
                "keywords": reason.keywords,
                "tickets": reason.tickets or None,
            }
            for each in suggestions
            for place, reason in enumerate(each.reasons)
        ],
    }


def _locate_ticket(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["ticketId"], "T").city_id,))


def _of_ticket(here: Here) -> Any:
    key = here.arguments.bind("ticketId", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
    return and_(here.of_request("suggestions", JSONB()).is_not(None), here.row.c.ticket_id == key)


def _version(here: Here) -> Any:
    if here.arguments.has("version"):
        return here.row.c.version == here.arguments.bind("version", type_=Integer())
    return here.row.c.version == newest(here)


def _wanted(here: Here) -> Any:
    conditions = [_version(here)]
    if here.arguments.has("department"):
        department = here.arguments.bind("department", type_=Integer(), convert=tenant_number)
        conditions.append(here.row.c.tenant_id == department)
    if here.arguments.has("search"):
        text = func.lower(here.arguments.bind("search", type_=Text(), convert=searched))
        row = here.row.c
        texts = (row.code, row.name, row.category, row.legal_basis, func.array_to_string(row.keywords, " "))
        conditions.append(or_(*(func.strpos(func.lower(each), text) > 0 for each in texts)))
    return and_(*conditions)


def dispatch_suggestions_arguments(
    ticket_id: Annotated[strawberry.ID, strawberry.argument(description="The ticket.")],
) -> list[DispatchSuggestion]: ...


def responsibility_list_arguments(
    city: Annotated[TenantPath, strawberry.argument(description="The city (or region).")],
    version: Annotated[
        int | None, strawberry.argument(description="Which version; the one in force when not given.")
    ] = strawberry.UNSET,
) -> ResponsibilityList | None: ...


def responsibility_subjects_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of the city of this tenant; of the viewer's own when not given."),
    ] = strawberry.UNSET,
    search: Annotated[
        str | None,
        strawberry.argument(description="Part of code, name, class, legal basis or keywords. 1–100 characters."),
    ] = strawberry.UNSET,
    department: Annotated[
        TenantPath | None, strawberry.argument(description="Only those that this department is competent for.")
    ] = strawberry.UNSET,
    version: Annotated[
        int | None, strawberry.argument(description="Of this version; of the one in force when not given.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> ResponsibilitySubjectConnection: ...


@strawberry.type
class ResponsibilityQueries:
    dispatch_suggestions: list[DispatchSuggestion] = root(
        "To whom a ticket could be given, the likeliest first, at most five, each with its reasons: by the "
        "responsibility list, by what was arbitrated against it, and by who handled earlier tickets with such words. "
        "Only whom the viewer may name. For those who may dispatch or arbitrate the ticket; else, and of a ticket that "
        "is not there, empty.",
        Root(
            Relation(
                "DispatchSuggestion",
                _of_ticket,
                many=True,
                most=MOST_SUGGESTIONS,
                work=1_000,
                order=lambda row: (row.c.place,),
            ),
            _locate_ticket,
            Permission.RESPONSIBILITY_SUGGEST,
            prepare=_suggest,
        ),
        dispatch_suggestions_arguments,
    )
    responsibility_list: ResponsibilityList | None = root(
        "A city's responsibility list; null when there is no such version.",
        Root(Relation("ResponsibilityList", _version), locate_city, Permission.RESPONSIBILITY_READ),
        responsibility_list_arguments,
    )
    responsibility_subjects: ResponsibilitySubjectConnection = root(
        "The subjects of a city's responsibility list, by code.",
        Root(
            Connection(target="ResponsibilitySubject", on=_wanted, orders={}, default=Order("code")),
            locate_within,
            Permission.RESPONSIBILITY_READ,
        ),
        responsibility_subjects_arguments,
    )
