"""The letters about accounts."""

from pathlib import Path

from app.mail import Letter

MAILS = Path(__file__).parent / "mails"


def letter(name: str) -> Letter:
    return Letter.read(MAILS / f"{name}.txt")


def told(what: str, name: str = "told") -> Letter:
    """Tells an account's owner what was done to it: often the first sign of an intruder."""
    return letter(name)._replace(subject=what)
