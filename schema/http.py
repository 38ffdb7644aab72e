"""GraphQL over HTTP, the parts that need no executor: what a request asks for, and how it wants the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson
from starlette.types import Message, Receive, Scope

from app.kernel.errors import Forbidden, RequestError, Unauthenticated
from schema.context import Locale
from schema.errors import STATUS, InvalidRequest

JSON = "application/json"
RESPONSE_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"
READ_PAST = 8_388_608
"""Bytes beyond a limit that are still read, and dropped: who is hung up on while sending does not see the answer."""

SECURITY_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""On every answer. The IDE page brings its own content security policy."""

CSRF_HEADERS = ("x-graphql-csrf", "apollo-require-preflight", "x-apollo-operation-name")
"""Any of these, with any value, shows that the request was preflighted or did not come from a page at all."""

PREFLIGHT_HEADERS = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": f"accept, accept-language, authorization, content-type, {', '.join(CSRF_HEADERS)}",
    "access-control-max-age": "600",
}


class BadRequest(RequestError):
    """The request is not GraphQL over HTTP; `status` is the HTTP status, `headers` go with the answer."""

    def __init__(self, status: int, rule: str, *, headers: Mapping[str, str] | None = None, **data: Any) -> None:
        super().__init__(rule, **data)
        self.status = status
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Accepted:
    """The media types a client takes, from its Accept header."""

    json: str | None
    """The preferred of the two JSON types."""
    event_stream: bool
    """`text/event-stream` was named (a wildcard does not ask for a stream)."""
    html: bool
    """A browser's navigation: `text/html` was named, and no JSON type is wanted more."""

    @property
    def streams_everything(self) -> bool:
        """Only a stream will do. Some clients name `text/event-stream` in every request, behind the JSON types."""
        return self.event_stream and self.json is None


