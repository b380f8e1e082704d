"""A job that sees the service as its users do: by its public address."""

import structlog
from tornado.httpclient import AsyncHTTPClient

from app.jobs import every
from app.service import Service

SECONDS = 5.0
log = structlog.get_logger()


@every(minutes=5)
async def probe(service: Service) -> None:
    """Fetch `/health/live` from outside; fails when that is slow or not answered with 200."""
    url = f"{service.config.origin}/health/live"
    answer = await AsyncHTTPClient().fetch(
        url, raise_error=False, connect_timeout=SECONDS, request_timeout=SECONDS
    )
    log.info("probed", url=url, status=answer.code)
    if answer.code != 200:
        raise RuntimeError(f"{url} answered {answer.code}")
