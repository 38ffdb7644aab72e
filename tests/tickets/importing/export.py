"""Invented exports of a 12345 hotline, as the tests load them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HEADINGS = (
    "工单编号",
    "受理时间",
    "诉求标题",
    "诉求内容",
    "诉求类型",
    "所属区县",
    "企业名称",
    "统一社会信用代码",
    "联系人",
    "联系电话",
    "承办单位",
    "办理状态",
    "办结时间",
    "答复内容",
    "满意度",
)
OPEN_CALL: Mapping[str, str] = {
    "工单编号": "GD0001",
    "受理时间": "2026-01-05 09:30:00",
    "诉求标题": "厂区门口道路积水",
    "诉求内容": "暴雨后厂区门口积水三天,货车无法进出。",
    "诉求类型": "求助",
    "所属区县": "苍溪县",
    "联系人": "王先生",
    "联系电话": "13800000000",
    "办理状态": "办理中",
}
CLOSED_CALL: Mapping[str, str] = {
    **OPEN_CALL,
    "工单编号": "GD0002",
    "承办单位": "市商务局",
    "办理状态": "已归档",
    "办结时间": "2026-01-08 16:00",
    "答复内容": "已疏通排水管道。",
    "满意度": "满意",
}


def table(rows: Sequence[Mapping[str, str]], headings: Sequence[str] = HEADINGS, encoding: str = "utf-8-sig") -> bytes:
    """The rows as the CSV that the hotline exports."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, headings, restval="", extrasaction="raise")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def write(path: Path, *rows: Mapping[str, str], **how: Any) -> Path:
    """The file with these rows; `how` as of `table`."""
    path.write_bytes(table(rows, **how))
    return path


def calls(count: int) -> Iterator[dict[str, str]]:
    """So many calls, two in three closed there."""
    for number in range(count):
        kind = OPEN_CALL if number % 3 == 0 else CLOSED_CALL
        yield {
            **kind,
            "工单编号": f"GD{number:06d}",
            "受理时间": f"2026-01-{number % 28 + 1:02d} {number % 9 + 9:02d}:{number % 60:02d}:00",
            **({"办结时间": f"2026-02-{number % 28 + 1:02d} 16:00:00"} if kind is CLOSED_CALL else {}),
            "诉求标题": f"第{number}号诉求:道路积水",
        }
