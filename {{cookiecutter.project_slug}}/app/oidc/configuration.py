"""A provider: who it is, and who we are there."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, SecretStr

WELL_KNOWN = "/.well-known/openid-configuration"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def secure(value: str) -> str:
    """The URL, if nobody can listen on the way there; `ValueError` otherwise."""
    url = urlsplit(value)
    if not (url.hostname and url.scheme == "https") and (
        url.scheme != "http" or url.hostname not in LOOPBACK
    ):
        raise ValueError("must be an https URL")
    return value


def an_issuer(value: str) -> str:
    """Who the provider is, also if it is told where its discovery document is."""
    return secure(value.removesuffix(WELL_KNOWN).rstrip("/"))


ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]


class OidcProvider(BaseModel, extra="forbid"):
    """A provider (OpenID Connect), and who we are there."""

    issuer: Annotated[str, AfterValidator(an_issuer)] = Field(
        max_length=255, validation_alias=AliasChoices("issuer", "discovery_url")
    )
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    title: str | None = None
    scope: str = "openid email"
