"""A stand-in for systemctl, where systemd does not run: it does what the unit says, to processes.

It works in the folder UNITS, which holds the unit (installed by `fixtures.Systemd`), and later
the ids of the processes and what these have written.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["UNITS"])


class Unit:
    """One of the instances of the unit."""

    def __init__(self, name: str) -> None:
        number = name.partition("@")[2].removesuffix(".service")
        text = (FOLDER / "app@.service").read_text().replace("%i", number)
        self.pid = FOLDER / f"{name.removesuffix('.service')}.pid"
        self.settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        variables = re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE)
        file = Path(self.settings["EnvironmentFile"]).read_text()
        self.variables = dict(variables + re.findall(r"^(\w+)=(.*)$", file, re.MULTILINE))

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        """ExecStop, then SIGTERM; return when the process has ended."""
        if self.pid.exists() and alive(pid := int(self.pid.read_text())):
            subprocess.run(shlex.split(self.settings["ExecStop"]), check=True)
            os.kill(pid, signal.SIGTERM)
            while alive(pid):
                time.sleep(0.01)

    def start(self) -> None:
        """Start the process and return when it has said that it is ready, as Type=notify has it."""
        assert self.settings["Type"] == "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(f"\0{self.pid}")
            told.settimeout(0.1)
            process = self.spawn(NOTIFY_SOCKET=f"@{self.pid}")
            while process.poll() is None:
                try:
                    assert told.recv(100).startswith(b"READY=1")
                    return
                except TimeoutError:
                    pass
        sys.exit(f"{self.pid.stem}.service failed because the process exited.")

    def spawn(self, **variables: str) -> "subprocess.Popen[bytes]":
        with (FOLDER / "log").open("ab") as log:
            process = subprocess.Popen(
                shlex.split(self.settings["ExecStart"]),
                cwd=self.settings["WorkingDirectory"],
                env=os.environ | self.variables | variables,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid.write_text(str(process.pid))
        return process


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start", name]:
            Unit(name).start()
        case ["restart", name]:
            Unit(name).restart()
        case ["list-units", "--plain", "--no-legend", "--full", pattern]:
            for file in FOLDER.glob(pattern.replace(".service", ".pid")):
                print(f"{file.stem}.service loaded active running one process")
        case unknown:
            sys.exit(f"this stand-in does not know {unknown}")
