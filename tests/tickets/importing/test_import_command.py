"""`yingshang import tickets`: as a process, killed and started again; and what it prints and reports."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from app import cli
from app.kernel.config import get_settings
from app.kernel.events import first_broken
from tests.conftest import PASSWORD
from tests.tickets.importing.export import CLOSED_CALL, OPEN_CALL, calls, table, write
from tests.tickets.town import AGENT, Town

SUMMARY = "{} added, {} gone on, {} there already, {} refused"
RUNNING = (
    "select count(*) from pg_stat_activity"
    " where usename = 'yingshang_app' and datname = current_database() and state <> 'idle'"
)


@pytest.fixture
def environment(admin_url: str, application_url: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a machine whose database is this test's own."""
    return os.environ | {
        "DATABASE_URL": admin_url,
        "YINGSHANG_APP_DATABASE_URL": application_url,
        "YINGSHANG_DATABASE_PASSWORD": PASSWORD,
        "YINGSHANG_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "200",
    }


def command(file: Path, *options: str) -> list[str]:
    given = {"--city": "guangyuan", "--user": AGENT} | dict(zip(options[::2], options[1::2], strict=True))
    flat = [each for option in given.items() for each in option if each]
    return [sys.executable, "-m", "app.cli", "import", "tickets", str(file), *flat]


