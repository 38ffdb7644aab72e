"""Likely duplicates as the API answers them to the desk: what a question costs at the size of the large city.

Asked of a ticket that is there, while somebody is telling (similar text), and of an enterprise.
"""

from __future__ import annotations

from typing import Any

from schema import ids
from tests.benchmarks.frame import Bench, Clients, Contender, Row, against_target, compare

OF_A_TICKET = "query($id: ID!) { ticket(id: $id) { duplicates { id number title status } } }"
WHILE_TELLING = "query($title: String, $body: String) { ticketDuplicates(title: $title, body: $body) { id title } }"
OF_AN_ENTERPRISE = "query($enterprise: ID) { ticketDuplicates(enterpriseId: $enterprise) { id title } }"
TARGET_MS = 50
REQUESTS = 60


async def rows(bench: Bench) -> list[Row]:
    """A row for each way to ask: CPU of server and database, one question at a time."""
    admin, city = await bench.admin(), bench.large
    try:
        asked = await admin.fetch(
            "select id, title, body, enterprise_id from tickets where city_id = $1 and secrecy = 'NORMAL'"
            " and enterprise_id is not null order by md5(id::text) limit 500",
            city.id,
        )
    finally:
        await admin.close()
    kinds: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "of a ticket": (OF_A_TICKET, [{"id": ids.encode("T", city.id, row["id"])} for row in asked]),
        "by similar text": (WHILE_TELLING, [{"title": row["title"], "body": row["body"]} for row in asked]),
        "by enterprise": (
            OF_AN_ENTERPRISE,
            [{"enterprise": ids.encode("E", city.id, row["enterprise_id"])} for row in asked],
        ),
    }
    token, measured = await bench.token(f"intake_agent@{city.path}"), []
    with bench.ours() as served:
        async with Clients(served, 1) as clients:
            for name, (query, questions) in kinds.items():

                async def ask(number: int, query: str = query, questions: Any = questions) -> bytes:
                    return await clients.graphql(token, query, questions[number % len(questions)])

                asked_alone = {"ours": Contender(ask, served.process, connections=1)}
                cost = (await compare(asked_alone, bench, bench.requests(REQUESTS)))["ours"]
                line = f"duplicates at intake, {name}: CPU with PostgreSQL, ms (target)"
                measured.append(against_target(line, cost.total, TARGET_MS))
    return measured
