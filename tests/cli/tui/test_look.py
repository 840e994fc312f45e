"""What the screen looks like, by character. MIDWATCH_SNAPSHOTS=write makes the pictures anew: read them then."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from midwatch.cli.tui import welcome
from midwatch.domain.conversation import ToolCall, Usage
from midwatch.domain.events import Failed, Message, ModelReplied, PlanStep, PlanUpdated, TaskStarted, ToolStarted
from midwatch.domain.interventions import Interrupted
from tests.cli.conftest import Program
from tests.cli.samples import command, event, task
from tests.cli.tui.driving import Driver, at_terminal

PICTURES = Path(__file__).parent / "pictures"
LONG = "\n".join(["*** Begin Patch", "*** Add File: long.py", *(f"+line {n}" for n in range(30)), "*** End Patch"])
SHORT = "*** Begin Patch\n*** Update File: calc.py\n@@ def total():\n-    old\n+    new\n*** End Patch"
MARKDOWN = "It was **one** short.\n\n- `calc.py`: the loop\n- 日本語 is wide\n\n```python\nfor i in x:\n    pass\n```"


def replied(text: str, *calls: ToolCall, thought: str = "") -> ModelReplied:
    items = ({"type": "thinking", "thinking": thought},) if thought else ()
    return ModelReplied("m", "messages", text, calls, items, Usage(10, 0, 0, 5, 0), 0, 10, "end")


def conversation() -> list[Any]:
    grep, hostile = "grep -n range calc.py", "echo '\x1b[2J\u202e'"
    calls = (
        ToolCall("call_1", "shell", json.dumps({"command": grep})),
        ToolCall("call_2", "apply_patch", json.dumps({"input": SHORT})),
        ToolCall("call_3", "apply_patch", json.dumps({"input": LONG})),
        ToolCall("call_4", "shell", json.dumps({"command": hostile})),
    )
    steps = (PlanStep("read", "completed"), PlanStep("mend", "in_progress"), PlanStep("check", "pending"))
    return [
        TaskStarted(task(), 1, "bubblewrap", (), "h"),
        Message("person", "Mend the sum,\nplease"),
        replied("I look.", *calls, thought="Where is the loop?\nPerhaps in calc.py."),
        PlanUpdated(steps, ""),
        ToolStarted("call_1", "shell", grep),
        command(1),
        ToolStarted("call_2", "apply_patch", "apply_patch: M calc.py"),
        command(2, tool="apply_patch", number=0, command="", output="Done"),
        ToolStarted("call_3", "apply_patch", "apply_patch: A long.py"),
        command(3, tool="apply_patch", number=0, command="", output="it exists already", ok=False),
        ToolStarted("call_4", "shell", hostile),
        command(4, number=2, command=hostile, exit_code=1, ended="exit 1"),
        replied(MARKDOWN),
        Message("person", "again"),
        Interrupted(None, "x"),
        Failed("the endpoint is down", "try again later"),
    ]


def compare(name: str, person: Driver) -> None:
    path = PICTURES / f"{name}.txt"
    if os.environ.get("MIDWATCH_SNAPSHOTS") == "write":
        PICTURES.mkdir(exist_ok=True)
        path.write_text(person.text + "\n", encoding="utf-8")
    assert person.text + "\n" == path.read_text(encoding="utf-8")


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs from machine to machine is not shown."""

    async def nothing(home: Any, facts: welcome.Facts, folder: Path) -> welcome.Facts:
        return facts

    monkeypatch.setattr(welcome, "look", nothing)
    monkeypatch.setattr(welcome, "__version__", "1.2.3")


async def shown(person: Driver) -> None:
    app = person.app
    app._status.display = False  # the folder's name differs
    app._welcome.display = False
    for seq, body in enumerate(conversation(), 1):
        app.feed.event(event(seq, body))
    await person.sees("the endpoint is down")
    app.prompt.input.cursor_blink = False


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("size", [(80, 60), (60, 24), (40, 16)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_conversation(program: Program, size: tuple[int, int]) -> None:
    async with at_terminal(program, size) as person:
        await shown(person)
        compare(f"conversation-{size[0]}x{size[1]}", person)


@pytest.mark.usefixtures("still")
async def test_a_conversation_unfolded(program: Program) -> None:
    async with at_terminal(program, (80, 100)) as person:
        await shown(person)
        await person.pilot.press("ctrl+o")
        await person.pilot.pause()
        compare("unfolded", person)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("model", ["repair", "openai/gpt-5"])
async def test_the_first_screen(program: Program, model: str) -> None:
    async with at_terminal(program, (80, 24)) as person:
        person.app._status.display = False
        problem = ("the sandbox cannot be had: no user namespaces", "allow them, or choose another sandbox")
        problems = (problem,) if model != "repair" else ()
        person.app._welcome.show(welcome.Facts("~/repo", model, "workspace", "bubblewrap", "main", "", problems))
        await person.sees("~/repo · main")
        compare(f"welcome-{model.partition('/')[0]}", person)


@pytest.mark.usefixtures("still")
async def test_the_menu_and_the_help(program: Program) -> None:
    async with at_terminal(program, (60, 24)) as person:
        person.app._status.display = False
        person.app._welcome.display = False
        await person.pilot.press("slash")
        await person.sees("/model [NAME]")
        compare("menu", person)
        person.app.prompt.write("")
        await person.type("/help")
        await person.sees("shift+enter")
        compare("help", person)
