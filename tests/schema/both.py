"""One document answered both ways: spliced by the reader, and completed by graphql-core from the reader's rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest
from graphql import ExecutionResult, GraphQLResolveInfo, execute
from graphql.execution.values import get_variable_values

from schema.context import Viewer
from schema.errors import format_error
from schema.reader.plan import TYPE
from schema.schema import assemble
from schema.viewers import with_current_grants
from tests.schema.conftest import Api

SCHEMA = assemble().executable


async def spliced(api: Api, viewer: Viewer, query: str, variables: Mapping[str, Any]) -> bytes:
    """The response as the product answers it: graphql-core does not run."""
    prepared = await api.services.executor.prepare(query, None, viewer=viewer)
    return await with_current_grants(
        api.services, viewer, lambda current: api.services.executor.execute(prepared, variables, current)
    )


async def completed(api: Api, viewer: Viewer, query: str, variables: Mapping[str, Any], *, reader: Any = None) -> bytes:
    """The response as graphql-core makes it, when the reader (the product's, or one of its own) reads each root."""
    reader = reader or api.services.reader
    prepared: Any = await api.services.executor.prepare(query, None, viewer=viewer)
    coerced = get_variable_values(SCHEMA, prepared.operation.variable_definitions or (), dict(variables))
    assert not isinstance(coerced, list), coerced

    async def read(key: str) -> Any:
        data, errors = await reader.query(prepared, coerced, viewer, only=key, typed=True)
        for error in errors:
            raise error.original_error or error
        return orjson.loads(data)[key]

    def resolve(source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
        key = str(info.path.key)
        return read(key) if info.parent_type is SCHEMA.query_type else source[key]

    def of(value: Any, _info: object, _abstract: object) -> str:
        return str(value[TYPE])

    result = execute(
        SCHEMA, prepared.document, variable_values=dict(variables), field_resolver=resolve, type_resolver=of
    )
    if not isinstance(result, ExecutionResult):
        result = await result
    response: dict[str, Any] = {"data": result.data}
    if result.errors:
        response["errors"] = [format_error(error, viewer.locale) for error in result.errors]
    return orjson.dumps(response)


async def both(api: Api, login: str | None, query: str, **variables: Any) -> tuple[str, str]:
    """The two responses of one viewer, without the white space that PostgreSQL puts between the items of a list."""
    viewer = await api.viewer(login)
    answers = (await spliced(api, viewer, query, variables), await completed(api, viewer, query, variables))
    first, second = (orjson.dumps(orjson.loads(answer)).decode() for answer in answers)
    return first, second


BACKGROUND = ("sequencer", "wakeups", "live poll")


@asynccontextmanager
async def statements(api: Api) -> AsyncIterator[list[str]]:
    """Every statement that is sent to read meanwhile, but for what the process does in the background."""
    sent: list[str] = []
    database = api.services.database
    with pytest.MonkeyPatch.context() as patch:
        for pool in ("_reads", "_by_key"):
            patch.setattr(database, pool, _Noting(getattr(database, pool), sent))
        yield sent
        await asyncio.sleep(0)  # loggers are called by the loop


class _Noting:
    """The connections of a pool, whose statements are noted while a request has one of them."""

    def __init__(self, connections: Any, sent: list[str]) -> None:
        self._connections = connections
        self._sent = sent

    def _note(self, record: asyncpg.connection.LoggedQuery) -> None:
        self._sent.append(record.query)

    async def take(self) -> asyncpg.Connection:
        connection: asyncpg.Connection = await self._connections.take()
        task = asyncio.current_task()
        if task is None or task.get_name() not in BACKGROUND:
            connection.add_query_logger(self._note)
        return connection

    async def give(self, connection: asyncpg.Connection, *, in_order: bool) -> None:
        connection.remove_query_logger(self._note)
        await self._connections.give(connection, in_order=in_order)