def begin(environment: Mapping[str, str], file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(file), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def run(environment: Mapping[str, str], file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        *(subprocess.run, command(file, *options)),
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def report(file: Path) -> list[list[str]]:
    with file.with_name(file.name + ".report.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))


async def test_killed_in_the_middle_it_goes_on_where_it_was(
    town: Town, environment: dict[str, str], tmp_path: Path
) -> None:
    count = 1_200
    file = write(tmp_path / "export.csv", *calls(count))
    process = begin(environment, file)
    try:
        async with asyncio.timeout(120):
            while not (stored := await town.admin.fetchval("select count(*) from tickets")):
                assert process.poll() is None
                await asyncio.sleep(0.02)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
    async with asyncio.timeout(20):  # until the server has noticed, too
        while await town.admin.fetchval(RUNNING):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    stored = await town.admin.fetchval("select count(*) from tickets")
    assert 0 < stored < count
    assert stored % 200 == 0  # whole batches only
    done = await run(environment, file)
    assert (done.returncode, done.stdout) == (0, SUMMARY.format(f"{count - stored:,}", 0, stored, 0) + "\n")
    assert await town.admin.fetchval("select count(distinct origin_number) from tickets") == count
    assert await town.admin.fetchval("select count(*) from tickets") == count
    lives = await town.admin.fetch("select type, count(*) as n from events group by type")
    assert {row["type"]: row["n"] for row in lives} == {
        "SUBMITTED": 1_200,
        "COMMENTED": 800,
        "ANSWERED": 800,
        "FOLLOWED_UP": 800,
    }
    for ticket_id in await town.admin.fetch("select id from tickets order by random() limit 20"):
        assert first_broken(await town.timeline(ticket_id["id"])) is None


async def test_what_it_prints_and_reports(town: Town, environment: dict[str, str], tmp_path: Path) -> None:
    rows = [
        {**OPEN_CALL, "诉求标题": '=HYPERLINK("http://example.org")', "受理时间": "2026-02-30 09:00"},
        {**OPEN_CALL, "工单编号": "+1+1", "诉求类型": "表扬", "企业名称": "=1+1"},
        {**OPEN_CALL, "工单编号": "GD3", "企业名称": "=cmd|' /C calc'!A0", "诉求标题": "=1+1 的工资"},
        CLOSED_CALL,
    ]
    headings = [*CLOSED_CALL, "企业名称", "坐席工号"]
    file = write(tmp_path / "export.csv", *rows, headings=headings, encoding="gbk")
    done = await run(environment, file)
    assert done.returncode == 1  # not everything could be taken in
    assert "工单编号 → number" in done.stderr
    assert "受理时间 → received_at" in done.stderr
    assert "not read: 坐席工号" in done.stderr
    printed = done.stdout.splitlines()
    assert printed[0] == SUMMARY.format(2, 0, 0, 2)
    assert printed[1].endswith("export.csv.report.csv.")
    assert report(file) == [
        ["行", "列", "内容", "原因"],
        ["2", "受理时间", "2026-02-30 09:00", "“受理时间”不是正确的日期时间,如 2026-11-22 09:30。"],
        ["3", "诉求类型", "表扬", "不认识“诉求类型”中的“表扬”,可在对照文件中说明。"],
        ["4", "企业名称", "'=cmd|' /C calc'!A0", "提示:企业库中没有该企业(或同名企业不止一家),已按反映人登记。"],
    ]
    title = await town.admin.fetchval("select title from tickets where origin_number = 'GD3'")
    assert title == "=1+1 的工资"  # a text, as it stands there
    (tmp_path / "mapping.yaml").write_text("categories: {表扬: SUGGESTION}\n")
    rows[0] |= {"受理时间": "2026-02-28 09:00"}
    write(file, *rows, headings=headings)
    done = await run(environment, file, "--mapping", str(tmp_path / "mapping.yaml"))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, SUMMARY.format(2, 0, 2, 0))


async def test_excel(town: Town, environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "工单.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("工单")
        sheet.write_row(0, 0, ["12345热线工单导出"])
        sheet.write_row(1, 0, [*OPEN_CALL])
        cells: list[Any] = list(OPEN_CALL.values())
        cells[0], cells[1] = 20260105001, None
        sheet.write_row(2, 0, cells)
        sheet.write_datetime(2, 1, date(2026, 1, 5), book.add_format({"num_format": "yyyy-mm-dd"}))
    done = await run(environment, file)
    assert (done.returncode, done.stdout) == (0, SUMMARY.format(1, 0, 0, 0) + "\n")
    row = await town.admin.fetchrow("select origin_number, submitted_at from tickets")
    assert row["origin_number"] == "20260105001"
    assert row["submitted_at"].isoformat() == "2026-01-04T16:00:00+00:00"
    assert not file.with_name("工单.xlsx.report.csv").exists()


async def test_a_dry_run_stores_nothing(town: Town, environment: dict[str, str], tmp_path: Path) -> None:
    file = write(tmp_path / "export.csv", CLOSED_CALL)
    done = await run(environment, file, "--dry-run", "")
    assert (done.returncode, done.stdout) == (0, SUMMARY.format(1, 0, 0, 0) + " (nothing was stored)\n")
    assert await town.admin.fetchval("select count(*) from tickets") == 0


async def test_what_is_refused_before_anything_is_loaded(
    town: Town,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    good = write(tmp_path / "good.csv", OPEN_CALL)
    short = tmp_path / "short.csv"
    short.write_bytes(table([{"诉求标题": "道路积水"}], ["诉求标题"]))
    torn = tmp_path / "torn.csv"
    torn.write_bytes(table([OPEN_CALL] * 300) + b'"GD9,')
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("channel: PIGEON\n")
    for file, options, code, says in (
        (good, ("--city", "anshan"), 1, f"{AGENT} is no intake agent of anshan."),
        (good, ("--city", "nowhere"), 1, "There is no city 'nowhere'."),
        (good, ("--city", "guangyuan.cangxi"), 1, "There is no city 'guangyuan.cangxi'."),
        (good, ("--user", "nobody@guangyuan"), 1, "There is no active user 'nobody@guangyuan'."),
        (good, ("--user", "dispatcher@guangyuan"), 1, "dispatcher@guangyuan is no intake agent of guangyuan."),
        (good, ("--mapping", str(mapping)), 1, "channel"),
        (short, (), 1, "工单编号"),
        (torn, (), 1, "not a table"),
        (picture, (), 1, "not a table"),
        (tmp_path / "none.csv", (), 2, "does not exist"),
    ):
        returned = await asyncio.to_thread(cli.run, command(file, *options)[3:])
        printed = capsys.readouterr()
        assert (returned, printed.out) == (code, ""), printed
        assert says in printed.err
    get_settings.cache_clear()
    assert await town.admin.fetchval("select count(*) from tickets") == 0
