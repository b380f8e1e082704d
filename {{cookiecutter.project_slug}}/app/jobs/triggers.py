"""When a job is due. Ticks are the same on every process: in UTC, counted from the epoch."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

from apscheduler.triggers.cron import CronTrigger

EPOCH = datetime.fromtimestamp(0, UTC)
LAST_DECADE = datetime(9990, 1, 1, tzinfo=UTC)
"""From where the search for a day that never comes is short."""
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DAYS = {name: number for number, name in enumerate(WEEK)} | {str(n): n for n in range(8)}


class Trigger(Protocol):
    def after(self, moment: datetime) -> datetime:
        """The first tick later than this moment."""


class Interval:
    """Ticks at whole multiples of the period since the epoch."""

    def __init__(self, period: timedelta) -> None:
        if period <= timedelta(0):
            raise ValueError("a job's period must be more than nothing")
        self.period = period

    def after(self, moment: datetime) -> datetime:
        return EPOCH + ((moment - EPOCH) // self.period + 1) * self.period


class Crontab:
    """Ticks as the five fields of a crontab say, read as crontab(5) does; raises `ValueError`.

    APScheduler alone differs in two ways: it counts weekdays from Monday, and asks for both where
    a day of the month and a weekday are given, of which either will do.
    """

    def __init__(self, expression: str) -> None:
        try:
            minute, hour, day, month, weekday = expression.lower().split()
            days = [(day, _weekdays(weekday))]
            if not day.startswith("*") and not weekday.startswith("*"):
                days = [(day, "*"), ("*", _weekdays(weekday))]
            triggers = [
                CronTrigger(None, month, d, None, w, hour, minute, timezone=UTC) for d, w in days
            ]
        except (KeyError, ValueError) as error:
            raise ValueError(f"not five fields of a crontab: {expression!r}") from error
        self._triggers = [t for t in triggers if t.get_next_fire_time(None, LAST_DECADE)]
        if not self._triggers:
            raise ValueError(f"a day that never comes: {expression!r}")

    def after(self, moment: datetime) -> datetime:
        due: datetime = min(t.get_next_fire_time(moment, moment) for t in self._triggers)
        return due


def shortest_gap(trigger: Trigger) -> timedelta:
    """The least time between two ticks: a hundred show it, whatever a crontab says."""
    ticks = [trigger.after(EPOCH)]
    while len(ticks) < 100:
        ticks.append(trigger.after(ticks[-1]))
    return min(later - earlier for earlier, later in pairwise(ticks))


def _weekdays(field: str) -> str:
    """The weekdays of a crontab field (0 and 7 are Sunday), by name."""
    if field == "*":
        return field
    names = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.replace("*", "0-6").partition("-")
        start, end = DAYS[first], DAYS[last or first]
        end += 7 * (end < start)
        names += [WEEK[n % 7] for n in range(start, end + 1, int(step or 1))]
    return ",".join(names)
