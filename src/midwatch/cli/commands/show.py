"""`midwatch show`: what a task has come to, and how it got there."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from midwatch import reading, wiring
from midwatch.cli import arguments, render, words
from midwatch.cli.following import current_folder
from midwatch.cli.jsonlines import report_json
from midwatch.cli.progress import plan_mark
from midwatch.cli.remote import address
from midwatch.cli.screen import Look, Screen
from midwatch.cli.steps import Steps, step_line
from midwatch.domain.codec import to_json
from midwatch.domain.events import Event, Message, ModelReplied, PlanUpdated, ToolFinished
from midwatch.reading import Missed
from midwatch.workflows.report import Report

USAGE = "midwatch show ID [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Print the report, the plan, the commands and what was said."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import looking
        from midwatch.cli.remote.session import opened

        async with opened(options, screen, where) as session:
            report, events = await looking.report(session, options.id)
            missed = await looking.missed(session, report.task.id)
            return _print(report, events, screen, missed, session.at)
    async with wiring.home(screen.environ) as home:
        report = await wiring.report(home, options.id)
        events = await home.store.read(report.chosen.attempt)
        missed = await reading.missed(home, report.task.id)
    return _print(report, events, screen, missed)


def _print(
    report: Report, events: Sequence[Event], screen: Screen, missed: Sequence[Missed], at: str | None = None
) -> int:
    """`at`: as in `render.report_lines`."""
    if screen.json:
        plan = [event.body for event in events if isinstance(event.body, PlanUpdated)]
        said = [
            {"seq": e.seq, "author": e.body.author if isinstance(e.body, Message) else "model", "text": e.body.text}
            for e in events
            if isinstance(e.body, Message | ModelReplied) and e.body.text.strip()
        ]
        told = {"plan": to_json(plan[-1]) if plan else None, "messages": said, "missed": to_json(missed)}
        screen.emit(report_json(report) | told, indent=2)
        return 0
    look = screen.look()
    prompt = words.wrap(report.task.prompt, min(look.width, 100) - 2, "  ")
    lines = [*render.task_lines(report.task, look), "", look.bold("Prompt"), *prompt]
    lines += [
        *plan_lines(events, look),
        *command_lines(report.task.id + (at or ""), events, look),
        *message_lines(events, look),
        "",
    ]
    screen.say([*lines, *render.report_lines(report, look, current_folder(), at), *missed_lines(missed, look)])
    return 0


def missed_lines(missed: Sequence[Missed], look: Look) -> list[str]:
    """What could not be done outside of this machine."""
    lines = ["", look.bold("Not done outside")] if missed else []
    for one in missed:
        text = f"{one.kind} {one.name} ({one.id}): {one.error or 'failed'}"
        lines.append(f"  {look.mark(False)} {words.line(text)}")
        lines += [f"    {look.arrow} {words.line(one.mend)}"] if one.mend else []
    return lines


def plan_lines(events: Sequence[Event], look: Look) -> list[str]:
    """The last plan, whole."""
    plan = next((event.body for event in reversed(events) if isinstance(event.body, PlanUpdated)), None)
    if plan is None or not plan.steps:
        return []
    lines = ["", look.bold("Plan")]
    for step in plan.steps:
        first, *more = words.wrap(words.line(step.step), look.width - 6) or [""]
        lines += [f"  {plan_mark(step.status, look)} {first}", *("    " + text for text in more)]
    return lines


def command_lines(task_id: str, events: Sequence[Event], look: Look) -> list[str]:
    """The agent's commands by number."""
    bodies = [event.body for event in events if isinstance(event.body, ToolFinished) and event.body.number]
    if not bodies:
        return []
    steps = Steps()
    lines = [f"  {step_line(steps.every(body), look, look.width - 3)}" for body in bodies]
    hint = look.dim(f"midwatch log {task_id} --cmd N shows the full output")
    return ["", f"{look.bold('Commands')}  {hint}" if look.width >= 72 else look.bold("Commands"), *lines]


def message_lines(events: Sequence[Event], look: Look) -> list[str]:
    """What the model said on the way; its last words are in the report, the first message is the prompt."""
    said = [event for event in events if isinstance(event.body, Message | ModelReplied) and event.body.text.strip()]
    last = max((e.seq for e in said if isinstance(e.body, ModelReplied)), default=0)
    said = [e for e in said if e.seq != last and not (isinstance(e.body, Message) and e.seq <= 2)]
    if not said:
        return []
    lines = ["", look.bold("Said on the way")]
    for event in said:
        author = event.body.author if isinstance(event.body, Message) else event.body.model
        name = words.line(author)
        first, *more = words.wrap(event.body.text.strip(), min(look.width, 100) - 4)
        lines += [f"  {look.dim(f'{event.seq:>3} {name}:')}", f"    {first}", *("    " + text for text in more)]
    return lines
