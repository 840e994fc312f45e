"""`midwatch verify`: is the record still what was written?"""

from __future__ import annotations

from argparse import Namespace

from midwatch import reading, wiring
from midwatch.cli import arguments, words
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.workflows.verify import Verification

USAGE = "midwatch verify ID [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Re-compute everything; 1 when anything differs."""
    async with wiring.home(screen.environ) as home:
        found = await reading.verify(home, options.id)
    code = 1 if found.faults else 0
    if screen.json:
        screen.emit({"type": "verification", "ok": not found.faults, "exit_code": code, **to_json(found)}, indent=2)
    else:
        screen.say(verification_lines(found, screen.look()))
    return code


def verification_lines(found: Verification, look: Look) -> list[str]:
    """What was looked at, or each thing that is wrong."""
    seen = [
        f"{words.count(found.events, 'event is', 'events are')} chained and as written",
        f"{words.count(found.blobs, 'output matches its', 'outputs match their')} SHA-256",
        f"{words.count(found.trees, 'commit holds', 'commits hold')} exactly the tree that was checked"
        if found.trees
        else "no commit has been offered",
    ]
    if not found.faults:
        lines = [f"{look.mark(True)} {look.bold(f'task {found.task_id} is as it was written')}"]
        lines += [f"  {text}" for text in seen]
    else:
        faults = words.count(len(found.faults), "fault")
        lines = [f"{look.mark(False)} {look.bold(f'task {found.task_id}: {faults}')}"]
        for fault in found.faults:
            first, *more = words.wrap(words.line(fault), look.width - 6)
            lines += [f"  {look.mark(False)} {first}", *("    " + text for text in more)]
    return lines + [look.dim(f"  head of {name}: event {seq}, {digest}") for name, seq, digest in found.heads]
