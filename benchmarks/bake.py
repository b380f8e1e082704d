"""A bake against what cookiecutter itself needs for a trivial template with as many files.

Usage: python benchmarks/bake.py [rounds]. The rounds are interleaved; the ratio is what counts.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, summary


def trivial(folder: Path, files: int) -> Path:
    """A template without hooks whose project has this many files of one line."""
    project = folder / "{{cookiecutter.project_slug}}"
    project.mkdir(parents=True)
    (folder / "cookiecutter.json").write_text('{"project_slug": "my-service"}')
    for number in range(files):
        (project / f"file{number}.txt").write_text("{{cookiecutter.project_slug}}\n")
    return folder


def seconds(template: Path, into: Path) -> float:
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", str(into)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(ROOT, folder / "first")
        count = sum(path.is_file() for path in (folder / "first").rglob("*"))
        other = trivial(folder / "template", count)
        ratios = []
        for number in range(rounds):
            base = seconds(other, folder / f"trivial{number}")
            ours = seconds(ROOT, folder / f"ours{number}")
            ratios.append(ours / base)
            print(f"trivial {base:.3f} s, ours {ours:.3f} s, ratio {ours / base:.2f}", flush=True)
        print(summary(f"a bake of {count} files, x a trivial template", ratios))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 9)
