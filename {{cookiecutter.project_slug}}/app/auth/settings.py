"""What accounts can be told by the environment."""

from pydantic import Field

from app.settings import Environment


class AuthSettings(Environment):
    """How many attempts are let through; 0 takes a limit away."""

    auth_attempts_per_account: int = Field(default=10, ge=0)
    auth_attempts_per_address: int = Field(default=60, ge=0)
    auth_attempts_seconds: int = Field(default=180, ge=1)
