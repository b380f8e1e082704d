"""The command `job NAME`."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.jobs.job import load
from app.jobs.ledger import LeaseLost, Overlap, Unavailable
from app.jobs.runner import Runner

if TYPE_CHECKING:
    from app.service import Service


async def run_now(service: "Service", arguments: list[str]) -> int:
    """Run the job of this name now; list the jobs without one.

    Gives 0 when the run went well, 1 when not, 2 for an unknown name, and for a run that a
    signal has cancelled 128 more than the signal's number.
    """
    jobs = {job.name: job for job in load()}
    if not arguments:
        print("\n".join(f"{name}: {job.schedule}" for name, job in jobs.items()))
        return 0
    if len(arguments) != 1 or arguments[0] not in jobs:
        print(f"say one of these jobs: {', '.join(jobs)}", file=sys.stderr)
        return 2
    (name,) = arguments
    with _cancelled_by_signals() as received:
        try:
            async with service.running():
                outcome = await service.get(Runner).run(jobs[name])
        except (Overlap, Unavailable, LeaseLost) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        except asyncio.CancelledError:
            print(f"{name}: cancelled", file=sys.stderr)
            return 128 + received[0]
    print(f"{name}: {outcome.status} after {outcome.seconds:.3f} s")
    return int(outcome.status != "ok")


@contextmanager
def _cancelled_by_signals() -> Iterator[list[int]]:
    """SIGTERM or SIGINT cancels the task, and a second one ends the process; gives what came."""
    loop, task, received = asyncio.get_running_loop(), asyncio.current_task(), list[int]()

    def receive(number: signal.Signals) -> None:
        if received or task is None:
            os._exit(128 + number)
        received.append(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, receive, number)
    try:
        yield received
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
