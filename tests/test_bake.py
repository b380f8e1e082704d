"""What a bake writes and refuses, and that the baked core passes its own checks."""

import ast
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_cookies.plugin import Cookies

FEATURES = ("auth", "redis", "websocket", "templates", "jobs", "nginx")
ROOT = Path(__file__).parents[1]
OFF = {f"use_{name}": False for name in FEATURES}


def bake(cookies: Cookies, **answers: object) -> Path:
    result = cookies.bake(extra_context=answers)
    assert result.exception is None
    return result.project_path


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


PLANTED = [
    *(f"app/{name}/x.py" for name in (*FEATURES, "database")),
    "app/websocket/redis.py",
    "tests/auth/test_redis.py",
    "nginx/locations/jobs.conf",
]


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with a file for every kind of place, so that the rule has work to do."""
    copy = tmp_path_factory.mktemp("planted") / "template"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv"))
    for path in PLANTED:
        file = copy / "{{cookiecutter.project_slug}}" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    return copy


@pytest.mark.parametrize("chosen", list(itertools.product([False, True], repeat=6)))
def test_every_combination_keeps_exactly_the_paths_of_its_features(
    cookies: Cookies, planted: Path, chosen: tuple[bool, ...]
) -> None:
    answers = dict(zip(OFF, chosen, strict=True))
    off = {name for name in FEATURES if not answers[f"use_{name}"]}
    off |= {"database"} if "auth" in off else set()
    result = cookies.bake(extra_context=answers, template=str(planted))
    written = files(result.project_path)
    kept = {path for path in PLANTED if not words(path) & off}
    assert {path for path in PLANTED if path in written} == kept
    assert not any(words(path) & off or b"cookiecutter" in text for path, text in written.items())


def words(path: str) -> set[str]:
    return {Path(part).stem.removeprefix("test_") for part in Path(path).parts}


def test_two_bakes_are_identical(cookies: Cookies) -> None:
    assert files(bake(cookies)) == files(bake(cookies))


@pytest.mark.parametrize("slug", ["../x", "a\n", "1a", "A-b", "a" * 51, "a-", "ı", "{{7*7}}", ""])
def test_a_bad_slug_is_refused_and_leaves_nothing(cookies: Cookies, slug: str) -> None:
    result = cookies.bake(extra_context={"project_slug": slug, **OFF})
    assert result.exit_code != 0
    assert result.project_path is None


@pytest.mark.parametrize("text", ["a\nb", "", "  ", "x" * 65536, "{{7*7}}", "{% x", "\x00"])
@pytest.mark.parametrize("question", ["project_name", "description", "author_name"])
def test_a_bad_text_is_refused(cookies: Cookies, question: str, text: str) -> None:
    assert cookies.bake(extra_context={question: text, "project_slug": "x1"}).exit_code != 0


@pytest.mark.parametrize("text", ['"', "'", "\\", "$(id)", "%n %%", "<b>&", "é ı 😀", "# : -"])
def test_an_odd_name_arrives_unchanged(cookies: Cookies, text: str) -> None:
    root = bake(cookies, project_name=text, project_slug="odd", **OFF)
    lines = (root / "app/main.py").read_text().splitlines()
    title = next(line for line in lines if line.startswith("TITLE = "))
    assert ast.literal_eval(title.removeprefix("TITLE = ")) == text


def test_the_baked_core_passes_its_own_checks(cookies: Cookies, tmp_path: Path) -> None:
    root = bake(cookies, **OFF)
    python = tmp_path / "venv/bin/python"
    for command in (
        [sys.executable, "-m", "venv", tmp_path / "venv"],
        [python, "-m", "pip", "install", "-q", "-e", root, "pytest", "mypy", "ruff"],
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        [python, "-m", "pytest", "-q"],
    ):
        subprocess.run(command, cwd=root, check=True, env=os.environ)
