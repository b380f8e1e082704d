"""Logs and metrics: what operators see of the service."""

import asyncio
import logging
import sys
import time
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson
import structlog
from structlog.typing import Processor

from app.metrics import Counter, Histogram
from app.settings import Settings

if TYPE_CHECKING:
    from tornado.web import RequestHandler

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "handler", "status"])
SECONDS = Histogram("http_request_seconds", "Seconds from request to answer", ["handler"])

_children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


class Output:
    """Standard output. Where it fails, as on a full disk, lines are lost and that is said once."""

    failing = False

    def write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
            self.failing = False
        except OSError as error:
            if not self.failing:
                with suppress(OSError):
                    print(f"the log cannot be written: {error.strerror}", file=sys.stderr)
            self.failing = True

    def flush(self) -> None:
        """Nothing waits."""


OUTPUT = Output()


def configure(settings: Settings) -> None:
    """Send structlog and the standard library's logging through one chain to standard output."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.json_logs:
        own = {"instance": settings.instance}
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(
                lambda event, **_: orjson.dumps(event | own, default=str).decode()
            ),
        ]
    else:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(),
                # Others show local variables, which may hold secrets.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    output = logging.StreamHandler(OUTPUT)
    output.setFormatter(formatter)
    logging.basicConfig(handlers=[output], level=settings.log_level.upper(), force=True)


class AccessLog:
    """Tornado's `log_function`: one line and two metrics for each answer.

    The lines of one turn of the loop are written together and past `logging`, which would cost a
    sixth of a small request.
    """

    def __init__(self, settings: Settings) -> None:
        self._format = _json if settings.json_logs else _text
        self._instance = settings.instance
        self._quiet = settings.log_level in ("warning", "error")
        self._lines: list[str] = []

    def __call__(self, handler: "RequestHandler") -> None:
        request, status = handler.request, handler.get_status()
        seconds = request.request_time()
        count(request.method or "", type(handler).__name__, status, seconds)
        if self._quiet and status < 500:
            return
        entry = {
            "event": "request",
            "level": "error" if status >= 500 else "info",
            "timestamp": _timestamp(int(time.time())),
            "request_id": getattr(handler, "request_id", None),
            "method": request.method,
            "path": _visible(request.path),
            "status": status,
            "seconds": round(seconds, 6),
            "address": request.remote_ip,
            "instance": self._instance,
        }
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(self._format(entry))

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        OUTPUT.write("".join(lines))


def count(method: str, name: str, status: int, seconds: float) -> None:
    """Count one answer; the labelled metrics are kept, as looking them up is slow."""
    method = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "OTHER"
    try:
        counter, histogram = _children[method, name, status]
    except KeyError:
        counter, histogram = REQUESTS.labels(method, name, status), SECONDS.labels(name)
        _children[method, name, status] = counter, histogram
    counter.inc()
    histogram.observe(seconds)


def _visible(path: str) -> str:
    """In one line, with nothing in it that a terminal obeys."""
    return path if path.isascii() and path.isprintable() else ascii(path)[1:-1]


@lru_cache(1)
def _timestamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def _json(entry: dict[str, object]) -> str:
    return orjson.dumps(entry).decode() + "\n"


def _text(entry: dict[str, object]) -> str:
    line = "{timestamp} [{level:9}] {method} {path} {status} in {seconds:.4f} s"
    return f"{line} request_id={{request_id}}\n".format_map(entry)
