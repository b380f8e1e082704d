"""The providers, as the environment tells of them."""

from typing import Self

from pydantic import Field, Json, model_validator

from app.oidc.configuration import OidcProvider, ProviderName
from app.settings import Environment


class OidcSettings(Environment):
    """Whom people can log in with."""

    oidc_providers: Json[dict[ProviderName, OidcProvider]] = Field(
        default_factory=dict, validate_default=False
    )

    @model_validator(mode="after")
    def nobody_listens(self) -> Self:
        secure = all(p.issuer.startswith("https:") for p in self.oidc_providers.values())
        if self.production and not secure:
            raise ValueError("OIDC_PROVIDERS must be asked by https in production")
        return self
