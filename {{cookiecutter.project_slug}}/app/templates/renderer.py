"""The renderer of pages: who gets one, with which headers, and what a page knows."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog
from tornado.web import HTTPError

from app.handlers import Guarded, Handler
from app.renderer import Renderer
from app.templates import language, notices
from app.templates.paths import own_path

if TYPE_CHECKING:
    from app.service import Identity

CSP = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
NONCE_BYTES = 18
"""144 random bits; CSP asks for at least 128 (CSP3, 7.1)."""
REFERRER = "strict-origin"
"""Never more than our own name, but that: without it forms say `Origin: null` and are refused."""

log = structlog.get_logger()


def prefers_page(accept: str) -> bool:
    """Whether HTML is named and no less welcome than JSON; `*/*` alone is a program's."""
    accept = accept.lower()
    if "text/" not in accept:
        return False
    quality = dict(map(_media_range, accept.split(",")))
    json = _first(quality, ("application/json", "application/*", "*/*"))
    return 0 < _first(quality, ("text/html", "text/*")) >= json


def _first(quality: dict[str, float], kinds: Iterable[str]) -> float:
    """The quality of the most specific kind that is named (RFC 9110, 12.5.1)."""
    return next((quality[kind] for kind in kinds if kind in quality), 0.0)


def _media_range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in text.split(";"))
    given = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return kind, float(given)
    except ValueError:
        return kind, 0.0


class HTMLRenderer(Renderer):
    """Writes a page where the client prefers one and the handler has one, else JSON."""

    def prepare(self, handler: Guarded) -> Awaitable[None] | None:
        """Find out who asks, as every page shows it."""
        return handler.identify() if self.wants_page(handler) else None

    def wants_page(self, handler: Guarded) -> bool:
        return prefers_page(handler.request.headers.get("Accept", ""))

    def translator(self, handler: Guarded) -> Callable[[str], str]:
        return language.chosen(handler).translate

    def answer(self, handler: Handler, data: Any, page: str | None) -> None:
        if page is not None and handler._headers.get("Cache-Control") != "no-store":  # is kept
            handler.add_header("Vary", "Accept")
        if page is not None and self.wants_page(handler):
            _finish(handler, *_render(handler, page, data=data))
        else:
            super().answer(handler, data, page)

    def done(self, handler: Handler, data: Any, location: str, notice: str | None) -> None:
        if not self.wants_page(handler):
            super().done(handler, data, location, notice)
            return
        if notice:
            notices.leave(handler, notice)
        _redirect(handler, own_path(location), 303)

    def problem(self, handler: Guarded, problem: dict[str, Any]) -> None:
        """Show it on the page with the form, else on a page of its own, and at worst as JSON."""
        handler.add_header("Vary", "Accept")
        pages = [page for page in (handler.page, "error.html") if page and self.wants_page(handler)]
        if pages and (entrance := _entrance(handler, problem["status"])):
            _redirect(handler, entrance, 302)
            return
        for page in pages:
            try:
                rendered = _render(handler, page, problem=problem)
            except HTTPError:
                continue  # what was asked with cannot be read, and so not be shown
            except Exception:
                log.exception("page failed", page=page)
            else:
                _finish(handler, *rendered)
                return
        super().problem(handler, problem)


def _entrance(handler: Guarded, status: int) -> str | None:
    """Where somebody unknown is sent who only wanted to look at a page."""
    url: str | None = handler.settings.get("login_url")
    own = handler.page and not handler.personal  # the entrance itself, with its form
    if status != 401 or not url or own or handler.request.method not in ("GET", "HEAD"):
        return None
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'next': handler.request.uri})}"


def _render(
    handler: Guarded, page: str, data: Any = None, problem: dict[str, Any] | None = None
) -> tuple[bytes, str]:
    """The page and the nonce of its scripts; raises whatever the template raises."""
    handler.locale = language.chosen(handler)
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    names = {
        **(data if isinstance(data, dict) else {}),
        "data": data,
        "problem": problem,
        "values": _values(handler),
        "notice": notices.waiting(handler),
        "service": handler.application,
        "csp_nonce": nonce,
    }
    return handler.render_string(page, **names), nonce


def _values(handler: Guarded) -> dict[str, str]:
    """What the form sent; nothing where that cannot be read."""
    try:
        return handler.form_values() if isinstance(handler, Handler) else {}
    except HTTPError:
        return {}


def _finish(handler: Guarded, html: bytes, nonce: str) -> None:
    user: Identity | None = handler.current_user
    notices.shown(handler)
    handler.add_header("Vary", "Accept-Language, Cookie")
    if user and user.id:
        handler.set_header("Cache-Control", "no-store")
    elif "Cache-Control" not in handler._headers:
        handler.set_header("Cache-Control", "private, no-cache")
    handler.set_header("Content-Type", "text/html; charset=utf-8")
    handler.set_header("Content-Security-Policy", CSP.format(nonce=nonce))
    handler.set_header("Referrer-Policy", REFERRER)
    handler.finish(html)


def _redirect(handler: Guarded, location: str, status: int) -> None:
    handler.clear_header("Content-Type")
    handler.redirect(location, status=status)
