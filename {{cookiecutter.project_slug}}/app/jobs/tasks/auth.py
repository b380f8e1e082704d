"""A job that deletes what has expired."""

from app.jobs import cron
from app.service import Service


@cron("30 3 * * *")
async def delete_expired(service: Service) -> None:
    for clean in service.housekeeping:
        await clean()
