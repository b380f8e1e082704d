"""What Redis can be told by the environment."""

from typing import Self

from pydantic import field_validator, model_validator

from app.redis.addresses import make
from app.settings import Environment

FORMS = "redis://host/0, redis+sentinel://host,host/SERVICE/0 or redis+cluster://host,host"


class RedisSettings(Environment):
    """`REDIS_URL`, such as redis://localhost:6379/0; needed in production."""

    redis_url: str | None = None

    @field_validator("redis_url")
    @classmethod
    def an_address(cls, value: str | None) -> str | None:
        try:
            if value:
                make(value)
        except Exception:  # redis-py has many, and some of them quote a secret
            raise ValueError(f"must look like {FORMS}") from None
        return value

    @model_validator(mode="after")
    def complete(self) -> Self:
        self.required("redis_url")
        return self
