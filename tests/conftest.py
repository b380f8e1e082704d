"""Bakes for the tests, and one environment that holds what any baked project needs."""

import os
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

from tests.combinations import ALL_ON, bake

pytest_plugins = ["tests.browsing", "tests.rooms"]

ENVIRONMENT = "BAKED_ENVIRONMENT"
"""The variable that tells the workers of a run where the controller has made the environment."""

LONG = ("test_conformance", "readme_names", "test_room_")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Once a run: install what the all-on project declares, with nothing of the template's own."""
    if "PYTEST_XDIST_WORKER" in os.environ or ENVIRONMENT in os.environ:
        return
    if session.config.option.collectonly:
        return
    print("installing what the baked projects need …", flush=True)
    folder = session.config._tmp_path_factory.mktemp("environment")  # type: ignore[attr-defined]
    make_environment(folder)
    os.environ[ENVIRONMENT] = str(folder / "venv")


def make_environment(folder: Path) -> None:
    project = bake(ALL_ON, folder / "all-on")
    install = ["pip", "install", "--compile-bytecode", "--python", str(folder / "venv/bin/python")]
    for command in (
        ["venv", "--python", "3.11", str(folder / "venv")],
        [*install, "-r", "pyproject.toml", "--group", "dev"],
    ):
        subprocess.run(["uv", "-q", *command], cwd=project, check=True, env=clean_environment())


def clean_environment(**more: str) -> dict[str, str]:
    """This process's variables without those of a virtual environment or a test run."""
    leave_out = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTEST_", "COV_")
    return {k: v for k, v in os.environ.items() if not k.startswith(leave_out)} | more


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first, so that at the end no worker waits for another.

    The combinations come between the modules: they keep a core busy while other tests wait.
    """
    busy = [item for item in items if "test_a_combination" in item.nodeid]
    others = [item for item in items if item not in busy]
    others.sort(key=lambda item: not any(name in item.nodeid for name in LONG))
    modules = [list(tests) for _, tests in groupby(others, lambda item: item.path)]
    if modules:
        items[:] = [t for i, m in enumerate(modules) for t in (*m, *busy[i :: len(modules)])]


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of the shared environment."""
    return Path(os.environ[ENVIRONMENT]) / "bin/python"


@pytest.fixture(scope="session")
def all_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baked project with every feature; `home` and `project` are copies, to run and to change."""
    return bake(ALL_ON, tmp_path_factory.mktemp("all-on"))


@pytest.fixture(scope="module")
def home(all_on: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An all-on project for the services of a module, which leave their files there."""
    return shutil.copytree(all_on, tmp_path_factory.mktemp("home") / "my-service")


@pytest.fixture
def project(all_on: Path, tmp_path: Path) -> Path:
    """An all-on project of the test's own."""
    return shutil.copytree(all_on, tmp_path / "my-service")
