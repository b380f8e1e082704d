"""A project gains a feature later, and loses it again, with its owner's edits kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.combinations import ALL_ON, ROOT, SLUG, answers, bake, files
from tests.conftest import clean_environment

EDIT = "\n\n# A line of the owner's.\n"


def git(cwd: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Owner", "-c", "user.email=owner@example.com"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as it stands, committed: cruft follows a git repository."""
    folder = tmp_path / "template"
    folder.mkdir()
    tracked = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod((ROOT / name).stat().st_mode)
    commit_all(folder, init=True)
    return folder


def cruft(cwd: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "cruft", *arguments]
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, env=clean_environment())


def commit_all(folder: Path, init: bool = False) -> None:
    if init:
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "As it stands")


def update(project: Path, **variables: bool) -> None:
    cruft(project, "update", "-y", "--variables-to-update", json.dumps(variables))


def test_a_project_gains_redis_and_loses_it_again(template: Path, tmp_path: Path) -> None:
    without = ALL_ON - {"redis"}
    context = json.dumps(answers(without))
    cruft(tmp_path, "create", str(template), "-y", "--extra-context", context)
    project = tmp_path / SLUG
    edited = project / "app/home/__init__.py"
    edited.write_text(edited.read_text() + EDIT)
    (project / "app/mine.py").write_text(EDIT)
    commit_all(project, init=True)

    update(project, use_redis=True)
    assert_equals_a_fresh_bake(project, bake(ALL_ON, tmp_path / "with", template=template))
    commit_all(project)
    update(project, use_redis=False)
    assert_equals_a_fresh_bake(project, bake(without, tmp_path / "without", template=template))


def assert_equals_a_fresh_bake(project: Path, fresh: Path) -> None:
    """But for the owner's edits and cruft's own notes."""
    theirs, expected = files(project), files(fresh)
    expected["app/home/__init__.py"] += EDIT.encode()
    expected["app/mine.py"] = EDIT.encode()
    theirs = {path: content for path, content in theirs.items() if not path.startswith(".git/")}
    del theirs[".cruft.json"]
    assert theirs.keys() == expected.keys()
    assert theirs == expected
