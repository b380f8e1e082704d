"""The runner: restarts without a lost request, mends what dies, leaves nothing behind."""

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.nginx.fixtures import SECONDS, Up, alive, descendants, free_port, running, started


class Load:
    """Requests without a pause while the block lasts, and what became of them."""

    def __init__(self, url: str) -> None:
        self.seen: Counter[object] = Counter()
        self._url, self._stop = url, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=SECONDS) as client:
            while not self._stop.is_set():
                try:
                    self.seen[client.get("/hello").status_code] += 1
                    self.seen[client.post("/hello").status_code] += 1
                except httpx.TransportError as error:
                    self.seen[repr(error)] += 1

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_rolling_restart_loses_no_request(up: Up) -> None:
    before = up.pids
    with Load(up.url) as load:
        up.process.send_signal(signal.SIGHUP)
        up.wait_for_line("all instances are restarted")
    assert set(load.seen) == {200, 405}
    assert not {*before.values()} & {*up.pids.values()}
    assert not any(alive(pid) for pid in before.values())


def test_a_process_that_dies_is_replaced_while_the_others_serve(up: Up) -> None:
    before = up.pids["1"]
    os.kill(before, signal.SIGKILL)
    up.wait_for(lambda _: up.pids["1"] != before)
    assert alive(up.pids["1"])
    assert httpx.get(up.url + "/hello").status_code == 200


def test_each_process_tells_the_metrics_of_all(up: Up) -> None:
    for _ in range(10):
        httpx.get(up.url + "/hello").raise_for_status()
    one, other = (hellos(pid) for pid in up.pids.values())
    assert one == other >= 10


def hellos(pid: int) -> float:
    """How often hello was said, by the process that has this id."""
    environment = Path(f"/proc/{pid}/environ").read_text()
    socket = environment.partition("UNIX_SOCKET=")[2].partition("\0")[0]
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
        lines = client.get("http://localhost/metrics").text.splitlines()
    counter = 'http_requests_total{handler="Hello",method="GET",status="200"}'
    return next(float(line.split()[1]) for line in lines if line.startswith(counter))


def test_term_ends_everything_and_leaves_nothing(stand_in: Path, temporary: Path) -> None:
    with running(stand_in, TMPDIR=str(temporary)) as up:
        (folder,) = temporary.iterdir()
        assert {path.name for path in folder.glob("*.sock")} == {"1.sock", "2.sock"}
        up.wait_for(lambda _: len(descendants(up.process.pid)) >= 4)  # nginx's worker, too
        assert up.end() == 0
        assert up.left == []
    assert list(temporary.iterdir()) == []


def test_a_second_signal_ends_what_does_not_end(stand_in: Path) -> None:
    with running(stand_in, STUBBORN="1") as up:
        up.children = descendants(up.process.pid)
        up.process.terminate()
        up.wait_for_line("stopping")
        assert up.end() == 0
        assert up.left == []


def test_nothing_goes_on_without_nginx(stand_in: Path, temporary: Path) -> None:
    with running(stand_in, TMPDIR=str(temporary)) as up:
        up.children = descendants(up.process.pid)
        os.kill(int(next(temporary.glob("*/nginx.pid")).read_text()), signal.SIGTERM)
        assert up.process.wait(SECONDS) == 1
        up.wait_for_line("nginx has ended with 0")
        assert up.left == []


def test_a_file_of_settings_is_read_but_the_environment_is_stronger(stand_in: Path) -> None:
    text = b"# ours\nH=example.com\nexport WORKERS=1\nPORT=1\nPUBLIC_URL=http://${H}  # where\n"
    with settings(stand_in, text), running(stand_in) as up:
        assert list(up.pids) == ["1"]
        assert up.wait_for_line("serving on").endswith(" http://example.com\n")


def test_a_file_of_settings_that_cannot_be_read_is_one_line(stand_in: Path) -> None:
    with settings(stand_in, b"\xff"):
        returned, out = ended(stand_in, free_port())
    assert returned == 78
    assert out.startswith("nginx/up: .env cannot be read: UnicodeDecodeError")
    assert out.count("\n") == 1


@contextmanager
def settings(root: Path, text: bytes) -> Iterator[None]:
    """With this as its `.env`."""
    file = root / ".env"
    file.write_bytes(text)
    try:
        yield
    finally:
        file.unlink()


def ended(root: Path, port: int, **variables: str) -> tuple[int, str]:
    with started(root, port, **variables) as process:
        try:
            out, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return process.returncode, out


@pytest.mark.parametrize(
    ("variables", "code", "line"),
    [
        ({"NGINX": "/nowhere/nginx"}, 1, "nginx is not installed"),
        ({"WORKERS": "many"}, 78, "WORKERS: must be a number from 1 to 65535"),
        ({"EXIT": "78"}, 78, "instance 1 has ended with 78"),
        ({"EXIT": "3"}, 3, "instance 1 has ended with 3"),
    ],
)
def test_what_prevents_the_start_is_one_line(
    stand_in: Path, variables: dict[str, str], code: int, line: str
) -> None:
    returned, out = ended(stand_in, free_port(), **variables)
    assert returned == code
    assert out.startswith(f"nginx/up: {line}")
    assert out.count("\n") == 1


def test_a_port_in_use_is_one_line(stand_in: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        returned, out = ended(stand_in, port)
    assert (returned, out) == (
        1,
        f"nginx/up: cannot listen on 127.0.0.1:{port}: Address already in use\n",
    )
