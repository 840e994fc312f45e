"""Short ways to ask a model in tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from midwatch.domain.conversation import Answered, Brief, Delta, Item, Replied, Reply, Said, ToolSpec, View
from midwatch.domain.limits import Limits
from midwatch.models.base import Model
from midwatch.models.config import build, load_models

SHELL = ToolSpec(
    "shell",
    "Runs a command.",
    {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)


def view_of(*items: Item, instructions: str = "Do it well.", prompt: str = "Fix the sign.") -> View:
    """A view of a task whose first words are the prompt."""
    return View(instructions, Brief(prompt, "/workspace", (), Limits()), (Said(prompt), *items))


def followed_by(view: View, reply: Reply, *outputs: str) -> View:
    """The next view: the reply, and its calls answered with `outputs` (`ok` where none is given)."""
    given = [*outputs, *["ok"] * len(reply.calls)]
    answers = [Answered(call.id, call.name, output, True) for call, output in zip(reply.calls, given, strict=False)]
    told = Replied(reply.wire, reply.text, reply.calls, reply.items, reply.model)
    return View(view.instructions, view.brief, (*view.items, told, *answers))


async def ask(
    model: Model, view: View | None = None, tools: Sequence[ToolSpec] = (SHELL,), max_output: int | None = None
) -> tuple[list[Delta], Reply]:
    """One call; checks that exactly one reply came, and came last."""
    deltas: list[Delta] = []
    reply: Reply | None = None
    async with aclosing(model.reply(view or view_of(), tools, max_output=max_output)) as stream:
        async for piece in stream:
            assert reply is None, f"{piece} came after the reply"
            if isinstance(piece, Reply):
                reply = piece
            else:
                deltas.append(piece)
    assert reply is not None, "no reply came"
    return deltas, reply


def model_at(base_url: str, wire: str, name: str = "openai/gpt-5", **environ: str) -> Model:
    """The model at a test server, as the settings would make it, retrying at once."""
    known = {"MIDWATCH_BASE_URL": base_url, "MIDWATCH_WIRE": wire, "MIDWATCH_RETRY_SECONDS": "0", **environ}
    return build(name, load_models({}, known))
