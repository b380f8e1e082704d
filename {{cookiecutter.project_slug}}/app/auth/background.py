"""Work beside the requests, which ends with the service."""

import asyncio


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel until it has ended: `asyncio.wait_for`, in clients, loses some before Python 3.12."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.05)
