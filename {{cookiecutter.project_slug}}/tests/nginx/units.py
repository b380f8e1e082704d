"""The service as systemd runs it, by a stand-in for systemctl."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SYSTEMCTL = Path(__file__).with_name("systemctl.py")


class Units:
    """Instances of the unit `my-service@.service`, in a folder that is what /run and /etc are."""

    def __init__(self, root: Path, folder: Path, python: str, **variables: str) -> None:
        self.root, self.folder, self.python = root, folder, python
        (folder / "bin").mkdir()
        script = folder / "bin/systemctl"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {SYSTEMCTL} "$@"\n')
        script.chmod(0o755)
        path = f"{script.parent}:{os.environ['PATH']}"
        self.environment = os.environ | variables
        self.environment |= {"PATH": path, "UNITS": str(folder), "RUNTIME_DIRECTORY": str(folder)}
        self.environment["PYTHONPATH"] = str(root)  # it is not installed
        self._install()

    def _install(self) -> None:
        """The unit with places of this folder's."""
        unit = (self.root / "nginx/systemd/app@.service").read_text()
        for place, here in {
            "/opt/%p/.venv/bin/python": self.python,
            "/etc/%p.env": f"{self.folder}/env",
            "/run/%p": str(self.folder),
            "/var/lib/%p": str(self.root),
        }.items():
            assert place in unit
            unit = unit.replace(place, here)
        (self.folder / "app@.service").write_text(unit)

    def configure(self, lines: str) -> None:
        """Write the file of settings that the unit names."""
        (self.folder / "env").write_text(lines)

    def start(self, *numbers: int) -> None:
        for number in numbers:
            command = ["systemctl", "start", f"my-service@{number}"]
            subprocess.run(command, env=self.environment, check=True)

    def rollout(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, self.root / "nginx/rollout", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def pid(self, number: int) -> int:
        return int((self.folder / f"my-service@{number}.pid").read_text())

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        for file in self.folder.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)


@contextmanager
def units(
    root: Path, folder: Path, settings: str = "", python: str = sys.executable, **variables: str
) -> Iterator[Units]:
    """Two instances of the project `root`, with these settings in the file that the unit names."""
    running = Units(root, folder, python, **variables)
    try:
        running.configure(settings)
        running.start(1, 2)
        yield running
    finally:
        running.kill()
