"""The live view's lines, without a terminal."""

from __future__ import annotations

import pytest

from midwatch.cli import words
from midwatch.cli.progress import Progress, draw
from midwatch.cli.screen import Look
from midwatch.domain.conversation import Delta, Usage
from midwatch.domain.events import ModelReplied, PlanStep, PlanUpdated, ToolStarted
from midwatch.domain.evidence import FileChange
from tests.cli.samples import EVIL, command, event


def reply(**changes: object) -> ModelReplied:
    values = {
        "model": "openai/gpt-5", "wire": "chat", "text": "", "calls": (), "items": (),
        "usage": Usage(1000, 0, 0, 200), "cost_microusd": 4000, "latency_ms": 900, "stop": "calls",
    }  # fmt: skip
    return ModelReplied(**(values | changes))  # type: ignore[arg-type]


def busy() -> Progress:
    """In the middle of a command, with a plan."""
    progress = Progress(100.0)
    steps = [PlanStep(f"step number {n} of the plan", "completed" if n < 3 else "pending") for n in range(12)]
    steps[3] = PlanStep("step number 3 of the plan", "in_progress")
    progress.fold(event(1, reply()), 101.0)
    progress.fold(event(2, PlanUpdated(tuple(steps), "")), 101.0)
    progress.fold(event(3, ToolStarted("c", "shell", "python -m pytest -q")), 102.0)
    progress.heard(b"".join(b"line %d\n" % n for n in range(9)), 102.5)
    progress.changes = (FileChange("calc.py", "M", 2, 1),)
    return progress


def test_the_view_shows_step_output_plan_and_what_was_spent() -> None:
    lines = draw(busy(), Look(width=80), 105.0, 40)
    assert lines[0].endswith("$ python -m pytest -q 3.0 s")
    assert lines[1:5] == [f"  │ line {n}" for n in (5, 6, 7, 8)]
    assert lines[5] == "  plan 3/12"
    assert "    ▸ step number 3 of the plan" in lines
    assert lines[-1] == "  5.0 s · 1 turn · 1 file +2 -1 · 1200 tokens · $0.0040"


@pytest.mark.parametrize("height", [1, 4, 8, 12, 24, 60])
@pytest.mark.parametrize("width", [10, 20, 33, 50, 80, 140])
def test_the_view_fits_any_terminal(width: int, height: int) -> None:
    progress = busy()
    progress.heard(("漢字" * 100 + "\n" + "x" * 500).encode(), 103.0)
    lines = draw(progress, Look(width=width), 105.0, height)
    assert [line for line in lines if words.cells(line) > width] == []
    assert len(lines) <= max(2, height // 2)


def test_a_finished_command_is_counted_and_its_output_goes() -> None:
    progress = busy()
    progress.fold(event(4, command(1)), 106.0)
    assert progress.output == []
    assert progress.commands == 1
    assert "1 command" in draw(progress, Look(width=80), 106.0)[-1]


def test_a_command_that_runs_again_after_a_resume_is_shown_when_it_speaks() -> None:
    progress = busy()
    progress.begin("preparing the workspace", 110.0)
    progress.heard(b"hello\n", 111.0)
    assert progress.step == "$ python -m pytest -q"
    assert progress.output == ["hello"]


def test_what_the_model_writes_is_shown_until_its_reply_is_there() -> None:
    progress = Progress(0.0)
    progress.begin("asking openai/gpt-5", 0.0)
    for piece in ("I will ", "look at ", "the test."):
        progress.said(Delta("text", piece))
    assert progress.output == ["I will look at the test."]
    progress.fold(event(1, reply()), 1.0)
    assert progress.output == []


def test_a_flood_of_output_is_not_kept() -> None:
    progress = busy()
    for _ in range(300):
        progress.heard(b"x" * 65536 + b"\nlast line\n", 103.0)
    assert progress.output[-1] == "last line"
    assert sum(map(len, progress._output)) < 3 * 4096


def test_output_and_steps_cannot_command_the_terminal() -> None:
    progress = Progress(0.0)
    progress.fold(event(1, PlanUpdated((PlanStep(EVIL, "in_progress"),), "")), 0.0)
    progress.begin(EVIL, 0.0)
    progress.heard(EVIL.encode("utf-8", "surrogateescape"), 0.0)
    shown = "\n".join(draw(progress, Look(width=60), 1.0, 30))
    assert words.clean(shown) == shown
    assert "<U+202E>" in shown


def test_a_price_that_is_not_known_is_said() -> None:
    progress = Progress(0.0)
    progress.fold(event(1, reply(cost_microusd=None)), 1.0)
    assert draw(progress, Look(width=80), 1.0)[-1].endswith("price not known")
