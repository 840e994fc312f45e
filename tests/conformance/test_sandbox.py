"""What every sandbox must do, run against each of them that runs commands."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError, SandboxLost
from midwatch.sandbox.base import Sandbox
from tests.sandbox.boxes import BOX, Bench, alive, opened, token, until
from tests.support.drivers import DRIVERS, Driver


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    driver: Driver = request.param
    return driver.required()


@pytest.fixture
async def bench(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(sandbox, tmp_path) as bench:
        yield bench


@pytest.mark.parametrize("code", [0, 1, 2, 42, 128, 129, 255])
async def test_exit_codes_come_back_as_they_are(bench: Bench, code: int) -> None:
    result, said = await bench.run("sh", "-c", f"exit {code}")
    assert (result.exit_code, result.ended, said, result.bytes) == (code, f"exit {code}", "", 0)


@pytest.mark.parametrize(("signal", "name"), [("9", "SIGKILL"), ("11", "SIGSEGV"), ("6", "SIGABRT"), ("15", "SIGTERM")])
async def test_a_death_by_signal_is_told_in_words(bench: Bench, signal: str, name: str) -> None:
    result, _ = await bench.run("sh", "-c", f"kill -{signal} $$")
    assert (result.exit_code, result.ended) == (None, f"killed by signal {signal} ({name})")


async def test_a_missing_program_is_127_with_a_line_of_output(bench: Bench) -> None:
    result, said = await bench.run("no-such-program-anywhere")
    assert result.exit_code == 127
    assert "no-such-program-anywhere" in said
    assert result.bytes == len(said)


async def test_a_file_that_is_no_program_is_126(bench: Bench) -> None:
    await bench.box.write(b"notes.txt", b"hello")
    result, said = await bench.run("./notes.txt")
    assert result.exit_code == 126
    assert "notes.txt" in said


@pytest.mark.parametrize("argv", [(), ("",), ("-c", "id"), ("echo", "a\0b")])
async def test_what_cannot_be_a_command_is_127_with_a_line_of_output(bench: Bench, argv: tuple[str, ...]) -> None:
    result, said = await bench.run(*argv)
    assert result.exit_code == 127
    assert said.startswith("midwatch: ")


async def test_a_command_longer_than_the_system_allows_is_126(bench: Bench) -> None:
    result, said = await bench.run("echo", "x" * (1 << 20))
    assert result.exit_code == 126
    assert "longer" in said or "too long" in said


async def test_arguments_arrive_unchanged(bench: Bench) -> None:
    words = ["a b", "$HOME", "'\"`\\", "*", "", "ü\n", "\udcff", "-n"]
    _, said = await bench.run("printf", "%s|", *words)
    assert said == "".join(f"{word}|" for word in words)


async def test_both_streams_come_in_order_through_one_sink(bench: Bench) -> None:
    _, said = await bench.run("sh", "-c", "echo one; echo two >&2; echo three")
    assert said == "one\ntwo\nthree\n"


async def test_commands_can_open_their_own_streams_by_name(bench: Bench) -> None:
    _, said = await bench.run("sh", "-c", "echo one >/dev/stdout; echo two >/dev/stderr; echo three | tee /dev/stderr")
    assert said == "one\ntwo\nthree\nthree\n"


async def test_a_long_output_arrives_whole(bench: Bench) -> None:
    result, said = await bench.run("head", "-c", "12000000", "/dev/zero")
    assert result.bytes == len(said) == 12_000_000
    assert result.ended == "exit 0"


async def test_a_flood_of_output_ends_the_command_at_the_limit(bench: Bench) -> None:
    result, said = await bench.run("sh", "-c", "yes | head -c 1000000000", output_bytes=4 << 20)
    assert (result.exit_code, result.ended, result.bytes) == (None, "output limit of 4 MiB", 4 << 20)
    assert len(said) == 4 << 20


async def test_output_of_exactly_the_limit_is_within_it(bench: Bench) -> None:
    result, said = await bench.run("printf", "12345", output_bytes=5)
    assert (result.ended, said) == ("exit 0", "12345")
    result, said = await bench.run("printf", "123456", output_bytes=5)
    assert (result.ended, said) == ("output limit of 5 bytes", "12345")


async def test_a_timeout_kills_the_whole_tree(bench: Bench) -> None:
    mark = token()
    result, said = await bench.run(
        "sh", "-c", f"echo begun; setsid sleep {mark} & sleep {mark}; echo done", timeout=0.4
    )
    assert (result.exit_code, result.ended, said) == (None, "time limit of 0.4 s", "begun\n")
    assert result.duration_ms >= 400
    assert alive(mark) == []


@pytest.mark.parametrize(
    "how",
    [
        "sleep {0} & exit 3",
        "setsid sleep {0} & exit 3",
        "(setsid sh -c 'setsid sleep {0} & exec sleep {0}' &) ; exit 3",
        "trap '' TERM HUP INT; (sleep {0}; sleep {0}) & exit 3",
        "nohup sleep {0} >/dev/null 2>&1 </dev/null & exit 3",
    ],
)
async def test_background_processes_end_with_the_command(bench: Bench, how: str) -> None:
    mark = token()
    result, _ = await bench.run("sh", "-c", how.format(mark))
    assert result.exit_code == 3
    assert alive(mark) == []


async def test_commands_start_in_the_workdir_or_where_they_are_told(bench: Bench) -> None:
    await bench.box.write(b"sub dir/file", b"")
    workdir = bench.box.workdir
    assert (await bench.run("pwd"))[1] == f"{workdir}\n"
    assert (await bench.run("pwd", cwd="sub dir"))[1] == f"{workdir}/sub dir\n"
    assert (await bench.run("pwd", cwd=f"{workdir}/sub dir"))[1] == f"{workdir}/sub dir\n"
    assert (await bench.run("pwd", cwd="/usr"))[1] == "/usr\n"


async def test_a_folder_that_is_not_there_is_126_with_a_line_of_output(bench: Bench) -> None:
    result, said = await bench.run("echo", "ran", cwd="nowhere")
    assert result.exit_code == 126
    assert "nowhere" in said
    assert "ran" not in said


async def test_standard_input_is_what_was_given_and_else_empty(bench: Bench) -> None:
    data = os.urandom(3 << 20).hex().encode()
    result, said = await bench.run("cat", stdin=data)
    assert said.encode() == data
    result, said = await bench.run("cat")
    assert (result.ended, said) == ("exit 0", "")
    result, _ = await bench.run("true", stdin=data)
    assert result.ended == "exit 0"


async def test_the_environment_is_exactly_ours(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_SECRET", "planted-3141592")
    async with opened(
        sandbox, tmp_path, environment={"ONE": "1", "TWO": "new\nline", "TERM": "vt52", "EMPTY": ""}
    ) as bench:
        _, said = await bench.run("env", "-0")
    found = dict(entry.split("=", 1) for entry in said.split("\0") if entry)
    assert (found["ONE"], found["TWO"], found["TERM"], found["EMPTY"]) == ("1", "new\nline", "vt52", "")
    assert "planted" not in said
    ours = "HOME PATH USER LANG TERM TMPDIR PAGER GIT_PAGER GIT_TERMINAL_PROMPT NO_COLOR PYTHONPYCACHEPREFIX"
    of_git = {name for name in found if name.startswith(("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))}
    shells = {"PWD", "SHLVL", "_", "MIDWATCH_BOX", "GIT_CONFIG_NOSYSTEM"}
    assert set(found) - shells - of_git == {*ours.split(), "ONE", "TWO", "EMPTY"}
    assert len(of_git) == 1 + 2 * int(found["GIT_CONFIG_COUNT"])


@pytest.mark.parametrize(("name", "value"), [("A=B", "c"), ("NAME", "a\0b")])
async def test_what_cannot_be_an_environment_variable_is_an_error_that_names_it(
    sandbox: Sandbox, tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(InputError, match=name):
        async with opened(sandbox, tmp_path, environment={name: value}) as bench:
            await bench.run("true")


async def test_the_support_folder_is_where_the_box_says(sandbox: Sandbox, tmp_path: Path) -> None:
    support = tmp_path / "support"
    support.mkdir()
    (support / "tool.py").write_text("print('tool')")
    async with opened(sandbox, tmp_path, support=support) as bench:
        _, said = await bench.run(
            "sh", "-c", 'cat "$MIDWATCH_SUPPORT/tool.py"; test "$0" = "$MIDWATCH_SUPPORT"', bench.box.support
        )
        assert said == "print('tool')"
    async with opened(sandbox, tmp_path, "other") as bench:
        assert bench.box.support == ""


async def test_home_and_temporary_files_last_as_long_as_the_private_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    async with opened(sandbox, tmp_path) as bench:
        await bench.run("sh", "-c", 'echo kept >"$HOME/a"; echo kept >"$TMPDIR/b"')
        assert (await bench.run("sh", "-c", 'cat "$HOME/a" "$TMPDIR/b"'))[1] == "kept\nkept\n"
        spec = bench.spec
    async with sandbox.open(spec) as box:
        assert (await Bench(box, spec, None).run("sh", "-c", 'cat "$HOME/a" "$TMPDIR/b"'))[1] == "kept\nkept\n"


async def test_a_folder_that_cannot_be_made_is_an_error_in_words(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OperationError, match="file/private"):
        async with opened(sandbox, tmp_path, private=tmp_path / "file" / "private"):
            pass


async def test_cancelling_kills_the_command_and_goes_on(bench: Bench) -> None:
    mark = token()
    task = asyncio.create_task(bench.run("sh", "-c", f"setsid sleep {mark} & echo >begun; sleep {mark}"))
    await until((bench.workspace / "begun").exists, "the command started")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert alive(mark) == []
    assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_cancelling_at_any_moment_leaves_nothing_behind(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    handles = len(os.listdir("/proc/self/fd"))
    for step in range(12):
        async with opened(sandbox, tmp_path, f"box-{step}") as bench:
            task = asyncio.create_task(bench.run("sleep", mark))
            await asyncio.sleep(step * 0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert alive(mark) == []
    assert len(os.listdir("/proc/self/fd")) <= handles + 8  # the thread, the loop and the stage keep theirs


async def test_closing_ends_what_runs_and_may_be_done_twice(bench: Bench) -> None:
    mark = token()
    task = asyncio.create_task(bench.run("sh", "-c", f"echo >begun; exec sleep {mark}"))
    await until((bench.workspace / "begun").exists, "the command started")
    await bench.box.close()
    await bench.box.close()
    result, _ = await task
    assert (result.exit_code, result.ended) == (None, "closed")
    assert alive(mark) == []


async def test_two_boxes_run_at_once_and_do_not_see_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    async with opened(sandbox, tmp_path, "first") as first, opened(sandbox, tmp_path, "second") as second:
        # Each waits for a file that is only written while both run.
        script = "echo $0 >mine; for i in $(seq 500); do test -e go && exit 0; sleep 0.05; done; exit 1"
        both = asyncio.gather(first.run("sh", "-c", script, "a"), second.run("sh", "-c", script, "b"))
        await until(lambda: all((bench.workspace / "mine").exists() for bench in (first, second)), "both began")
        await first.box.write(b"go", b"")
        await second.box.write(b"go", b"")
        assert [result.exit_code for result, _ in await both] == [0, 0]
        assert await first.box.read(b"mine") == b"a\n"
        assert await second.box.read(b"mine") == b"b\n"


async def test_a_memory_bomb_is_ended_and_the_box_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    bomb = "import time\nhold = []\nwhile True:\n    hold.append(bytearray(b'x' * (16 << 20)))\n    time.sleep(0.02)"
    async with opened(sandbox, tmp_path, memory_bytes=200 << 20) as bench:
        result, _ = await bench.run("python3", "-I", "-c", f"import os\nos.fork()\n{bomb}")
        assert (result.exit_code, result.ended) == (None, "memory limit of 200 MiB")
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_memory_that_processes_share_is_counted_once(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import os, time\nhold = b'x' * (60 << 20)\nfor _ in range(3): os.fork()\ntime.sleep(0.6)"
    async with opened(sandbox, tmp_path, memory_bytes=200 << 20) as bench:
        result, said = await bench.run("python3", "-I", "-c", code)
        assert result.ended == "exit 0", said


async def test_a_file_cannot_grow_past_its_limit_and_no_core_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    async with opened(sandbox, tmp_path, file_bytes=1 << 20) as bench:
        result, _ = await bench.run("sh", "-c", "head -c 2000000 /dev/zero >big")
        assert result.ended != "exit 0"
        assert (bench.workspace / "big").stat().st_size == 1 << 20
        assert (await bench.run("sh", "-c", "ulimit -c"))[1] == "0\n"


async def test_an_error_of_the_sink_ends_the_command_and_is_raised(bench: Bench) -> None:
    def sink(piece: bytes) -> None:
        raise ZeroDivisionError

    mark = token()
    with pytest.raises(ZeroDivisionError):
        await bench.box.exec(["sh", "-c", f"echo; sleep {mark}"], timeout=60, output_bytes=100, sink=sink)
    assert alive(mark) == []


async def test_a_closed_box_runs_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    async with opened(sandbox, tmp_path) as bench:
        pass
    with pytest.raises(SandboxLost, match="closed"):
        await bench.run("true")


async def test_probe_says_what_is_in_force(sandbox: Sandbox) -> None:
    lines = await sandbox.probe()
    assert lines == await sandbox.probe()
    assert any("no isolation" in line for line in lines.words) == (sandbox.name == "process")


async def test_files_written_inside_are_read_from_outside(bench: Bench) -> None:
    await bench.run("sh", "-c", "mkdir -p a/b; printf data >a/b/c; printf x >\"$(printf 'n\\377')\"")
    assert await bench.box.read(b"a/b/c") == b"data"
    assert await bench.box.read(b"n\xff") == b"x"


async def test_files_written_from_outside_can_be_changed_inside(bench: Bench) -> None:
    await bench.box.write(b"d\xff/e/run.sh", b"#!/bin/sh\necho ran\n", executable=True)
    result, said = await bench.run(
        "sh", "-c", "cd d*/e && ./run.sh && echo more >>run.sh && touch new && rm -r ../../d*"
    )
    assert (result.ended, said) == ("exit 0", "ran\n")


async def test_a_link_that_a_command_planted_leads_nowhere(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    await bench.run("ln", "-s", str(secret), "link")
    await bench.run("ln", "-s", str(tmp_path), "folder")
    for path in (b"link", b"folder/secret"):
        with pytest.raises(PermissionError):
            await bench.box.read(path)
    with pytest.raises(PermissionError):
        await bench.box.write(b"folder/new", b"")
    await bench.box.write(b"link", b"mine")
    assert secret.read_bytes() == b"secret"
    assert sorted(os.listdir(tmp_path)) == [BOX, "secret"]


async def test_a_pipe_that_a_command_planted_does_not_hang_us(bench: Bench) -> None:
    await bench.run("mkfifo", "pipe")
    with pytest.raises(PermissionError):
        await bench.box.read(b"pipe")
    await bench.box.write(b"pipe", b"file")
    assert await bench.box.read(b"pipe") == b"file"


async def test_the_python_of_the_tests_runs_inside(bench: Bench) -> None:
    assert (await bench.python("import sys; print(sys.version_info[:2])")).strip() == str(sys.version_info[:2])
