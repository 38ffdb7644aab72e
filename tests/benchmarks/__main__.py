"""`make bench`: every measured row of the targets table, ours beside the floor and the peers, in one run.

Prints the table and writes `bench.json`. `--quick` (`make bench-quick`) measures a smaller city, without peers.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import psutil
import uvloop

from app import migrate as migrating
from app.kernel import embedded
from app.kernel.clock import SystemClock
from app.kernel.config import Settings
from app.kernel.database import database_urls
from tests.benchmarks import data
from tests.benchmarks.frame import Bench, Row, find_node, json_of, say, table_of

MODULES = ("clocks", "reads", "submissions", "statistics", "duplicates", "writers", "live", "sweep", "cities")
"""In this order; the last one loads further cities."""
PEERS = Path(__file__).with_name("peers")
SERVER = {
    **embedded.SERVER_SETTINGS,
    # What it does in the background would count as somebody's request; all is vacuumed after it was loaded.
    "autovacuum": "off",
    "max_wal_size": "4GB",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller city, fewer requests, no peers")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=list(MODULES), help="only these measurements")
    parser.add_argument("--tickets", type=int, help="of the large city; 200,000, or 10,000 in the quick version")
    parser.add_argument("--rounds", type=int, help="measured rounds; 5, or 3 in the quick version")
    parser.add_argument("--data", type=Path, help="keep the loaded database in this folder, for another run")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    for name in list(os.environ):
        if name.startswith("YINGSHANG_") or name == "DATABASE_URL":
            del os.environ[name]  # what is measured is what this machine and these defaults give
    folder = Path(tempfile.mkdtemp(prefix="yingshang-bench-"))
    os.chmod(folder, 0o755)
    at = (arguments.data or folder).resolve()
    begun = time.monotonic()
    try:
        rows, failed = uvloop.run(_measure(Settings(data_dir=at), folder, arguments))
    finally:
        embedded.stop(at / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
    arguments.output.write_text(json_of(rows))
    load = f"load {os.getloadavg()[0]:.1f}"
    say(f"{time.monotonic() - begun:.0f} s on {os.cpu_count()} cores, {platform.machine()}, {load}")
    print(table_of(rows))  # noqa: T201
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}; see above.")


async def _measure(settings: Settings, folder: Path, arguments: argparse.Namespace) -> tuple[list[Row], list[str]]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(embedded.start, settings.postgres_dir, SERVER)
    await asyncio.to_thread(migrating.migrate, settings)
    urls = await asyncio.to_thread(database_urls, settings)
    assert urls.admin is not None
    now = SystemClock().now()
    cities = await data.load(urls.admin, tickets=arguments.tickets or (10_000 if arguments.quick else 200_000), now=now)
    postmaster = embedded.running_pid(settings.postgres_dir)
    assert postmaster is not None
    bench = Bench(
        settings=settings,
        urls=urls,
        cities=cities,
        postgres=psutil.Process(postmaster),
        now=now,
        quick=arguments.quick,
        rounds=arguments.rounds or (3 if arguments.quick else 5),
        node=None if arguments.quick else await asyncio.to_thread(find_node, folder, PEERS / "node"),
        folder=folder,
    )
    rows: list[Row] = []
    failed: list[str] = []
    for name in arguments.only:
        begun = time.monotonic()
        try:
            rows += await importlib.import_module(f"tests.benchmarks.{name}").rows(bench)
        except Exception:
            # What was measured before is worth keeping, and what comes after measuring.
            failed.append(name)
            say(traceback.format_exc())
        say(f"{name}: {time.monotonic() - begun:.0f} s")
    return rows, failed


if __name__ == "__main__":
    main()
