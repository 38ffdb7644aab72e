"""The six things to try, tried: `yingshang demo` as a process, and every request that it prints."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

PEOPLE = re.compile(r"^export (\w+)=(eyJ\S+)$", re.MULTILINE)
REQUEST = re.compile(r'Bearer \$(\w+)".*?(text/event-stream)?\'? -d \'(\{"query":.*?\})\'', re.MULTILINE)


@dataclass
class Demo:
    """A running demonstration and what it printed."""

    url: str
    printed: str
    tokens: dict[str, str]
    environment: dict[str, str]

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Who asks, and the body, in the order of the page."""
        return [(person, body) for person, _, body in REQUEST.findall(self.printed)]

    def ask(self, person: str, body: str) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.post(self.url, content=body, headers=self.headers(person), timeout=30).json()
        return answer

    def headers(self, person: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[person]}", "content-type": "application/json"}


@pytest.fixture
def demo(admin_url: str, application_url: str, tmp_path: Path) -> Iterator[Demo]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": admin_url,
        "YINGSHANG_APP_DATABASE_URL": application_url,
        "YINGSHANG_DATABASE_PASSWORD": "only-for-tests",
        "YINGSHANG_DATA_DIR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }
    printed = tmp_path / "printed"
    command = [sys.executable, "-m", "app.cli", "demo", "--port", str(port), "--enterprises", "20", "--tickets", "60"]
    with printed.open("w") as out, (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/graphql"
        _wait(process, url, tmp_path / "log")
        text = printed.read_text()
        yield Demo(url, text, dict(PEOPLE.findall(text)), environment)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            httpx.post(url, json={"query": "{ __typename }"}, timeout=5)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.mark.long
def test_what_the_demonstration_prints_works_as_printed(demo: Demo) -> None:
    watch, report, *steps, neighbour, region = demo.requests
    assert [person for person, _ in demo.requests] == [
        "DISPATCHER", "ENTERPRISE", "DESK", "DISPATCHER", "HANDLER", "HANDLER", "DISPATCHER", "REGION",
    ]  # fmt: skip
    desk = subprocess.run(
        [sys.executable, "-m", "app.cli", "token", "--user", "intake_agent@guangyuan"],
        env=demo.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    demo.tokens["DESK"] = desk.stdout.strip()
    office = subprocess.run(
        [sys.executable, "-m", "app.cli", "token", "--user", "office@guangxi"],
        env=demo.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    demo.tokens["REGION"] = office.stdout.strip()

    with ThreadPoolExecutor(1) as background:
        seen = background.submit(_watch, demo, watch[1], events=5)
        time.sleep(2)  # the page lets a person do this; there is nothing that tells the stream is open
        payload = demo.ask(*report)["data"]["ticketSubmit"]
        assert payload["userErrors"] == []
        ticket = payload["ticket"]
        assert re.search(r"T_[\w-]+", ticket["id"])
        for (person, body), label in zip(steps, ("已受理", "已分办", "办理中", "已办结"), strict=True):
            ((_, payload),) = demo.ask(person, body.replace("'$TICKET'", ticket["id"]))["data"].items()
            assert payload["userErrors"] == []
            assert payload["ticket"]["statusLabel"] == label
        events = seen.result(timeout=30)
    assert [event["type"] for event in events] == ["SUBMITTED", "ACCEPTED", "DISPATCHED", "ACKNOWLEDGED", "RESOLVED"]
    assert {event["ticket"]["number"] for event in events} == {ticket["number"]}

    assert demo.ask(*neighbour)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    until = time.monotonic() + 60  # the worker releases the months once it is up
    while not (told := demo.ask(*region)["data"]["regionAggregates"]):
        assert time.monotonic() < until
        time.sleep(0.5)
    assert {row["label"] for row in told} == {"南宁市", "柳州市"}
    the_page_for_browsers_is_there(demo)


def _watch(demo: Demo, body: str, *, events: int) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    headers = {**demo.headers("DISPATCHER"), "accept": "text/event-stream"}
    with httpx.stream("POST", demo.url, content=body, headers=headers, timeout=30) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: "))["data"]["ticketFeed"]["node"])
            if len(seen) == events:
                break
    return seen


def the_page_for_browsers_is_there(demo: Demo) -> None:
    page = httpx.get(demo.url, headers={"accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
