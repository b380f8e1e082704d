"""The base handlers: who asks, request ids, bodies, answers and errors."""

import re
import secrets
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import orjson
import structlog
from pydantic import BaseModel, ValidationError
from tornado.web import HTTPError, RequestHandler

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


class Renderer(Protocol):
    """Makes pages of answers, for clients that want them."""

    def wanted(self, handler: "Handler") -> bool: ...
    def render(self, handler: "Handler", page: str, data: dict[str, Any]) -> None: ...


class JSONRenderer:
    """No pages: every answer is JSON."""

    def wanted(self, handler: "Handler") -> bool:
        return False

    def render(self, handler: "Handler", page: str, data: dict[str, Any]) -> None:
        handler.json(data)


class Invalid(HTTPError):
    """A body that was read but does not hold what it should: 422 with an error for each field."""

    def __init__(self, errors: dict[str, str], detail: str = "The body is not valid.") -> None:
        super().__init__(422)
        self.errors, self.detail = errors, detail


class Problem(HTTPError):
    """An error whose detail, further members and headers are for the client (RFC 9457)."""

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status)
        self.detail, self.headers, self.members = detail, headers or {}, members


class Guarded(RequestHandler):
    """Security headers, a request id and a Host check, for every kind of answer."""

    application: "Service"
    any_host = False

    def set_default_headers(self) -> None:
        if not hasattr(self, "request_id"):
            given = self.request.headers.get("X-Request-ID", "")
            self.request_id = given if REQUEST_ID.match(given) else secrets.token_hex(8)
        self._headers["X-Request-ID"] = self.request_id
        for name, value in HEADERS.items():
            self._headers[name] = value
        if self.application.config.https:
            self._headers["Strict-Transport-Security"] = HSTS
        if self.application.draining:
            self._headers["Connection"] = "close"

    def check_host(self) -> None:
        """Refuse a Host that is not ours: links and origins depend on it (RFC 9110, 7.4)."""
        try:
            host = urlsplit(f"//{self.request.host}").hostname
        except ValueError:
            host = None
        if not self.any_host and host not in self.application.config.hosts:
            raise Problem(421, "This host name is not served here.")


class Handler(Guarded):
    """The base of every handler: JSON or a form in, JSON or a page out."""

    page: str | None = None
    """The page with the form that this handler's errors belong to."""

    async def prepare(self) -> None:
        structlog.contextvars.bind_contextvars(request_id=self.request_id)
        self.check_host()

    async def identify(self) -> "Identity | None":
        """Find out who asks; handlers that care await it in `prepare`."""
        self.current_user = await self.application.identify(self)
        return cast("Identity | None", self.current_user)

    def compute_etag(self) -> None:
        """No ETag: hashing each answer costs more than it saves; files have their own."""

    def json(self, data: Any, content_type: str = "application/json") -> None:
        self._headers["Content-Type"] = f"{content_type}; charset=utf-8"
        self.finish(orjson.dumps(data))

    @property
    def browser(self) -> bool:
        """Whether the client is to get pages."""
        return self.application.renderer.wanted(self)

    def answer(self, data: dict[str, Any], page: str | None = None) -> None:
        """Answer with the page for a browser, and with JSON otherwise."""
        if page and self.browser:
            self.application.renderer.render(self, page, data)
        else:
            self.json(data)

    def done(self, location: str, data: dict[str, Any] | None = None, status: int = 204) -> None:
        """After a change: send a browser on (303), answer others with the status."""
        if self.browser:
            self.redirect(location, status=303)
            return
        self.set_status(status)
        if data is None:
            self.clear_header("Content-Type")
            self.finish()
        else:
            self.json(data)

    def body(self, model: type[M]) -> M:
        """The body, JSON or form, as this model; raises 400, 415 or `Invalid`."""
        try:
            return model.model_validate(self._fields())
        except ValidationError as error:
            raise Invalid(
                {str(e["loc"][0]) if e["loc"] else "body": e["msg"] for e in error.errors()}
            ) from None

    def _fields(self) -> Any:
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            try:
                return orjson.loads(self.request.body)
            except orjson.JSONDecodeError:
                raise Problem(400, "The body is not JSON.") from None
        if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            return {
                name: self.get_body_argument(name, strip=False)
                for name in self.request.body_arguments
            }
        raise Problem(415, "Send application/json or a form.")

    def head(self, *args: str, **kwargs: str) -> Any:
        """HEAD is GET without the body, which Tornado leaves out (RFC 9110, 9.3.2)."""
        return self.get(*args, **kwargs)

    def options(self, *args: str, **kwargs: str) -> None:
        self.set_header("Allow", self.allowed())
        self.set_status(204)
        self.clear_header("Content-Type")

    def allowed(self) -> str:
        """The methods that this handler implements, for `Allow`."""
        names = [
            m
            for m in METHODS
            if getattr(type(self), m.lower()) is not getattr(RequestHandler, m.lower())
        ]
        if "GET" not in names:
            names.remove("HEAD")
        return ", ".join([*names, "OPTIONS"])

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        problem = self._problem(status_code, error)
        if status_code == 405:
            self.set_header("Allow", self.allowed())
        if isinstance(error, Problem):
            for name, value in error.headers.items():
                self.set_header(name, value)
        if self.browser:
            page = self.page if self.page and status_code in (400, 401, 422, 429) else "error.html"
            self.application.renderer.render(self, page, problem)
        else:
            self.json(problem, "application/problem+json")

    def _problem(self, status: int, error: BaseException | None) -> dict[str, Any]:
        title = self._reason
        problem = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": getattr(error, "detail", title),
            "request_id": self.request_id,
        }
        if isinstance(error, Invalid):
            problem["errors"] = error.errors
        return problem | getattr(error, "members", {})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, HTTPError):
            log.error("unhandled error", exc_info=(typ, value, tb))


class NotFound(Handler):
    """Every path that no feature has."""

    def check_trusted_origin(self, origin: str) -> bool:
        return True

    async def prepare(self) -> None:
        await super().prepare()
        raise HTTPError(404)
