"""The design's figures: how little of the template is Jinja."""

import json
from fnmatch import fnmatch
from pathlib import Path

from tests.combinations import ROOT, TEMPLATE

RENDERED = {"README.md", "pyproject.toml", ".env.example", "compose.yaml", "app/main.py"}
COPIED = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]


def rendered() -> dict[str, str]:
    """The files that cookiecutter renders: others may hold `{%` of Tornado's pages."""
    paths = [str(path.relative_to(TEMPLATE)) for path in TEMPLATE.rglob("*") if path.is_file()]
    chosen = [path for path in paths if not any(fnmatch(path, pattern) for pattern in COPIED)]
    return {path: (TEMPLATE / path).read_text() for path in chosen if "__pycache__" not in path}


def test_five_files_are_rendered() -> None:
    assert rendered().keys() == RENDERED
    assert all("cookiecutter." in text for text in rendered().values())


def test_no_folder_is_copied_whole() -> None:
    """Cookiecutter would replace it, and with it what its owner has put there."""
    for path in TEMPLATE.rglob("*"):
        name = str(path.relative_to(TEMPLATE))
        assert not (path.is_dir() and any(fnmatch(name, pattern) for pattern in COPIED)), name


def test_no_python_source_has_a_condition() -> None:
    assert "{%" not in rendered()["app/main.py"]


def test_no_python_file_has_more_than_250_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in TEMPLATE.rglob("*.py")}
    assert not [str(path) for path, length in lengths.items() if length > 250]


def test_at_most_forty_lines_hold_logic() -> None:
    lines = [line for text in rendered().values() for line in text.splitlines() if "{%" in line]
    assert len(lines) <= 40


def test_the_hook_is_short() -> None:
    hook = ROOT / "hooks/post_gen_project.py"
    assert len(hook.read_text().splitlines()) <= 40


def test_no_lock_file_and_no_path_of_a_machine_is_in_the_template() -> None:
    for path in (ROOT / "hooks", TEMPLATE, ROOT / "docs"):
        for file in path.rglob("*"):
            assert file.name not in ("uv.lock", "poetry.lock")
            if file.is_file() and file.suffix != ".pyc":
                assert str(Path.home()) + "/" not in file.read_text()
