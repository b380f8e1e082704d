"""Languages: translations by path, the reader's choice, and the switch that changes it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel
from tornado import locale
from tornado.web import RequestHandler

from app.handlers import Handler
from app.problems import Invalid

COOKIE = "locale"
COOKIE_SECONDS = 365 * 24 * 3600
SOURCE = "en"
"""The language that the pages are written in."""


@cache
def load(folder: Path) -> None:
    """Read the `locale/<code>.csv` files of the folder and of every feature below it, once.

    Tornado reads one file for a language, so those of one language are put together.
    """
    with TemporaryDirectory() as together:
        for path in sorted(folder.rglob("locale/*.csv")):
            with (Path(together) / path.name).open("a", encoding="utf-8") as file:
                file.write(path.read_text("utf-8").rstrip("\n") + "\n")
        locale.set_default_locale(SOURCE)
        locale.load_translations(together)


def codes() -> list[str]:
    """The languages that there are, that of the pages themselves first."""
    return sorted(locale.get_supported_locales(), key=lambda code: (code != SOURCE, code))


def chosen(handler: RequestHandler) -> locale.Locale:
    """The language that was switched to, else what the browser asks for."""
    code = handler.get_cookie(COOKIE)
    return locale.get(code) if code in codes() else handler.get_browser_locale(SOURCE)


class Choice(BaseModel):
    locale: str
    next: str = "/"


class Switch(Handler):
    def post(self) -> None:
        choice = self.body(Choice)
        if choice.locale not in codes():
            raise Invalid({"locale": "This language is not supported."})
        self.set_cookie(
            COOKIE,
            choice.locale,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=self.application.config.https,
        )
        self.done(choice.next)
