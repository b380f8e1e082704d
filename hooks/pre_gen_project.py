"""Refuse answers that would not survive as a name, a path or a line of a file."""

import json
import re
import sys

ASKED = json.loads(r"""{{ cookiecutter | tojson }}""")
TYPED = json.loads(r"""{{ _cookiecutter | default({}) | tojson }}""")
TEXTS = {"project_name": 60, "description": 200, "author_name": 100}
TAKEN = """
    aiosmtplib aiosqlite alembic apscheduler argon2-cffi asyncpg cryptography deptry fakeredis
    greenlet hiredis httpx import-linter joserfc lint-imports mypy orjson pip pre-commit
    prometheus-client pydantic pydantic-settings pyotp pytest pytest-asyncio pytest-xdist python
    python3 redis ruff segno sqlalchemy structlog tornado types-zxcvbn uv uvloop webauthn zxcvbn
"""


def complaint() -> str | None:
    """What is wrong with the answers, in one line."""
    slug = ASKED["project_slug"]
    if len(slug) > 50 or not re.match(r"[a-z][a-z0-9-]*[a-z0-9]\Z", slug):
        return "project_slug: use 2 to 50 lower-case letters, digits and hyphens, a letter first"
    if slug in TAKEN.split():
        return f"project_slug: {slug} is a package or command that the project itself needs"
    for name, most in TEXTS.items():
        if not ASKED[name].strip() or len(ASKED[name]) > most or not ASKED[name].isprintable():
            return f"{name}: use 1 to {most} printable characters on one line"
        if re.search(r"\x7b[\x7b%#]", f"{TYPED.get(name)} {ASKED[name]}"):
            return f"{name}: Jinja is not allowed in an answer"
    return None


if problem := complaint():
    sys.exit(problem)
