"""The scripted server is itself part of other tests, so it is tested too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.asking import ask, followed_by, model_at, view_of
from tests.support.model_server import ModelServer, calls, fails, says, serving

WIRES = pytest.mark.parametrize("wire", ["responses", "chat"])


@WIRES
async def test_a_conversation_goes_on_at_another_server_and_with_another_client(wire: str) -> None:
    script = [calls("shell", command="1"), fails(503), calls("shell", command="2"), says("Done.")]
    view = view_of()
    with serving() as first:
        model = model_at(first.script(*script), wire)
        _, reply = await ask(model, view)
        view = followed_by(view, reply)
        await model.close()
    with serving() as second:
        base_url = second.script(*script)
        for expected in ("2", ""):
            model = model_at(base_url, wire)
            _, reply = await ask(model, view)
            await model.close()
            view = followed_by(view, reply)
            assert [json.loads(call.arguments)["command"] for call in reply.calls] == ([expected] if expected else [])
        assert [request.turn for request in second.requests] == [1, 1, 2]


@WIRES
async def test_replies_of_words_alone_are_counted_too(server: ModelServer, wire: str) -> None:
    model = model_at(server.script(says("One."), says("Two."), says("Three.")), wire)
    view = view_of()
    for expected in ("One.", "Two.", "Three.", "Three."):
        _, reply = await ask(model, view)
        assert reply.text == expected
        view = followed_by(view, reply)
        view = type(view)(view.instructions, view.brief, (*view.items, view.items[0]))
    await model.close()


async def test_it_runs_as_a_program(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([says("Hello.")]))
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.support.model_server", str(script), "--port", "0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            model = model_at(f"http://127.0.0.1:{port}/script/v1", "chat")
            _, reply = await ask(model)
            await model.close()
        finally:
            process.kill()
    assert reply.text == "Hello."
