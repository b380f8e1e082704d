"""The service says whether Redis answers, and lives on without it."""

from tests.conftest import Start


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
