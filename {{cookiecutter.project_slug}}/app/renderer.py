"""How answers are written: as JSON, unless a feature brings another way."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.handlers import Guarded, Handler


class Renderer:
    """Writes every answer as JSON; the base of those that write pages for browsers."""

    def prepare(self, handler: "Guarded") -> Awaitable[None] | None:
        """Fetch what the answer will need; awaited before the handler's method is called."""
        return None

    def wants_page(self, handler: "Guarded") -> bool:
        """Whether who asks gets a page, if there is one."""
        return False

    def translator(self, handler: "Guarded") -> Callable[[str], str]:
        """What turns a text into one in the language of who asks."""
        return str

    def answer(self, handler: "Handler", data: Any, page: str | None) -> None:
        """Write the data, or the page that shows it."""
        handler.json(data)

    def done(self, handler: "Handler", data: Any, location: str, notice: str | None) -> None:
        """Answer a change that was made; a page's reader goes on to `location` with a notice."""
        if data is not None:
            handler.json(data)
            return
        handler.set_status(204)
        handler.clear_header("Content-Type")
        handler.finish()

    def problem(self, handler: "Guarded", problem: dict[str, Any]) -> None:
        """Write what went wrong (RFC 9457), or show it on the page of the handler's form."""
        handler.json(problem, "application/problem+json")