class Parameters(NamedTuple):
    """One GraphQL request. `extensions` are accepted and not used."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; what is said in several lines is joined as one list."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


@lru_cache(maxsize=256)
def negotiate(accept: str | None) -> Accepted:
    """Read an Accept header. Missing, or `*/*`: `application/json`, which older clients expect."""
    if accept is None or not accept.strip():
        return Accepted(json=JSON, event_stream=False, html=False)
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type:
            wanted[media_type] = max(_quality(parameters), wanted.get(media_type, 0.0))

    def quality(media_type: str) -> float:
        for pattern in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
            if pattern in wanted:
                return wanted[pattern]
        return 0.0

    json: str | None = None
    best = max(quality(JSON), quality(RESPONSE_JSON))
    if best > 0:
        named = [type_ for type_ in wanted if type_ in (JSON, RESPONSE_JSON) and wanted[type_] == best]
        json = named[0] if named else JSON
    html = wanted.get(HTML, 0.0)
    return Accepted(json=json, event_stream=wanted.get(EVENT_STREAM, 0.0) > 0, html=html > 0 and html >= best)


@lru_cache(maxsize=256)
def locale_of(accept_language: str | None) -> Locale:
    """The first wanted language that there is; Chinese by default."""
    best: Locale = "zh-CN"
    highest = 0.0
    for part in (accept_language or "").split(","):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        language = tag.split("-")[0]
        quality = _quality(parameters)
        if language in ("zh", "en") and quality > highest:
            best, highest = ("en" if language == "en" else "zh-CN"), quality
    return best


def bearer_token(authorization: object) -> str | None:
    """The token of `Bearer …`; None when nothing was said. Raises `Unauthenticated("invalid")` for anything else."""
    if authorization is None:
        return None
    if not isinstance(authorization, str):
        raise Unauthenticated("invalid")
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("invalid")
    return token.strip()


def origin_allowed(headers: Mapping[str, str], allowed_origins: tuple[str, ...]) -> bool:
    """Whether the page that sends this (if it is one) is our own or listed. Other programs send no Origin."""
    origin = headers.get("origin")
    if origin is None or origin in allowed_origins:
        return True
    return origin.partition("://")[2].lower() == headers.get("host", "").lower()


def refuse_cross_site(headers: Mapping[str, str], allowed_origins: tuple[str, ...]) -> None:
    """Refuse a GET that another site's page can cause without asking first. Raises BadRequest (403).

    Sign-in is by the Authorization header, which no page can make a browser add, so there is nothing to ride on: this
    is the second lock. Browsers mark such requests by `Sec-Fetch-Site`; other programs do not send it and need no
    header. POST needs no such check: its Content-Type is application/json, which browsers preflight.
    """
    if headers.get("sec-fetch-site") in (None, "same-origin", "none"):
        return
    if any(name in headers for name in CSRF_HEADERS):
        return
    if "origin" in headers and origin_allowed(headers, allowed_origins):
        return
    raise BadRequest(403, "cross_site")


def parameters_of_query(query_string: bytes) -> Parameters:
    """The request of a GET: `variables` and `extensions` are JSON texts. Raises BadRequest (400)."""
    try:
        query = parse_qs(query_string.decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        raise BadRequest(400, "query_string") from None
    given: dict[str, Any] = {name: query[name][0] for name in ("query", "operationName") if name in query}
    for name in ("variables", "extensions"):
        if name in query:
            given[name] = _json(query[name][0].encode())
    return parameters_of(given)


def parameters_of_body(body: bytes | bytearray) -> Parameters:
    """The request of a POST. Raises BadRequest (400)."""
    given = _json(body)
    if isinstance(given, list):
        raise BadRequest(400, "batch")
    return parameters_of(given)


def parameters_of(given: object) -> Parameters:
    """Check the types of a request's parameters; others than the specification's are ignored. Raises BadRequest."""
    if not isinstance(given, dict):
        raise BadRequest(400, "batch")
    query = given.get("query")
    if query is None:
        raise BadRequest(400, "query_missing")
    if not isinstance(query, str):
        raise BadRequest(400, "parameter", parameter="query", expected="a string", expected_zh="字符串")
    operation_name = given.get("operationName")
    if not isinstance(operation_name, str | None):
        raise BadRequest(400, "parameter", parameter="operationName", expected="a string", expected_zh="字符串")
    for name in ("variables", "extensions"):
        if not isinstance(given.get(name), dict | None):
            raise BadRequest(400, "parameter", parameter=name, expected="an object", expected_zh="对象")
    return Parameters(query, operation_name, given.get("variables"))


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes | bytearray:
    """The body of a POST. Raises BadRequest: 415 when it is not plain JSON, else as `body_chunks`."""
    if not _plain_json(headers.get("content-type", ""), headers.get("content-encoding", "identity")):
        raise BadRequest(415, "content_type", headers={"accept-post": JSON})
    first = await receive()
    if not first.get("more_body") and first["type"] == "http.request":  # so with nearly all
        whole: bytes = first.get("body", b"")
        if len(whole) > limit:
            raise BadRequest(413, "body_too_large", limit=limit)
        return whole
    body = bytearray()
    async for chunk in body_chunks(headers, _again(first, receive), limit):
        body += chunk
    return body


def _again(first: Message, receive: Receive) -> Receive:
    """What is received, from the first message on."""
    messages = [first]

    async def each() -> Message:
        return messages.pop() if messages else await receive()

    return each


async def body_chunks(headers: Mapping[str, str], receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes in. Raises BadRequest: 413 beyond `limit` bytes, as soon as that is known, and 400
    `cut_off` when the client is gone before its end."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        if int(length[:20]) > limit + READ_PAST:
            raise _too_large(limit)
        while (await receive()).get("more_body", False):
            pass
        raise BadRequest(413, "body_too_large", limit=limit)
    read = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest(400, "cut_off")
        chunk = message.get("body", b"")
        read += len(chunk)
        if read > limit:
            raise _too_large(limit)
        yield chunk
        if not message.get("more_body", False):
            return


def _too_large(limit: int) -> BadRequest:
    """Hung up on, since servers otherwise read to its end what nobody wants."""
    return BadRequest(413, "body_too_large", limit=limit, headers={"connection": "close"})


def cors_headers(headers: Mapping[str, str], allowed_origins: tuple[str, ...]) -> dict[str, str]:
    """What lets a listed origin's page read the answer."""
    origin = headers.get("origin")
    if origin is None or origin not in allowed_origins:
        return {}
    return {"access-control-allow-origin": origin, "cross-origin-resource-policy": "cross-origin"}


def keeps_200_for_json(error: Exception) -> bool:
    """Whether `application/json` answers a refusal with 200, as the specification asks for every well-formed request.

    It does for what is about the document or the viewer's rights; a refused token, a limit or a fault of ours keeps
    its status, for whatever stands between the client and us.
    """
    if isinstance(error, BadRequest):
        return False
    if isinstance(error, InvalidRequest | Forbidden):
        return True
    if isinstance(error, Unauthenticated):
        return error.rule == "missing"
    return isinstance(error, RequestError) and STATUS.get(error.code) == 400


@lru_cache(maxsize=64)
def _plain_json(content_type: str, encoding: str) -> bool:
    media_type, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    charset = next((piece[8:].strip('"') for piece in parameters if piece.startswith("charset=")), "utf-8")
    return media_type == JSON and charset in ("utf-8", "utf8") and encoding == "identity"


def _json(text: bytes | bytearray) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # also for bad UTF-8, lone surrogates and a nesting of more than 1,024
        raise BadRequest(400, "body_json") from None


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
