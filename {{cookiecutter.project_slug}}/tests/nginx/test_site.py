"""The configuration on a server and in compose, which differ from the one here by their site."""

import subprocess
from pathlib import Path

import pytest

from tests.nginx.site import Installed

OF_NEWER_ONES = 'the "listen ... http2" directive is deprecated'
"""What nginx 1.25.1 and newer say; older ones know nothing else."""


@pytest.mark.parametrize("site", ["site", "compose"])
def test_it_is_well_formed(nginx: str, site: str, tmp_path: Path) -> None:
    command = [*Installed(site, tmp_path).command, "-t"]
    tested = subprocess.run(command, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    warnings = [line for line in tested.stderr.splitlines() if "[warn]" in line]
    assert [line for line in warnings if OF_NEWER_ONES not in line] == []
