"""Jobs over real processes and a real Redis server, which are killed, stopped and misled."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests import servers
from tests.combinations import bake
from tests.fleet import (
    Fleet,
    alive,
    faked_clock,
    in_a_row,
    logged,
    missed,
    most_in_a_second,
    none_twice,
    set_clock,
)
from tests.servers import await_

LEASE_SECONDS = 10


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(frozenset({"jobs", "redis"}), tmp_path_factory.mktemp("jobs"))


@pytest.fixture
def fleet(baked: Path, python: Path, tmp_path: Path) -> Iterator[Fleet]:
    root = shutil.copytree(baked, tmp_path / "my-service")
    with servers.redis_server(tmp_path / "redis") as redis:
        yield Fleet(root, python, redis, tmp_path / "notes")


def test_each_tick_runs_once_over_four_processes(fleet: Fleet) -> None:
    with fleet.processes(4, PERIOD="0.2") as processes:
        await_(lambda: in_a_row(fleet.notes(), timedelta(seconds=0.2)) >= 50, "50 ticks", 60)
        logs = [line for each in processes.values() for line in each.log]
    assert none_twice(fleet.notes())
    assert len({note.pid for note in fleet.notes()}) > 1
    tokens = [note.token for note in fleet.notes()]
    assert tokens == sorted(set(tokens))
    ended = {entry["run_id"] for entry in logged(logs, "job ended", job="noted", status="ok")}
    assert ended <= {note.run_id for note in fleet.notes("ended")}
    assert len(ended) >= 50


def test_another_process_takes_over_when_one_is_killed_inside_a_run(fleet: Fleet) -> None:
    with fleet.processes(2, PERIOD="1") as processes:
        held = fleet.hold()
        time.sleep(1.5)
        assert fleet.notes()[-1].run_id == held.run_id, "a job overlaps itself"
        processes[held.pid].process.kill()
        killed = time.monotonic()
        after = fleet.await_run(later_than=killed)
        assert after.at - killed < LEASE_SECONDS + 3
        assert (after.pid != held.pid, after.token > held.token) == (True, True)
        fleet.await_run(later_than=after.at)
    assert none_twice(fleet.notes())


def test_a_run_that_was_stopped_for_longer_than_its_lease_comes_too_late(fleet: Fleet) -> None:
    with fleet.processes(2, PERIOD="1", LEASE="2") as processes:
        held = fleet.hold()
        late = processes[held.pid]
        late.process.send_signal(signal.SIGSTOP)
        after = fleet.await_run(later_than=held.at)
        await_(lambda: "ok" in fleet.record()["status"], "the record of the run after")
        late.process.send_signal(signal.SIGCONT)
        await_(lambda: bool(logged(late.log, "run not recorded")), "the refusal")
        await_(lambda: bool(logged(late.log, "job cancelled")), "the end")
        fleet.await_run(later_than=fleet.notes()[-1].at)
        assert alive(late)
    assert [note.run_id for note in fleet.notes("cancelled")] == [held.run_id]
    for event in ("job ended", "run not recorded", "job cancelled"):
        assert len(logged(late.log, event, run_id=held.run_id)) == 1
    assert fleet.record()["status"] == "ok"
    assert after.token > held.token
    assert none_twice(fleet.notes())


@pytest.mark.parametrize("fault", ["killed and empty", "hanging"])
def test_runs_go_on_without_a_burst_when_the_server_is_back(fleet: Fleet, fault: str) -> None:
    with fleet.processes(2, PERIOD="0.5") as processes:
        fleet.redis.stop() if fault == "hanging" else fleet.redis.kill()
        time.sleep(3)
        fleet.redis.go_on() if fault == "hanging" else fleet.redis.start(lose=True)
        back = time.monotonic()
        first = fleet.await_run(later_than=back)
        assert first.at - back < 5
        await_(lambda: len([n for n in fleet.notes() if n.at > back]) > 5, "the next runs")
        assert all(missed(each) > 0 for each in processes.values())
        assert all(map(alive, processes.values()))
    assert none_twice(fleet.notes())
    assert most_in_a_second(fleet.notes()) <= 3


def test_every_process_tells_the_same_also_of_a_run_by_hand(fleet: Fleet) -> None:
    with fleet.process(JOBS="off") as first, fleet.process() as second, fleet.process() as third:
        done = command(fleet, "noted")
        assert (done.returncode, done.stdout.splitlines()[-1][:16]) == (0, "noted: ok after ")
        answers = [httpx.get(f"{each.url}/health/jobs").json() for each in (first, second, third)]
    assert answers[0] == answers[1] == answers[2]
    (told,) = [job for job in answers[0]["jobs"] if job["name"] == "noted"]
    assert (told["runs"], told["last_status"]) == (1, "ok")


@pytest.mark.parametrize(("seconds", "status"), [(1.5, "ok"), (3600, "cancelled")])
def test_a_drain_lets_a_run_end_or_cancels_it(fleet: Fleet, seconds: float, status: str) -> None:
    with fleet.processes(1, PERIOD="1", DRAIN_SECONDS="3") as processes:
        held = fleet.hold(seconds)
        service = processes[held.pid]
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0
    last = fleet.notes("ended" if status == "ok" else "cancelled")[-1]
    assert last.run_id == held.run_id == fleet.notes()[-1].run_id
    assert fleet.record()["status"] == status


def test_clock_changes_bring_neither_a_storm_nor_a_stall(fleet: Fleet, tmp_path: Path) -> None:
    servers.needed("faketime")
    clock = tmp_path / "clock"
    with fleet.processes(1, PERIOD="1", **faked_clock(clock)):
        offsets = {0: fleet.notes()[0]}
        for offset in (86400, 86400 - 3600, -3600):
            set_clock(clock, offset)
            stepped = time.monotonic()
            first = fleet.await_run(later_than=stepped + 0.1)
            assert first.at - stepped < 4
            offsets[offset] = fleet.await_run(later_than=first.at)
    for offset, note in offsets.items():
        moved = note.tick - offsets[0].tick - timedelta(seconds=note.at - offsets[0].at)
        assert abs(moved.total_seconds() - offset) < 5
    assert most_in_a_second(fleet.notes()) <= 2
    assert none_twice(fleet.notes())


def test_the_command_runs_a_job_with_its_retries(fleet: Fleet) -> None:
    done = command(fleet, "failing")
    assert (done.returncode, fleet.record("failing")["failures"]) == (1, "1")
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"failing: failed after [\d.]+ s", lines[-1])
    failed = logged(lines, "job failed", job="failing")
    assert [entry["attempt"] for entry in failed] == [1, 2]
    assert len({entry["run_id"] for entry in failed}) == 1


def test_the_lines_of_a_thread_carry_the_job_and_its_run(fleet: Fleet) -> None:
    lines = command(fleet, "threaded").stdout.splitlines()
    (said,), (ended,) = (logged(lines, event) for event in ("said in a thread", "job ended"))
    assert said["job"] == ended["job"] == "threaded"
    assert said["run_id"] == ended["run_id"]


def test_the_command_names_the_jobs_where_it_knows_no_such_one(fleet: Fleet) -> None:
    done = command(fleet, "unknown")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert all(name in done.stderr for name in ("noted", "threaded", "failing"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_run_of_the_command(fleet: Fleet, number: signal.Signals) -> None:
    arguments = [str(fleet.python), "-m", "app", "job", "noted"]
    with subprocess.Popen(
        arguments, cwd=fleet.root, env=fleet.environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            fleet.hold()
            process.send_signal(number)
            _, said = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, said) == (128 + number, "noted: cancelled\n")
    assert fleet.record()["status"] == "cancelled"
    assert fleet.redis.cli("EXISTS", "jobs:{noted}:lease") == "0"


def command(fleet: Fleet, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(fleet.python), "-m", "app", "job", name],
        cwd=fleet.root, env=fleet.environment(), capture_output=True, text=True, timeout=30,
    )  # fmt: skip
