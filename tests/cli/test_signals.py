"""Stopping a run: cleanly, at once, and going on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Program, mending
from tests.support.model_server import ModelServer

MARK = "midwatch-cli-test-sleeper"


def started(program: Program, *more: str) -> subprocess.Popen[bytes]:
    """A run that is inside its first command."""
    process = subprocess.Popen(
        program.argv("run", "Mend the sum", *program.run_options, *more),
        cwd=program.repo,
        env=program.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    begun = program.folder / "begun"
    wait_until(lambda: (begun.exists() and begun.read_text() != "") or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def wait_until(ready: Callable[[], bool], seconds: float = 60) -> None:
    """Look often; give up after a time that only a broken program needs."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def slow(program: Program, server: ModelServer) -> None:
    """The model's first command says that it runs, then waits, but only the first time it is run."""
    begun = program.folder / "begun"
    command = f"test -e '{begun}' || {{ echo $$ > '{begun}'; exec sleep 600; }}; cat calc.py"
    program.base_url = server.script(*mending(command))


def sleeper_is_gone(program: Program) -> bool:
    """Whether the command that the model started has ended."""
    pid = int((program.folder / "begun").read_text())
    try:
        return b"sleep" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_cleanly_and_says_how_to_go_on(
    number: signal.Signals, program: Program, server: ModelServer
) -> None:
    slow(program, server)
    process = started(program)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    (task,) = program.json("list")
    assert process.returncode == 130
    assert output.decode().splitlines()[-1] == f"stopped; go on with `midwatch resume {task['id']}`"
    assert errors == b""
    assert sleeper_is_gone(program)
    assert task["status"] == "interrupted"


def test_a_stopped_task_goes_on_to_its_pull_request(program: Program, server: ModelServer) -> None:
    slow(program, server)
    process = started(program, "--json")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    task_id = program.json("list")[0]["id"]
    assert output.decode().splitlines()[-1] == f'{{"type": "stopped", "id": "{task_id}", "exit_code": 130}}'
    resumed = program("resume", task_id)
    assert resumed.returncode == 0, resumed.stderr.decode()
    assert "going on after" in resumed.stdout.decode()
    assert program.json("pr", "list")[0]["number"] == 1


def test_a_second_signal_ends_the_process_at_once(program: Program, server: ModelServer) -> None:
    slow(program, server)
    process = started(program)
    # Stopped by the kernel, so that both signals are there before either is looked at.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"stopped" not in output
    wait_until(lambda: sleeper_is_gone(program))
    assert program.json("list")[0]["status"] == "interrupted"


def test_a_run_whose_reader_goes_away_still_ends_with_a_pull_request(program: Program, server: ModelServer) -> None:
    slow(program, server)
    process = started(program)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    os.kill(int((program.folder / "begun").read_text()), signal.SIGKILL)
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    assert program.json("list")[0]["status"] == "done"


def test_two_processes_do_not_work_on_the_same_task(program: Program, server: ModelServer) -> None:
    slow(program, server)
    process = started(program)
    try:
        (task,) = program.json("list")
        assert task["status"] == "running"
        second = program("resume", task["id"])
        assert second.returncode == 2
        assert f"is being worked on by process {process.pid}" in second.stderr.decode()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
