"""UI modules that every page may use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tornado import locale
from tornado.web import UIModule

from app.service import word
from app.templates import language

if TYPE_CHECKING:
    from app.service import Service


class Features(UIModule):
    """Each feature's own template of this name, in the order of the features."""

    def render(self, name: str) -> bytes:
        service = cast("Service", self.handler.application)
        folder = Path(self.handler.get_template_path() or "")
        paths = [f"{word(part)}/{name}" for part in service.parts]
        return b"".join(self.render_string(path) for path in paths if (folder / path).is_file())


class NavigationLink(UIModule):
    """An entry of the navigation; it says whether the page shown is below it."""

    def render(self, url: str, text: str) -> bytes:
        path = self.request.path
        current = path == url or path.startswith(f"{url}/")
        return self.render_string("navigation_link.html", url=url, text=text, current=current)


class LocaleSwitch(UIModule):
    """A button for each language, in its own name for itself."""

    def render(self) -> bytes:
        languages = [
            # "English" is translated by every language into its own name.
            (code, locale.get(code).translate("English"))
            for code in language.codes()
        ]
        return self.render_string("locale_switch.html", languages=languages)


class Notice(UIModule):
    """What has just been done, or went wrong; nothing if there is nothing to say."""

    def render(self, notice: str | None = None, problem: dict[str, Any] | None = None) -> bytes:
        return self.render_string("notice.html", notice=notice, problem=problem)


class Card(UIModule):
    """A feature on the front page: its icon, what it is, and where it is found."""

    def render(self, icon: str, title: str, text: str, url: str = "", link: str = "") -> bytes:
        return self.render_string(
            "card.html", icon=icon, title=title, text=text, url=url, link=link
        )
