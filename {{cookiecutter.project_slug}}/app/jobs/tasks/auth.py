"""A job that deletes what has expired."""

from app.jobs import cron
from app.service import Service


@cron("30 3 * * *")
async def delete_expired(service: Service) -> None:
    """Everything that expires gets its turn, whatever fails before it."""
    errors = []
    for clean in service.housekeeping:
        try:
            await clean()
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("not everything that has expired was deleted", errors)
