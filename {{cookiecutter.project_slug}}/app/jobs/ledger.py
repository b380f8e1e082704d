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
    """The run is late: another may have begun."""

    def __init__(self) -> None:
        super().__init__("the lease of the run was lost, and another may have begun")


class Overlap(Exception):
    """A job never overlaps itself."""

    def __init__(self) -> None:
        super().__init__("the job is running already")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went: when it began, `ok`, `failed` or `cancelled`, and how long it took."""

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

    def after(self, outcome: Outcome) -> "Record":
        failures = self.failures + (outcome.status == "failed")
        return Record(outcome.at, outcome.status, outcome.seconds, self.runs + 1, failures)


class Ledger:
    """Kept in whatever backend is in force. Every method raises `Unavailable`."""

    shared: bool
    """Whether all processes of the service have the same one."""

    async def claim(self, job: str, tick: datetime) -> bool:
        """Whether the caller is to run this tick: true once for a tick, over all processes."""
        raise NotImplementedError

    def lease(self, job: str) -> AbstractAsyncContextManager[int]:
        """Hold the job while the block runs, so that it never overlaps itself.

        Gives the fencing token, which is greater than that of every earlier lease of the job.
        Raises `Overlap` where another run holds it, and `LeaseLost` from the block, which is
        cancelled, when it can be held no longer.
        """
        raise NotImplementedError

    async def record(self, job: str, outcome: Outcome, token: int) -> None:
        """Add a run to the job's record; raises `LeaseLost` when there is a newer lease."""
        raise NotImplementedError

    async def records(self, jobs: Sequence[str]) -> list[Record]:
        """The record of each job."""
        raise NotImplementedError
