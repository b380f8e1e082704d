"""Projects installed for real from their own pyproject.toml: started, asked, stopped."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.combinations import ALL_ON, PAIRWISE, SLUG, Combination, bake, name_of
from tests.conftest import clean_environment
from tests.processes import started

UNDECLARED = {
    "auth": ("sqlalchemy", "alembic", "argon2", "aiosqlite", "asyncpg", "aiosmtplib"),
    "redis": ("redis", "hiredis"),
    "jobs": ("apscheduler",),
}
"""What may be imported only where the feature is on."""


@pytest.mark.parametrize("on", PAIRWISE, ids=name_of)
def test_an_installed_project_serves_and_stops(tmp_path: Path, on: Combination) -> None:
    root = bake(on, tmp_path)
    venv = tmp_path / "venv/bin"
    uv = ["uv", "-q"]
    for command in (
        [*uv, "venv", "--python", "3.11", str(tmp_path / "venv")],
        [*uv, "pip", "install", "--python", str(venv / "python"), "-e", "."],
    ):
        subprocess.run(command, cwd=root, check=True, env=clean_environment())
    nothing_undeclared_is_importable(venv / "python", on)
    environment = clean_environment(PORT="0", LOG_FORMAT="json", ENVIRONMENT="development")
    checked = subprocess.run([venv / SLUG, "check"], cwd=root, env=environment, text=True)
    assert checked.returncode == 0
    with started([str(venv / SLUG)], root, environment) as service:
        told = httpx.get(service.url).json()
        assert set(told["features"]) == on - {"nginx"}
        assert httpx.get(f"{service.url}/health/ready").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0


def test_its_tests_pass_by_the_command_that_its_readme_names(tmp_path: Path) -> None:
    """With the project itself installed, which the shared environment does not do."""
    command = ["uv", "run", "--python", "3.11", "pytest", "-q"]
    done = subprocess.run(
        command,
        cwd=bake(ALL_ON, tmp_path),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " skipped" not in done.stdout or os.environ.get("CI") != "true"


def nothing_undeclared_is_importable(python: Path, on: Combination) -> None:
    for feature, modules in UNDECLARED.items():
        for module in modules:
            tried = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
            assert (tried.returncode == 0) == (feature in on), module
