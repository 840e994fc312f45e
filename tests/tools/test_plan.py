"""The plan tool and the set of tools."""

from __future__ import annotations

import dataclasses
import json

import pytest

from midwatch.domain.conversation import ToolCall
from midwatch.domain.events import PlanStep, PlanUpdated
from midwatch.tools.base import Bench
from midwatch.tools.plan import UpdatePlan
from midwatch.tools.toolset import default_tools


async def test_a_plan_becomes_an_event(table: Bench) -> None:
    plan = [{"step": "Look", "status": "completed"}, {"step": "Mend", "status": "In-Progress"}, {"step": "Test"}]
    arguments = json.dumps({"plan": plan, "explanation": "why"})
    result = await UpdatePlan().run(arguments, table)
    steps = (PlanStep("Look", "completed"), PlanStep("Mend", "in_progress"), PlanStep("Test", "pending"))
    assert result.ok
    assert result.events == (PlanUpdated(steps, "why"),)
    assert UpdatePlan().summary(arguments) == "plan: 1 of 3 done: Mend"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("", '"plan" must be an array'),
        ("nonsense", "not valid JSON"),
        ('{"plan": "x"}', '"plan" must be an array'),
        ('{"plan": ["x"]}', "step 1 must be an object"),
        ('{"plan": [{"status": "pending"}]}', '"step" is missing'),
        ('{"plan": [{"step": "x", "status": "maybe"}]}', "unknown status 'maybe'"),
        ('{"plan": [], "explanation": 3}', '"explanation" must be a string'),
    ],
)
async def test_a_bad_plan_is_answered_with_the_form(arguments: str, what: str, table: Bench) -> None:
    result = await UpdatePlan().run(arguments, table)
    assert (result.ok, result.events) == (False, ())
    assert what in result.output
    assert '{"plan": [{"step": ' in result.output
    assert UpdatePlan().summary(arguments).startswith("plan")


def test_the_tools_are_described_in_less_than_five_kilobytes_and_always_in_the_same_order() -> None:
    specs = default_tools().specs
    assert [spec.name for spec in specs] == ["shell", "apply_patch", "update_plan", "session", "log", "view_image"]
    assert len(json.dumps([dataclasses.asdict(spec) for spec in specs]).encode()) < 5000


async def test_an_unknown_tool_is_answered_with_the_known_ones(table: Bench) -> None:
    result = await default_tools().run(ToolCall("1", "browse", "{}"), table)
    assert not result.ok
    assert "shell, apply_patch, update_plan, session, log, view_image" in result.output
