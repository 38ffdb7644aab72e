"""What `make bench` prints and writes, and that every measurement it names is there. Nothing is measured here."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from tests.benchmarks import frame
from tests.benchmarks.__main__ import MODULES
from tests.benchmarks.frame import Row, against_floor, against_peer, against_target, json_of, table_of

ROWS = [
    against_floor("Q1, ms (floor)", 0.15, 0.1, 1.5),
    against_floor("Q2, ms (floor)", 0.1512, 0.1, 1.5),
    against_peer("Q1, ms (peer)", 0.2, 1.0, 1 / 5),
    against_peer("Q2, ms (peer)", 0.2, None, 1 / 5),
    against_target("statistics, ms", 10.04, 10),
    Row("only told", ours=3.0),
]


def test_bench_json_is_a_list_of_rows_with_these_keys() -> None:
    written = json.loads(json_of(ROWS))
    assert [set(row) for row in written] == [{"row", "ours", "floor", "peer", "ratio", "target", "met"}] * len(ROWS)
    assert written[0] == {
        "row": "Q1, ms (floor)",
        "ours": 0.15,
        "floor": 0.1,
        "peer": None,
        "ratio": 1.5,
        "target": 1.5,
        "met": True,
    }
    # What was not measured is not met either.
    assert (written[3]["peer"], written[3]["ratio"], written[3]["met"]) == (None, None, None)


def test_a_target_is_met_up_to_itself_and_by_what_was_measured_not_by_what_is_shown() -> None:
    assert [row.met for row in ROWS] == [True, False, True, None, False, None]
    assert against_floor("close", 1.500004, 1.0, 1.5).met is False
    assert against_floor("close", 1.500004, 1.0, 1.5).ratio == 1.5


def test_the_table_has_a_line_for_each_row_and_its_columns_in_line() -> None:
    lines = table_of(ROWS).splitlines()
    assert lines[0].split() == ["row", "ours", "floor", "peer", "ratio", "target", "met"]
    assert [line.split("  ")[0] for line in lines[1:]] == [row.row for row in ROWS]
    assert [line.split()[-1] for line in lines[1:]] == ["yes", "NO", "yes", "-", "NO", "-"]
    ends = lines[0].index("floor") + len("floor")
    assert [line[:ends].split()[-1] for line in lines[1:]] == ["0.1", "0.1", "-", "-", "-", "-"]


@pytest.mark.parametrize("name", MODULES)
def test_every_measurement_that_is_named_is_there(name: str) -> None:
    rows = importlib.import_module(f"tests.benchmarks.{name}").rows
    assert inspect.iscoroutinefunction(rows)
    assert list(inspect.signature(rows).parameters) == ["bench"]


def test_cpu_is_what_a_process_computes_and_not_what_it_waits() -> None:
    me = psutil.Process()

    def both() -> tuple[float, float]:
        times = me.cpu_times()
        return frame.cpu_seconds(me), times.user + times.system

    # What came before is left out: threads that have ended are in one of the counts alone.
    before = both()
    sum(number * number for number in range(3_000_000))
    fine, coarse = (now - then for now, then in zip(both(), before, strict=True))
    assert fine > 0
    assert fine == pytest.approx(coarse, rel=0.2, abs=0.1)  # the coarse one lags by hundredths of a second


def test_the_cpu_of_a_family_includes_children_that_have_ended() -> None:
    before = frame.family_cpu_seconds(psutil.Process())
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert frame.family_cpu_seconds(psutil.Process()) > before


def test_a_server_that_does_not_start_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no room')"]
    with pytest.raises(RuntimeError, match="does not listen"), frame.running(command, frame.free_port()):
        pass
    assert "no room" in capfd.readouterr().err


def test_a_server_is_ended_with_its_block() -> None:
    port = frame.free_port()
    serve = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    with frame.running([sys.executable, "-c", serve], port) as served:
        assert served.process.pid != os.getpid()
        assert served.process.is_running()
    assert not psutil.pid_exists(served.process.pid)
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
