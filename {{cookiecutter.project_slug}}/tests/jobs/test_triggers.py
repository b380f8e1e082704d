"""When jobs are due: the same ticks on every process, as crontab(5) has them."""

from datetime import UTC, datetime, timedelta

import pytest

from app.jobs import cron, every
from app.jobs.triggers import Crontab, Interval, shortest_gap

MONDAY = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("seconds", [0.2, 1, 300, 86400, 7.3])
def test_ticks_are_the_same_whenever_a_process_starts(seconds: float) -> None:
    first, later = Interval(timedelta(seconds=seconds)), Interval(timedelta(seconds=seconds))
    tick = first.after(MONDAY)
    for _ in range(100):
        before = tick - timedelta(seconds=seconds / 3)
        assert later.after(before) == tick
        tick = first.after(tick)


def test_every_counts_from_the_epoch() -> None:
    trigger = Interval(timedelta(minutes=5))
    assert trigger.after(MONDAY) == at("2024-01-01 12:05")
    assert trigger.after(at("2024-01-01 12:07:31")) == at("2024-01-01 12:10")


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
    assert Crontab(expression).after(MONDAY) == at(due)


def test_a_tick_of_cron_is_not_later_than_itself() -> None:
    assert Crontab("0 12 * * *").after(MONDAY) == MONDAY + timedelta(days=1)


@pytest.mark.parametrize("expression", ["", "* * * *", "0 3 * * 8", "61 * * * *", "0 3 * * x"])
def test_what_is_no_crontab_line_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="not five fields"):
        cron(expression)


@pytest.mark.parametrize("expression", ["0 3 30 2 *", "0 3 31 4,6 *"])
def test_a_day_that_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="never comes"):
        cron(expression)
    Crontab(f"{expression[:-1]}mon")  # but each Monday does


@pytest.mark.parametrize(
    ("expression", "gap"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("0 3 * * *", timedelta(days=1)),
        ("0,59 0,23 * * *", timedelta(minutes=1)),
        ("0 3 1 * *", timedelta(days=28)),
    ],
)
def test_the_shortest_time_between_two_ticks_is_known(expression: str, gap: timedelta) -> None:
    assert shortest_gap(Crontab(expression)) == gap


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="period"):
        every()


def test_schedules_are_told_as_they_were_written() -> None:
    def job(service: object) -> None: ...

    assert every(minutes=5)(job).schedule == "every 5 minutes"
    assert every(hours=1, seconds=0.5)(job).schedule == "every 1 hour 0.5 seconds"
    assert cron("0 3 * * *")(job).schedule == "0 3 * * *"
