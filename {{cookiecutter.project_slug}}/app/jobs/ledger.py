"""What processes agree on: who runs a tick, whether a job is running, and how its runs went."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime


class Unavailable(Exception):
    """The ledger cannot be reached, for this reason."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"the ledger cannot be reached: {reason}")


class LeaseLost(Exception):
    """The run was cancelled, as another could have begun."""

    def __init__(self) -> None:
        super().__init__("the lease of the run could not be renewed")


class Overlap(Exception):
    """A job never overlaps itself."""

    def __init__(self) -> None:
        super().__init__("the job is running already")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: when it began, how long it took, and `ok`, `failed` or `cancelled`."""

    at: datetime
    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a job's runs so far."""

    last_run_at: datetime | None = None
    last_status: str | None = None
    last_seconds: float | None = None
    runs: int = 0
    failures: int = 0

    def after(self, run: Run) -> "Record":
        failures = self.failures + (run.status == "failed")
        return Record(run.at, run.status, run.seconds, self.runs + 1, failures)


class Ledger:
    """Kept in whatever backend is in force. Every method raises `Unavailable`."""

    shared: bool
    """Whether all processes of the service have the same one."""

    async def claim(self, job: str, tick: datetime) -> bool:
        """Whether the caller is to run this tick: true once for a tick, over all processes."""
        raise NotImplementedError

    def lease(self, job: str) -> AbstractAsyncContextManager[None]:
        """Hold the job while the block runs, so that it never overlaps itself.

        Raises `Overlap` where another run holds it, and `LeaseLost` from the block, which is
        cancelled, when it can be held no longer.
        """
        raise NotImplementedError

    async def record(self, job: str, run: Run) -> None:
        """Add a run to the job's record."""
        raise NotImplementedError

    async def records(self, jobs: Sequence[str]) -> list[Record]:
        """The record of each job."""
        raise NotImplementedError
