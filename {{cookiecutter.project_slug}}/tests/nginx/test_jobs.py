"""What jobs do is not for everybody."""

import httpx
import pytest

from tests.nginx.fixtures import Up


@pytest.mark.parametrize("path", ["/health/jobs", "//health/%6aobs"])
def test_the_state_of_the_jobs_is_not_shown(echo: Up, path: str) -> None:
    assert httpx.get(echo.url + path).status_code == 404
    assert httpx.get(echo.url).status_code == 200
