"""What Redis can be told by the environment."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from app.settings import Environment

SCHEMES = ("redis", "rediss", "unix")


class RedisSettings(Environment):
    """`REDIS_URL`, such as redis://localhost:6379/0; needed in production."""

    redis_url: str | None = None

    @field_validator("redis_url")
    @classmethod
    def a_redis_address(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in SCHEMES:
            raise ValueError("must look like redis://localhost:6379/0")
        return value

    @model_validator(mode="after")
    def complete(self) -> Self:
        self.required("redis_url")
        return self
