"""The ledger of one process."""

from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from app.jobs import ledger

if TYPE_CHECKING:
    from app.service import Service

MOST = 10_000
"""Claims kept; beyond it the oldest go."""


class Ledger(ledger.Ledger):
    shared = False

    def __init__(self, service: "Service") -> None:
        self._claims: OrderedDict[tuple[str, datetime], None] = OrderedDict()
        self._leases: set[str] = set()
        self._records: defaultdict[str, ledger.Record] = defaultdict(ledger.Record)

    async def claim(self, job: str, tick: datetime) -> bool:
        if (job, tick) in self._claims:
            return False
        self._claims[job, tick] = None
        if len(self._claims) > MOST:
            self._claims.popitem(last=False)
        return True

    @asynccontextmanager
    async def lease(self, job: str) -> AsyncIterator[None]:
        if job in self._leases:
            raise ledger.Overlap
        self._leases.add(job)
        try:
            yield
        finally:
            self._leases.remove(job)

    async def record(self, job: str, run: ledger.Run) -> None:
        self._records[job] = self._records[job].after(run)

    async def records(self, jobs: Sequence[str]) -> list[ledger.Record]:
        return [self._records[job] for job in jobs]
