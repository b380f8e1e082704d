"""The command line: what it says when it cannot start, and its exit codes."""

import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from app import __main__
from app.__main__ import main
from app.main import create_service
from app.service import Service


class Ended(NamedTuple):
    code: int
    out: list[str]
    err: list[str]


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process, with these arguments and variables."""

    def in_this_process(*arguments: str, **variables: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["service", *arguments])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out.splitlines(), said.err.splitlines())

    before = structlog.get_config()
    yield in_this_process
    logging.getLogger().handlers.clear()
    structlog.configure(**before)


def test_a_port_in_use_is_said_in_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(PORT=str(port))
    assert ended.code == 1
    assert ended.err == [f"cannot listen on 127.0.0.1:{port}: Address already in use"]


def test_a_file_in_place_of_the_socket_is_said_in_one_line_and_stays(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = run(UNIX_SOCKET=str(file))
    assert ended.code == 1
    assert ended.err == [f"cannot listen on {file}: a file is there that is no socket"]
    assert file.exists()


def test_a_path_that_is_too_long_for_a_socket_is_said_in_one_line(run: Run) -> None:
    path = "/" + 108 * "x"
    assert run(UNIX_SOCKET=path).err == [f"cannot listen on {path}: AF_UNIX path too long"]


def test_production_does_not_start_without_its_settings(run: Run) -> None:
    ended = run(ENVIRONMENT="production")
    assert ended.code == 78
    assert "SECRET_KEY, PUBLIC_URL must be set in production" in ended.err


def test_check_says_that_all_is_well(run: Run) -> None:
    ended = run("check")
    assert (ended.code, ended.out[-1]) == (0, "ok")


def test_check_names_what_is_wrong(run: Run) -> None:
    ended = run("check", PORT="eighty", LOG_LEVEL="loud")
    assert ended.code == 1
    assert [line.partition(":")[0] for line in ended.err] == ["PORT", "LOG_LEVEL"]


def test_check_asks_for_what_the_service_can_do_without(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise OSError("nobody is there")

    def created() -> Service:
        service = create_service()
        service.inspections["printer"] = fail
        return service

    monkeypatch.setattr(__main__, "create_service", created)
    ended = run("check")
    assert (ended.code, ended.out) == (1, ["printer: nobody is there", "failed"])


def test_an_unknown_command_is_told_the_known_ones(run: Run) -> None:
    ended = run("swim")
    assert ended.code == 2
    assert "check" in ended.err[-1]
