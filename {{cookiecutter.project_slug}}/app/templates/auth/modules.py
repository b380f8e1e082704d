"""UI modules of the account pages."""

from typing import Any

import segno
from tornado.web import UIModule


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


class QR(UIModule):
    """A QR code, as a picture within the page; `text` is for those who do not see it."""

    def render(self, content: str, text: str) -> bytes:
        image = segno.make_qr(content).svg_data_uri(scale=4, light="#fff")
        return self.render_string("auth/qr.html", image=image, text=text)
