"""Addresses of Redis: of one server, of sentinels that know which one it is, or of a cluster."""

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from app.redis import client
from app.redis.client import Client, options
from app.redis.cluster import Cluster

LOOKUP_SECONDS = 0.5
"""How long a sentinel may take: another one may know, too."""


class SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Waits for a connection, as that of one server, and closes those to the sentinels."""

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def make(url: str) -> Client:
    """The client for an address, not yet connected; raises an error for what is no address."""
    return KINDS[urlsplit(url).scheme.partition("+")[2]](url)


def _server(url: str) -> Client:
    parts = urlsplit(url)
    if parts.scheme != "unix" and not parts.path.strip("/").isdigit() and parts.path.strip("/"):
        raise ValueError("what follows the host must be a number")
    return Client.from_pool(BlockingConnectionPool.from_url(url, **_pooled()))


def _sentinel(url: str) -> Client:
    nodes, given = _nodes(url)
    service, _, number = urlsplit(url).path.strip("/").partition("/")
    if not service:
        raise ValueError("the name of the service is missing")
    who = {"username": "default"} if "@" in url else {}  # where none is needed, let in as well
    shared = {k: v for k, v in given.items() if k.startswith(("ssl", "user", "pass"))}
    times = {"socket_timeout": LOOKUP_SECONDS, "socket_connect_timeout": LOOKUP_SECONDS}
    make_sentinel: Any = Sentinel
    sentinel = make_sentinel(nodes, sentinel_kwargs=options() | times | who | shared)
    connection = {"db": int(number or 0)} | _pooled() | given
    sentinel.sentinels = [Client.from_pool(each.connection_pool) for each in sentinel.sentinels]
    return cast(Client, sentinel.master_for(service, Client, SentinelPool, **connection))


def _cluster(url: str) -> Client:
    """A cast, as redis-py's two clients have the same commands but no base that says so."""
    nodes, given = _nodes(url)
    if urlsplit(url).path.strip("/") not in ("", "0"):
        raise ValueError("a cluster has no numbered parts")
    return cast(Client, Cluster([ClusterNode(*node) for node in nodes], **_pooled() | given))


def _pooled() -> dict[str, Any]:
    waiting = {"max_connections": client.MOST_CONNECTIONS, "timeout": client.SOCKET_SECONDS}
    return options() | waiting


def _nodes(url: str) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """The hosts with their ports, and what is said once for all: redis-py reads each by itself."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    who, at, hosts = parts.netloc.rpartition("@")
    urls = (f"{scheme}://{who}{at}{host}?{parts.query}" for host in hosts.split(","))
    read = [{"port": PORTS[kind]} | dict[str, Any](parse_url(url)) for url in urls]
    nodes = [(node.pop("host"), node.pop("port")) for node in read]
    secure = read[0].pop("connection_class", None) is not None
    return nodes, read[0] | {"ssl": secure}


PORTS = {"sentinel": 26379, "cluster": 6379}
KINDS: dict[str, Callable[[str], Client]] = {
    "": _server,
    "sentinel": _sentinel,
    "cluster": _cluster,
}
