"""Metrics: of this process or, where they share a folder, of all processes of a host together.

Prometheus' client adds up what it finds in PROMETHEUS_MULTIPROC_DIR, a file for each process. Ours
are named by INSTANCE and not by process id, so that a process goes on counting where the one that
it replaces has stopped, and no restart leaves a file behind. Take the kinds of metrics from here,
so that the first one is made after that is settled, and give a `Gauge` a `multiprocess_mode`. What
the client tells of a single process, such as its memory, is left out where they share a folder.
"""

import os
import sys

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["CONTENT_TYPE_LATEST", "Counter", "Gauge", "Histogram", "latest"]

FILE_BYTES = 1 << 20
"""Some 7,000 numbers. Space is taken beforehand, as a page that the disk has not ends a process."""


def _shared(folder: str, instance: str) -> bool:
    """Whether this process keeps its metrics in the folder, where there is one, with space."""
    if not os.access(folder, os.W_OK):
        return False
    mark_process_dead(instance)  # what it last measured; what it counted stays
    try:
        for kind in ("counter", "histogram", "gauge_livesum"):
            with open(f"{folder}/{kind}_{instance}.db", "ab") as file:
                file.write(bytes(max(0, FILE_BYTES - file.tell())))
    except OSError as error:
        print(f"metrics are not shared: {error.strerror}", file=sys.stderr)
        return False
    return True


_instance = os.environ.get("INSTANCE", "1")
SHARED = _shared(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), _instance)
if SHARED:
    values.ValueClass = values.MultiProcessValue(lambda: _instance)
else:
    values.ValueClass = values.MutexValue


def latest() -> bytes:
    """All metrics in Prometheus' text format."""
    if not SHARED:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
