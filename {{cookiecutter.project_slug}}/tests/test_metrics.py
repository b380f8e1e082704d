"""Metrics: over the processes of a host, and of the event loop."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.health import loop
from tests.conftest import Start
from tests.test_process import Running, running

HELLO = 'http_requests_total{handler="Hello",method="GET",status="200"}'


def hellos(service: Running) -> str:
    """What this process tells of how often hello was said."""
    lines = httpx.get(service.url + "/metrics").text.splitlines()
    return next(line.rpartition(" ")[2] for line in lines if line.startswith(HELLO))


def say_hello(service: Running, times: int) -> None:
    for _ in range(times):
        httpx.get(service.url + "/hello").raise_for_status()


def test_processes_that_share_a_folder_add_up_and_go_on_counting_when_replaced(
    tmp_path: Path,
) -> None:
    shared = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with running(INSTANCE="1", **shared) as one, running(INSTANCE="2", **shared) as other:
        say_hello(one, 3)
        say_hello(other, 2)
        assert (hellos(one), hellos(other)) == ("5.0", "5.0")
        files = sorted(tmp_path.iterdir())
        other.process.kill()
        other.process.wait()
        with running(INSTANCE="2", **shared) as replaced:
            say_hello(replaced, 1)
            assert (hellos(one), hellos(replaced)) == ("6.0", "6.0")
        assert sorted(tmp_path.iterdir()) == files


async def test_what_blocks_the_loop_is_measured_and_said(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(loop, "BLOCKED_SECONDS", 0.05)
    before = seconds_late()
    with capture_logs() as logs:
        async with start(), asyncio.timeout(10):
            time.sleep(0.2)  # noqa: ASYNC251 - this is what must be seen
            while seconds_late() - before < 0.1:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
    (said, *_) = [entry for entry in logs if entry["event"] == "the event loop is blocked"]
    assert "test_what_blocks_the_loop_is_measured_and_said" in said["where"]


def seconds_late() -> float:
    return REGISTRY.get_sample_value("event_loop_lag_seconds_sum") or 0.0
