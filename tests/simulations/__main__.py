"""`python -m tests.simulations`: a city's year, and whether anything in it was late, lost or told twice.

A PostgreSQL of its own, in memory where there is room, is there for the run and removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.kernel import embedded
from app.kernel.database import APP_ROLE, with_database, with_login
from app.migrate import create_database, migrate_url
from tests.simulations.account import Account
from tests.simulations.calendar import ZONE, Tick
from tests.simulations.year import Plan, Year, account_of, simulate

TICKETS = 50_000
_SERVER = {
    **embedded.SERVER_SETTINGS,
    # Nothing of it outlives the run. As the tests have it, but for the vacuum: a year makes many dead rows.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "4GB",
}
_NAME = "year"
_MEMORY = Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make year", description=__doc__)
    parser.add_argument("--tickets", type=int, default=TICKETS, help=f"so many (default: {TICKETS:,})")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2026, 1, 1))
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date(2026, 12, 31))
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--people", type=int, default=2, help="processes in which people work")
    asked = parser.parse_args()
    plan = Plan(asked.tickets, first=asked.first, last=asked.last, people=asked.people, workers=asked.workers)
    room = _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 8 << 30 else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was begun is taken away again
    home = Path(tempfile.mkdtemp(prefix="yingshang-year-", dir=room))
    try:
        admin_url = embedded.start(home / "postgres", _SERVER)
        asyncio.run(create_database(admin_url, _NAME))
        admin_url = with_database(admin_url, _NAME)
        migrate_url(admin_url)
        year, account, seconds = asyncio.run(_year(admin_url, plan))
    finally:
        embedded.stop(home / "postgres")
        shutil.rmtree(home, ignore_errors=True)
    for line in told(year, account, seconds):
        sys.stdout.write(f"{line}\n")
    return 1 if account.wrong or year.late else 0


async def _year(admin_url: str, plan: Plan) -> tuple[Year, Account, float]:
    bar = Progress(
        *(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")),
        *(TimeElapsedColumn(), TimeRemainingColumn()),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("", total=None)

        def progress(tick: Tick, done: int, total: int) -> None:
            day = tick.at.astimezone(ZONE)
            bar.update(task, description=f"{day:%Y-%m-%d}", completed=done, total=total)

        year = await simulate(admin_url, with_login(admin_url, APP_ROLE), plan, progress=progress)
    began = time.perf_counter()
    connection = await asyncpg.connect(admin_url)
    try:
        account = await account_of(connection, year, plan)
    finally:
        await connection.close()
    return year, account, time.perf_counter() - began


def told(year: Year, account: Account, seconds: float) -> Iterator[str]:
    """What happened, line by line."""
    verbs = year.verbs.total()
    first, last = (tick.at.astimezone(ZONE) for tick in (year.ticks[0], year.ticks[-1]))
    yield (
        f"{account.tickets:,} tickets from {first:%Y-%m-%d} to {last:%Y-%m-%d}: {verbs:,} verbs,"
        f" {len(year.ticks):,} ticks, {year.deaths} workers died at work"
    )
    tickets_a_second, verbs_a_second = (number / year.seconds for number in (account.tickets, verbs))
    yield (
        f"  {year.seconds:,.0f} s: {tickets_a_second:,.1f} tickets and {verbs_a_second:,.0f} verbs a second;"
        f" checked in {seconds:,.0f} s"
    )
    yield _listed("verbs", year.verbs)
    yield _listed(f"{account.deadlines.total():,} deadlines", account.deadlines)
    yield (
        f"  told of: {account.warned:,} warnings and {account.missed:,} misses, each once and at its tick;"
        f" {account.moved:,} moved by a pause or an extension, {account.recomputed:,} by another calendar;"
        f" late: {year.late}"
    )
    yield _listed(f"{account.raised.total():,} notices by triggers, each once for its cause", account.raised)
    yield _listed(f"{account.by_hand.total():,} notices by hand", account.by_hand)
    yield _listed("notices now", account.notices)
    yield f"  {account.notifications:,} notifications"
    yield _listed(f"{account.tasks.total():,} tasks, {account.overdue_tasks:,} times told to be overdue", account.tasks)
    yield _listed("tasks by source", account.sources)
    yield _listed(f"{account.reports.total():,} reports, {account.late_reports:,} chased", account.reports)
    yield _listed(
        f"{account.transfers.total():,} transfers, {account.late_transfers:,} told of to be undecided when due,"
        f" {account.relayed:,} steps told across",
        account.transfers,
    )
    yield _listed(
        f"{account.entries.total():,} entries of the integrity ledger,"
        f" ¥{account.cleared:,} of ¥{account.owed:,} cleared",
        account.entries,
    )
    if account.wrong or year.late:
        yield "Not as it had to be:"
        yield from account.wrong
    else:
        yield "Every deadline was told of once, and none was passed over. Everything is as it had to be."


def _listed(name: str, counts: Counter[str]) -> str:
    return f"  {name}: " + (", ".join(f"{each} {count:,}" for each, count in counts.most_common()) or "none")


if __name__ == "__main__":
    sys.exit(main())
