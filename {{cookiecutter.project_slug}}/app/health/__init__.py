"""What orchestrators and scrapers ask: is it alive, is it ready, how is it doing."""

import asyncio

import structlog

from app.handlers import Handler
from app.health.loop import lifespan
from app.metrics import CONTENT_TYPE_LATEST, latest
from app.service import Check

CHECK_SECONDS = 0.8
log = structlog.get_logger()


class Probe(Handler):
    """Probes come by address, not by the public host name, and whoever asks."""

    any_host = anonymous = True


class Live(Probe):
    """200 whatever the dependencies do: a restart would not mend them."""

    def get(self) -> None:
        self.json({"status": "ok"})


class Ready(Probe):
    """503 while draining or when a dependency fails, within a second."""

    async def get(self) -> None:
        checks = self.application.checks
        results = dict(
            zip(checks, await asyncio.gather(*map(_result, checks.items())), strict=True)
        )
        failed = any(result != "ok" for result in results.values())
        status = "draining" if self.application.draining else "failed" if failed else "ok"
        self.set_status(200 if status == "ok" else 503)
        self.json({"status": status, "checks": results})


async def _result(item: tuple[str, Check]) -> str:
    """`ok`, or what failed, in a word: details are for the log."""
    name, check = item
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        return "timeout"
    except Exception as error:
        log.warning("check failed", check=name, error=str(error))
        return "unreachable"
    return "ok"


class Metrics(Probe):
    """What Prometheus scrapes; where processes share a folder any one answers for all."""

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(latest())


__all__ = ["ROUTES", "lifespan"]
ROUTES = [("/health/live", Live), ("/health/ready", Ready), ("/metrics", Metrics)]
