"""`ticketStatistics` of the large city: what the database takes for a month and for a year."""

from __future__ import annotations

from datetime import date, timedelta

from tests.benchmarks.frame import Bench, Clients, Contender, Row, against_target, compare

STATISTICS = """query($within: TenantPath!, $from: Date!, $to: Date!, $by: TicketDimension) {
ticketStatistics(within: $within, from: $from, to: $to, by: $by) { value label submitted open overdue closed declined
terminated transferred withdrawn responseRate { numerator denominator value } onTimeRate { numerator denominator value }
resolutionRate { numerator denominator value } satisfactionRate { numerator denominator value } } }"""
TARGET_MS = {"month": 10, "year": 40}
REQUESTS = {"month": 40, "year": 15}
ASKED = (
    ("month", None),
    ("month", "STATUS"),
    ("month", "DEPARTMENT"),
    ("year", None),
    ("year", "STATUS"),
    ("year", "DEPARTMENT"),
    ("year", "MONTH"),
)


def span(bench: Bench, period: str) -> tuple[date, date]:
    """The last whole month, or the last 365 days."""
    today = bench.now.date()
    if period == "year":
        return today - timedelta(days=365), today
    ends = today.replace(day=1)
    return (ends - timedelta(days=1)).replace(day=1), ends


async def rows(bench: Bench) -> list[Row]:
    """A row for each way to ask: database CPU of a request, against the milliseconds it may take."""
    token, measured = await bench.token(f"dispatcher@{bench.large.path}"), []
    with bench.ours() as served:
        async with Clients(served, 1) as clients:
            for period, by in ASKED:
                begins, ends = map(str, span(bench, period))
                given = {"within": bench.large.path, "from": begins, "to": ends, "by": by}

                async def ask(_number: int, given: dict[str, object] = {**given}) -> bytes:  # noqa: B006 - never written
                    return await clients.graphql(token, STATISTICS, given)

                asked = {"ours": Contender(ask, served.process, connections=1)}
                costs = await compare(asked, bench, bench.requests(REQUESTS[period]))
                name = f"statistics of a {period}, {f'by {by}' if by else 'whole city'}: database time, ms (target)"
                measured.append(against_target(name, costs["ours"].database, TARGET_MS[period]))
    return measured
