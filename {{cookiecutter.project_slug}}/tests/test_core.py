"""The core over a real socket: a process is started, asked and stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message

import pytest


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    environment = os.environ | {"PORT": "0", "ENVIRONMENT": "development", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "app"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(15) == 0


def fetch(url: str, **options: object) -> tuple[int, Message, dict[str, object]]:
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, **options))  # type: ignore[arg-type]
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, json.loads(answer.read() or b"{}")


def test_says_hello(url: str) -> None:
    assert fetch(url + "/hello?name=Ada")[2] == {"message": "Hello, Ada!"}


def test_names_its_features(url: str) -> None:
    assert "home" in fetch(url + "/")[2]["features"]  # type: ignore[operator]


def test_is_alive_and_ready(url: str) -> None:
    assert fetch(url + "/health/live")[0] == 200
    assert fetch(url + "/health/ready")[0] == 200


def test_an_unknown_path_is_a_problem_with_the_request_id(url: str) -> None:
    status, headers, problem = fetch(url + "/nowhere")
    assert (status, headers["Content-Type"].split(";")[0]) == (404, "application/problem+json")
    assert problem["request_id"] == headers["X-Request-ID"]


def test_a_wrong_method_is_told_the_right_ones(url: str) -> None:
    status, headers, _ = fetch(url + "/hello", method="DELETE")
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_foreign_host_is_refused(url: str) -> None:
    assert fetch(url + "/hello", headers={"Host": "evil.example"})[0] == 421


@pytest.mark.parametrize("variable", ["SECRET_KEY", "PUBLIC_URL"])
def test_production_does_not_start_without(variable: str) -> None:
    given = {
        "SECRET_KEY": "k" * 40,
        "PUBLIC_URL": "https://example.com",
        "ENVIRONMENT": "production",
    }
    del given[variable]
    command = [sys.executable, "-m", "app"]
    ended = subprocess.run(
        command, env=os.environ | given, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 78
    assert variable in ended.stderr
    assert "Traceback" not in ended.stderr
