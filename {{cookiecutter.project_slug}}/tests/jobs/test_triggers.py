"""When jobs are due: the same ticks on every process, as crontab(5) has them."""

from datetime import UTC, datetime, timedelta

import pytest

from app.jobs import cron, every
from app.jobs.triggers import Interval, crontab

MONDAY = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("seconds", [0.2, 1, 300, 86400, 7.3])
def test_ticks_are_the_same_whenever_a_process_starts(seconds: float) -> None:
    first, later = Interval(timedelta(seconds=seconds)), Interval(timedelta(seconds=seconds))
    tick = first.get_next_fire_time(None, MONDAY)
    for _ in range(100):
        before = tick - timedelta(seconds=seconds / 3)
        assert later.get_next_fire_time(None, before) == tick
        tick = first.get_next_fire_time(tick, MONDAY)


def test_every_counts_from_the_epoch() -> None:
    trigger = Interval(timedelta(minutes=5))
    assert trigger.get_next_fire_time(None, MONDAY) == at("2024-01-01 12:05")
    assert trigger.get_next_fire_time(None, at("2024-01-01 12:07:31")) == at("2024-01-01 12:10")


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("0 3 * * *", "2024-01-02 03:00"),
        ("*/15 * * * *", "2024-01-01 12:15"),
        ("0 3 * * 0", "2024-01-07 03:00"),
        ("0 3 * * 7", "2024-01-07 03:00"),
        ("0 3 * * SUN", "2024-01-07 03:00"),
        ("0 3 * * 2-5", "2024-01-02 03:00"),
        ("0 3 * * 5-7", "2024-01-05 03:00"),
        ("0 3 * * sat-mon", "2024-01-06 03:00"),
        ("0 3 * * 1-5/2", "2024-01-03 03:00"),
        ("0 3 * * */3", "2024-01-03 03:00"),
        ("0 3 15 * *", "2024-01-15 03:00"),
        ("0 3 15 * 5", "2024-01-05 03:00"),
        ("0 3 3 * 5", "2024-01-03 03:00"),
        ("0 3 * feb *", "2024-02-01 03:00"),
    ],
)
def test_cron_reads_a_crontab_line(expression: str, due: str) -> None:
    assert crontab(expression).get_next_fire_time(None, MONDAY + timedelta(seconds=1)) == at(due)


@pytest.mark.parametrize("expression", ["", "* * * *", "0 3 * * 8", "61 * * * *", "0 3 * * x"])
def test_what_is_no_crontab_line_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="not five fields"):
        cron(expression)


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="period"):
        every()


def test_schedules_are_told_as_they_were_written() -> None:
    def job(service: object) -> None: ...

    assert every(minutes=5)(job).schedule == "every 5 minutes"
    assert every(hours=1, seconds=0.5)(job).schedule == "every 1 hour 0.5 seconds"
    assert cron("0 3 * * *")(job).schedule == "0 3 * * *"
