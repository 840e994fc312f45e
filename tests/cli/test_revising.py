"""`midwatch tell`, `undo` and `fork`, with the real program and a scripted model."""

from __future__ import annotations

import asyncio
import json

from midwatch import talking, wiring
from midwatch.domain.observer import Silent
from midwatch.tools.approval import Nobody
from midwatch.workflows.start import Request
from tests.cli.conftest import Program, mending
from tests.support.model_server import ModelServer, calls, says

MORE = [calls("shell", command="echo '# more' >> calc.py"), says("Add a remark\n\nAs you said.")]


def run(program: Program, server: ModelServer) -> str:
    """A task that has its pull request, whose model knows what to do with one more message."""
    program.base_url = server.script(*mending(), *MORE)
    done = program.run()
    assert done.returncode == 0, done.stderr.decode()
    return str(program.json("list")[0]["id"])


def show(program: Program, task_id: str) -> str:
    return program.git("show", f"{program.json('show', task_id)['task']['branch']}:calc.py")


def test_a_message_after_the_end_goes_into_the_same_pull_request(program: Program, server: ModelServer) -> None:
    task_id = run(program, server)
    done = program("tell", task_id, "-", stdin=b"add a remark\n")
    assert done.returncode == 0, done.stderr.decode()
    assert "pull request #1 is ready" in done.stdout.decode()
    assert show(program, task_id).endswith("# more\n")
    assert "> add a remark" in program("pr", "show", "1").stdout.decode()
    assert program("verify", task_id).returncode == 0
    empty = program("tell", task_id, "")
    assert (empty.returncode, b"the message is empty" in empty.stderr) == (2, True)


def test_undo_lists_the_steps_goes_back_and_says_what_changed_back(program: Program, server: ModelServer) -> None:
    task_id = run(program, server)
    listed = program("undo", task_id).stdout.decode()
    assert "[1] $ cat calc.py" in listed
    assert "apply_patch: " in listed
    value = program.json("undo", task_id)
    kinds = [step["kind"] for step in value["steps"]]
    assert kinds == ["message", "plan_updated", "tool_finished", "tool_finished", "model_replied"]
    done = program("undo", task_id, "--to", "cmd:1")
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    for part in ("calc.py | 2 +-", f"midwatch resume {task_id}", f"midwatch tell {task_id}"):
        assert part in text
    back = program.json("undo", task_id, "--to", "start")
    assert (back["type"], back["files"], back["commands"]) == ("undone", [], 1)
    resumed = program("resume", task_id)
    assert resumed.returncode == 0, resumed.stderr.decode()
    assert program("verify", task_id).returncode == 0
    assert b"is no step" in program("undo", task_id, "--to", "1").stderr


def test_a_fork_gets_a_pull_request_of_its_own(program: Program, server: ModelServer) -> None:
    task_id = run(program, server)
    done = program("fork", task_id, "add a remark", "--json")
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    new = lines[0]["id"]
    assert (lines[0]["type"], lines[-1]["pull_request"]["number"]) == ("task", 2)
    assert show(program, new).endswith("# more\n")
    assert not show(program, task_id).endswith("# more\n")
    assert f"forked from {task_id}.1, event" in program("log", new).stdout.decode()
    assert program("log", new, "--cmd", "1", "--raw").stdout == program("log", task_id, "--cmd", "1", "--raw").stdout
    assert program("verify", new).returncode == 0


def test_in_a_conversation_the_folder_goes_back_and_a_fork_waits(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*MORE, says("Nothing else."))

    async def talk() -> str:
        async with wiring.home(program.env()) as home:
            request = Request(
                "talk", str(program.repo), model="openai/scripted", sandbox="process", kind="conversation"
            )
            task = await wiring.start(home, request)
            async with talking.converse(home, task.id, Silent(), Nobody()) as conversation:
                await conversation.turn("add a remark")
            return task.id

    task_id = asyncio.run(talk())
    assert (program.repo / "calc.py").read_text().endswith("# more\n")
    forked = program("fork", task_id)
    assert forked.returncode == 0, forked.stderr.decode()
    assert b"midwatch exec resume" in forked.stdout
    assert b"is a conversation" in program("fork", task_id, "more").stderr
    assert b"is a conversation" in program("tell", task_id, "more").stderr
    back = program("undo", task_id, "--to", "start")
    assert back.returncode == 0, back.stderr.decode()
    assert f"midwatch exec resume {task_id}" in back.stdout.decode()
    assert not (program.repo / "calc.py").read_text().endswith("# more\n")
    assert b"nothing came after" in program("undo", task_id, "--to", "start").stderr
