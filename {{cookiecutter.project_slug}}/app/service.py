"""The service: features in, one running Tornado application out."""

import asyncio
import weakref
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from app import __version__
from app.handlers import NotFound
from app.proxies import apply_forwarded, trusting
from app.renderer import Renderer
from app.settings import Environment, Settings
from app.signals import Signal
from app.telemetry import AccessLog

if TYPE_CHECKING:
    from tornado.web import _HandlerDelegate

T = TypeVar("T")
Check = Callable[[], Awaitable[None]]
"""Returns when the dependency answers, and raises when it does not."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. It lives as long as `session`, or as the request where there is none."""

    id: str
    name: str
    session: str | None = None
    expires_at: datetime | None = None
    """When the session ends, if it is not used before: then `identify` must be asked again."""


ANYONE = Identity(id="", name="guest")
"""Who everybody is where no feature tells people apart."""


async def anyone(handler: RequestHandler) -> Identity | None:
    """Let everybody in; a feature that knows people answers None for those it does not know."""
    return ANYONE


class Service(Application):
    """The application, and the place where features find each other.

    Everything that a feature may bring has a harmless default here: everybody is a
    guest (`identify`), answers are JSON (`renderer`), backends live in memory (`backend`).
    """

    def __init__(
        self,
        name: str,
        core: Sequence[ModuleType],
        features: Sequence[ModuleType],
        settings: Sequence[Environment],
    ) -> None:
        self.name, self.version, self.features = name, __version__, features
        self.parts = [*core, *features]
        self._provided: dict[type[Any], Any] = {type(part): part for part in settings}
        self.config = self.get(Settings)
        self.identify: Callable[[RequestHandler], Awaitable[Identity | None]] = anyone
        self.renderer = Renderer()
        self.backend = "memory"
        self.checks: dict[str, Check] = {}
        """What the service cannot answer without: `/health/ready` asks them."""
        self.inspections: dict[str, Check] = {}
        """What it can do without for a while: only the command `check` asks them."""
        self.housekeeping: list[Callable[[], Awaitable[None]]] = []
        self.serving = Signal[None]()
        self.stopping = Signal[None]()
        self.session_ended = Signal[str]()
        self.sessions_unsure = Signal[None]()
        """Session ends may have been missed: ask again."""
        self.draining, self._deadline = False, 0.0
        self.in_flight: weakref.WeakSet[HTTPServerRequest] = weakref.WeakSet()
        self._access_log = AccessLog(self.config)
        self._trusts = trusting(self.config.trusted_proxies)
        super().__init__(
            [route for routes in said_by(self.parts, "ROUTES") for route in routes],
            default_handler_class=NotFound,
            log_function=self.answered,
            cross_origin_protection=True,
            trusted_origins=[self.config.origin],
            cookie_secret=self.config.key,
            **dict(ChainMap(*said_by(self.parts, "TORNADO"))),
        )

    @property
    def feature_names(self) -> list[str]:
        """The words of the features: packages that say `ROUTES`, be there any or not."""
        return [word(feature) for feature in self.features if hasattr(feature, "ROUTES")]

    def provide(self, part: T, kind: type[T] | None = None) -> T:
        """Let other features `get` this part by its type, or by the base class `kind`."""
        self._provided[kind or type(part)] = part
        return part

    def get(self, kind: type[T]) -> T:
        """The part of this type; raises `LookupError` where no feature provides one."""
        try:
            return cast(T, self._provided[kind])
        except KeyError:
            raise LookupError(f"nothing provides {kind.__name__}") from None

    def backend_of(self, package: str) -> ModuleType:
        """The package's module for the backend in force, such as `memory`."""
        return import_module(f"{package}.{self.backend}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Enter each feature's `lifespan`, in the order of the features; leave in reverse."""
        async with AsyncExitStack() as stack:
            for lifespan in said_by(self.parts, "lifespan"):
                await stack.enter_async_context(lifespan(self))
            yield

    def drain(self) -> None:
        """Say to the outside and to the features that the service is about to stop."""
        self.draining = True
        self._deadline = asyncio.get_running_loop().time() + self.config.drain_seconds
        self.stopping.send(None)

    def seconds_left(self) -> float:
        """How long what is under way may still take; all that ends with the service share it."""
        if not self.draining:  # a command's end, which nobody waits for behind a proxy
            return self.config.drain_seconds
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> "_HandlerDelegate":
        self.in_flight.add(request)
        # What is behind a unix socket can only be asked by the proxy that may open it.
        if self.config.unix_socket or self._trusts(request.remote_ip or ""):
            apply_forwarded(request, self._trusts)
        return super().find_handler(request, **kwargs)

    def answered(self, handler: RequestHandler) -> None:
        self.in_flight.discard(handler.request)
        self._access_log(handler)


def said_by(parts: Sequence[ModuleType], attribute: str) -> list[Any]:
    """What the packages say under this name, where they say it."""
    return [vars(part)[attribute] for part in parts if attribute in vars(part)]


def word(part: ModuleType) -> str:
    """The package's own name, which is a feature's word everywhere."""
    return part.__name__.rpartition(".")[2]
