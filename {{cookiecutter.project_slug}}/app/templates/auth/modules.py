"""UI modules of the account pages."""

from datetime import datetime
from typing import Any

import segno
from tornado.escape import xhtml_escape
from tornado.web import UIModule

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome"}
"""What their names contain, and how people call them: most claim to be the others as well."""
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


class Providers(UIModule):
    """A button for each provider that one can log in with."""

    def render(self, providers: dict[str, str], next_page: str) -> bytes:
        return self.render_string("auth/providers.html", providers=providers, next_page=next_page)


class Field(UIModule):
    """A label, its input, and beside it what was wrong with what was sent.

    What was typed is kept, but for passwords. Further arguments are attributes of the input.
    """

    def render(
        self,
        name: str,
        label: str,
        values: dict[str, str],
        problem: dict[str, Any] | None,
        hint: str = "",
        **attributes: str,
    ) -> bytes:
        secret = attributes.get("type") == "password"
        return self.render_string(
            "auth/field.html",
            name=name,
            label=label,
            hint=hint,
            error=(problem or {}).get("errors", {}).get(name),
            attributes=attributes if secret else {"value": values.get(name, ""), **attributes},
        )


class DeleteButton(UIModule):
    """A button that deletes what is at the URL."""

    def render(self, url: str, label: str) -> bytes:
        return self.render_string("auth/delete_button.html", url=url, label=label)


class Moment(UIModule):
    """How long ago something was; exactly, in UTC, where the pointer rests."""

    def render(self, at: datetime) -> str:
        words = xhtml_escape(self.locale.format_date(at))
        exact = at.isoformat(timespec="seconds")
        return f'<time datetime="{exact}" title="{exact}">{words}</time>'


class Browser(UIModule):
    """The browser and the system that a User-Agent claims."""

    def render(self, agent: str) -> str:
        name = next((name for mark, name in BROWSERS.items() if mark in agent), None)
        if name is None:
            name = "Safari" if "Safari" in agent else agent.partition("/")[0][:40]
        system = next((name for mark, name in SYSTEMS.items() if mark in agent), None)
        known = name or self.locale.translate("An unknown program")
        return xhtml_escape(f"{known} · {system}" if system else known)


class QR(UIModule):
    """A QR code, as a picture within the page; `text` is for those who do not see it."""

    def render(self, content: str, text: str) -> bytes:
        image = segno.make_qr(content).svg_data_uri(scale=4, light="#fff")
        return self.render_string("auth/qr.html", image=image, text=text)
