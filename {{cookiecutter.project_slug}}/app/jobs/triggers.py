"""When a job is due. Ticks are the same on every process: in UTC, counted from the epoch."""

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

EPOCH = datetime.fromtimestamp(0, UTC)
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DAYS = {name: number for number, name in enumerate(WEEK)} | {str(n): n for n in range(8)}


class Interval(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Due at whole multiples of the period since the epoch.

    APScheduler's own interval starts when the process does, and adds up as floats.
    """

    def __init__(self, period: timedelta) -> None:
        if period <= timedelta(0):
            raise ValueError("a job's period must be more than nothing")
        self.period = period

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        ticks = ((previous_fire_time or now) - EPOCH) // self.period
        return EPOCH + (ticks + 1) * self.period


def crontab(expression: str) -> BaseTrigger:
    """The trigger of five crontab fields, read as crontab(5) does; raises `ValueError`.

    APScheduler alone differs in two ways: it counts weekdays from Monday, and asks for both where
    a day of the month and a weekday are given, of which either will do.
    """
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
    return triggers[0] if len(triggers) == 1 else OrTrigger(triggers)


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
