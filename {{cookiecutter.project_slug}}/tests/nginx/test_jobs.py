"""What jobs do is not for everybody, and has time to end."""

import httpx
import pytest

from app.jobs.scheduler import CANCEL_SECONDS
from app.settings import Settings
from tests.nginx.fixtures import Up, stop_seconds


@pytest.mark.parametrize("path", ["/health/jobs", "//health/%6aobs"])
def test_the_state_of_the_jobs_is_not_shown(echo: Up, path: str) -> None:
    assert httpx.get(echo.url + path).status_code == 404
    assert httpx.get(echo.url).status_code == 200


def test_a_stop_waits_for_the_runs_that_are_cancelled_after_the_drain_too() -> None:
    assert stop_seconds() > Settings.model_fields["drain_seconds"].default + CANCEL_SECONDS
