"""`/files`: resumable uploads (the tus protocol 1.0 with creation, expiration and checksum), and downloads.

Both take the same bearer as `/graphql` and answer refusals in the same form, with the HTTP status that says them.
"""

from __future__ import annotations

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.files.models import Attachment, Upload
from app.files.storage import Blob
from app.files.uploads import ALGORITHMS, Checksum
from app.kernel.errors import BadInput, DomainError, InvalidInput, NotFound, RequestError, Unauthenticated
from app.tickets.attachments import find_attachment
from authz.actions.log_read import log_read
from authz.actor import Actor
from schema import ids
from schema.context import Services, Viewer
from schema.errors import STATUS, encode_errors, format_errors
from schema.http import (
    JSON,
    SECURITY_HEADERS,
    BadRequest,
    body_chunks,
    cors_headers,
    headers_of,
    locale_of,
    origin_allowed,
)
from schema.viewers import sign_in, with_current_grants

UPLOADS = "/files/uploads"
TUS = {"tus-resumable": "1.0.0"}
_OFFSET_STREAM = "application/offset+octet-stream"
_LONGEST_METADATA = 4_096
_VARY = "accept-language, authorization, origin"

_STATUS: Mapping[str, int] = {
    "beyond_length": 413,
    "checksum": 460,
    "expired": 410,
    "file_kind": 415,
    "file_too_large": 413,
    "not_what_it_says": 415,
    "offset": 409,
    "upload_busy": 423,
}
"""The HTTP status of a file that is refused by this rule; others are 422."""

_PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD, POST, PATCH, DELETE",
    "access-control-allow-headers": "accept-language, authorization, content-type, if-none-match, if-range, range, "
    "tus-resumable, upload-checksum, upload-length, upload-metadata, upload-offset",
    "access-control-max-age": "600",
}
_EXPOSED = (
    "content-disposition, content-range, etag, location, tus-resumable, upload-expires, upload-length, upload-offset"
)

Answer = Callable[[Actor], Awaitable[None]]


def file_routes(services: Services) -> list[BaseRoute]:
    """The routes of uploads and downloads."""
    return [
        Route(UPLOADS, _Endpoint(services, _Creation, "OPTIONS, POST")),
        Route(UPLOADS + "/{id}", _Endpoint(services, _Continuation, "DELETE, HEAD, OPTIONS, PATCH")),
        Route("/files/{id}", _Endpoint(services, _Download, "GET, HEAD, OPTIONS")),
    ]


class _Endpoint:
    """An ASGI application that has a `kind` of exchange answer each request of a signed-in person."""

    def __init__(self, services: Services, kind: type[_Exchange], methods: str) -> None:
        self._services = services
        self._kind = kind
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._kind(self._services, scope, receive, send)
        headers = exchange.headers
        locale = locale_of(headers.get("accept-language"))
        try:
            if scope["method"] == "OPTIONS":
                asked = "origin" in headers and origin_allowed(headers, self._services.settings.allowed_origins)
                return await exchange.send(204, {"allow": self._methods, **(_PREFLIGHT if asked else {})})
            if scope["method"] not in self._methods.split(", "):
                raise BadRequest(405, "method", headers={"allow": self._methods})
            viewer = (await sign_in(self._services, headers.get("authorization"), locale)).viewer

            async def answer(current: Viewer) -> None:
                if current.actor is None:
                    raise Unauthenticated("missing")
                await exchange.answer(current.actor, current.now)

            await with_current_grants(self._services, viewer, answer)
        except Exception as error:
            if exchange.begun:
                raise
            extra = {"content-type": f"{JSON}; charset=utf-8"}
            if isinstance(error, BadRequest):
                extra |= error.headers
            if isinstance(error, Unauthenticated):
                extra["www-authenticate"] = "Bearer" if error.rule == "missing" else 'Bearer error="invalid_token"'
            status = _status_of(error)
            if status == 413:  # as in `body_chunks`
                extra["connection"] = "close"
            await exchange.send(status, extra, encode_errors(format_errors(error, locale)))


