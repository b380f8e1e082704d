"""The addresses that are understood, and those that stop the start."""

import pytest
from redis.asyncio.sentinel import SentinelConnectionPool

from app.redis.addresses import make
from app.redis.cluster import Cluster
from app.redis.settings import RedisSettings
from app.settings import SettingsError, load


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "rediss://user:hidden@host:1234/5?max_connections=9",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://host/main",
        "redis+sentinel://:hidden@one:1,[::1]:2,three/main/4",
        "rediss+cluster://user:p%40ss@one:1,two/",
    ],
)
def test_understands(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    assert load([RedisSettings])


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://user:secret@host",
        "redis://host:secret/0",
        "redis://host/secret",
        "redis://host?no_such=secret",
        "redis+sentinel://host",
        "redis+sentinel:///main",
        "redis+sentinel://host/main/secret",
        "redis+sentinel://host/main?no_such=secret",
        "redis+cluster://host,,other",
        "redis+cluster://host/1",
        "redis+cluster://host?no_such=secret",
        "redis+secret://host",
    ],
)
def test_refuses_in_one_line_that_quotes_nothing(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SettingsError) as caught:
        load([RedisSettings])
    (line,) = str(caught.value).splitlines()
    assert line.startswith("REDIS_URL: must look like redis://")
    assert "secret" not in line


def test_sentinels_and_the_server_they_name_are_asked_as_the_same_user() -> None:
    pool = make("redis+sentinel://app:p%40ss@one:1,two/main/4").connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    asked = [s.connection_pool.connection_kwargs for s in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in asked] == [("one", 1), ("two", 26379)]
    for options in (*asked, pool.connection_kwargs):
        assert {"app", "p@ss"} <= set(map(str, options.values()))
        assert 0 < options["socket_timeout"] <= 2
    assert (pool.service_name, pool.connection_kwargs["db"]) == ("main", 4)


def test_a_cluster_is_asked_by_any_of_its_nodes() -> None:
    client: object = make("redis+cluster://user:p%40ss@one:1,two")
    assert isinstance(client, Cluster)
    assert [node.name for node in client.startup_nodes] == ["one:1", "two:6379"]
    assert "p@ss" in client.connection_kwargs.values()
