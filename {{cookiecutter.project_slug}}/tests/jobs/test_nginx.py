"""Runs have time to end before they are killed."""

from app.jobs.scheduler import CANCEL_SECONDS
from app.settings import Settings
from tests.nginx.fixtures import stop_seconds


def test_a_stop_waits_for_the_runs_that_are_cancelled_after_the_drain_too() -> None:
    assert stop_seconds() > Settings.model_fields["drain_seconds"].default + CANCEL_SECONDS
