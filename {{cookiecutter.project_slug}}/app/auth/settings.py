"""What accounts can be told by the environment."""

from urllib.parse import urlsplit

from pydantic import Field, NameEmail, field_validator

from app.settings import Environment


class AuthSettings(Environment):
    """The mail server, and how many attempts are let through; 0 takes a limit away."""

    mail_url: str | None = None
    mail_from: NameEmail | None = None
    auth_attempts_per_account: int = Field(default=10, ge=0)
    auth_attempts_per_address: int = Field(default=60, ge=0)
    auth_attempts_seconds: int = Field(default=180, ge=1)

    @field_validator("mail_url")
    @classmethod
    def a_mail_server(cls, value: str | None) -> str | None:
        if value and not _is_server(value):
            raise ValueError("must look like smtp://user:password@host:587")
        return value


def _is_server(value: str) -> bool:
    try:
        url = urlsplit(value)
        return url.scheme in ("smtp", "smtps") and bool(url.hostname) and url.port != 0
    except ValueError:  # a port that is no number
        return False
