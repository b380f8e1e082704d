"""What `classic.py` has measured, as a page with a plot and the machine's description."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

from chart import bars
from common import ROOT, SECONDS, summary

PAGE = """\
# The classic figure

Tornado's first overview (2009) compared nginx with four Tornado processes, one process alone, and
other frameworks, by `ab -n 100000 -c 25` against a hello. `python benchmarks/classic.py` repeats
that on your machine and writes this page.

![Requests per second, as multiples of one process of this project](benchmarks.svg)

{table}

Medians of {rounds} interleaved rounds. **Only the ratios carry over to another machine**: each is
to one process of this project in the same round; in brackets is how far the rounds were apart.

- **This project** has all features on and production's settings: for each request security
  headers, an id, metrics and a line of JSON in the log; Redis and a database are beside it. Behind
  nginx it is run by its own `nginx/up`, and nginx logs as well.
- **The others** are the smallest JSON hello that each can say, in production's settings, without
  middleware and without a log ([frameworks.py](../benchmarks/frameworks.py)), and reached directly.
  gunicorn has workers of four threads, which keep connections as its default does not; uvicorn has
  uvloop and httptools.
- **`ab`** opens a connection for each request, as in 2009: {requests:,} requests for each line,
  {share:,} in a round. **`wrk`** keeps its 25 connections, as proxies and browsers do, for
  {seconds} seconds in a round.
- Server and client share the {cores} cores: as many processes as cores, and nginx, compete with the
  client. In 2009 it was another machine, so that more processes could gain more.

In 2009, on four cores: nginx and four processes 2.45, one process 1, Django 0.66, web.py 0.62,
CherryPy 0.23.

## Static files

{files}

By `wrk` with kept connections, in the same rounds: `style.css` from one process over plain http,
and from nginx with TLS.

## The machine

{machine}
"""


@dataclass
class Result:
    """Requests per second, round by round; everything is compared with `base`."""

    base: str
    rounds: int
    requests: int
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    """Of the machine before the run: others' work takes most from what uses all cores."""
    hello: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By contestant: by ab and by wrk."""
    files: list[tuple[float, float]] = field(default_factory=list)
    """From one process, and by nginx with TLS."""

    def rates(self, name: str, column: int) -> list[float]:
        return [rates[column] for rates in self.hello[name]]

    def ratios(self, name: str, column: int) -> list[float]:
        pairs = zip(self.rates(name, column), self.rates(self.base, column), strict=True)
        return [rate / base for rate, base in pairs]


def write(result: Result, python: str, peers: tuple[str, ...]) -> str:
    """Write the page and the plot; gives the table."""
    rows = {name: [median(result.ratios(name, n)) for n in (0, 1)] for name in result.hello}
    series = ("ab: a connection for each request", "wrk: connections are kept")
    title = "A JSON hello: requests per second"
    plot = bars(title, f"multiples of {result.base}, reached directly", series, rows)
    page = PAGE.format(
        table=table(result),
        rounds=result.rounds,
        requests=result.requests,
        share=result.requests // result.rounds,
        seconds=SECONDS,
        cores=len(os.sched_getaffinity(0)),
        files=files(result),
        machine=machine(result, python, peers),
    )
    (ROOT / "docs/benchmarks.svg").write_text(plot)
    (ROOT / "docs/benchmarks.md").write_text(page)
    return table(result) + "\n\n" + files(result)


def table(result: Result) -> str:
    lines = ["| | `ab`: requests/s | ratio | `wrk`: requests/s | ratio |", "|---|--:|---|--:|---|"]
    for name in result.hello:
        cells = [cell for column in (0, 1) for cell in cells_of(result, name, column)]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def cells_of(result: Result, name: str, column: int) -> tuple[str, str]:
    ratios = result.ratios(name, column)
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if name != result.base else ""
    return f"{median(result.rates(name, column)):,.0f}", f"**{median(ratios):.2f}**{spread}"


def files(result: Result) -> str:
    return summary(
        "A file by nginx with TLS x by one process without",
        [tls / plain for plain, tls in result.files],
    )


def machine(result: Result, python: str, peers: tuple[str, ...]) -> str:
    cpu = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) or ["unknown"]
    kernel = platform.release().partition("-")[0]
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    kept = ("tornado", "uvloop", "orjson", "redis", *(name.partition("[")[0] for name in peers))
    lines = [
        f"{len(os.sched_getaffinity(0))} cores of {cpu[0]}, {system}, Linux {kernel}",
        f"{said(python, '-V')}, {', '.join(versions(python, kept))}",
        ", ".join(programs()),
        f"{date.today()}, `python benchmarks/classic.py {result.rounds} {result.requests}`, "
        f"load average before it {result.load:.1f}",
    ]
    return "\n".join(f"- {line}" for line in lines)


def versions(python: str, names: tuple[str, ...]) -> list[str]:
    script = "import importlib.metadata as m, sys\nfor n in sys.argv[1:]: print(n, m.version(n))"
    return said(python, "-c", script, *names).splitlines()


def programs() -> list[str]:
    asked = (["nginx", "-v"], ["redis-server", "--version"], ["ab", "-V"], ["wrk", "-v"])
    found = (re.search(r"(\d+\.\d+[.\d]*)", said(*command)) for command in asked)
    return [f"{c[0]} {match[1]}" for c, match in zip(asked, found, strict=True) if match]


def said(*command: str) -> str:
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    answer = subprocess.run(command, capture_output=True, text=True, env=os.environ | path)
    return (answer.stdout + answer.stderr).strip()