class _Exchange(ABC):
    """One request and its answer."""

    extra: Mapping[str, str] = {}
    """Headers of every answer."""

    def __init__(self, services: Services, scope: Scope, receive: Receive, send: Send) -> None:
        self.services = services
        self.uploads = services.uploads
        self.method: str = scope["method"]
        self.headers = headers_of(scope)
        self.begun = False
        self._given: str = scope["path_params"].get("id", "")
        self._receive = receive
        self._send = send

    @abstractmethod
    async def answer(self, actor: Actor, now: datetime) -> None:
        """Do what is asked, and `send`."""

    def id(self, prefix: str, kind: str) -> tuple[int, Any]:
        """City and key of the id in the path; what is malformed is not there."""
        try:
            found = ids.decode_as(self._given, prefix)
        except BadInput:
            raise NotFound(kind=kind) from None
        return found.city_id, found.key

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin the answer; its body follows."""
        cors = cors_headers(self.headers, self.services.settings.allowed_origins)
        if cors:
            cors["access-control-expose-headers"] = _EXPOSED
        given = {**SECURITY_HEADERS, "vary": _VARY, **cors, **self.extra, **headers}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        self.begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def more(self, body: bytes, *, last: bool) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def send(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """The whole answer."""
        length = {} if status == 204 else {"content-length": str(len(body))}
        await self.start(status, {**length, **headers})
        await self.more(b"" if self.method == "HEAD" else body, last=True)

    def chunks(self, limit: int) -> Any:
        """The body as it comes in; `BadRequest` as `body_chunks`."""
        return body_chunks(self.headers, self._receive, limit)


class _Tus(_Exchange):
    extra: Mapping[str, str] = {
        **TUS,
        "tus-version": "1.0.0",
        "tus-extension": "creation,expiration,checksum,termination",
        "tus-checksum-algorithm": ",".join(ALGORITHMS),
    }

    def number(self, name: str) -> int:
        """A header that is a whole number. Raises BadRequest (400)."""
        text = self.headers.get(name, "")
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise BadRequest(400, "upload_header", header=name)
        return int(text)

    def check_version(self) -> None:
        """Raises BadRequest (412) for another version of the protocol."""
        if self.headers.get("tus-resumable") != TUS["tus-resumable"]:
            raise BadRequest(412, "tus_version")

    def expiry(self, upload: Upload) -> dict[str, str]:
        """When what has come is thrown away."""
        return {"upload-expires": format_datetime(upload.expires_at, usegmt=True)}


class _Creation(_Tus):
    """`POST /files/uploads`: `Upload-Length`, and `Upload-Metadata` with `filename` and, for a city that is not the
    person's own, `within` (a tenant's path)."""

    async def answer(self, actor: Actor, now: datetime) -> None:
        self.check_version()
        metadata = self._metadata()
        size = self.number("upload-length")
        city_id = actor.city_id
        if "within" in metadata:
            node = (await self.services.trees.get()).by_path(metadata["within"])
            if node is None:
                raise NotFound(kind="Tenant")
            city_id = node.city_id
        upload = await self.uploads.begin(actor, city_id, name=metadata.get("filename", ""), size=size, now=now)
        location = f"{UPLOADS}/{ids.encode(ids.UPLOAD, upload.city_id, upload.id)}"
        await self.send(201, {"location": location, "upload-offset": "0", **self.expiry(upload)})

    def _metadata(self) -> dict[str, str]:
        """Names and values of `Upload-Metadata`. Raises BadRequest (400)."""
        given = self.headers.get("upload-metadata", "")
        found: dict[str, str] = {}
        try:
            if len(given) > _LONGEST_METADATA:
                raise ValueError
            for pair in filter(None, (each.strip() for each in given.split(","))):
                name, _, value = pair.partition(" ")
                found[name] = base64.b64decode(value, validate=True).decode()
        except ValueError:  # also bad base64 and bad UTF-8
            raise BadRequest(400, "upload_header", header="upload-metadata") from None
        return found


class _Continuation(_Tus):
    """One upload: `HEAD` tells how far it has come, `PATCH` goes on with it, `DELETE` throws it away."""

    async def answer(self, actor: Actor, now: datetime) -> None:
        self.check_version()
        upload = await self.uploads.find(actor, *self.id(ids.UPLOAD, "Upload"), now=now)
        if self.method == "DELETE":
            await self.uploads.discard(actor, upload)
            return await self.send(204, {})
        if self.method == "PATCH":
            await self._append(upload)
        # Also when nothing was missing: whoever was cut off behind the last byte only asks how far it has come.
        upload = await self.uploads.finish(actor, upload, now=now)
        told = {"upload-offset": str(await self.uploads.offset(upload)), **self.expiry(upload)}
        if self.method == "HEAD":
            return await self.send(200, {**told, "upload-length": str(upload.size)})
        return await self.send(204, told)

    async def _append(self, upload: Upload) -> None:
        if self.headers.get("content-type") != _OFFSET_STREAM:
            raise BadRequest(415, "offset_stream", headers={"accept-patch": _OFFSET_STREAM})
        offset = self.number("upload-offset")
        if upload.finished_at is not None:
            if offset != upload.size:
                raise InvalidInput("file", "offset")
            return
        length = self.headers.get("content-length", "")
        if length.isdecimal() and offset + int(length[:18]) > upload.size:
            raise InvalidInput("file", "beyond_length", limit=upload.size)
        await self.uploads.append(upload, offset, self.chunks(upload.size + 1), self._checksum())

    def _checksum(self) -> Checksum | None:
        given = self.headers.get("upload-checksum")
        if given is None:
            return None
        algorithm, _, digest = given.partition(" ")
        try:
            if algorithm in ALGORITHMS:
                return Checksum(algorithm, base64.b64decode(digest, validate=True))
        except binascii.Error:
            pass
        raise BadRequest(400, "upload_header", header="upload-checksum")


class _Download(_Exchange):
    """The content of an attachment, whole or one range of it: never shown in a browser as part of this site."""

    async def answer(self, actor: Actor, now: datetime) -> None:
        city_id, key = self.id("A", "Attachment")
        database = self.services.database
        await log_read(database, actor, operation="download", document=f"/files/{self._given}", variables={}, now=now)
        attachment = await find_attachment(database, actor, city_id, key)
        if attachment.deleted_at is not None:
            raise BadRequest(410, "content_deleted")
        etag = f'"{attachment.sha256.hex()}"'
        told = {
            "accept-ranges": "bytes",
            "cache-control": "private, no-cache",
            "content-disposition": _disposition(attachment.name),
            "content-security-policy": "sandbox; default-src 'none'",
            "etag": etag,
        }
        if etag in [each.strip().removeprefix("W/") for each in self.headers.get("if-none-match", "").split(",")]:
            return await self.send(304, told)
        told["content-type"] = attachment.media_type
        first, last = 0, attachment.size - 1
        asked = self.headers.get("range", "") if self.headers.get("if-range", etag) == etag else ""
        wanted = _range(asked, attachment.size)
        if wanted is not None:
            first, last = wanted
            told["content-range"] = f"bytes {first}-{last}/{attachment.size}"
        told["content-length"] = str(last - first + 1)
        if self.method == "HEAD":
            await self.start(200 if wanted is None else 206, told)
            return await self.more(b"", last=True)
        return await self._stream(attachment, first, last, 200 if wanted is None else 206, told)

    async def _stream(
        self, attachment: Attachment, first: int, last: int, status: int, told: Mapping[str, str]
    ) -> None:
        blob = Blob(attachment.city_id, attachment.sha256, attachment.size)
        # Begun when there is a first byte: until then it can still be refused.
        async for chunk in self.uploads.store.read(blob, first, last - first + 1):
            if not self.begun:
                await self.start(status, told)
            await self.more(chunk, last=False)
        await self.more(b"", last=True)


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """The first and last byte of a single range; None: all of it (several ranges, or none that can be read).

    Raises BadRequest (416) for one that lies behind the end.
    """
    unit, _, spec = asked.partition("=")
    first, dash, last = (part.strip() for part in spec.partition("-"))
    if unit.strip().lower() != "bytes" or not dash or not (first or last):
        return None
    if not all(part == "" or (part.isascii() and part.isdecimal() and len(part) <= 18) for part in (first, last)):
        return None
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < begin:
        return None
    if begin >= size:
        raise BadRequest(416, "range", headers={"content-range": f"bytes */{size}"})
    return begin, end


def _disposition(name: str) -> str:
    """RFC 6266: the name in UTF-8, and for the clients of long ago one in ASCII."""
    plain = "".join(each if each.isascii() and each.isprintable() and each not in '"\\%' else "_" for each in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _status_of(error: Exception) -> int:
    if isinstance(error, BadRequest):
        return error.status
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, DomainError):
        return _STATUS.get(getattr(error, "rule", ""), 422)
    return STATUS[error.code] if isinstance(error, RequestError) else 500
