"""`yingshang import calendar`, as an operator calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import cli
from app.kernel.config import get_settings

GOOD = "日期,是否上班,名称,备注\n2026-01-01,休息,元旦,\n2026-03-05,休息,特别假日,\n"


@pytest.fixture
def environment(
    admin_url: str, application_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    for name, value in {
        "DATABASE_URL": admin_url,
        "YINGSHANG_APP_DATABASE_URL": application_url,
        "YINGSHANG_DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def test_what_is_published_and_what_is_refused(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.run(["tenant", "create", "--preset", "guangyuan"]) == 0
    file = tmp_path / "calendar.csv"
    file.write_text(GOOD, encoding="gbk")
    capsys.readouterr()
    assert cli.run(["import", "calendar", str(file), "--note", "国办通知"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Not read: 备注",
        "Version 1 of the calendar is in force: 2026.",
        "guangyuan: 0 of 0 open deadlines moved",
    ]
    assert cli.run(["import", "calendar", str(file)]) == 0
    assert "Version 1 of the calendar has these days already: 2026." in capsys.readouterr().out

    file.write_text(GOOD + "2026-02-30,休息,没有的日子,\n2026-04-04,不知道,清明节,\n")
    assert cli.run(["import", "calendar", str(file)]) == 1
    printed = capsys.readouterr()
    assert "第 4 行,“日期”" in printed.out
    assert "第 5 行,“是否上班”" in printed.out
    assert "2 rows are wrong; nothing was published." in printed.err
    assert cli.run(["import", "calendar", str(file), "--user", "nobody"]) == 1
    assert "no platform operator" in capsys.readouterr().err
    file.write_text("一,二\n1,2\n")
    assert cli.run(["import", "calendar", str(file)]) == 1
    assert "日期" in capsys.readouterr().err
