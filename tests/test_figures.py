"""The design's figures: how little of the template is Jinja."""

import re
from pathlib import Path

from tests.combinations import ROOT, TEMPLATE

RENDERED = {"README.md", "pyproject.toml", ".env.example", "compose.yaml", "app/main.py"}
JINJA = re.compile(r"\{\{ ?cookiecutter|\{% (if|for|endif|endfor|set)")


def sources() -> dict[str, str]:
    """The text of each file that is not a page: pages have Tornado's own `{%`."""
    return {
        str(path.relative_to(TEMPLATE)): path.read_text()
        for path in TEMPLATE.rglob("*")
        if path.is_file() and path.suffix not in (".html", ".pyc")
    }


def test_five_files_are_rendered() -> None:
    assert {path for path, text in sources().items() if JINJA.search(text)} == RENDERED


def test_no_python_source_has_a_condition() -> None:
    for path, text in sources().items():
        assert not (path.endswith(".py") and "{%" in text), path


def test_at_most_forty_lines_hold_logic() -> None:
    lines = [line for text in sources().values() for line in text.splitlines() if "{%" in line]
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
