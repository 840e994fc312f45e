"""Making room in the model's window before it is full: the middle of the conversation becomes a summary.

What is never left out: what was said before the first reply (instructions and the task), what the person has said
since, the plan, and the last turns as they were, so that no command is run again only because its result is gone.
"""

from __future__ import annotations

from midwatch.agent.context import MOST_IMAGES
from midwatch.agent.log import History, item_bytes
from midwatch.domain.conversation import Replied, Said, Usage, View
from midwatch.domain.events import Compacted, Message, ModelReplied, ToolFinished
from midwatch.domain.interventions import Undone
from midwatch.models.base import Model

AT = 0.8
"""Of the model's window: past it the conversation is compacted."""
KEPT = 0.15
"""Of the window: the most that the last turns may take that are kept as they were, the very last one not counted."""
SAID_CAP = 32 << 10
"""Characters of what the person has said since the work began that stay word for word, the newest first; in a small
window no more than the last turns may take."""
_LATEST = 12
"""Commands that a summary by the harness names."""

_NOTES = "Your notes:\n"
_PERSON = "What the person has said since the work began, oldest first:\n"
_PLAN = "Your plan:\n"
_COMMANDS = "Commands so far"

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
    count = kept(log, model)
    parts = ["[The conversation up to here was longer and has been replaced by these notes.]"]
    parts += [f"{_NOTES}{written}"] if written else [_earlier_notes(log), _of_commands(log)]
    summary = "\n\n".join(part for part in (*parts, _said(log, model, count), _plan(log)) if part)
    return Compacted(summary, count, "", Usage(), 0, 0)


def _earlier_notes(log: History) -> str:
    """The model's notes of the compaction before, where it gives none now."""
    before = log.items[len(log.opening)] if len(log.items) > len(log.opening) else None
    text = before.text if isinstance(before, Said) else ""
    notes = text.partition(_NOTES)[2]
    for heading in (_PERSON, _PLAN, _COMMANDS):
        notes = notes.partition(f"\n\n{heading}")[0]
    return f"{_NOTES}{notes.strip()}" if notes.strip() else ""


def _said(log: History, model: Model, count: int) -> str:
    """What the person has said since the first reply, and what is not among the last `count` items."""
    said: list[tuple[int, Message]] = []
    begun = False
    for place, event in enumerate(log.events):
        match event.body:
            case ModelReplied():
                begun = True
            case Message(author="person") as body if begun:
                said.append((place, body))
            case Undone() as body:
                said = [one for one in said if one[0] < body.to]
    kept_words = [item.text for item in log.items[len(log.items) - count :] if isinstance(item, Said)]
    words = [f"{body.text}{_gone(body)}" for _, body in said if body.text not in kept_words]
    room = min(SAID_CAP, int(model.window * KEPT * 4))
    shown: list[str] = []
    for text in reversed(words):
        if len(text) > room and shown:
            break
        shown.insert(0, text if len(text) <= room else f"{text[:room]}\n[… {len(text) - room} characters left out]")
        room -= len(text)
    more = f"[{len(words) - len(shown)} earlier ones left out]\n\n" if len(words) > len(shown) else ""
    return _PERSON + more + "\n\n".join(shown) if shown else ""


def _gone(body: Message) -> str:
    """Pictures take too much room to stay; the words may speak of them."""
    return f"\n[Shown with it, and no more: {len(body.images)} of the person's pictures]" if body.images else ""


def _plan(log: History) -> str:
    if log.plan is None:
        return ""
    marks = {"completed": "x", "in_progress": ">", "pending": " "}
    return _PLAN + "\n".join(f"[{marks.get(step.status, ' ')}] {step.step}" for step in log.plan.steps)


def _of_commands(log: History) -> str:
    """What the harness can say when the model gave no notes."""
    if not log.commands:
        return "No command was run."
    lines = [_line(command) for command in log.commands[-_LATEST:]]
    more = len(log.commands) - len(lines)
    head = f"{_COMMANDS} ({more} earlier ones left out):" if more else f"{_COMMANDS}:"
    return "\n".join([head, *lines])


def _line(command: ToolFinished) -> str:
    first = command.command.strip().split("\n")[0][:160]
    return f"[{command.number}] {first}: {command.ended}"
