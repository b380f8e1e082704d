"""The rolling restart of what systemd runs, which a stand-in is here."""

import asyncio
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.nginx.fixtures import ROOT, SECONDS, alive
from tests.nginx.units import Units, units

SAID = [
    "nginx/rollout: instance 1 is ready",
    "nginx/rollout: instance 2 is ready",
    "nginx/rollout: all instances are restarted",
]


@pytest.fixture
def instances(stand_in: Path, temporary: Path) -> Iterator[Units]:
    (stand_in / "pyproject.toml").write_text('[project]\nname = "my-service"\n')
    settings = "ENVIRONMENT=development\n"
    with units(stand_in, temporary, settings, UNREADY=str(temporary / "unready")) as instances:
        yield instances


def await_(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_is_restarted_when_the_last_is_ready(instances: Units, temporary: Path) -> None:
    first, second = instances.pid(1), instances.pid(2)
    (temporary / "unready").touch()
    with instances.rollout() as rollout:
        await_(lambda: instances.log.count("not ready") >= 3)
        assert not alive(first)
        assert instances.pid(2) == second
        (temporary / "unready").unlink()
        said, _ = rollout.communicate(timeout=SECONDS)
    assert (rollout.returncode, said.splitlines()) == (0, SAID)
    assert alive(instances.pid(1))
    assert not alive(second)
    assert alive(instances.pid(2))


def test_no_file_of_settings_makes_production_something_else(instances: Units) -> None:
    variables = Path(f"/proc/{instances.pid(1)}/environ").read_text().split("\0")
    assert "ENVIRONMENT=production" in variables
    assert "ENVIRONMENT=development" not in variables


def test_what_does_not_start_again_ends_it(instances: Units) -> None:
    second = instances.pid(2)
    instances.configure("EXIT=78\n")
    with instances.rollout("my-service") as rollout:
        said, _ = rollout.communicate(timeout=SECONDS)
    reason = "my-service@1.service failed because the process exited."
    assert said == (
        f"nginx/rollout: instance 1 does not start again: {reason}, the rest is left as it is\n"
    )
    assert rollout.returncode == 1
    assert instances.pid(2) == second
    assert alive(second)


async def test_what_listens_and_never_answers_is_not_waited_for_without_end(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "nginx")
    processes = import_module("processes")
    monkeypatch.setattr(processes, "READY_SECONDS", 0.1)
    server = await asyncio.start_unix_server(lambda *_: None, temporary / "1.sock")
    with pytest.raises(processes.Failure, match="instance 1 is not ready"):
        await processes.Instance("1", temporary).ready()
    server.close()
    assert not (temporary / "1.sock").exists()  # nginx asks those that are ready


def test_a_name_that_systemd_does_not_know_is_one_line(instances: Units) -> None:
    with instances.rollout("other") as rollout:
        said, _ = rollout.communicate(timeout=SECONDS)
    assert said == "nginx/rollout: systemd runs no other@1.service or the like\n"
    assert rollout.returncode == 1
