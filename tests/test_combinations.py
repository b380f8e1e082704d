"""Each of the 64 combinations passes its own checks and its own tests."""

import ast
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from pytest_cookies.plugin import Cookies

from tests.combinations import ALL_ON, COMBINATIONS, Combination, answers, name_of
from tests.conftest import clean_environment

CHECKS = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "deptry": ["deptry", "."],
    "tests": ["python", "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"],
}


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy knows of the libraries, kept by each worker from one project to the next."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("on", COMBINATIONS[::-1], ids=name_of)
def test_a_combination_passes_its_own_checks(
    cookies: Cookies, python: Path, mypy_cache: Path, on: Combination
) -> None:
    root = cookies.bake(extra_context=answers(on)).project_path
    every_file_parses(root)
    for name, command in CHECKS.items():
        if on == ALL_ON and name == "tests":
            return  # `test_installed` runs them, by the command that the project's README names
        done = subprocess.run(
            [python.parent / command[0], *command[1:]],
            cwd=root,
            env=clean_environment(
                PATH=f"{python.parent}:{os.environ['PATH']}",
                MYPY_CACHE_DIR=str(mypy_cache),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{name}:\n{done.stdout[-8000:]}"
    assert " skipped" not in done.stdout or os.environ.get("CI") != "true"
    assert passed(done.stdout) >= 20


def passed(output: str) -> int:
    """How many tests passed, by pytest's last line."""
    return int(output.strip().splitlines()[-1].split(" passed")[0].split()[-1])


def every_file_parses(root: Path) -> None:
    for path in root.rglob("*"):
        match path.suffix:
            case ".py":
                ast.parse(path.read_text())
            case ".toml":
                tomllib.loads(path.read_text())
            case ".yaml" | ".yml":
                assert list(yaml.safe_load_all(path.read_text()))
            case ".service" | ".target":
                unit_parses(path)


def unit_parses(path: Path) -> None:
    """systemd's own reader, where it is installed: it says unknown keys on stderr only."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert all(line.startswith("[") or "=" in line for line in lines), path
