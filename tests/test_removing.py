"""A feature is one folder: take it out by hand and everything else goes on."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import clean_environment


def test_jobs_are_taken_out_by_deleting_two_folders_and_a_name(project: Path, python: Path) -> None:
    shutil.rmtree(project / "app/jobs")
    shutil.rmtree(project / "tests/jobs")
    main = project / "app/main.py"
    text = main.read_text()
    assert text.count("jobs") == 2
    main.write_text(text.replace("jobs, ", "").replace(", jobs", ""))
    assert "jobs" not in main.read_text()
    # What its features do is run for the combination without jobs: here it is what binds them.
    parts = [str(path) for path in (project / "tests").glob("test_*.py")]
    environment = clean_environment(PATH=f"{python.parent}:{os.environ['PATH']}")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *parts, "tests/templates"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-8000:]
