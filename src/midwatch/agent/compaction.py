"""Making room in the model's window before it is full: the middle of the conversation becomes a summary.

What is never left out: what was said before the first reply (instructions and the task), the plan, and the last turns
as they were, so that no command is run again only because its result is gone.
"""

from __future__ import annotations

from midwatch.agent.context import MOST_IMAGES
from midwatch.agent.log import History, item_bytes
from midwatch.domain.conversation import Replied, Said, Usage, View
from midwatch.domain.events import Compacted, ToolFinished
from midwatch.models.base import Model

AT = 0.8
"""Of the model's window: past it the conversation is compacted."""
KEPT = 0.15
"""Of the window: the most that the last turns may take that are kept as they were, the very last one not counted."""
_LATEST = 12
"""Commands that a summary by the harness names."""

ASK = (
    "Your context window is nearly full. Write the notes with which you will go on; everything before them is taken "
    "away, except the task and your last steps. Call no tool. Say in short lines: what the task needs; what you have "
    "found out (files, functions, causes, with paths and line numbers); what you have changed and why; what you ran "
    "and what came of it; what failed and should not be tried again; what is left to do, in order."
)


def due(log: History, model: Model) -> bool:
    """Whether to compact before the next request: the window is nearly full, or there are too many pictures."""
    return (log.context_tokens > model.window * AT or log.images > MOST_IMAGES) and possible(log, model)


def possible(log: History, model: Model) -> bool:
    """Whether there is a middle that could be left out."""
    return len(log.opening) + kept(log, model) + 1 < len(log.items)


def kept(log: History, model: Model) -> int:
    """How many items at the end stay as they are: the last turn, and whole turns before it while they are small."""
    room = model.window * KEPT * 4
    count = taken = images = 0
    turn = turn_bytes = 0
    for item in reversed(log.items[len(log.opening) :]):
        turn, turn_bytes = turn + 1, turn_bytes + item_bytes(item)
        if isinstance(item, Replied):  # a turn is a reply and all that came after it
            if count and (taken + turn_bytes > room or images > MOST_IMAGES // 2):
                break
            count, taken = count + turn, taken + turn_bytes
            turn = turn_bytes = 0
        else:
            images += len(item.images)
    return count


def question(view: View) -> View:
    """The request for the summary: the conversation as it is, and the question, so that the cache is met."""
    return View(view.instructions, view.brief, (*view.items, Said(ASK)))


def compacted(log: History, model: Model, notes: str) -> Compacted:
    """The event, with the model's notes (or nothing) and the facts that the log itself knows; usage is filled in by
    whoever asked."""
    written = notes.strip()
    parts = ["[The conversation up to here was longer and has been replaced by these notes.]"]
    parts.append(f"Your notes:\n{written}" if written else _of_commands(log))
    plan = _plan(log)
    summary = "\n\n".join(part for part in (*parts, plan) if part)
    return Compacted(summary, kept(log, model), "", Usage(), 0, 0)


def _plan(log: History) -> str:
    if log.plan is None:
        return ""
    marks = {"completed": "x", "in_progress": ">", "pending": " "}
    return "Your plan:\n" + "\n".join(f"[{marks.get(step.status, ' ')}] {step.step}" for step in log.plan.steps)


def _of_commands(log: History) -> str:
    """What the harness can say when the model gave no notes."""
    if not log.commands:
        return "No command was run."
    lines = [_line(command) for command in log.commands[-_LATEST:]]
    more = len(log.commands) - len(lines)
    head = f"Commands so far ({more} earlier ones left out):" if more else "Commands so far:"
    return "\n".join([head, *lines])


def _line(command: ToolFinished) -> str:
    first = command.command.strip().split("\n")[0][:160]
    return f"[{command.number}] {first}: {command.ended}"
