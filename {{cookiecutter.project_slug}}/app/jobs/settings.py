"""What jobs can be told by the environment."""

from typing import Literal

from pydantic import Field, field_validator

from app.settings import Environment


class JobsSettings(Environment):
    """`JOBS` on | off, and `INSTANCE`, the number of this process among those of the service."""

    jobs: Literal["on", "off"] | None = None
    instance: int = Field(default=1, ge=1)

    @field_validator("jobs", mode="before")
    @classmethod
    def lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    def run_here(self, shared: bool) -> bool:
        """Whether this process runs jobs: processes that share no ledger leave it to the first."""
        return self.jobs == "on" if self.jobs else shared or self.instance == 1
