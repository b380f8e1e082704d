"""The project's sockets against Autobahn's test suite for RFC 6455 and RFC 7692."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.combinations import bake
from tests.conftest import clean_environment
from tests.processes import started

SUITE, VIRTUALENV = "autobahntestsuite==25.10.1", "virtualenv==20.15.1"
"""The suite runs on Python 2.7 only, for which this was the last virtualenv."""
ECHO = '''
"""A socket that says what it hears."""

from typing import Any

from app.websocket.protocol import BINARY, frame
from app.websocket.socket import Socket


class Echo(Socket):
    max_message_size = 16 * 1024 * 1024

    def get_compression_options(self) -> dict[str, Any]:
        return {}

    async def received(self, message: str | bytes) -> None:
        said = frame(message.encode()) if isinstance(message, str) else frame(message, BINARY)
        self.send(said)


ROUTES = [("/echo", Echo)]
'''


@pytest.fixture(scope="module")
def wstest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Autobahn's program, in an environment of its own."""
    interpreters = sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))
    python = str(interpreters[0]) if interpreters else servers.needed("python2.7")
    venv = tmp_path_factory.mktemp("autobahn") / "venv"
    make = ["uv", "-q", "tool", "run", "--python", "3.11", VIRTUALENV, "-q", "-p", python]
    for command in ([*make, str(venv)], [str(venv / "bin/pip"), "-q", "install", SUITE]):
        subprocess.run(command, check=True, env=clean_environment(), capture_output=True)
    return venv / "bin/wstest"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Iterator[str]:
    """The address of an echo on the base class of the project's own sockets."""
    root = bake(frozenset({"websocket"}), tmp_path_factory.mktemp("echo"))
    (root / "app/echo.py").write_text(ECHO)
    main = root / "app/main.py"
    main.write_text(main.read_text().replace("[health, home]", "[health, home, echo]"))
    main.write_text(main.read_text().replace("from app import ", "from app import echo, "))
    port = servers.free_port()
    environment = clean_environment(
        PORT=str(port),
        PUBLIC_URL=f"http://127.0.0.1:{port}",
        LOG_FORMAT="json",
        WEBSOCKET_SOCKETS_PER_ADDRESS="0",
    )
    with started([str(python), "-m", "app"], root, environment) as service:
        yield f"ws://127.0.0.1:{port}/echo"
        assert not [line for line in service.log if '"error"' in line]


@pytest.mark.parametrize(
    ("cases", "but", "number"),
    [(["*"], ["12.*", "13.*"], 301), (["12.1.*", "13.1.*"], [], 36)],
    ids=["protocol", "compression"],
)
def test_no_case_fails(
    wstest: Path, echo: str, tmp_path: Path, cases: list[str], but: list[str], number: int
) -> None:
    specification = {
        "outdir": str(tmp_path),
        "servers": [{"agent": "echo", "url": echo}],
        "cases": cases,
        "exclude-cases": but,
        "exclude-agent-cases": {},
    }
    (tmp_path / "spec.json").write_text(json.dumps(specification))
    command = [str(wstest), "-m", "fuzzingclient", "-s", str(tmp_path / "spec.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    results = json.loads((tmp_path / "index.json").read_text())["echo"]
    assert len(results) == number
    good = {"OK", "NON-STRICT", "INFORMATIONAL"}
    verdicts = {case: {r["behavior"], r["behaviorClose"]} for case, r in results.items()}
    assert not {case: verdict for case, verdict in verdicts.items() if verdict - good}
