"""Refuse answers that would not survive as a name, a path or a line of a file."""

import json
import re
import sys

ASKED = json.loads(r"""{{ cookiecutter | tojson }}""")
TYPED = json.loads(r"""{{ _cookiecutter | default({}) | tojson }}""")
TEXTS = {"project_name": 60, "description": 200, "author_name": 100}
DERIVED = ("project_slug", "\x7b{ cookiecutter.project_name | slugify }}")
"""The one answer that is rendered: the slug where none is given, as in `cookiecutter.json`."""
TAKEN = """
    aiosmtplib aiosqlite alembic annotated-types anyio apscheduler argon2-cffi
    argon2-cffi-bindings ast-serialize async-timeout asyncpg cbor2 certifi cffi cffi-gen-src
    cfgv click colorama cryptography deptry distlib dmypy dnspython dotenv email-validator
    execnet fakeredis filelock greenlet grimp h11 hatchling hiredis httpcore httpx identify
    identify-cli idna import-linter iniconfig joserfc librt lint-imports lupa mako
    mako-render markdown-it markdown-it-py markupsafe mdurl mypy mypy-extensions mypyc
    nodeenv orjson packaging pathspec pip platformdirs pluggy pre-commit prometheus-client
    pyasn1 pyasn1-modules pycparser pydantic pydantic-core pydantic-settings pygmentize
    pygments pyopenssl pyotp pytest pytest-asyncio pytest-xdist python python-discovery
    python-dotenv python3 pyyaml redis requirements-parser rich ruff segno sortedcontainers
    sqlalchemy structlog stubgen stubtest tomli tornado types-zxcvbn typing-extensions
    typing-inspection tzdata tzlocal uv uvloop uvx virtualenv webauthn zxcvbn

    bash createdb curl env find git gzip initdb kill nginx openssl postgres redis-cli
    redis-server rm runuser sed sh systemctl systemd-analyze xargs
"""
"""Packages that the project needs, if only in turn, and their commands: uv would take it for one
of them. And programs that its tests and scripts start: its own would be found before them."""


def complaint() -> str | None:
    """What is wrong with the answers, in one line."""
    slug = ASKED["project_slug"]
    if len(slug) > 50 or not re.match(r"[a-z][a-z0-9-]*[a-z0-9]\Z", slug):
        return "project_slug: use 2 to 50 lower-case letters, digits and hyphens, a letter first"
    if re.sub("-+", "-", slug) in TAKEN.split():
        return f"project_slug: {slug} is a package or command that the project itself needs"
    for name, most in TEXTS.items():
        if not ASKED[name].strip() or len(ASKED[name]) > most or not ASKED[name].isprintable():
            return f"{name}: use 1 to {most} printable characters on one line"
    for name in ("project_slug", *TEXTS):
        given = (name, TYPED.get(name))
        if given != DERIVED and re.search(r"\x7b[\x7b%#]", f"{given} {ASKED[name]}"):
            return f"{name}: Jinja is not allowed in an answer"
    return None


if problem := complaint():
    sys.exit(problem)
