"""What the benchmarks share: a baked project in an environment of its own, and medians."""

import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def bake(into: Path, *answers: str) -> Path:
    """The all-on project, but for the answers."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(into)]
    subprocess.run([*command, *answers], check=True, stdout=subprocess.DEVNULL)
    return into / "my-service"


def install(project: Path, venv: Path) -> Path:
    """Install the project with all that it needs; gives the environment's interpreter."""
    python = venv / "bin/python"
    pip = ["pip", "install", "--compile-bytecode", "--python", str(python), "-e", "."]
    for command in (["venv", str(venv)], pip):
        subprocess.run(["uv", "-q", *command], cwd=project, check=True)
    return python


def summary(name: str, ratios: Sequence[float]) -> str:
    """The median ratio, and how far the rounds were apart."""
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    return f"{name}: {middle:.2f} ({low:.2f} to {high:.2f}, {len(ratios)} rounds)"
