"""What the core can be told by environment variables or `.env`."""

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    HttpUrl,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ORIGIN = re.compile(r"https?://([a-z0-9_-][a-z0-9._-]*|\[[0-9a-f:.]+])(:[0-9]+)?/\Z")
PLACEHOLDER = re.compile(r"change.?me|placeholder", re.IGNORECASE)


class SettingsError(Exception):
    """Settings that the service cannot start with: one line for each, naming its variable."""


class Environment(BaseSettings):
    """The base of every settings class: where values come from, and which environment it is."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    environment: Literal["development", "production"] = "development"

    @property
    def production(self) -> bool:
        return self.environment == "production"

    def required(self, *names: str) -> None:
        """Refuse a production start without a value for each of these settings."""
        missing = [name.upper() for name in names if not getattr(self, name)]
        if self.production and missing:
            raise ValueError(f"{', '.join(missing)} must be set in production")


class Settings(Environment):
    """The core's settings.

    `instance` is the number of this process among those of the service, 0 where they have none.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    unix_socket: str | None = None
    instance: int = Field(default=1, ge=0)
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    public_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] | None = None
    drain_seconds: float = Field(default=10, ge=0)
    prometheus_multiproc_dir: str | None = None
    secret_key: SecretStr | None = None

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def separate(cls, value: object) -> object:
        return [each.strip() for each in value.split(",")] if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        with suppress(ValidationError):
            if ORIGIN.match(origin := str(HttpUrl(value))):  # as browsers write it
                return origin.removesuffix("/")
        raise ValueError("must look like https://example.com")

    @field_validator("prometheus_multiproc_dir")
    @classmethod
    def a_folder(cls, value: str | None) -> str | None:
        if value and not os.access(value, os.W_OK):
            raise ValueError("must be a folder that can be written to")
        return value

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.prometheus_multiproc_dir and not self.instance:
            raise ValueError("PROMETHEUS_MULTIPROC_DIR needs an INSTANCE above 0")
        self.required("secret_key", "public_url")
        if self.production and (len(self.key.strip()) < 32 or PLACEHOLDER.search(self.key)):
            raise ValueError("SECRET_KEY must be at least 32 random characters, not a placeholder")
        return self

    @cached_property
    def key(self) -> str:
        """What cookies are signed with; in development one that lasts as long as the process."""
        return self.secret_key.get_secret_value() if self.secret_key else secrets.token_urlsafe(32)

    @property
    def json_logs(self) -> bool:
        return (self.log_format or ("json" if self.production else "console")) == "json"

    @cached_property
    def origin(self) -> str:
        """The scheme, host and port under which people reach the service."""
        return self.public_url or f"http://{self.netloc(self.port)}"

    def netloc(self, port: int) -> str:
        """The host as links hold it (RFC 3986, 3.2.2), and the port."""
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The host names that a request may ask for."""
        public = frozenset({urlsplit(self.origin).hostname or ""})
        return public if self.production else public | {"localhost", "127.0.0.1", "::1", self.host}

    @cached_property
    def https(self) -> bool:
        return self.origin.startswith("https:")


def load(classes: Iterable[type[Environment]]) -> list[Environment]:
    """Read every settings class; raise one `SettingsError` that holds all complaints."""
    loaded, complaints = [], dict[str, None]()
    for settings in classes:
        try:
            loaded.append(settings())
        except ValidationError as error:
            complaints.update(dict.fromkeys(_lines(error)))
        except UnicodeDecodeError:
            complaints[".env: must be text in UTF-8"] = None
    if complaints:
        raise SettingsError("\n".join(complaints))
    return loaded


def _lines(error: ValidationError) -> list[str]:
    """One line per complaint, without the value: it may be a secret."""
    return [
        ": ".join(
            [*(str(part).upper() for part in e["loc"]), e["msg"].removeprefix("Value error, ")]
        )
        for e in error.errors(include_input=False, include_url=False)
    ]
