"""`midwatch exec` where something is large, strange, at once, or gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.codex import streams
from tests.cli.codex.streams import items, shape
from tests.cli.codex.test_exec import PNG, WRITE, asked, exec_
from tests.cli.conftest import Program
from tests.cli.test_signals import wait_until
from tests.support.model_server import ModelServer, calls, hangs, says


def begun(program: Program, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
    """A turn that goes on while the test does."""
    return subprocess.Popen(
        program.argv("exec", "--json", *arguments), cwd=program.repo, env=program.env(),
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **more},
    )  # fmt: skip


def children(process: int) -> list[int]:
    """All processes below one, the nearest first."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found + [below for child in found for below in children(child)]


def test_fifty_items_have_fifty_ids_in_order(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*(calls("shell", command=f"echo {n}") for n in range(49)), says("Done."))
    events = exec_(program, "go")
    assert [item["id"] for item in items(events)] == [f"item_{n}" for n in range(50)]
    assert [item["aggregated_output"] for item in items(events)[:-1]] == [f"{n}\n" for n in range(49)]


def test_a_huge_output_is_one_line_of_the_stream_and_whole_in_the_log(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(calls("shell", command="seq 1 1000000"), says("Done."))
    events = exec_(program, "go")
    printed = items(events)[0]["aggregated_output"]
    assert printed.startswith("1\n2\n")
    assert printed.endswith("999999\n1000000\n")
    assert "bytes left out" in printed
    citation = next(event["citation"] for event in events if "citation" in event)
    whole = program("log", citation["attempt"], "--cmd", str(citation["command"])).stdout
    assert b"\n 500000  500000\n" in whole


def test_words_of_all_languages_and_bytes_that_are_no_words(program: Program, server: ModelServer) -> None:
    text = "Grüße, 世界 🦊 👨\u200d👩 \u202e \x85 \u2028 \u2029."
    program.base_url = server.script(calls("shell", command="printf 'ü\\xff\\0世'; echo 🦊 > 'Ä ö.txt'"), says(text))
    events = exec_(program, *WRITE, stdin="Mach: 世界 🦊".encode() + b"\xff")
    printed, said = items(events)
    assert printed["aggregated_output"].startswith("ü�")
    assert said["text"] == text
    assert (program.repo / "Ä ö.txt").read_text() == "🦊\n"
    assert asked(server, program)[0]["input"][-1]["content"][0]["text"] == "Mach: 世界 🦊�"


def test_a_prompt_of_a_megabyte_arrives_whole(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    text = "0123456789abcdé " * 65536
    exec_(program, stdin=text.encode())
    (body,) = asked(server, program)
    assert body["input"][-1]["content"][0]["text"].strip() == text.strip()


def test_a_path_with_blanks_a_folder_below_the_top_and_a_repository_reached_by_a_link(
    program: Program, server: ModelServer
) -> None:
    patch = "*** Begin Patch\n*** Add File: neu è.txt\n+x\n*** End Patch\n"
    program.base_url = server.script(calls("apply_patch", patch=patch), calls("shell", command="pwd"), says("Done."))
    below = program.repo / "a folder"
    below.mkdir()
    (below / "there.txt").write_text("x\n")
    link = program.folder / "a link"
    link.symlink_to(program.repo)
    events = exec_(program, *WRITE, "--cd", str(link / "a folder"), "go")
    assert items(events)[0]["changes"] == [{"path": str(below / "neu è.txt"), "kind": "add"}]
    assert items(events)[1]["aggregated_output"] == "/workspace/a folder\n"
    assert (below / "neu è.txt").read_text() == "x\n"


def test_turns_at_once_in_one_folder_are_conversations_of_their_own(program: Program, server: ModelServer) -> None:
    paths = [f"file-{n}.txt" for n in range(3)]
    both = []
    for name in paths:
        program.base_url = server.script(calls("shell", command=f"sleep 1; echo x > {name}"), says(name))
        both.append(begun(program, *WRITE, "go"))
    told = [streams.read(process.communicate(timeout=120)[0]) for process in both]
    assert [items(events)[-1]["text"] for events in told] == paths
    assert len({events[0]["thread_id"] for events in told}) == 3
    assert all((program.repo / name).read_text() == "x\n" for name in paths)


def test_a_conversation_takes_one_turn_after_the_other(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("1"), calls("shell", command="sleep 1"), says("2"), says("3"))
    thread = exec_(program, "one")[0]["thread_id"]
    first = begun(program, "resume", thread, "two")
    wait_until(lambda: len(asked(server, program)) > 1)
    second = exec_(program, "resume", thread, "three")
    assert items(streams.read(first.communicate(timeout=60)[0]))[-1]["text"] == "2"
    assert items(second)[-1]["text"] == "3"


def test_the_last_conversation_is_the_one_that_was_gone_on_with_last(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("here"), says("again"), says("anywhere"))
    other = program.folder / "other"
    other.mkdir()
    here = exec_(program, "one")[0]["thread_id"]
    there = exec_(program, "--skip-git-repo-check", "-C", str(other), "two")[0]["thread_id"]
    assert exec_(program, "resume", "--last", "three")[0]["thread_id"] == here
    assert exec_(program, "resume", "--last", "four", "-C", str(other), "--trust")[0]["thread_id"] == there
    assert exec_(program, "resume", "--last", "--all", "five")[0]["thread_id"] == there
    second = exec_(program, "six")[0]["thread_id"]
    assert exec_(program, "resume", "--last", "seven")[0]["thread_id"] == second
    exec_(program, "resume", here, "eight")
    assert exec_(program, "resume", "--last", "nine")[0]["thread_id"] == here


def test_pictures_in_all_spellings(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    names = [str(program.folder / f"{n}.png") for n in range(5)]
    for name in names:
        Path(name).write_bytes(PNG)
    given = ["--image", f"{names[0]},{names[1]}", f"--image={names[2]}", "-i", names[3], f"-i{names[4]}"]
    exec_(program, "-m", "some-model", *given, stdin=b"look")
    content = asked(server, program)[0]["input"][-1]["content"]
    assert [part["type"] for part in content] == ["input_text", *["input_image"] * 5]


def test_an_answer_by_a_schema_is_in_the_file_and_alone_on_standard_output(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says('{"n": 1}'))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (program.folder / "schema.json").write_text(json.dumps(schema))
    answer = program.folder / "the answer.json"
    done = program("exec", "--output-schema", str(program.folder / "schema.json"), "-o", str(answer), "go")
    assert (done.returncode, json.loads(done.stdout), json.loads(answer.read_text())) == (0, {"n": 1}, {"n": 1})


def test_a_turn_that_failed_leaves_the_file_of_the_answer_as_it_was(program: Program) -> None:
    answer = program.folder / "answer.txt"
    answer.write_text("of an earlier turn")
    exec_(program, "-c", 'openai_base_url="http://127.0.0.1:9/v1"', "-o", str(answer), "go", code=1)
    assert answer.read_text() == "of an earlier turn"


def test_a_model_that_nobody_serves_ends_in_a_failed_turn(program: Program) -> None:
    values = ["-c", 'model_provider="m"', "-c", 'model_providers.m.base_url="http://127.0.0.1:9/v1"']
    events = exec_(program, *values, "-c", "model_providers.m.request_max_retries=1", "go", code=1)
    assert shape(events) == ["thread.started", "turn.started", "error", "error", "turn.failed"]


def test_a_box_that_is_killed_ends_its_command_and_not_the_stream(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(calls("shell", command="echo half; sleep 600"), says("after"))
    lines = program.folder / "lines"
    with lines.open("wb") as output:
        process = begun(program, *WRITE, "go", stdout=output)
        wait_until(lambda: b"item.started" in lines.read_bytes() or process.poll() is not None)
        wait_until(lambda: any(b"sleep" in Path(f"/proc/{n}/cmdline").read_bytes() for n in children(process.pid)))
        for child in children(process.pid):
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        process.wait(timeout=60)
    events = streams.read(lines.read_bytes())
    assert items(events)[0]["status"] == "failed"


def test_a_terminal_that_is_closed_ends_the_stream(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(hangs(), says("never"))
    process = begun(program, "go")
    wait_until(lambda: bool(asked(server, program)))
    process.send_signal(signal.SIGHUP)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGHUP
    assert shape(streams.read(output))[-2:] == ["error", "turn.failed"]


def test_nobody_who_reads_does_not_end_the_turn(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(calls("shell", command="sleep 1; echo x > x.txt"), says("Done."))
    process = begun(program, *WRITE, "go")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert (program.repo / "x.txt").read_text() == "x\n"


@pytest.mark.parametrize("number", [0, signal.SIGINT])
def test_an_ephemeral_turn_leaves_nothing_also_when_it_is_interrupted(
    number: int, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="echo go; sleep 600" if number else "true"), says("ok"))
    temporary = program.folder / "tmp"
    temporary.mkdir()
    program.environ["TMPDIR"] = str(temporary)
    lines = program.folder / "lines"
    with lines.open("wb") as output:
        process = begun(program, "--ephemeral", "go", stdout=output)
        if number:
            wait_until(lambda: b"item.started" in lines.read_bytes() or process.poll() is not None)
            process.send_signal(number)
        assert process.wait(timeout=60) == (128 + number if number else 0)
    assert streams.read(lines.read_bytes())
    assert list(temporary.iterdir()) == []
    assert not (program.folder / "state").exists()
