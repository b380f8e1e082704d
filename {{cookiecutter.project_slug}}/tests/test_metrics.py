"""Metrics: over the processes of a host, and of the event loop."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.health import loop
from tests.conftest import Start
from tests.test_process import environment

SAY_HELLO = """
from app import metrics, telemetry

telemetry.count("GET", "Hello", 200, 0.1)
print(metrics.latest().decode())
"""
HELLOS = 'http_requests_total{handler="Hello",method="GET",status="200"} '


def say_hello(folder: Path, instance: str) -> float:
    """Have a process of this number say hello; how often all have done so, as it tells."""
    told = subprocess.run(
        [sys.executable, "-c", SAY_HELLO],
        env=environment(INSTANCE=instance, PROMETHEUS_MULTIPROC_DIR=str(folder)),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(told.stdout.partition(HELLOS)[2].split()[0])


def test_processes_that_share_a_folder_add_up_and_go_on_counting_when_replaced(
    tmp_path: Path,
) -> None:
    assert say_hello(tmp_path, "1") == 1
    assert say_hello(tmp_path, "2") == 2
    files = sorted(tmp_path.iterdir())
    assert say_hello(tmp_path, "1") == 3
    assert sorted(tmp_path.iterdir()) == files


async def test_what_blocks_the_loop_is_measured_and_said(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(loop, "BLOCKED_SECONDS", 0.15)
    with capture_logs() as logs:
        async with start():
            await beats(1)
            before = late()
            block_until_it_is_said(logs)
            await beats(1)
            assert late() > before


def block_until_it_is_said(logs: list[EventDict]) -> None:
    deadline = time.monotonic() + 10
    while not any("block_until_it_is_said" in entry.get("where", "") for entry in list(logs)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def beats(count: int) -> None:
    """Wait for so many more."""
    known = sample("event_loop_lag_seconds_count")
    async with asyncio.timeout(10):
        while sample("event_loop_lag_seconds_count") < known + count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def late() -> float:
    """How often the loop was late by more than a tenth of a second."""
    in_time = sample("event_loop_lag_seconds_bucket", le="0.1")
    return sample("event_loop_lag_seconds_count") - in_time


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0
