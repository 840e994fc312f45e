"""What a client says in a task that it has submitted, and the limits that it gives."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CHECK, Program, mending
from tests.cli.mcp.client import Refused, talking
from tests.support.model_server import ModelServer, calls, says


async def test_a_client_says_something_further_and_the_pull_request_is_brought_up_to_date(
    program: Program, server: ModelServer
) -> None:
    add = "*** Begin Patch\n*** Add File: notes.txt\n+noted\n*** End Patch\n"
    program.base_url = server.script(*mending(), calls("apply_patch", input=add), says("Sum and note\n\nBoth."))
    async with talking(program) as call:
        task_id = (await call("submit_task", prompt="Mend the sum", checks=[CHECK]))["id"]
        await call.done(task_id)
        told = await call("tell_task", id=task_id, message="Add a note")
        assert told["id"] == task_id
        status = await call.done(task_id)
        assert (status["status"], status["verdict"], status["pull_request"]["number"]) == ("done", "passed", 1)
        assert [one["path"] for one in status["changed_files"]] == ["calc.py", "notes.txt"]
        with pytest.raises(Refused, match="the message is empty"):
            await call("tell_task", id=task_id, message=" ")


async def test_a_task_of_a_person_is_told_nothing(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    assert program.run().returncode == 0
    (listed,) = program.json("list")
    async with talking(program) as call:
        assert (await call("task_status", id=listed["id"]))["status"] == "done"
        with pytest.raises(Refused, match="no program has submitted it"):
            await call("tell_task", id=listed["id"], message="Delete everything")
    assert program.json("show", listed["id"])["status"] == "done"


async def test_limits_of_a_client_lower_the_persons_and_never_raise_them(program: Program, server: ModelServer) -> None:
    settings = program.folder / "config/midwatch"
    settings.mkdir(parents=True)
    (settings / "config.toml").write_text("[limits]\nturns = 7\ntokens = 50000\n")
    program.base_url = server.script(calls("shell", command="true"), says("Nothing."))
    async with talking(program) as call:
        limits = {"turns": 1, "tokens": 60000, "seconds": 30}
        task_id = (await call("submit_task", prompt="Mend it", options=limits))["id"]
        assert (await call.done(task_id))["turns"] == 1
        with pytest.raises(Refused, match="hours"):
            await call("submit_task", prompt="Mend it", options={"hours": 1})
    made = program.json("list")[0]["task"]["limits"]
    assert (made["turns"], made["tokens"], made["seconds"], made["cost_microusd"]) == (1, 50000, 30, None)
    assert made["command_seconds"] == 30
