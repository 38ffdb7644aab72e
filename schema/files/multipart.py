"""The GraphQL multipart request: an operation and the files of its `Upload` variables in one form.

The form is parsed as it comes in, and its files lie in temporary files until the operation is over. Nobody who is not
signed in is listened to: a form that another site's page sends carries no bearer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from typing import Any

import orjson
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from app.files.storage import sha256_of
from schema.http import BadRequest, Parameters, body_chunks, parameters_of
from schema.scalars import ReceivedFile

MULTIPART = "multipart/form-data"
MOST_FILES = 1
"""No mutation takes more; a list of files comes by uploads of their own."""
_LONGEST_PATH = 20


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether the body is a multipart form."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == MULTIPART


async def parameters_of_form(
    headers: Mapping[str, str], receive: Receive, limit: int, json_limit: int, held: ExitStack
) -> Parameters:
    """The request of a form of at most `limit` bytes, `operations` of at most `json_limit`. `held` closes its files.

    Raises BadRequest: 413, or 400 `multipart` for what is no multipart request of one GraphQL operation.
    """

    async def body() -> AsyncGenerator[bytes, None]:
        async for chunk in body_chunks(headers, receive, limit):
            yield chunk

    parser = MultiPartParser(
        Headers(headers), body(), max_files=MOST_FILES, max_fields=2, max_part_size=min(json_limit, limit)
    )
    try:
        form = await parser.parse()
    except MultiPartException:
        raise BadRequest(400, "multipart") from None
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    for file in files.values():
        held.callback(file.file.close)
    operations, places = (_json(form.get(name)) for name in ("operations", "map"))
    if not isinstance(operations, dict) or not isinstance(places, dict) or set(places) != set(files):
        raise BadRequest(400, "multipart")
    for name, paths in places.items():
        file = files[name]
        received = ReceivedFile(
            name=file.filename or "",
            size=file.size or 0,
            sha256=await asyncio.to_thread(sha256_of, file.file),
            source=file.file,
        )
        if not isinstance(paths, list) or len(paths) != 1 or not isinstance(paths[0], str):
            raise BadRequest(400, "multipart")
        _put(operations, paths[0].split("."), received)
    return parameters_of(operations)


def _json(text: object) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _put(operations: dict[str, Any], path: list[str], file: ReceivedFile) -> None:
    """Put the file where its variable has a null."""
    *steps, last = path
    at: Any = operations
    if steps[:1] != ["variables"] or len(path) > _LONGEST_PATH:
        raise BadRequest(400, "multipart")
    for step in steps:
        at = at.get(step) if isinstance(at, dict) else None
    if not isinstance(at, dict) or last not in at or at[last] is not None:
        raise BadRequest(400, "multipart")
    at[last] = file
