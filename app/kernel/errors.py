"""The refusals that the domain knows, as one tree. Each carries data; the schema room writes the sentence.

DomainError                      a business refusal: nothing was changed (GraphQL: `userErrors`)
├── NotFound                     missing, or not yours: deliberately the same answer
├── NotResponsible               you see the object, but this step belongs to somebody else
├── InvalidInput                 a value that no retry will make right (`field`, `rule`, `data`)
├── Conflict                     the object moved on since `expected_version`
├── IdempotencyMismatch          the key was used before, with other content
└── IllegalTransition            the lifecycle has no such step from here (`current`, `action`, `allowed`)

RequestError                     the request itself is refused (GraphQL: top-level `errors`)
├── Unauthenticated              no token, or one that is expired, forged or revoked
├── Forbidden                    no role of yours may do this anywhere; never depends on an object
├── BadInput                     a malformed id, cursor, page size or argument (`BAD_USER_INPUT`)
├── ResyncRequired               the cursor is too old, or not of this stream
├── TooSlow                      the database took longer than the limit (`TIMEOUT`)
└── RateLimited                  too many requests, sockets or operations

StaleActor                       no refusal: the grants changed since the actor was cached; reload it and try again
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar


class DomainError(Exception):
    """A business refusal. `code` is the GraphQL `ErrorCode`; `data` fills the localised sentence."""

    code: ClassVar[str] = "REFUSED"

    def __init__(self, *, field: str | None = None, **data: Any) -> None:
        self.field = field
        self.data = data
        super().__init__(f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in data.items())})")


class NotFound(DomainError):
    """There is no such object, or it is not the actor's to see; nobody learns which. `data["kind"]` names the type."""

    code = "NOT_FOUND"


class NotResponsible(DomainError):
    """The actor sees the object, but the step belongs to another office. `data["action"]` names the step."""

    code = "NOT_RESPONSIBLE"


class InvalidInput(DomainError):
    """A field's value breaks `data["rule"]`; `field` is its path in the input (camelCase, dots)."""

    code = "INVALID_INPUT"

    def __init__(self, field: str, rule: str, **data: Any) -> None:
        super().__init__(field=field, rule=rule, **data)
        self.rule = rule


class Conflict(DomainError):
    """The object is at `current_version`, not at the `expected_version` that the caller acted on."""

    code = "CONFLICT"

    def __init__(self, *, expected_version: int, current_version: int) -> None:
        super().__init__(expected_version=expected_version, current_version=current_version)
        self.expected_version = expected_version
        self.current_version = current_version


class IdempotencyMismatch(DomainError):
    """The idempotency key already stands for another input of the same mutation by the same actor."""

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self, key: str) -> None:
        super().__init__(field="idempotencyKey", key=key)


class IllegalTransition(DomainError):
    """The lifecycle has no `action` from `current`; `allowed` are the actions it has.

    `data["own_word"]` may say `current` in the city's own word.
    """

    code = "ILLEGAL_TRANSITION"

    def __init__(self, *, current: str, action: str, allowed: tuple[str, ...]) -> None:
        super().__init__(current=current, action=action, allowed=allowed)
        self.current = current
        self.action = action
        self.allowed = allowed


class RequestError(Exception):
    """The whole request is refused. `code` goes to `extensions.code`; `data` fills the localised sentence."""

    code: ClassVar[str] = "BAD_REQUEST"

    def __init__(self, rule: str = "", **data: Any) -> None:
        self.rule = rule
        self.data = data
        super().__init__(f"{type(self).__name__}({rule})")


class Unauthenticated(RequestError):
    """No valid sign-in. `rule` is one of `missing`, `expired`, `invalid`, `revoked`."""

    code = "UNAUTHENTICATED"


class Forbidden(RequestError):
    """None of the actor's roles may do this operation; `rule` is the permission."""

    code = "FORBIDDEN"


class BadInput(RequestError):
    """An argument that cannot be read: `rule` is one of the keys of `schema/messages`."""

    code = "BAD_USER_INPUT"


class ResyncRequired(RequestError):
    """The cursor cannot be continued: too old, of another stream, or from before a restore. Read afresh."""

    code = "RESYNC_REQUIRED"


class TooSlow(RequestError):
    """The database did not answer within the statement limit."""

    code = "TIMEOUT"


class RateLimited(RequestError):
    """A limit of requests, sockets or running operations is reached; `rule` names it."""

    code = "RATE_LIMITED"


class StaleActor(Exception):
    """The actor's grants changed since it was cached, or it is no longer active. Nothing was done yet: the edge
    forgets the actor, loads it anew (which refuses a revoked one) and tries once more."""

    def __init__(self, user_id: uuid.UUID | None) -> None:
        self.user_id = user_id
        super().__init__(f"StaleActor({user_id})")
