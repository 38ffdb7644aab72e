"""`/graphql`: GraphQL over HTTP after its specification, streams by Server-Sent Events, sockets, and the IDE.

Nothing that a client sends is answered with a 5xx status or a stack trace. Which status a refusal has depends on the
media type: `application/graphql-response+json` says 4xx and leaves `data` out; `application/json`, which clients
cannot tell from a proxy's own answer, says 200 to every request that is well formed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache, partial
from importlib import resources

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.kernel.errors import RateLimited, Unauthenticated
from schema.context import Prepared, Services, Viewer
from schema.errors import INTERNAL, STATUS, encode_errors, format_errors
from schema.files.multipart import is_form, parameters_of_form
from schema.http import (
    JSON,
    PREFLIGHT_HEADERS,
    SECURITY_HEADERS,
    Accepted,
    BadRequest,
    Parameters,
    cors_headers,
    headers_of,
    keeps_200_for_json,
    locale_of,
    negotiate,
    origin_allowed,
    parameters_of_body,
    parameters_of_query,
    read_body,
    refuse_cross_site,
)
from schema.live.hub import Hub
from schema.live.socket import SocketEndpoint
from schema.live.sse import EventStream
from schema.viewers import SignIn, sign_in, with_current_grants

PATH = "/graphql"
VARY = "accept, accept-language, authorization, origin"

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
_FIXED_HEADERS = [(name.encode(), value.encode()) for name, value in {**SECURITY_HEADERS, "vary": VARY}.items()]


def graphql_routes(services: Services, hub: Hub) -> list[BaseRoute]:
    """The routes of the one endpoint."""
    return [Route(PATH, GraphQLView(services, hub)), WebSocketRoute(PATH, SocketEndpoint(services, hub))]


class GraphQLView:
    """The HTTP side of `/graphql`, an ASGI application."""

    def __init__(self, services: Services, hub: Hub) -> None:
        self._services = services
        self._hub = hub
        self._settings = services.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        exchange = _Exchange(headers, cors_headers(headers, self._settings.allowed_origins), send)
        try:
            await self._answer(exchange, scope, receive)
        except Exception as error:
            if exchange.begun:
                raise
            await self._refuse(exchange, error)
        finally:
            if exchange.held is not None:
                exchange.held.close()

    async def _answer(self, exchange: _Exchange, scope: Scope, receive: Receive) -> None:
        method, headers = scope["method"], exchange.headers
        if method == "OPTIONS":
            return await exchange.send_body(204, b"", None, {"allow": "GET, POST, OPTIONS", **self._preflight(headers)})
        if method not in ("GET", "POST"):
            raise BadRequest(405, "method", headers={"allow": "GET, POST, OPTIONS"})
        accepted = exchange.accepted = negotiate(headers.get("accept"))
        if method == "GET" and accepted.html and self._settings.ide:
            return await self._show_ide(exchange)
        if accepted.json is None and not accepted.event_stream:
            raise BadRequest(406, "accept")
        signed_in = await sign_in(self._services, headers.get("authorization"), exchange.locale)
        by_form = False
        if method == "GET":
            refuse_cross_site(headers, self._settings.allowed_origins)
            parameters = parameters_of_query(scope["query_string"])
        elif by_form := is_form(headers):
            if signed_in.viewer.actor is None:
                raise Unauthenticated("missing")
            limits = self._settings.files.form_bytes, self._settings.limits.body_bytes
            exchange.held = ExitStack()
            parameters = await parameters_of_form(headers, receive, *limits, exchange.held)
        else:
            parameters = parameters_of_body(await read_body(headers, receive, self._settings.limits.body_bytes))

        perform = partial(self._perform, parameters, accepted, method == "GET", by_form)
        try:
            done = await with_current_grants(self._services, signed_in.viewer, perform)
        except Exception as error:
            if accepted.streams_everything and not isinstance(error, BadRequest):
                return await self._stream(exchange, receive, signed_in, parameters, error)
            raise
        if isinstance(done, bytes) and not accepted.streams_everything:
            assert accepted.json is not None
            return await exchange.send_body(200, done, accepted.json)
        return await self._stream(exchange, receive, signed_in, parameters, done)

    async def _perform(
        self, parameters: Parameters, accepted: Accepted, by_get: bool, by_form: bool, viewer: Viewer
    ) -> Prepared | bytes:
        """The response to a query or mutation; for a subscription, what is to be streamed."""
        executor = self._services.executor
        prepared = await executor.prepare(parameters.query, parameters.operation_name, viewer=viewer)
        kind = prepared.operation_type
        if by_get and kind != "query":
            raise BadRequest(405, "mutation_by_get", headers={"allow": "POST"})
        if by_form and kind != "mutation":  # nothing else takes a file
            raise BadRequest(400, "multipart")
        if kind != "subscription":
            return await executor.execute(prepared, parameters.variables, viewer)
        if not accepted.event_stream:
            raise BadRequest(400, "stream_needed")
        return prepared

    async def _stream(
        self,
        exchange: _Exchange,
        receive: Receive,
        signed_in: SignIn,
        parameters: Parameters,
        what: Prepared | bytes | Exception,
    ) -> None:
        """Answer by Server-Sent Events: one response, one refusal, or a subscription's events as they come."""
        if self._hub.connections >= self._settings.limits.sockets:
            raise RateLimited("sockets")
        user_id = signed_in.viewer.user_id
        self._hub.enter(user_id)
        stream = EventStream(self._services, exchange.send, exchange.locale)

        async def start() -> Callable[[], None] | None:
            if isinstance(what, bytes):
                stream.deliver(what)
                stream.end(None)
            elif isinstance(what, Exception):
                stream.end(what)
            else:
                return (await self._hub.subscribe(what, parameters.variables, signed_in.viewer, stream)).cancel
            return None

        exchange.begun = True
        self._hub.connections += 1
        try:
            headers = {**SECURITY_HEADERS, "vary": VARY, **exchange.cors}
            await stream.run(start, receive, headers, signed_in.expires_at)
        finally:
            self._hub.connections -= 1
            self._hub.leave(user_id)

    async def _refuse(self, exchange: _Exchange, error: Exception) -> None:
        media_type = exchange.accepted.json or JSON
        errors = format_errors(error, exchange.locale)
        extra: dict[str, str] = {}
        if isinstance(error, BadRequest):
            status, extra = error.status, error.headers
        else:
            codes = {each["extensions"]["code"] for each in errors}
            status = max(STATUS.get(code, 400) for code in codes) if codes else STATUS[INTERNAL]
        if media_type == JSON and keeps_200_for_json(error):
            status = 200
        if isinstance(error, Unauthenticated) and status == 401:
            extra = {"www-authenticate": "Bearer" if error.rule == "missing" else 'Bearer error="invalid_token"'}
        await exchange.send_body(status, encode_errors(errors), media_type, extra)

    async def _show_ide(self, exchange: _Exchange) -> None:
        nonce = secrets.token_urlsafe(16)
        host = exchange.headers.get("host", "")
        # Not every browser takes 'self' to include the socket.
        sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'{sockets}; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        page = _ide_page().replace("{{nonce}}", nonce).encode()
        await exchange.send_body(200, page, "text/html", {"content-security-policy": policy})

    def _preflight(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        if "origin" in headers and origin_allowed(headers, self._settings.allowed_origins):
            return PREFLIGHT_HEADERS
        return {}


class _Exchange:
    """One request and its answer."""

    __slots__ = ("accepted", "begun", "cors", "headers", "held", "locale", "send")

    def __init__(self, headers: Mapping[str, str], cors: Mapping[str, str], send: Send) -> None:
        self.headers = headers
        self.cors = cors
        self.send = send
        self.locale = locale_of(headers.get("accept-language"))
        self.accepted = negotiate(None)
        self.begun = False
        self.held: ExitStack | None = None
        """Closes the files of a form."""

    async def send_body(
        self, status: int, body: bytes, media_type: str | None, extra: Mapping[str, str] | None = None
    ) -> None:
        headers = _FIXED_HEADERS.copy()
        if status != 204:
            headers.append((b"content-length", b"%d" % len(body)))
        if media_type is not None:
            headers.append((b"content-type", media_type.encode() + b"; charset=utf-8"))
        if self.cors or extra:
            overriding = {**self.cors, **(extra or {})}
            names = {name.encode() for name in overriding}
            headers = [header for header in headers if header[0] not in names]
            headers += [(name.encode(), value.encode("latin-1")) for name, value in overriding.items()]
        self.begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


@cache
def _ide_page() -> str:
    return resources.files("schema").joinpath("ide.html").read_text(encoding="utf-8")
