"""The refusals of an action as GraphQL shows them: `userErrors`, typed, with the data a frontend acts on."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import strawberry

from app.kernel.errors import (
    Conflict,
    DomainError,
    IdempotencyMismatch,
    IllegalTransition,
    InvalidInput,
    NotFound,
    NotResponsible,
)
from schema.context import Locale
from schema.labels import TicketAction
from schema.messages import message


class ErrorCode(StrEnum):
    """`DomainError.code`, as an enum of the schema."""

    CONFLICT = "CONFLICT"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    NOT_RESPONSIBLE = "NOT_RESPONSIBLE"


strawberry.enum(ErrorCode, description="Why a mutation was refused. A refused mutation changed nothing.")
for _value in ErrorCode.__strawberry_definition__.values:  # type: ignore[attr-defined]
    _value.description = {
        "CONFLICT": "The object moved on since the `expectedVersion`.",
        "IDEMPOTENCY_MISMATCH": "The idempotency key already stands for other content.",
        "ILLEGAL_TRANSITION": "The object's state has no such step.",
        "INVALID_INPUT": "A value breaks a rule; `path` says which.",
        "NOT_FOUND": "There is no such object for this viewer.",
        "NOT_RESPONSIBLE": "The viewer sees the object, but the step belongs to somebody else.",
    }[_value.name]


@strawberry.interface(description="A refusal that is the caller's to resolve.")
class UserError:
    code: ErrorCode = strawberry.field(description="Why, for programs.")
    message: str = strawberry.field(description="Why, for people, in the viewer's language.")
    path: list[str] | None = strawberry.field(description="Which part of the arguments, from `input` down.")


@strawberry.type(description="There is no such object, or it is not the viewer's to see: deliberately one answer.")
class NotFoundError(UserError):
    kind: str = strawberry.field(description="The type of the missing object.")


@strawberry.type(description="The viewer sees the object, but the step belongs to somebody else.")
class NotResponsibleError(UserError):
    action: TicketAction | None = strawberry.field(description="The step.")


@strawberry.type(description="A value breaks a rule.")
class InvalidInputError(UserError):
    rule: str = strawberry.field(description="The rule, for programs: `empty`, `too_long`, `unknown_tenant`…")
    limit: int | None = strawberry.field(description="The limit, of a rule that has one.")
    details: list[str] = strawberry.field(
        description="Each single problem, of a document with several: line, key and what was expected."
    )


@strawberry.type(description="The object moved on since the version that the caller acted on.")
class ConflictError(UserError):
    expected_version: int = strawberry.field(description="The version that the caller expected.")
    current_version: int = strawberry.field(description="The version that it is at.")


@strawberry.type(description="The idempotency key already stands for other content of this mutation.")
class IdempotencyMismatchError(UserError):
    key: str = strawberry.field(description="The key.")


@strawberry.type(description="The object's state has no such step.")
class IllegalTransitionError(UserError):
    current: str = strawberry.field(description="The state it is in.")
    action: str = strawberry.field(description="The step that was asked for.")
    allowed: list[str] = strawberry.field(description="The steps that this state has, for whoever may take them.")


TYPES: dict[type[DomainError], type[Any]] = {
    Conflict: ConflictError,
    IdempotencyMismatch: IdempotencyMismatchError,
    IllegalTransition: IllegalTransitionError,
    InvalidInput: InvalidInputError,
    NotFound: NotFoundError,
    NotResponsible: NotResponsibleError,
}


def user_error(error: DomainError, locale: Locale) -> dict[str, Any]:
    """The refusal as the plain data that graphql-core completes."""
    data = error.data
    shown: dict[str, Any] = {
        "__typename": next(TYPES[base] for base in type(error).__mro__ if base in TYPES).__name__,
        "code": error.code,
        "message": message(error, locale),
        "path": None if error.field is None else ["input", *error.field.split(".")],
    }
    match error:
        case Conflict():
            shown |= {"expectedVersion": error.expected_version, "currentVersion": error.current_version}
        case IllegalTransition():
            shown |= {
                "current": str(error.current),
                "action": str(error.action),
                "allowed": list(map(str, error.allowed)),
            }
        case InvalidInput():
            shown |= {"rule": error.rule, "limit": data.get("limit"), "details": data.get("problems", [])}
        case NotResponsible():
            action = data.get("action")
            shown["action"] = str(action) if action in TicketAction.__members__ else None
        case _:
            shown |= data
    return shown
