"""The client of a cluster, with the promises of the other one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode, ClusterPipeline
from redis.exceptions import (
    AskError,
    ClusterError,
    ConnectionError,
    RedisClusterException,
)
from redis.exceptions import TimeoutError as RedisTimeout

from app.redis import client


class Cluster(RedisCluster):
    """redis-py's, which by itself waits without bound for what the nodes hold, refuses at once what
    exceeds its connections, and closes those of others where one command fails.

    A command that is redirected is sent on; no other is repeated.
    """

    def __init__(
        self, nodes: Sequence[ClusterNode], max_connections: int, timeout: float, **options: Any
    ) -> None:
        super().__init__(
            startup_nodes=list(nodes),
            max_connections=2 * max_connections,
            reinitialize_steps=0,  # else some redirections close all connections
            **options,
        )
        kind = type("Connection", (client.Sound, self.connection_kwargs["connection_class"]), {})
        self.connection_kwargs["connection_class"] = kind
        for node in self.startup_nodes:
            node.connection_class = kind
        self._places, self._timeout = asyncio.Semaphore(max_connections), timeout
        self._asking, self._under_way = asyncio.Lock(), 0

    async def initialize(self, *seeds: Any, **more: Any) -> "Cluster":
        """Ask what the nodes hold, if that is not known."""
        if self._initialize:
            try:
                async with asyncio.timeout(self._timeout), self._asking:
                    if self._initialize:
                        await self._ask()
            except TimeoutError:
                raise RedisTimeout("no node tells what the cluster holds") from None
            except RedisClusterException as error:
                raise ConnectionError(str(error)) from error
        return self

    async def _ask(self) -> None:
        """The nodes of the address, too: all others may have been replaced. And the one that has
        failed last (redis-py puts it at the end) when no other answers."""
        known = self.nodes_manager
        known.startup_nodes = {n.name: n for n in self.startup_nodes} | known.startup_nodes
        failed = next(reversed(known.nodes_cache), None)
        await known.initialize(last_failed_node_name=failed)
        await self.commands_parser.initialize(known.default_node)
        self._initialize = False

    async def aclose(self) -> None:
        """Close all connections; during a command, where redis-py does so, only ask again."""
        if self._under_way:
            self.reinitialize()
            return
        for attribute in ("nodes_cache", "startup_nodes"):
            await self.nodes_manager.aclose(attribute)

    def reinitialize(self) -> None:
        """Ask what the nodes hold before the next command."""
        self._initialize = True

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for one of the connections, for as long as a pool would."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._places.acquire()
        except TimeoutError:
            raise ConnectionError("No connection available.") from None
        self._under_way += 1
        try:
            await self.initialize()
            yield
        except (RedisClusterException, AttributeError) as error:
            # Neither is a RedisError: the second comes from a connection that was idle and is being
            # closed, as another one to its node has failed.
            raise ClusterError(str(error)) from error
        finally:
            self._under_way -= 1
            self._places.release()

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        async with self.place():
            return await super().execute_command(*args, **kwargs)

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> "Pipeline":
        return Pipeline(self, transaction)  # type: ignore[abstract]  # an annotation of redis-py's

    async def check(self) -> None:
        """Return if every node that holds keys takes writes."""
        await self.initialize()
        keys = (f"{client.KEY}:{number}" for number in range(100))
        one_each = {self.get_node_from_key(key): key for key in keys}
        await asyncio.gather(
            *(self.set(key, "", ex=client.KEY_SECONDS) for key in one_each.values())
        )


class Pipeline(ClusterPipeline):
    """redis-py's, which by itself would not learn from a failure where the keys are now."""

    def __init__(self, cluster: Cluster, transaction: bool | None) -> None:
        super().__init__(cluster, transaction)
        self._cluster = cluster

    async def execute(self, *args: Any, **kwargs: Any) -> list[Any]:
        try:
            async with self._cluster.place():
                return await super().execute(*args, **kwargs)
        except (AskError, ClusterError, ConnectionError, RedisTimeout):
            self._cluster.reinitialize()
            raise
