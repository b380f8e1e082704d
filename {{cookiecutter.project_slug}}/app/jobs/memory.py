"""The ledger of one process."""

import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from app.jobs import ledger

if TYPE_CHECKING:
    from app.service import Service


class Ledger(ledger.Ledger):
    shared = False

    def __init__(self, service: "Service") -> None:
        self._tokens = itertools.count(time.time_ns())  # greater than before a restart, too
        self._claimed: dict[str, datetime] = {}
        self._held: set[str] = set()
        self._newest: dict[str, int] = {}
        self._records: defaultdict[str, ledger.Record] = defaultdict(ledger.Record)

    async def claim(self, job: str, tick: datetime) -> bool:
        """The last tick is enough to know: one clock goes from tick to tick."""
        if self._claimed.get(job) == tick:
            return False
        self._claimed[job] = tick
        return True

    @asynccontextmanager
    async def lease(self, job: str) -> AsyncIterator[int]:
        if job in self._held:
            raise ledger.Overlap
        self._held.add(job)
        self._newest[job] = token = next(self._tokens)
        try:
            yield token
        finally:
            self._held.remove(job)

    async def record(self, job: str, outcome: ledger.Outcome, token: int) -> None:
        if token < self._newest.get(job, 0):
            raise ledger.LeaseLost
        self._records[job] = self._records[job].after(outcome)

    async def records(self, jobs: Sequence[str]) -> list[ledger.Record]:
        return [self._records[job] for job in jobs]
