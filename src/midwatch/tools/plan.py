"""The tool `update_plan`: the model's plan, for the person who looks on."""

from __future__ import annotations

from typing import Any

from midwatch.domain.conversation import ToolSpec
from midwatch.domain.events import PlanStep, PlanUpdated
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import one_line

STATUSES = ("pending", "in_progress", "completed")
_ALIASES = {"todo": "pending", "doing": "in_progress", "done": "completed", "complete": "completed"}

_DESCRIPTION = """\
Show your plan: all steps, each with its status; at most one is in_progress. Call it again when a step is done or the \
plan changes. Not needed for small tasks."""

_SCHEMA = {
    "type": "object",
    "properties": {
        "plan": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"step": {"type": "string"}, "status": {"type": "string", "enum": list(STATUSES)}},
                "required": ["step", "status"],
                "additionalProperties": False,
            },
        },
        "explanation": {"type": "string", "description": "Why the plan changed."},
    },
    "required": ["plan"],
    "additionalProperties": False,
}

_FORM = '{"plan": [{"step": "Run the tests", "status": "pending"}]}'


class UpdatePlan(Tool):
    """Takes the whole plan each time; the last one counts."""

    spec = ToolSpec("update_plan", _DESCRIPTION, _SCHEMA)

    def summary(self, arguments: str) -> str:
        """`plan: 2 of 5 done: the step in progress`."""
        try:
            steps = _steps(given.read(arguments))
        except given.BadArguments:
            return "plan"
        done = sum(step.status == "completed" for step in steps)
        current = next((f": {step.step}" for step in steps if step.status == "in_progress"), "")
        return one_line(f"plan: {done} of {len(steps)} done{current}")

    def reads_only(self, arguments: str) -> bool:
        """Yes: a plan is only written into the log."""
        return True

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Nothing but the event."""
        try:
            values = given.read(arguments)
            plan = PlanUpdated(_steps(values), _clean(given.text(values, "explanation", "")))
        except given.BadArguments as error:
            mend = f"The plan was not changed. The arguments are {_FORM}; statuses: {', '.join(STATUSES)}."
            return given.refused("update_plan", error, mend)
        return ToolResult(ok=True, output="Plan updated.", ended="noted", events=(plan,))


def _steps(values: dict[str, Any]) -> tuple[PlanStep, ...]:
    plan = values.get("plan")
    if not isinstance(plan, list):
        raise given.BadArguments('"plan" must be an array of steps')
    steps = []
    for number, item in enumerate(plan, 1):
        if not isinstance(item, dict):
            raise given.BadArguments(f'step {number} must be an object with "step" and "status"')
        text = given.text(item, "step")
        status = given.text(item, "status", "pending").lower().replace("-", "_").replace(" ", "_")
        status = _ALIASES.get(status, status)
        if status not in STATUSES:
            raise given.BadArguments(f"step {number} has the unknown status {status!r}")
        steps.append(PlanStep(_clean(text), status))
    return tuple(steps)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
