"""Answers that would break out of a file, a path or a line: refused, or written unchanged."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from pytest_cookies.plugin import Cookies

from tests.combinations import ALL_OFF, ALL_ON, ROOT, SLUG, answers, bake, files

QUESTIONS = ("project_name", "description", "author_name")
ODD = [
    '"', "'", "\\", "$(id)", "`id`", "%n %%", "<script>alert(1)</script>", "a & b; c", "# : - [x]",
    "é ı 😀", "ｆｕｌｌ", '"""', "\\u0041", "${HOME}", "-x", "}}", "*.py", "|", "= 1", "@a",
]  # fmt: skip
BAD = [
    "a\nb", "a\rb", "", "  ", "x" * 65536, "{{7*7}}", "{% x", "{# x", "\x00", "\t", "\u202e",
    "{{ cookiecutter.project_name | slugify }}",
]  # fmt: skip
BAD_SLUGS = [
    "../x",
    "a\n",
    "1a",
    "A-b",
    "a" * 51,
    "a-",
    "a",
    "ı",
    "{{7*7}}",
    '{{ "abc" }}',
    "a b",
    "/tmp/x",
    "$(id)",
]
HOOK = (ROOT / "hooks/pre_gen_project.py").read_text()
TAKEN = {*HOOK.partition('TAKEN = """')[2].partition('"""')[0].split()}
INSTALLED = r"""
import re, sys
from importlib.metadata import PackageNotFoundError, distribution

seen, todo = set(), sys.argv[1:]
extras = set(re.findall(r"[\w-]+(?=[],])", " ".join(todo)))
while todo:
    requirement = todo.pop()
    name = re.sub("[._]", "-", re.match(r"[\w.-]+", requirement)[0]).lower()
    extra = re.search(r"extra == .([\w-]+)", requirement)
    if name in seen or extra and extra[1] not in extras:
        continue
    try:
        found = distribution(name)
    except PackageNotFoundError:
        continue  # for another system or Python
    seen.add(name)
    todo += found.requires or []
    print(name, *(entry.name for entry in found.entry_points.select(group="console_scripts")))
"""
"""Prints what these requirements have brought, as of their own tools more may be installed."""


def attempt(into: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Bake by the command line, whatever comes of it."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(into)]
    pairs = [f"{key}={value}" for key, value in given.items()]
    return subprocess.run([*command, *pairs], capture_output=True, text=True)


@pytest.mark.parametrize("text", BAD, ids=ascii)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_bad_text_is_refused(cookies: Cookies, question: str, text: str) -> None:
    given = {question: text, "project_slug": SLUG, **answers(ALL_OFF)}
    result = cookies.bake(extra_context=given)
    assert result.exit_code != 0
    assert result.project_path is None


@pytest.mark.parametrize("slug", [*BAD_SLUGS, ""], ids=ascii)
def test_a_bad_slug_is_refused(cookies: Cookies, slug: str) -> None:
    assert cookies.bake(extra_context={"project_slug": slug}).exit_code != 0


@pytest.mark.parametrize("slug", ["tornado", "identify", "argon2--cffi", "dmypy", "nginx"])
def test_the_name_of_what_the_project_needs_is_refused(cookies: Cookies, slug: str) -> None:
    assert cookies.bake(extra_context={"project_slug": slug}).exit_code != 0


def test_all_that_is_installed_for_the_project_is_known(all_on: Path, python: Path) -> None:
    """Packages that it needs in turn, and their commands, which may be no slug anyway."""
    needed = tomllib.loads((all_on / "pyproject.toml").read_text())
    requirements = needed["project"]["dependencies"] + needed["dependency-groups"]["dev"]
    found = subprocess.run([python, "-c", INSTALLED, *requirements], capture_output=True, text=True)
    names = {name for name in found.stdout.split() if re.fullmatch("[a-z][a-z0-9-]+", name)}
    assert {"tornado", "identify", "lint-imports"} <= names
    assert names - TAKEN == set()


def test_all_programs_that_its_tests_start_are_known(all_on: Path) -> None:
    texts = [path.read_text() for path in (all_on / "tests").rglob("*.py")]
    names = re.findall(r'(?:program|which)\("([a-z-]+)"', "".join(texts))
    assert {"nginx", "redis-server", "initdb"} <= {*names} <= TAKEN


@pytest.mark.parametrize(
    "given",
    [
        {"project_slug": "../out"},
        {"project_name": "{{7*7}}", "project_slug": SLUG},
        {"author_name": "a\nb"},
    ],
    ids=ascii,
)
def test_a_refusal_is_one_line_that_names_the_question_and_leaves_nothing(
    tmp_path: Path, given: dict[str, str]
) -> None:
    ended = attempt(tmp_path / "into", **given)
    assert ended.returncode != 0
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith(tuple(given))]
    assert line.startswith(f"{next(iter(given))}: ")
    assert "Traceback" not in ended.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_an_odd_text_arrives_unchanged(cookies: Cookies, text: str) -> None:
    given = dict.fromkeys(QUESTIONS, text) | {"project_slug": SLUG} | answers(ALL_ON)
    root = cookies.bake(extra_context=given).project_path
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert (project["description"], project["authors"]) == (text, [{"name": text}])
    main = ast.parse((root / "app/main.py").read_text())
    values = {ast.unparse(n.targets[0]): n.value for n in main.body if isinstance(n, ast.Assign)}
    assert ast.literal_eval(values["TITLE"]) == text
    assert f"# {text}\n\n{text}\n" in (root / "README.md").read_text()
    yaml.safe_load((root / "compose.yaml").read_text())


def test_an_answer_is_never_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    code = f"__import__('pathlib').Path('{canary}').touch()"
    for text in (f'"; {code}; "', f"'; {code}; '", f'"""; {code}; """', f"$(touch {canary})"):
        attempt(tmp_path / "into", project_name=text, description=text, project_slug=SLUG)
        attempt(tmp_path / "into", project_slug=text)
    assert not canary.exists()


def test_a_refusal_leaves_an_existing_project_as_it_was(tmp_path: Path) -> None:
    root = bake(ALL_ON, tmp_path)
    before = files(root)
    attempt(tmp_path, project_slug=SLUG, author_name="a\nb")
    assert files(root) == before
