"""Metrics: of this process or, where they share a folder, of all processes of a host together.

Prometheus' client adds up what it finds in PROMETHEUS_MULTIPROC_DIR, a file for each process. Ours
are named by INSTANCE and not by process id, so that a process goes on counting where the one that
it replaces has stopped, and no restart leaves a file behind. Take the kinds of metrics from here,
so that the first one is made after that is settled, and give a `Gauge` a `multiprocess_mode`. What
the client tells of a single process, such as its memory, is left out where they share a folder.
"""

import os

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

SHARED = os.access(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), os.W_OK)

if SHARED:
    _instance = os.environ.get("INSTANCE", "1")
    mark_process_dead(_instance)  # what it last measured; what it counted stays
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
