"""Runs have time to end before they are killed."""

from app.jobs.scheduler import CANCEL_SECONDS
from app.settings import Settings
from tests.nginx.fixtures import ROOT, stop_seconds


def test_a_stop_waits_for_the_runs_that_are_cancelled_after_the_drain_too() -> None:
    assert stop_seconds() > Settings.model_fields["drain_seconds"].default + CANCEL_SECONDS


def test_each_instance_that_systemd_runs_knows_its_number() -> None:
    """So that the first alone runs the jobs where they share no ledger."""
    unit = (ROOT / "nginx/systemd/app@.service").read_text()
    assert "Environment=INSTANCE=%i" in unit.splitlines()
