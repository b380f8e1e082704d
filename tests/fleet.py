"""Processes of one project with jobs, and what the runs of these have noted in a file."""

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import clean_environment
from tests.processes import Started, started
from tests.servers import RedisServer, await_

SOURCE = Path(__file__).with_name("fleet_job.py")
"""The module of jobs that is written into the project."""


@dataclass(frozen=True)
class Note:
    """One step of a run of the job `noted`; `at` is on a clock that all processes share."""

    step: str
    tick: datetime
    token: int
    run_id: str
    pid: int
    at: float


class Fleet:
    def __init__(self, root: Path, python: Path, redis: RedisServer, notes: Path) -> None:
        self.root, self.python, self.redis, self.folder = root, python, redis, notes
        notes.mkdir()
        shutil.copy(SOURCE, root / "app/jobs/tasks/noted.py")

    def environment(self, **more: str) -> dict[str, str]:
        return clean_environment(
            ENVIRONMENT="production",
            SECRET_KEY="k" * 40,
            PUBLIC_URL="http://127.0.0.1:1",
            PORT="0",
            REDIS_URL=self.redis.url,
            NOTES=str(self.folder),
            **more,
        )

    def process(self, **variables: str) -> AbstractContextManager[Started]:
        command = [str(self.python), "-m", "app"]
        return started(command, self.root, self.environment(**variables))

    @contextmanager
    def processes(self, count: int, **variables: str) -> Iterator[dict[int, Started]]:
        """So many of them by their process ids, with one of them running a tick already."""
        with ExitStack() as stack:
            found = [stack.enter_context(self.process(**variables)) for _ in range(count)]
            await_(lambda: bool(self.notes("ended")), "a run")
            yield {each.process.pid: each for each in found}

    def notes(self, step: str = "begun") -> list[Note]:
        """The notes of this step, in their order."""
        file = self.folder / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        return [note for note in map(_note, lines) if note.step == step]

    def await_run(self, later_than: float, seconds: float = 20) -> Note:
        """The first run that has begun after this time on the notes' clock."""
        await_(lambda: self.notes()[-1].at > later_than, "another run", seconds)
        return next(note for note in self.notes() if note.at > later_than)

    def hold(self, seconds: float = 3600) -> Note:
        """Let one run take so long; gives it when it has begun."""
        (self.folder / "new").write_text(str(seconds))
        (self.folder / "new").rename(self.folder / "hold")
        await_(lambda: bool(self.notes("held")), "a run that is held")
        return self.notes("held")[-1]

    def record(self, job: str = "noted") -> dict[str, str]:
        """What the server keeps of the job."""
        said = iter(self.redis.cli("HGETALL", f"jobs:{{{job}}}").splitlines())
        return dict(zip(said, said, strict=True))


def _note(line: str) -> Note:
    note: dict[str, Any] = json.loads(line)
    return Note(**note | {"tick": datetime.fromisoformat(note["tick"])})


def none_twice(notes: list[Note]) -> bool:
    return len({note.tick for note in notes}) == len(notes)


def in_a_row(notes: list[Note], period: timedelta) -> int:
    """The greatest number of ticks of which none is left out."""
    ticks, longest, length = sorted({note.tick for note in notes}), 1, 1
    for tick, later in itertools.pairwise(ticks):
        length = length + 1 if later - tick == period else 1
        longest = max(longest, length)
    return longest


def most_in_a_second(notes: list[Note]) -> int:
    times = [note.at for note in notes]
    return max(sum(start <= at < start + 1 for at in times) for start in times)


def missed(service: Started) -> float:
    """The ticks that this process says it has missed."""
    text = httpx.get(f"{service.url}/metrics").text
    start = 'job_runs_total{job="noted",status="missed"} '
    return sum(float(line.removeprefix(start)) for line in text.splitlines() if start in line)


def alive(service: Started) -> bool:
    return httpx.get(f"{service.url}/health/live").status_code == 200


def logged(lines: list[str], event: str, **members: object) -> list[dict[str, Any]]:
    """The lines of a JSON log with this event and these members."""
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    wanted = {"event": event, **members}.items()
    return [entry for entry in entries if wanted <= _hashable(entry).items()]


def _hashable(entry: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if isinstance(v, str | int | float)}


def faked_clock(file: Path) -> dict[str, str]:
    """The variables for a process whose wall clock is as far off as the file says."""
    set_clock(file, 0)
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(file: Path, seconds: int) -> None:
    new = file.with_suffix(".new")
    new.write_text(f"{seconds:+d}\n")
    os.replace(new, file)
