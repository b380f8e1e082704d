"""The ledger that all processes share. Its leases rest on the server's time, not on theirs."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.jobs import ledger

if TYPE_CHECKING:
    from app.service import Service

CLAIM_SECONDS = 180
"""How long it is known that a tick was taken: as a tick may be late, and clocks may differ.

Where the clocks are set back by less, no tick is due anew, and jobs wait for new ones.
"""
LEASE_SECONDS = 10.0
"""How long after the death of its process a job is taken to be running."""

# Each script takes the job's record, which holds the newest token, and the lease.
LEASE = """
if redis.call('exists', KEYS[2]) == 1 then return 0 end
redis.call('set', KEYS[2], '', 'px', ARGV[1])
-- Tokens begin at the server's time, to grow even when it has forgotten the last.
local time = redis.call('time')
redis.call('hsetnx', KEYS[1], 'token', string.format('%s%06d', time[1], time[2]))
return redis.call('hincrby', KEYS[1], 'token', 1)
"""
FENCE = """
local newest = redis.call('hget', KEYS[1], 'token')
if newest and newest ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'token', ARGV[1])
"""
RENEW = f"{FENCE} redis.call('set', KEYS[2], '', 'px', ARGV[2]) return 1"
# A renewal that comes late, by another connection, is refused: the token has gone on.
RELEASE = f"{FENCE} redis.call('del', KEYS[2]) return redis.call('hincrby', KEYS[1], 'token', 1)"
RECORD = f"""{FENCE}
redis.call('hset', KEYS[1], 'at', ARGV[2], 'status', ARGV[3], 'seconds', ARGV[4])
redis.call('hincrby', KEYS[1], 'runs', 1)
redis.call('hincrby', KEYS[1], 'failures', ARGV[5])
return 1
"""


class Ledger(ledger.Ledger):
    shared = True

    def __init__(self, service: "Service") -> None:
        self._client = service.get(Redis)

    async def _run(self, script: str, job: str, *arguments: str | float) -> int:
        with _reaching():
            keys = [_key(job), f"{_key(job)}:lease"]
            return int(await self._client.eval(script, len(keys), *keys, *arguments))

    async def claim(self, job: str, tick: datetime) -> bool:
        with _reaching():
            key = f"{_key(job)}:tick:{tick.isoformat()}"
            return bool(await self._client.set(key, "", nx=True, ex=CLAIM_SECONDS))

    @asynccontextmanager
    async def lease(self, job: str) -> AsyncIterator[int]:
        until = asyncio.get_running_loop().time() + LEASE_SECONDS
        if not (token := await self._run(LEASE, job, _milliseconds())):
            raise ledger.Overlap
        try:
            async with asyncio.timeout_at(until) as lapse, _beside(self._renew(job, token, lapse)):
                yield token
        except TimeoutError as error:
            raise ledger.LeaseLost if lapse.expired() else error from None
        finally:
            with suppress(ledger.Unavailable):  # the lease ends by itself
                await self._run(RELEASE, job, token)

    async def _renew(self, job: str, token: int, lapse: asyncio.Timeout) -> None:
        """Put off the lapse for as long as no newer token is given out."""
        loop, kept = asyncio.get_running_loop(), 1
        while kept:
            await asyncio.sleep(LEASE_SECONDS / 3)
            until = loop.time() + LEASE_SECONDS
            with suppress(ledger.Unavailable):
                kept = await self._run(RENEW, job, token, _milliseconds())
                if not lapse.expired():
                    lapse.reschedule(until if kept else loop.time())

    async def record(self, job: str, outcome: ledger.Outcome, token: int) -> None:
        at, failed = outcome.at.isoformat(), int(outcome.status == "failed")
        if not await self._run(RECORD, job, token, at, outcome.status, outcome.seconds, failed):
            raise ledger.LeaseLost

    async def records(self, jobs: Sequence[str]) -> list[ledger.Record]:
        with _reaching():
            async with self._client.pipeline(transaction=False) as pipe:
                for job in jobs:
                    pipe.hgetall(_key(job))
                return [_record(found) for found in await pipe.execute()]


def _key(job: str) -> str:
    """In braces: a cluster keeps what belongs to one job together."""
    return f"jobs:{{{job}}}"


def _milliseconds() -> int:
    return int(LEASE_SECONDS * 1000)


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise ledger.Unavailable(error) from error


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do the work while the block runs."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


def _record(found: dict[str, str]) -> ledger.Record:
    if "at" not in found:
        return ledger.Record()
    return ledger.Record(
        datetime.fromisoformat(found["at"]),
        found["status"],
        float(found["seconds"]),
        int(found["runs"]),
        int(found["failures"]),
    )
