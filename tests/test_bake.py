"""What a bake writes: exactly the chosen features' files, the same each time, needing nothing."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_cookies.plugin import Cookies

from tests.combinations import (
    ALL_OFF,
    ALL_ON,
    COMBINATIONS,
    FEATURES,
    PAIRWISE,
    ROOT,
    SLUG,
    Combination,
    answers,
    bake,
    expected_files,
    files,
    leftovers,
    name_of,
    settings,
    variables,
    words,
)

PLACES = {
    "app/throttle/redis.py": {"auth", "redis"},
    "app/throttle/memory.py": {"auth"},
    "app/database/__init__.py": {"auth"},
    "app/jobs/redis.py": {"jobs", "redis"},
    "app/jobs/tasks/auth.py": {"jobs", "auth"},
    "app/redis/cache.py": {"redis"},
    "app/templates/auth/login.html": {"templates", "auth"},
    "app/templates/static/websocket.js": {"templates", "websocket"},
    "app/templates/websocket/room.html": {"templates", "websocket"},
    "app/websocket/redis/presence.py": {"websocket", "redis"},
    "nginx/locations/websocket.conf": {"nginx", "websocket"},
    "nginx/problems/templates/pages.conf": {"nginx", "templates"},
    "nginx/templates/prepare.sh": {"nginx", "templates"},
    "nginx/up": {"nginx"},
    "tests/auth/test_redis.py": {"auth", "redis"},
    "app/service.py": set(),
}
"""Paths and the features that they belong to, written down by hand."""


@pytest.mark.parametrize("on", COMBINATIONS, ids=name_of)
def test_a_bake_holds_exactly_the_files_of_its_features(cookies: Cookies, on: Combination) -> None:
    root = cookies.bake(extra_context=answers(on)).project_path
    assert set(files(root)) == expected_files(on)
    for path, features in PLACES.items():
        assert (root / path).exists() == (features <= on), path
    empty = [path for path in root.rglob("*") if path.is_dir() and not any(path.iterdir())]
    assert empty == []


@pytest.mark.parametrize("on", COMBINATIONS, ids=name_of)
def test_a_bake_says_no_word_of_what_is_off(cookies: Cookies, on: Combination) -> None:
    root = cookies.bake(extra_context=answers(on)).project_path
    assert leftovers(root, on) == []
    assert variables(root) ^ settings(root) == set()
    for path, content in files(root).items():
        assert b"cookiecutter" not in content, path
        assert b"\n\n\n\n" not in content, f"{path} has a hole"


def test_the_words_of_a_feature_are_found_where_it_is_on(all_on: Path) -> None:
    """Else the test above could not fail."""
    for name in FEATURES:
        assert leftovers(all_on, ALL_ON - {name})


def test_the_pairwise_set_covers_each_pair_of_answers() -> None:
    for one, other in itertools.combinations(FEATURES, 2):
        seen = {(one in on, other in on) for on in PAIRWISE}
        assert seen == set(itertools.product((True, False), repeat=2)), (one, other)


def test_the_path_rule_reads_every_part_of_a_path() -> None:
    assert words(Path("tests/websocket/test_redis.py")) == {"websocket", "redis"}
    assert words(Path("app/authority/jobs_done.py")) == set()


def test_two_bakes_are_identical(tmp_path: Path) -> None:
    one, other = (bake(ALL_ON, tmp_path / name) for name in ("one", "other"))
    assert files(one) == files(other)


def test_a_bake_needs_no_network_git_terminal_or_uv(tmp_path: Path) -> None:
    """Only Python is on the path, in a network namespace of its own where that is allowed."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o"]
    command.append(str(tmp_path / "out"))
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0:
        command = [shutil.which("unshare") or "", "-rn", *command]
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(
        command,
        env={"PATH": str(tmp_path / "nothing"), "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        start_new_session=True,
    )
    assert set(files(tmp_path / "out" / SLUG)) == expected_files(ALL_ON)
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert written == {"home", "out"}


def test_a_bake_over_a_project_leaves_its_owners_files(tmp_path: Path) -> None:
    root = bake(ALL_ON, tmp_path)
    kept = ["app/auth/mine.py", ".venv/lib/redis/client.py", ".git/refs/heads/jobs", "notes.md"]
    for path in kept:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("mine")
    bake(ALL_ON, tmp_path, "-f")
    assert all((root / path).read_text() == "mine" for path in kept)
    bake(ALL_OFF, tmp_path, "-f")
    assert all((root / path).read_text() == "mine" for path in kept[1:])


def test_the_screen_after_a_bake_names_two_commands(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    assert len(said.stdout.strip().splitlines()) < 10
    assert f"cd {SLUG}" in said.stdout
    assert f"uv run {SLUG}" in said.stdout
    assert "uv run pytest" in said.stdout
