"""What accounts can be told by the environment."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, Json, NameEmail, field_validator, model_validator

from app.auth.provider import OidcProvider, ProviderName
from app.settings import Environment


class AuthSettings(Environment):
    """The mail server, providers, and how many attempts are let through; 0 takes a limit away."""

    mail_url: str | None = None
    mail_from: NameEmail | None = None
    oidc_providers: Json[dict[ProviderName, OidcProvider]] = Field(
        default_factory=dict, validate_default=False
    )
    auth_attempts_per_account: int = Field(default=10, ge=0)
    auth_attempts_per_address: int = Field(default=60, ge=0)
    auth_attempts_seconds: int = Field(default=180, ge=1)

    @field_validator("mail_url")
    @classmethod
    def a_mail_server(cls, value: str | None) -> str | None:
        if value and not _is_server(value):
            raise ValueError("must look like smtp://user:password@host:587")
        return value

    @model_validator(mode="after")
    def nobody_listens(self) -> Self:
        secure = all(p.issuer.startswith("https:") for p in self.oidc_providers.values())
        if self.production and not secure:
            raise ValueError("OIDC_PROVIDERS must be asked by https in production")
        return self


def _is_server(value: str) -> bool:
    try:
        url = urlsplit(value)
        return url.scheme in ("smtp", "smtps") and bool(url.hostname) and url.port != 0
    except ValueError:  # a port that is no number
        return False
