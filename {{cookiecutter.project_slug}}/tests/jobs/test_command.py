"""The command `job NAME`."""

import pytest

from app.jobs import COMMANDS
from app.main import create_service
from tests.conftest import Client


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


@pytest.mark.parametrize("arguments", [["nothing"], [], ["probe", "probe"]])
async def test_an_unknown_name_is_told_the_known_ones_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await COMMANDS["job"](create_service(), arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "probe" in line
