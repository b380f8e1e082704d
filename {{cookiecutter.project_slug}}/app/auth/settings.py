"""What accounts can be told by the environment."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from app.settings import Environment

HERE = ("localhost", "127.0.0.1", "::1")


class AuthSettings(Environment):
    """How many attempts are let through; 0 takes a limit away."""

    auth_attempts_per_account: int = Field(default=10, ge=0)
    auth_attempts_per_address: int = Field(default=60, ge=0)
    auth_attempts_seconds: int = Field(default=180, ge=1)
    public_url: str | None = None

    @model_validator(mode="after")
    def cookies_are_secure(self) -> Self:
        url = urlsplit(self.public_url or "")
        if self.production and url.scheme == "http" and url.hostname not in HERE:
            raise ValueError("PUBLIC_URL must be https in production: it makes cookies secure")
        return self
