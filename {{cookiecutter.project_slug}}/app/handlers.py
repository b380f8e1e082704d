"""The base handlers: request ids, security headers, who asks, answers and errors."""

import re
import time
from asyncio import Future
from collections.abc import Awaitable
from contextlib import suppress
from functools import lru_cache
from random import getrandbits
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson
import structlog
from pydantic import BaseModel
from tornado.httputil import HTTPHeaders, format_timestamp
from tornado.web import HTTPError, RequestHandler

from app import bodies
from app.addresses import hostname
from app.problems import Problem, describe

if TYPE_CHECKING:
    from app.service import Identity, Service

M = TypeVar("M", bound=BaseModel)
log = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}\Z")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEADERS = {
    "Server": "app",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
HSTS = "max-age=31536000; includeSubDomains"


class Guarded(RequestHandler):
    """Security headers, a request id, a Host check and problem documents, for every answer."""

    application: "Service"
    any_host = False
    """Whether the handler answers under any host name, as probes ask by address."""
    anonymous = False
    """Whether it is the same for everybody: nobody is looked up, wherever that is kept."""
    personal = False
    """Whether only those are answered who are known: 401 for others, `who` for the method."""
    page: str | None = None
    """The page with the form that this handler's errors are shown on."""

    def clear(self) -> None:
        """As Tornado's, but for what costs a twelfth of a small request: a Server header that is
        replaced anyway, and a Date that is written anew for each request of the same second.
        """
        self._headers = HTTPHeaders()
        self._headers["Content-Type"] = "text/html; charset=UTF-8"
        self._headers["Date"] = date(int(time.time()))
        self.set_default_headers()
        self._write_buffer = []
        self.set_status(200)

    def set_default_headers(self) -> None:
        if not hasattr(self, "request_id"):
            given = self.request.headers.get("X-Request-ID", "")
            self.request_id = given if REQUEST_ID.match(given) else f"{getrandbits(64):016x}"
        self._headers["X-Request-ID"] = self.request_id
        for name, value in HEADERS.items():
            self._headers[name] = value
        if self.application.config.https:
            self._headers["Strict-Transport-Security"] = HSTS

    def flush(self, include_footers: bool = False) -> "Future[None]":
        """While the service drains every answer ends its connection, late ones too."""
        if self.application.draining:
            self._headers["Connection"] = "close"
        return super().flush(include_footers)

    def prepare(self) -> Awaitable[None] | None:
        structlog.contextvars.bind_contextvars(request_id=self.request_id)
        if not self.any_host:
            self.check_host()
        if self.personal:
            return self.identify()
        return None if self.anonymous else self.application.renderer.prepare(self)

    def check_host(self) -> None:
        """Refuse a Host that is not ours: links and origins depend on it (RFC 9110, 7.4)."""
        if hostname(self.request.host) not in self.application.config.hosts:
            raise Problem(421, "This host name is not served here.")

    def _origin_matches_host(self, origin: str) -> bool:
        """What is no URL is nobody's origin; Tornado would raise."""
        with suppress(ValueError):
            return super()._origin_matches_host(origin)
        return False

    async def identify(self) -> None:
        """Find out who asks, for `current_user`; raises 401 where that must be known."""
        self.current_user = await self.application.identify(self)
        if self.current_user and self.current_user.session:  # what differs is nobody else's
            self._headers["Cache-Control"] = "no-store"
        if self.personal and self.current_user is None:
            raise Problem(401, "It must be known who asks.")

    @property
    def who(self) -> "Identity":
        """Who asks, in a `personal` handler."""
        if not self.personal:
            raise RuntimeError("only a personal handler has found out who asks")
        return cast("Identity", self.current_user)

    def json(self, data: Any, content_type: str = "application/json") -> None:
        self._headers["Content-Type"] = f"{content_type}; charset=utf-8"
        self.finish(orjson.dumps(data))

    def options(self, *args: str, **kwargs: str) -> None:
        self.set_header("Allow", self.allowed())
        self.set_status(204)
        self.clear_header("Content-Type")

    def allowed(self) -> str:
        """The methods that this handler implements, for `Allow`."""
        names = [
            method
            for method in METHODS
            if getattr(type(self), method.lower()) is not getattr(RequestHandler, method.lower())
        ]
        if "GET" not in names and "HEAD" in names:
            names.remove("HEAD")
        return ", ".join([*names, "OPTIONS"])

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if status_code == 405:
            self.set_header("Allow", self.allowed())
        if isinstance(error, Problem):
            for name, value in error.headers.items():
                self.set_header(name, value)
        problem = describe(status_code, self._reason, error, self.request_id)
        self.application.renderer.problem(self, problem)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, HTTPError):
            # Named here, as `prepare` may not have come so far.
            log.error("unhandled error", request_id=self.request_id, exc_info=(typ, value, tb))


class Handler(Guarded):
    """The base of every handler: JSON or a form in, JSON or a page out."""

    def answer(self, data: Any, page: str | None = None) -> None:
        """Answer with the page for a browser, where there are pages, and with JSON otherwise."""
        self.application.renderer.answer(self, data, page)

    def done(self, location: str, data: Any = None, notice: str | None = None) -> None:
        """After a change: send a browser on (303), answer others with the data or 204.

        A location that is not a path of ours becomes `/`, so that it may come from outside.
        """
        self.application.renderer.done(self, data, location, notice)

    def body(self, model: type[M]) -> M:
        """The body, JSON or form, as this model; raises 400, 415 or `Invalid`."""
        return bodies.read(self, model)

    def form_values(self) -> dict[str, str]:
        """What a form sent, one value a field, spaces kept."""
        return {
            name: self.get_body_argument(name, strip=False) for name in self.request.body_arguments
        }

    def head(self, *args: str, **kwargs: str) -> Any:
        """HEAD is GET without the body, which Tornado leaves out (RFC 9110, 9.3.2)."""
        return self.get(*args, **kwargs)

    def set_etag_header(self) -> None:
        """No ETag: hashing each answer costs more than it saves; files have their own."""

    def check_etag_header(self) -> bool:
        return False


@lru_cache(1)
def date(second: int) -> str:
    return format_timestamp(second)


class NotFound(Handler):
    """Every path that no feature has."""

    def check_trusted_origin(self, origin: str) -> bool:
        return True

    async def prepare(self) -> None:
        if preparation := super().prepare():
            await preparation
        raise HTTPError(404)
