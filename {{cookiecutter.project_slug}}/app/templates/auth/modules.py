"""UI modules of the account pages."""

from typing import Any

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
