"""The units: well-formed, and with no more rights than the service needs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from app.settings import Settings
from tests.nginx.fixtures import ROOT, program, stop_seconds

UNITS = ROOT / "nginx/systemd"
EXPOSURE = 20
"""The most that a service may be exposed, in tenths."""


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service's unit as installed, but for its program, which is not there."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copy(UNITS / "app.target", folder / "my-service.target")
    lines = (UNITS / "app@.service").read_text().splitlines()
    program = [line if line[:9] != "ExecStart" else "ExecStart=/bin/true" for line in lines]
    (folder / "my-service@1.service").write_text("\n".join(program))
    return folder / "my-service@1.service"


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_units_are_well_formed(unit: Path) -> None:
    verified = analyze("verify", unit, unit.parent / "my-service.target")
    assert (verified.returncode, verified.stderr) == (0, "")  # what it does not know is only told


def test_the_service_is_sandboxed(unit: Path) -> None:
    rated = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit)
    assert rated.returncode == 0, rated.stdout


def test_a_stop_waits_for_longer_than_the_service_drains() -> None:
    assert stop_seconds() > Settings.model_fields["drain_seconds"].default
