"""The cache that all processes share."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.redis import cache

LEASE_SECONDS = 3.0
"""For so long others wait for a process that has died while it computed."""
POLL_SECONDS = 0.02
REPLACE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 1
"""

log = structlog.get_logger()


class Cache(cache.Cache):
    """While Redis is away each value is computed whenever it is asked for.

    A key holds the value, or the claim of who computes it, which is renewed for as long as that
    takes. Only who still has the claim replaces it: not who has stood still meanwhile, nor who
    computed what was then forgotten.
    """

    def __init__(self, client: Redis) -> None:
        super().__init__()
        self._client = client

    async def _find(self, key: str, ttl: float, compute: cache.Compute) -> bytes:
        claim = _Claim(self._client, f"cache:{key}")
        with _logged():
            if found := await claim.find_or_make():
                return found
        if not claim.made:
            return orjson.dumps(await compute())
        try:
            async with claim.renewed():
                value = orjson.dumps(await compute())
        except BaseException:
            with _logged():
                await claim.replace(b"", 0.001)
            raise
        with _logged():
            await claim.replace(value, ttl)
        return value

    async def _drop(self, key: str) -> None:
        with _logged():
            await self._client.delete(f"cache:{key}")


class _Claim:
    """To be the one who computes what belongs under the name."""

    def __init__(self, client: Redis, name: str) -> None:
        self._client, self._name = client, name
        self._text = f"claim {secrets.token_hex(8)}"  # which no JSON text begins with
        self.made = False

    async def find_or_make(self) -> bytes | None:
        """The value, when somebody else has it; None when the claim is made."""
        lease = round(LEASE_SECONDS * 1000)
        while True:
            found: Any = await self._client.get(self._name)
            if found and not found.startswith("claim "):
                return str(found).encode()
            if not found and await self._client.set(self._name, self._text, nx=True, px=lease):
                self.made = True
                return None
            await asyncio.sleep(POLL_SECONDS)

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            task.cancel()

    async def _renew(self) -> None:
        held = True
        while held:  # also when the cancelling was lost, as `asyncio.wait_for` does before 3.12
            await asyncio.sleep(LEASE_SECONDS / 3)
            with suppress(RedisError, OSError):
                held = await self.replace(self._text.encode(), LEASE_SECONDS)

    async def replace(self, value: bytes, seconds: float) -> bool:
        """Put the value in the claim's place; whether that was still there."""
        milliseconds = max(1, round(seconds * 1000))
        arguments: Any = (self._name, self._text, value, milliseconds)
        replaced: Any = self._client.eval(REPLACE, 1, *arguments)
        return bool(await replaced)


@contextmanager
def _logged() -> Iterator[None]:
    """Go on without Redis where it fails."""
    try:
        yield
    except (RedisError, OSError) as error:
        log.warning("cache failed", error=str(error))
