"""The command `job NAME`."""

import asyncio
import os
import signal

import pytest

from app.jobs import COMMANDS, command, every
from app.main import create_service
from app.service import Service
from tests.conftest import Client
from tests.jobs.helpers import counted


async def test_runs_a_job_now_and_says_how_it_went(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUBLIC_URL", str(client.base_url))
    assert await COMMANDS["job"](create_service(), ["probe"]) == 0
    assert "\nprobe: ok after " in capsys.readouterr().out


async def test_a_job_that_fails_ends_it_with_1_and_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:1")
    assert await COMMANDS["job"](create_service(), ["probe"]) == 1
    said = capsys.readouterr().out
    assert "\nprobe: failed after " in said
    assert "Traceback" in said


async def test_without_a_name_it_lists_the_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert await COMMANDS["job"](create_service(), []) == 0
    assert "probe: every 5 minutes" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_cancels_the_run(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def interrupted(service: Service) -> None:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    monkeypatch.setattr(command, "load", lambda: [every(days=1)(interrupted)])
    assert await COMMANDS["job"](create_service(), ["interrupted"]) == 128 + number
    assert capsys.readouterr().err == "interrupted: cancelled\n"
    assert counted("interrupted", "cancelled") >= 1


@pytest.mark.parametrize("arguments", [["nothing"], ["probe", "probe"]])
async def test_an_unknown_name_is_told_the_known_ones_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await COMMANDS["job"](create_service(), arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "probe" in line
