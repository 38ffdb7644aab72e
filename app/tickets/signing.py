"""Signs the tickets whose texts have no signature: those that were copied in, or that are older than signatures."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg

from app.tickets.similarity import BITS, signature_of

_BATCH = 2_000

_UNSIGNED = """
select t.id, t.submitted_at, t.title, t.body from tickets t
where t.city_id = $1 and t.id > $2
  and not exists (select from ticket_signatures s where s.city_id = t.city_id and s.ticket_id = t.id)
order by t.id limit $3
"""
_SIGN = f"""
insert into ticket_signatures (city_id, ticket_id, submitted_at, bits)
select $1, ticket_id, submitted_at, bits::bit({BITS})
from unnest($2::uuid[], $3::timestamptz[], $4::text[]) as made (ticket_id, submitted_at, bits)
on conflict do nothing
"""  # noqa: S608 - our own number
_FIRST = "00000000-0000-0000-0000-000000000000"


async def sign_missing(
    connection: asyncpg.Connection, city_id: int, *, progress: Callable[[int], None] = lambda _signed: None
) -> int:
    """Sign what is unsigned in the city that the transaction is bound to; how many there were. `progress` is told how
    many are signed by now."""
    signed, after = 0, _FIRST
    while rows := await connection.fetch(_UNSIGNED, city_id, after, _BATCH):
        await connection.execute(
            _SIGN,
            city_id,
            [row["id"] for row in rows],
            [row["submitted_at"] for row in rows],
            [signature_of(row["title"], row["body"]) for row in rows],
        )
        signed += len(rows)
        after = rows[-1]["id"]
        progress(signed)
    return signed
