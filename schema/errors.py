"""From a refusal to the error of a GraphQL response.

InvalidRequest              the document or its variables are wrong: nothing was executed
app.kernel.errors           RequestError (top level) and DomainError (an action's `userErrors`)
anything else               our own fault: masked as INTERNAL, logged under a correlation id
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

import orjson
from graphql import GraphQLError

from app.kernel.errors import BadInput, DomainError, RequestError, StaleActor, Unauthenticated
from schema.context import Locale
from schema.messages import internal_message, message

logger = logging.getLogger(__name__)

INTERNAL = "INTERNAL"
LONGEST_MESSAGE = 500

STATUS = {
    "BAD_REQUEST": 400,
    "BAD_USER_INPUT": 400,
    "RESYNC_REQUIRED": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    INTERNAL: 500,
    "TIMEOUT": 503,
}
"""The HTTP status of a request that was refused with this code before it had a `data` entry."""


class InvalidRequest(Exception):
    """A document that does not parse, exceeds a limit or does not validate, or variables that do not fit it.

    Errors that name no code of their own get `code`: BAD_REQUEST, for variables BAD_USER_INPUT.
    """

    def __init__(self, errors: Sequence[GraphQLError], code: str = "BAD_REQUEST") -> None:
        self.errors = tuple(errors)
        self.code = code
        super().__init__("; ".join(error.message for error in self.errors))


class Internal(Exception):
    """A fault of ours that is in the log under `correlation_id`, so that it can be told to many and is logged once."""

    def __init__(self, correlation_id: str) -> None:
        self.correlation_id = correlation_id
        super().__init__(correlation_id)

    @classmethod
    def logged(cls, error: BaseException) -> Internal:
        """Log an unexpected error."""
        if isinstance(error, Internal):
            return error
        correlation_id = secrets.token_hex(8)
        logger.error("An unexpected error, correlation id %s", correlation_id, exc_info=error)
        return cls(correlation_id)


def limit_exceeded(limit: str, allowed: int, *, nodes: Any = None) -> GraphQLError:
    """The document is larger than the guard lets through; `limit` names which limit."""
    return GraphQLError(
        f"The document exceeds the limit of {allowed} for {limit}.",
        nodes,
        original_error=BadInput("document_limit", limit=limit, allowed=allowed),
        extensions={"limit": limit, "allowed": allowed},
    )


def too_many_rows(allowed: int, cost: int, *, nodes: Any = None) -> GraphQLError:
    """The operation may take more rows than it is allowed to."""
    return GraphQLError(
        f"The operation may take {cost} rows, and at most {allowed} are allowed.",
        nodes,
        original_error=BadInput("too_many_rows", allowed=allowed, cost=cost),
        extensions={"limit": "rows", "allowed": allowed, "cost": cost},
    )


def format_error(
    error: Exception, locale: Locale, *, default_code: str = "BAD_REQUEST", invalid: bool = False
) -> dict[str, Any]:
    """One entry of `errors`: message in the viewer's language, locations and path where known, `extensions.code`.

    `invalid`: found before execution, so that whatever caused it came with the request and is no fault of ours (an
    integer of 5,000 digits makes Python itself raise).
    """
    formatted: dict[str, Any] = {}
    extensions: dict[str, Any] = {}
    cause: BaseException | None = error
    if isinstance(error, GraphQLError):
        formatted["message"] = error.message[:LONGEST_MESSAGE]  # it may quote the request
        if error.locations:
            formatted["locations"] = [location.formatted for location in error.locations]
        if error.path:
            formatted["path"] = error.path
        extensions.update(error.extensions or {})
        while isinstance(cause, GraphQLError):
            cause = cause.original_error
    if isinstance(cause, StaleActor):
        cause = Unauthenticated("revoked")  # read twice and changed twice: the grants are being taken away right now
    if isinstance(cause, RequestError | DomainError):
        formatted["message"] = message(cause, locale)
        extensions["code"] = cause.code
        if rule := cause.data.get("rule") or getattr(cause, "rule", None):
            extensions.setdefault("rule", rule)
    elif cause is None or invalid:
        extensions.setdefault("code", default_code)
    else:
        correlation_id = Internal.logged(cause).correlation_id
        formatted["message"] = internal_message(correlation_id, locale)
        extensions = {"code": INTERNAL, "correlationId": correlation_id}
    formatted["extensions"] = extensions
    return formatted


def format_errors(error: Exception, locale: Locale) -> list[dict[str, Any]]:
    """All entries of `errors` for a request that was refused before it had a `data` entry."""
    if isinstance(error, InvalidRequest):
        return [format_error(each, locale, default_code=error.code, invalid=True) for each in error.errors]
    return [format_error(error, locale)]


def encode_errors(errors: Sequence[dict[str, Any]]) -> bytes:
    """A response without a `data` entry."""
    return orjson.dumps({"errors": errors}, default=str)
