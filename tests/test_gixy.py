"""nginx's configuration as gixy reads it, which knows the mistakes that others have made."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers

SKIPPED = {
    "hsts_header": "the service says it itself, and nginx in its own answers",
    "try_files_is_evil_too": "a cache of open files would give an old file by a new address",
}


def findings(folder: Path) -> list[dict[str, str]]:
    gixy = servers.needed("gixy", str(Path(sys.executable).parent))
    command = [gixy, "--format", "json", "--skips", ",".join(SKIPPED), str(folder / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True)
    found: list[dict[str, str]] = json.loads(done.stdout)
    assert (done.returncode == 0) == (found == []), done.stderr
    return found


@pytest.fixture(params=["site", "compose"])
def configuration(request: pytest.FixtureRequest, project: Path) -> Path:
    if request.param != "site":
        shutil.copytree(
            project / "nginx" / request.param, project / "nginx/site", dirs_exist_ok=True
        )
    return project / "nginx"


def test_no_mistake_is_known(configuration: Path) -> None:
    assert findings(configuration) == []


def test_a_known_mistake_is_found(configuration: Path) -> None:
    """Else the test above could not fail."""
    file = configuration / "proxy.conf"
    file.write_text(file.read_text().replace("Host $host$host_port", "Host $http_host"))
    assert {found["plugin"] for found in findings(configuration)} == {"host_spoofing"}
