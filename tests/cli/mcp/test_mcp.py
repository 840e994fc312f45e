"""Tasks of another program through `midwatch mcp`: the protocol's own client, the real program."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.cli.conftest import CALC, CHECK, Program, mending
from tests.cli.mcp.client import Refused, talking
from tests.support.model_server import ModelServer, calls, says

SLOW = "Wait"


async def test_a_task_is_done_to_its_pull_request_and_all_of_it_can_be_read(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(*mending())
    async with talking(program) as call:
        made = await call("submit_task", prompt="Mend the sum", checks=[CHECK])
        assert made["checks"] == [CHECK]
        assert made["repository"] == str(program.repo)
        status = await call.done(made["id"])
        assert (status["status"], status["verdict"], status["error"]) == ("done", "passed", "")
        assert status["pull_request"]["number"] == 1
        assert not status["pull_request"]["draft"]
        assert status["changed_files"] == [{"path": "calc.py", "status": "M", "added": 1, "removed": 1}]
        assert (status["commands"], status["turns"]) == (1, 3)
        proof = await call("task_evidence", id=made["id"])
        assert proof["verdict"] == "passed"
        assert proof["commit"] == program.git("rev-parse", made["branch"]).strip()
        assert [(c["number"], c["command"], c["passed"]) for c in proof["checks"]] == [(1, CHECK, True)]
        (listed,) = (await call("list_tasks"))["tasks"]
        assert (listed["id"], listed["status"]) == (made["id"], "done")
        diff = await call("task_diff", id=made["id"])
        assert diff["diff"].encode() == program("diff", made["id"]).stdout
        output = await call("command_output", id=made["id"], number=1, first_line=2, last_line=3)
        assert output["lines"] == [line.rstrip() for line in CALC.splitlines()[1:3]]
        assert (output["total_lines"], output["more"]) == (5, True)
        check = await call("command_output", id=made["id"], number=1, of="check")
        assert check["lines"] == ["six"]


async def test_the_log_and_the_diff_come_in_pages_and_as_resources(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    async with talking(program) as call:
        task_id = (await call("submit_task", prompt="Mend the sum", checks=[CHECK]))["id"]
        await call.done(task_id)
        seen: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": 0, "more": True}
        while page["more"]:
            page = await call("task_log", id=task_id, after=page["next"], limit=3)
            assert len(page["events"]) <= 3
            seen += page["events"]
        assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
        assert (seen[0]["kind"], seen[-1]["kind"]) == ("task_started", "proposed")
        assert any("[1] $ cat calc.py" in event["text"] for event in seen)
        assert not any("\x1b" in event["text"] for event in seen)
        whole, piece, text = await call("task_diff", id=task_id), {"next": 0, "more": True}, ""
        while piece["more"]:
            piece = await call("task_diff", id=task_id, offset=piece["next"], limit=50)
            text += str(piece["diff"])
        assert text == whole["diff"]
        (resource,) = (await call.client.read_resource(f"midwatch://tasks/{task_id}/diff")).contents
        assert getattr(resource, "text", "") == whole["diff"]
        (log,) = (await call.client.read_resource(f"midwatch://tasks/{task_id}/log")).contents
        assert len(getattr(log, "text", "").splitlines()) == len(seen)
        with pytest.raises(MCPError, match="there is no task"):
            await call.client.read_resource("midwatch://tasks/000000000000/diff")


async def test_every_tool_says_what_it_answers_and_whether_it_changes_something(program: Program) -> None:
    async with talking(program) as call:
        tools = {tool.name: tool for tool in (await call.client.list_tools()).tools}
        templates = (await call.client.list_resource_templates()).resource_templates
    assert all(tool.output_schema and tool.description and tool.annotations for tool in tools.values())
    changing = {n for n, t in tools.items() if t.annotations and not t.annotations.read_only_hint}
    assert changing == {"submit_task", "tell_task", "cancel_task"}
    assert {template.uri_template for template in templates} == {
        "midwatch://tasks/{id}/diff",
        "midwatch://tasks/{id}/log",
    }


async def test_the_embedded_model_mends_the_example(program: Program) -> None:
    example = program.folder / "example"
    assert program("example", str(example)).returncode == 0
    async with talking(program, roots=[program.folder], model="repair", sandbox="bubblewrap") as call:
        made = await call("submit_task", prompt="The late fee is wrong: fix it", repository="example")
        notes: list[str | None] = []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            notes.append(message)

        result: Any = await call.client.call_tool(
            "wait_for_task", {"id": made["id"], "seconds": 600}, progress_callback=told
        )
        status = result.structured_content
        assert (status["status"], status["verdict"], status["cost_usd"]) == ("done", "passed", 0.0)
        assert status["pull_request"]["number"] == 1
        assert len(notes) > 1


async def test_a_repository_outside_of_the_roots_cannot_be_named(program: Program, tmp_path: Path) -> None:
    inside = program.folder / "root"
    inside.mkdir()
    (inside / "link").symlink_to(program.repo)
    (inside / "pointer").mkdir()
    (inside / "pointer/.git").write_text(f"gitdir: {program.repo}/.git\n")
    async with talking(program, roots=[inside]) as call:
        for name in (str(program.repo), "../repo", "link", "https://127.0.0.1/x.git", "pointer"):
            with pytest.raises(Refused, match=r"outside of what|no addresses|not a git repository"):
                await call("submit_task", prompt="Read it", repository=name)
        assert (await call("list_tasks"))["tasks"] == []
    assert program.json("list") == []


async def test_a_folder_inside_a_larger_repository_is_no_way_to_the_rest_of_it(program: Program) -> None:
    (program.repo / "part").mkdir()
    async with talking(program, roots=[program.repo / "part"]) as call:
        with pytest.raises(Refused, match="outside of what may be worked on"):
            await call("submit_task", prompt="Read it")


async def test_tasks_of_other_repositories_are_not_told(program: Program, server: ModelServer, tmp_path: Path) -> None:
    program.base_url = server.script(says("Nothing to do."))
    assert program.run().returncode == 1
    task_id = program.json("list")[0]["id"]
    other = tmp_path / "other"
    other.mkdir()
    async with talking(program, roots=[other]) as call:
        assert (await call("list_tasks"))["tasks"] == []
        for tool in ("task_status", "task_diff", "task_log", "task_evidence", "cancel_task", "wait_for_task"):
            with pytest.raises(Refused, match=f"there is no task '{task_id}' here"):
                await call(tool, id=task_id)
    async with talking(program) as call:
        assert (await call("task_status", id=task_id))["status"] == "no change"
        with pytest.raises(Refused, match="there is no task"):
            await call("task_status", id=task_id[:6])


async def test_what_cannot_be_done_as_asked_is_said_with_how_to_mend_it(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("Nothing."))
    async with talking(program) as call:
        for wrong, words in (
            ({"prompt": " "}, "the prompt is empty"),
            ({"prompt": "x", "base": "nowhere"}, "nowhere"),
            ({"prompt": "x", "options": {"model": "unknown/model"}}, "unknown"),
            ({"prompt": "x", "mode": "full"}, "mode"),
            ({"prompt": "x", "options": {"model": "replay/1"}}, "cannot be played here"),
            ({"prompt": "x", "checks": [""]}, "--check is empty"),
        ):
            with pytest.raises(Refused, match=words):
                await call("submit_task", **wrong)
        assert (await call("list_tasks"))["tasks"] == []


async def test_a_cancelled_task_ends_and_is_not_gone_on_with(program: Program, server: ModelServer) -> None:
    mark = program.folder / "pid"
    program.base_url = server.script(calls("shell", command=f"echo $$ > {mark}; exec sleep 600"), says("Done."))
    async with talking(program, "--at-once", "1") as call:
        task_id = (await call("submit_task", prompt=SLOW))["id"]
        second = (await call("submit_task", prompt="Behind it"))["id"]
        await _until(lambda: mark.exists() and mark.read_text() != "")
        assert (await call("task_status", id=task_id))["status"] == "running"
        assert (await call("task_status", id=second))["status"] == "waiting"
        assert "ended" in (await call("cancel_task", id=second))["text"]
        assert "ended" in (await call("cancel_task", id=task_id))["text"]
        assert _is_gone(int(mark.read_text()))
        status = await call("task_status", id=task_id)
        assert (status["status"], status["over"]) == ("interrupted", True)
        assert "nobody works" in (await call("cancel_task", id=task_id))["text"]
    mark.unlink()
    async with talking(program) as call:
        assert (await call("task_status", id=task_id))["over"]
        assert (await call("task_status", id=second))["over"]
    assert not mark.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_server_that_was_killed_goes_on_with_its_tasks_at_its_next_start(
    number: signal.Signals, program: Program, server: ModelServer
) -> None:
    mark = program.folder / "pid"
    slow = f"test -e {mark} || {{ echo $$ > {mark}; exec sleep 600; }}; cat calc.py"
    program.base_url = server.script(*mending(slow))
    made: list[str] = []
    try:
        async with talking(program) as call:
            made.append((await call("submit_task", prompt="Mend the sum", checks=[CHECK]))["id"])
            await _until(lambda: mark.exists() and mark.read_text() != "")
            os.kill(_server_of(program), number)
            await _until(lambda: _server_of(program) == 0)
    except (MCPError, OSError):
        pass  # the connection has gone, which is the point
    await _until(lambda: _is_gone(int(mark.read_text())))
    assert program.json("list")[0]["status"] == "interrupted"
    async with talking(program) as call:
        status = await call.done(made[0])
    assert (status["status"], status["verdict"]) == ("done", "passed")
    assert len(program.json("pr", "list")) == 1


async def test_a_client_that_leaves_ends_the_work_and_the_next_one_gets_its_result(
    program: Program, server: ModelServer
) -> None:
    mark = program.folder / "pid"
    slow = f"test -e {mark} || {{ echo $$ > {mark}; exec sleep 600; }}; cat calc.py"
    program.base_url = server.script(*mending(slow))
    async with talking(program) as call:
        task_id = (await call("submit_task", prompt="Mend the sum", checks=[CHECK]))["id"]
        await _until(lambda: mark.exists() and mark.read_text() != "")
    await _until(lambda: _is_gone(int(mark.read_text())))
    async with talking(program) as call:
        assert (await call.done(task_id))["status"] == "done"


async def test_a_dead_model_is_told_and_the_next_start_tries_again(program: Program, server: ModelServer) -> None:
    program.base_url = "http://127.0.0.1:9/v1"
    program.environ["MIDWATCH_RETRY_SECONDS"] = "0"
    async with talking(program) as call:
        task_id = (await call("submit_task", prompt="Mend the sum", checks=[CHECK]))["id"]
        status = await call.done(task_id)
        assert status["status"] == "failed"
        assert "127.0.0.1:9" in status["error"]
    program.base_url = server.script(*mending())
    async with talking(program) as call:
        assert (await call.done(task_id))["status"] == "done"


async def test_http_lets_in_who_brings_the_token(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    process = subprocess.Popen(
        program.argv("mcp", "--http", "0", "--sandbox", "process"),
        cwd=program.repo,
        env={**program.env(), "MIDWATCH_MODEL": "openai/scripted"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = await asyncio.to_thread(process.stderr.readline)
        url = line.split()[2]
        token = Path(line.rpartition(" is in ")[2].strip().rstrip(")"))
        assert token.stat().st_mode & 0o777 == 0o600
        with pytest.raises(urllib.error.HTTPError, match="401"):
            await asyncio.to_thread(urllib.request.urlopen, urllib.request.Request(url, data=b"{}"))
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        async with httpx2.AsyncClient(headers=headers, timeout=120) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                result: Any = await client.call_tool("submit_task", {"prompt": "Mend the sum", "checks": [CHECK]})
                made = result.structured_content["id"]
                result = await client.call_tool("wait_for_task", {"id": made, "seconds": 120})
                assert result.structured_content["status"] == "done"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 130
        assert process.stdout is not None
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_a_root_that_is_no_folder_is_said(program: Program) -> None:
    done = program("mcp", "--root", "missing")
    assert done.returncode == 2
    assert b"missing is not a folder" in done.stderr


def _server_of(program: Program) -> int:
    """The process of `midwatch mcp` that this test has started; 0 when there is none."""
    for tasks in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, tasks.read_text().split()):
            words = _argv(pid)
            if "mcp" in words and str(program.repo) in words:
                return pid
    return 0


def _argv(pid: int) -> Sequence[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return ()


def _is_gone(pid: int) -> bool:
    return not any("sleep" in word for word in _argv(pid))


async def _until(ready: Callable[[], bool]) -> None:
    for _ in range(3000):
        if ready():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")
