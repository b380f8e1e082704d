"""The service: features in, one running Tornado application out."""

import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

from app.handlers import Handler, JSONRenderer, NotFound, Renderer
from app.settings import Environment, Settings
from app.signals import Signal
from app.telemetry import AccessLog

if TYPE_CHECKING:
    from tornado.web import RequestHandler, _HandlerDelegate

T = TypeVar("T")
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `session` names what the identity lives as long as."""

    id: str
    name: str
    session: str | None = None


async def guest(handler: "RequestHandler") -> Identity | None:
    """Without accounts everybody is a guest, told apart by the request they came with."""
    request_id = cast(Handler, handler).request_id
    return Identity(id=f"guest-{request_id}", name=f"guest-{request_id[:4]}")


class Service(Application):
    """The application, and the place where features find each other.

    Everything that a feature may bring has a harmless default here: guests (`identify`),
    JSON answers (`renderer`), backends in memory (`backend`).
    """

    def __init__(
        self,
        name: str,
        version: str,
        features: Sequence[ModuleType],
        settings: Sequence[Environment],
    ) -> None:
        self.name, self.version, self.features = name, version, features
        self._provided: dict[type[Any], Any] = {type(part): part for part in settings}
        self.config = config = self.get(Settings)
        self.backend = "memory"
        self.identify: Callable[[RequestHandler], Awaitable[Identity | None]] = guest
        self.renderer: Renderer = JSONRenderer()
        self.checks: dict[str, Check] = {}
        self.session_ended = Signal[str]()
        self.drain_started = Signal[None]()
        self.draining = False
        self.in_flight: weakref.WeakSet[HTTPServerRequest] = weakref.WeakSet()
        self._access_log = AccessLog(self.config)
        options: dict[str, Any] = {}
        for feature in features:
            options |= getattr(feature, "TORNADO", {})
        super().__init__(
            [route for feature in features for route in feature.ROUTES],
            default_handler_class=NotFound,
            log_function=self.finished,
            cross_origin_protection=True,
            trusted_origins=[self.config.origin],
            compiled_template_cache=self.config.production,
            static_hash_cache=self.config.production,
            cookie_secret=config.secret_key and config.secret_key.get_secret_value(),
            **options,
        )

    @property
    def feature_names(self) -> list[str]:
        return [feature.__name__.rpartition(".")[2] for feature in self.features]

    def provide(self, part: T, kind: type[T] | None = None) -> T:
        """Let other features `get` this part by its type, or by the protocol `kind`."""
        self._provided[kind or type(part)] = part
        return part

    def get(self, kind: type[T]) -> T:
        """The part of this type; raises `LookupError` where no feature provided one."""
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
            for feature in self.features:
                if hasattr(feature, "lifespan"):
                    await stack.enter_async_context(feature.lifespan(self))
            yield

    def drain(self) -> None:
        """Say to the outside that the service is about to stop."""
        self.draining = True
        self.drain_started.send(None)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> "_HandlerDelegate":
        self.in_flight.add(request)
        return super().find_handler(request, **kwargs)

    def finished(self, handler: "RequestHandler") -> None:
        self.in_flight.discard(handler.request)
        self._access_log(handler)


def features_with(features: Sequence[ModuleType], attribute: str) -> list[Any]:
    """What features say under this name, where they say it."""
    return [vars(feature)[attribute] for feature in features if attribute in vars(feature)]
