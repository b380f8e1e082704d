"""Jobs that tests write into a project: one notes its steps and takes as long as a test says."""

import asyncio
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from app import jobs  # type: ignore[import-not-found]  # the project's
from app.jobs import redis  # type: ignore[import-not-found]

FOLDER = Path(os.environ["NOTES"])
redis.LEASE_SECONDS = float(os.environ.get("LEASE", redis.LEASE_SECONDS))


def note(step: str) -> None:
    run = jobs.current()
    tick, at = str(run.tick or "1970-01-01"), time.monotonic()
    line = {"step": step, "tick": tick, "token": run.token, "run_id": run.id}
    with (FOLDER / "notes").open("a") as file:
        file.write(json.dumps(line | {"pid": os.getpid(), "at": at}) + "\n")


@jobs.every(seconds=float(os.environ.get("PERIOD", "86400")))  # type: ignore[untyped-decorator]
async def noted(service: Any) -> None:
    note("begun")
    mine = FOLDER / str(os.getpid())
    try:
        (FOLDER / "hold").rename(mine)  # so that one run is held
        note("held")
        await asyncio.sleep(float(mine.read_text()))
    except FileNotFoundError:
        pass
    except asyncio.CancelledError:
        note("cancelled")
        raise
    note("ended")


@jobs.every(weeks=500)  # type: ignore[untyped-decorator]
def threaded(service: Any) -> None:
    logging.getLogger(__name__).warning("said in a thread")


@jobs.every(weeks=500, retries=1)  # type: ignore[untyped-decorator]
async def failing(service: Any) -> None:
    raise ZeroDivisionError("on purpose")
