"""What is sent begins with what was sent before, byte for byte, also after a resume; and the beginning is short."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.agent import context
from midwatch.agent.log import Log
from midwatch.domain.conversation import Reply
from midwatch.domain.events import Message, ModelReplied, ToolFinished
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.models.base import Model
from midwatch.sandbox.base import WORKDIR
from midwatch.tools.toolset import default_tools
from tests.support import samples
from tests.support.asking import ask, model_at
from tests.support.logs import log_of
from tests.support.model_server import ModelServer, Step, calls_all, says, serving

WIRES = pytest.mark.parametrize(
    ("wire", "name"),
    [("responses", "openai/gpt-5"), ("chat", "openrouter/qwen/qwen3-coder"), ("messages", "anthropic/claude-opus-5")],
)
FIRST_REQUEST = 12 * 1024
"""Bytes."""

# Keys in another order than a log keeps them in, and texts that JSON may write in more than one way.
OPENING = {
    "responses": {"type": "reasoning", "summary": [], "id": "rs_1", "encrypted_content": "é/\u2028", "a": 1.50},
    "messages": {"type": "redacted_thinking", "z": {"b": 1, "a": [True, None, 1e3]}, "data": "é/\u2028"},
}


def script(wire: str) -> list[Step]:
    """Six turns with reasoning, words and parallel calls, the last one without calls."""
    items = [OPENING[wire]] if wire in OPENING else []
    turns: list[Step] = [
        calls_all(
            ("shell", {"timeout": 5, "command": f"echo 'ü “{n}” \\'"}), ("update_plan", {"plan": [], "note": ""}),
            say=f"Step {n}.", reasoning="So.\n", items=items,
        )
        for n in range(5)
    ]  # fmt: skip
    return [*turns, says("Done.")]


def model(base_url: str, wire: str, name: str) -> Model:
    """A new one, as a new process has it."""
    keys = {"OPENAI_API_KEY": "k" * 20, "OPENROUTER_API_KEY": "k" * 20, "ANTHROPIC_API_KEY": "k" * 20}
    return model_at(base_url, wire, name, **keys)


async def turn(log: Log, task: Task, asked: Model, max_output: int | None = None) -> Reply:
    """What the loop does in a turn, without running anything: ask, append the reply, append the results."""
    view = context.view(log, task, WORKDIR)
    _, reply = await ask(asked, view, default_tools().specs, max_output)
    told = (reply.model, reply.wire, reply.text, reply.calls, reply.items, reply.usage, 0, 5, reply.stop)
    await log.append(ModelReplied(*told))
    place = Checkpoint("a" * 40, "b" * 40)
    for call in reply.calls:
        await log.append(ToolFinished(call.id, call.name, True, f"exit 0\nout é of {call.id}\n", "exit 0", 3, place))
    return reply


def history(body: bytes, wire: str) -> bytes:
    """A request without what follows its history."""
    end = {"responses": b'],"max_output_tokens"', "chat": b'],"max_', "messages": b'],"max_tokens"'}[wire]
    return body[: body.rindex(end)]


async def sent(folder: Path, server: ModelServer, wire: str, name: str, resumed: Sequence[int]) -> list[bytes]:
    """The requests of an attempt whose process ends before the turns of `resumed` and is started again."""
    base_url = server.script(*script(wire))
    task = samples.task()
    store = SqliteStore(folder / "state.db")
    await store.create(task)
    log = await Log.open(store, f"{task.id}.1", Silent())
    await log.append(samples.started(task), Message("person", context.opening(task, WORKDIR)))
    asked = model(base_url, wire, name)
    for number in range(6):
        if number in resumed:
            await store.close()
            await asked.close()
            store, asked = SqliteStore(folder / "state.db"), model(base_url, wire, name)
            log = await Log.open(store, f"{task.id}.1", Silent())
        await turn(log, task, asked, 9000 - number)
    await store.close()
    await asked.close()
    return [request.raw for request in server.requests_to(base_url)]


@WIRES
@pytest.mark.parametrize("resumed", [(), (1, 2, 3, 4, 5), (3,)], ids=["straight", "always", "once"])
async def test_each_request_starts_with_the_one_before_it_byte_for_byte(
    tmp_path: Path, wire: str, name: str, resumed: Sequence[int]
) -> None:
    with serving() as server:
        bodies = await sent(tmp_path, server, wire, name, resumed)
    assert len(bodies) == 6
    for earlier, later in itertools.pairwise(bodies):
        assert later.startswith(history(earlier, wire))
        assert len(later) > len(earlier)
    assert bodies[0].index(b'"tools":[') < bodies[0].index({"responses": b'"input":['}.get(wire, b'"messages":['))


@WIRES
async def test_the_first_request_of_a_plain_task_is_short(wire: str, name: str) -> None:
    with serving() as server:
        base_url = server.script(says("Done."))
        task = samples.task("Fix the failing test in tests/test_sum.py", checks=("python -m pytest -q",))
        log, _ = await log_of([Message("person", context.opening(task, WORKDIR))], task)
        asked = model(base_url, wire, name)
        await ask(asked, context.view(log, task, WORKDIR), default_tools().specs)
        await asked.close()
        (request,) = server.requests_to(base_url)
    assert len(request.raw) <= FIRST_REQUEST
