"""What jobs can be told by the environment."""

from typing import Literal

from pydantic import field_validator

from app.settings import Environment


class JobsSettings(Environment):
    """`JOBS` on | off; unset, processes that share no ledger leave the jobs to the first."""

    jobs: Literal["on", "off"] | None = None

    @field_validator("jobs", mode="before")
    @classmethod
    def lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
