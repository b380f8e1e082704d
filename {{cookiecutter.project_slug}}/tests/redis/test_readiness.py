"""The service says whether Redis answers, and lives on without it."""

from asyncio import StreamReader, StreamWriter
from contextlib import aclosing

import pytest
from redis.exceptions import RedisError

from app.redis.addresses import make
from tests.conftest import Start
from tests.redis.test_client import server


async def test_is_ready_with_a_server(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as client:
        answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["redis"]) == (200, "ok")


async def test_starts_and_lives_on_without_a_server(start: Start) -> None:
    async with start(REDIS_URL="redis://127.0.0.1:1/0") as client:
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["checks"]["redis"]) == (503, "unreachable")
        assert (await client.get("/hello")).status_code == 200


async def test_keeps_to_memory_without_an_address(start: Start) -> None:
    async with start(REDIS_URL="") as client:
        assert client.service.backend == "memory"
        assert "redis" not in (await client.get("/health/ready")).json()["checks"]


async def test_features_use_the_backend_in_force(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as client:
        assert client.service.backend_of("app.redis").__name__ == "app.redis.redis"


@pytest.mark.parametrize(
    "refusal",
    [
        "LOADING Redis is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk.",
        "NOREPLICAS Not enough good replicas to write.",
    ],
)
async def test_is_not_ready_with_a_server_that_takes_no_writes(refusal: str) -> None:
    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        while request := await reader.read(65536):
            answer = f"-{refusal}" if b"health" in request else "+OK"
            writer.write(f"{answer}\r\n".encode() * request.count(b"*"))

    async with server(refuse) as url, aclosing(make(url)) as client:
        with pytest.raises(RedisError):
            await client.check()
