"""The modules of `tasks/`, and the job that comes with the project."""

import asyncio
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.contextvars import get_contextvars
from tornado.simple_httpclient import HTTPTimeoutError

from app.health import Live
from app.jobs import current, every, tasks
from app.jobs.job import load
from app.jobs.runner import Runner
from app.jobs.tasks import probe as module
from app.jobs.tasks.probe import probe
from app.main import create_service
from app.settings import SettingsError
from tests.conftest import Client
from tests.jobs.helpers import told

SOURCE = """
from app.jobs import every

@every(days=1)
def {name}(service): ...
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder whose modules are loaded as those of `tasks/` are, for this test only."""
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_every_module_of_the_folder_is_loaded(folder: Path) -> None:
    (folder / "extra.py").write_text(SOURCE.format(name="an_extra_job"))
    assert {"probe", "an_extra_job"} <= {job.name for job in load()}


def test_two_jobs_of_one_name_are_refused(folder: Path) -> None:
    (folder / "extra.py").write_text(SOURCE.format(name="probe"))
    with pytest.raises(ValueError, match="one name"):
        load()


async def test_an_async_job_runs_on_the_loop_and_another_in_a_thread() -> None:
    threads = []

    @every(days=1)
    async def on_the_loop(service: object) -> None:
        threads.append(threading.current_thread())

    @every(days=1)
    def in_a_thread(service: object) -> None:
        threads.append(threading.current_thread())

    service = create_service()
    await on_the_loop(service)
    await in_a_thread(service)
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_job_knows_its_run(client: Client, threaded: bool) -> None:
    runs, tick = [], datetime.now(UTC)

    def in_a_thread(service: object) -> None:
        runs.append((current(), get_contextvars()))

    async def on_the_loop(service: object) -> None:
        in_a_thread(service)

    job = every(days=1)(in_a_thread if threaded else on_the_loop)
    runner = client.service.get(Runner)
    await runner.tick(job, tick)
    await runner.run(job)
    (first, said), (second, _) = runs
    assert said == {"job": job.name, "run_id": first.id}
    assert (first.job, first.tick, second.tick) == (job.name, tick, None)
    assert second.token > first.token
    assert second.id != first.id
    with pytest.raises(LookupError):
        current()


async def test_the_probe_fetches_the_public_address(client: Client) -> None:
    await probe(client.service)
    assert (await told(client, "probe"))["schedule"] == "every 5 minutes"


async def test_the_probe_fails_when_the_answer_is_not_200(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Live, "get", lambda handler: handler.set_status(204))
    with pytest.raises(RuntimeError, match="204"):
        await probe(client.service)


async def test_the_probe_gives_up_on_a_server_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PUBLIC_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(HTTPTimeoutError, match="Timeout"):
            await asyncio.wait_for(probe(create_service()), 2)


def test_a_bad_setting_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS", "maybe")
    with pytest.raises(SettingsError, match=r"^JOBS: [^\n]*$"):
        create_service()
