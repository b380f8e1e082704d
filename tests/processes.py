"""Processes that tests start, wait for and end."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Started:
    """A running service, its address, and what it has said so far."""

    process: subprocess.Popen[str]
    url: str = ""
    log: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None


@contextmanager
def started(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], says: str = '"serving"'
) -> Iterator[Started]:
    """Start, wait until the line with `says` is logged, and kill what still runs at the end."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        service = Started(process)
        try:
            await_line(service, says)
            yield service
        finally:
            process.kill()
            if service.reader:
                service.reader.join(1)


def await_line(service: Started, says: str) -> None:
    assert service.process.stdout
    for line in service.process.stdout:
        service.log.append(line)
        if says in line:
            if line.startswith("{"):
                service.url = json.loads(line).get("address", "")
            service.reader = threading.Thread(target=read_on, args=[service], daemon=True)
            service.reader.start()
            return
    raise AssertionError("ended at start:\n" + "".join(service.log))


def read_on(service: Started) -> None:
    """Keep reading, so that the process never waits for a full pipe."""
    for line in service.process.stdout or ():
        service.log.append(line)
