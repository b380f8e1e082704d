"""The features, their combinations, and what a combination must and must not hold."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import yaml

FEATURES = ("auth", "redis", "websocket", "templates", "jobs", "nginx")
ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
SLUG = "my-service"

Combination = frozenset[str]
"""The words of the features that are on."""

ALL_ON: Combination = frozenset(FEATURES)
ALL_OFF: Combination = frozenset()
COMBINATIONS: list[Combination] = [
    frozenset(chosen)
    for count in range(len(FEATURES) + 1)
    for chosen in itertools.combinations(FEATURES, count)
]
PAIRWISE = [
    ALL_ON,
    ALL_OFF,
    frozenset({"auth", "redis", "jobs"}),
    frozenset({"auth", "websocket", "nginx"}),
    frozenset({"redis", "templates", "nginx"}),
    frozenset({"websocket", "templates", "jobs"}),
]
"""Each two features are on together, off together, and each without the other, in one of these."""

COMES_WITH = dict.fromkeys(("database", "mail", "oidc", "throttle"), "auth")
"""Words of the path rule that are not questions of their own."""

WORDS = {
    "auth": r"\bauth\b|authent|log(ged)?[ -](in|out)\b|login(?!_url)|logout|password|argon2|account"
    r"|sqlalchemy|alembic|aiosqlite|asyncpg|database|postgres|\bsql|\bmail|smtp|register"
    r"|passkey|totp|oidc|openid|webauthn|joserfc|pyotp|zxcvbn|second factor",
    "redis": r"redis",
    "websocket": r"websocket|\brooms?\b|presence",
    "templates": r"\btemplates?\b|stylesheet|UI modules?|locale|zh_CN|translation|segno",
    "jobs": r"\bjobs?\b|apscheduler|\bcron|schedul",
    "nginx": r"nginx|systemd",
}
"""What must not be said anywhere when the feature is off; whole words where others hold them.

`login_url` is a setting of Tornado's, which pages heed whoever sets it.
"""
SAID_BY_OTHERS = {
    "jobs:",
    "  template:",
    "kind: Job",
    "          whenUnsatisfiable: ScheduleAnyway",
    "      automountServiceAccountToken: false",
}
"""Lines that mean something else: a workflow of GitHub's has jobs, and Kubernetes its own words."""


def words(path: Path) -> set[str]:
    """The words that the path rule sees in a path inside of a project."""
    stems = {Path(part).stem.removeprefix("test_") for part in path.parts}
    return {COMES_WITH.get(stem, stem) for stem in stems} & ALL_ON


def expected_files(on: Combination) -> set[str]:
    """The template's files that belong into the project with these features."""
    paths = (path.relative_to(TEMPLATE) for path in TEMPLATE.rglob("*") if path.is_file())
    return {str(p) for p in paths if words(p) <= on and "__pycache__" not in p.parts}


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def leftovers(root: Path, on: Combination) -> list[str]:
    """Each line that says a word of a feature that is off."""
    off = [re.compile(WORDS[name], re.IGNORECASE) for name in FEATURES if name not in on]
    return [
        f"{path}:{number}: {line.strip()}"
        for path, content in sorted(files(root).items())
        for number, line in enumerate(content.decode().splitlines(), 1)
        if line not in SAID_BY_OTHERS and any(word.search(line) for word in off)
    ]


def answers(on: Combination) -> dict[str, bool]:
    return {f"use_{name}": name in on for name in FEATURES}


def bake(on: Combination, into: Path, *more: str, template: Path = ROOT) -> Path:
    """Bake as a user does, by the command line; the folder is made."""
    into.mkdir(parents=True, exist_ok=True)
    given = [f"{key}={str(value).lower()}" for key, value in answers(on).items()]
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", str(into)]
    subprocess.run([*command, *given, *more], check=True, capture_output=True, text=True)
    return next(path for path in into.iterdir() if (path / "pyproject.toml").exists())


def name_of(on: Combination) -> str:
    """A name for a test: the words that are on."""
    return "-".join(name for name in FEATURES if name in on) or "none"


def variables(root: Path) -> set[str]:
    """What the project's files for operators set or document for the service's environment."""
    found = re.findall(r"^#?([A-Z_]+)=", (root / ".env.example").read_text(), re.MULTILINE)
    for unit in root.glob("nginx/systemd/*.service"):
        found += re.findall(r"^Environment=([A-Z_]+)=", unit.read_text(), re.MULTILINE)
    for settings in root.glob("nginx/kubernetes/settings.yaml"):
        found += yaml.safe_load(settings.read_text())["data"]
    for service in yaml.safe_load((root / "compose.yaml").read_text())["services"].values():
        found += service["environment"] if service["image"] == SLUG else []
    return set(found)


def settings(root: Path) -> set[str]:
    """The variables that the project's settings classes read."""
    texts = (path.read_text() for path in root.glob("app/**/settings.py"))
    fields = (re.findall(r"^    ([a-z_]+): .*$", text, re.MULTILINE) for text in texts)
    return {name.upper() for found in fields for name in found}
