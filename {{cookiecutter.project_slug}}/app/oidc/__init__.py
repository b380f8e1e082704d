"""Login with providers (OpenID Connect): `service.get(Providers)`, by their names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

from tornado.web import HTTPError

from app.oidc.provider import Failure, Provider
from app.oidc.settings import OidcSettings

if TYPE_CHECKING:
    from app.service import Service

__all__ = ["SETTINGS", "Failure", "Provider", "Providers", "lifespan"]

SETTINGS = OidcSettings


class Providers(dict[str, Provider]):
    """The providers of the settings, by their names; of others it raises 404."""

    def __missing__(self, name: str) -> NoReturn:
        raise HTTPError(404)


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring the providers, which are asked when somebody comes: no start waits for them."""
    known, origin = service.get(OidcSettings).oidc_providers, service.config.origin
    providers = Providers({name: Provider(name, each, origin) for name, each in known.items()})
    service.provide(providers)
    try:
        yield
    finally:
        for provider in providers.values():
            provider.client.close()
