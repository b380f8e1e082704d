"""The command `job NAME`."""

import asyncio

import pytest

from app.jobs import COMMANDS
from app.main import create_service
from tests.conftest import Client
from tests.test_process import run


async def test_runs_a_job_now_and_says_how_it_went(client: Client) -> None:
    ended = await asyncio.to_thread(run, "job", "probe", PUBLIC_URL=str(client.base_url))
    assert ended.stdout.splitlines()[-1].startswith("probe: ok after ")
    assert ended.returncode == 0


def test_a_job_that_fails_ends_it_with_1_and_its_traceback() -> None:
    ended = run("job", "probe", PUBLIC_URL="http://127.0.0.1:1")
    assert ended.stdout.splitlines()[-1].startswith("probe: failed after ")
    assert "Traceback" in ended.stdout
    assert ended.returncode == 1


@pytest.mark.parametrize("arguments", [["nothing"], [], ["probe", "probe"]])
async def test_an_unknown_name_is_told_the_known_ones_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await COMMANDS["job"](create_service(), arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "probe" in line
