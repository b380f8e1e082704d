"""The ledger that all processes share."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.lock import Lock
from redis.exceptions import LockError, RedisError

from app.jobs import ledger

if TYPE_CHECKING:
    from app.service import Service

CLAIM_SECONDS = 7200
"""How long it is known that a tick was taken: far longer than a tick may be late."""
LEASE_SECONDS = 30.0
"""How long after the death of its process a job is taken to be running."""


class Ledger(ledger.Ledger):
    shared = True

    def __init__(self, service: "Service") -> None:
        self._client = service.get(Redis)

    async def claim(self, job: str, tick: datetime) -> bool:
        key = f"jobs:{job}:tick:{tick.isoformat()}"
        with _reaching():
            return bool(await self._client.set(key, "", nx=True, ex=CLAIM_SECONDS))

    @asynccontextmanager
    async def lease(self, job: str) -> AsyncIterator[None]:
        lock = self._client.lock(f"jobs:{job}:lease", LEASE_SECONDS, blocking=False)
        until = asyncio.get_running_loop().time() + LEASE_SECONDS
        with _reaching():
            if not await lock.acquire():
                raise ledger.Overlap
        try:
            async with asyncio.timeout_at(until) as lapse, _renewing(lock, lapse):
                yield
        except TimeoutError as error:
            raise ledger.LeaseLost if lapse.expired() else error from None
        finally:
            with suppress(RedisError, OSError):  # out of reach, or not ours now: it ends by itself
                await lock.release()

    async def record(self, job: str, run: ledger.Run) -> None:
        key, failed = f"jobs:{job}", int(run.status == "failed")
        at = run.at.isoformat()
        with _reaching():
            async with self._client.pipeline() as pipe:
                pipe.hset(key, mapping={"at": at, "status": run.status, "seconds": run.seconds})
                pipe.hincrby(key, "runs", 1)
                pipe.hincrby(key, "failures", failed)
                await pipe.execute()

    async def records(self, jobs: Sequence[str]) -> list[ledger.Record]:
        with _reaching():
            async with self._client.pipeline(transaction=False) as pipe:
                for job in jobs:
                    pipe.hgetall(f"jobs:{job}")
                return [_record(found) for found in await pipe.execute()]


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise ledger.Unavailable(error) from error


@asynccontextmanager
async def _renewing(lock: Lock, lapse: asyncio.Timeout) -> AsyncIterator[None]:
    """Put off the lapse for as long as the lock can be kept."""

    async def renew() -> None:
        loop = asyncio.get_running_loop()
        while not lapse.expired():
            await asyncio.sleep(LEASE_SECONDS / 3)
            until = loop.time() + LEASE_SECONDS
            try:
                await lock.reacquire()
            except LockError:  # somebody else may have it
                until = loop.time()
            except (RedisError, OSError):
                continue
            if not lapse.expired():
                lapse.reschedule(until)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()


def _record(found: dict[str, str]) -> ledger.Record:
    if not found:
        return ledger.Record()
    return ledger.Record(
        datetime.fromisoformat(found["at"]),
        found["status"],
        float(found["seconds"]),
        int(found["runs"]),
        int(found["failures"]),
    )
