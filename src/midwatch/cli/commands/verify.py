"""`midwatch verify`: is the record still what was written?"""

from __future__ import annotations

from argparse import Namespace

from midwatch import reading, wiring
from midwatch.cli import arguments, words
from midwatch.cli.remote import address
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.domain.errors import InputError
from midwatch.workflows.verify import Verification

USAGE = "midwatch verify ID [--server URL [--repo PATH]] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and of a server's what it is held against."""
    arguments.task_argument(parser)
    arguments.server_option(parser)
    parser.add_argument(
        "--repo", metavar="PATH", help="of a server's task: a clone in which its change is made once more"
    )


async def execute(options: Namespace, screen: Screen) -> int:
    """Re-compute everything; 1 when anything differs. Of a server's task: from what the server gives, here."""
    unseen: tuple[str, ...] = ()
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import verifying
        from midwatch.cli.remote.session import opened

        async with opened(options, screen, where) as session:
            found, unseen = await verifying.verify(session, options.id, options.repo)
    elif options.repo is not None:
        raise InputError("--repo is for a server's task", "leave it out: this machine has the task's own objects")
    else:
        async with wiring.home(screen.environ) as home:
            found = await reading.verify(home, options.id)
    code = 1 if found.faults else 0
    if screen.json:
        value = {"type": "verification", "ok": not found.faults, "exit_code": code, **to_json(found)}
        screen.emit(value | ({"unseen": list(unseen)} if where else {}), indent=2)
    else:
        look = screen.look()
        screen.say(verification_lines(found, look, told=where is not None))
        if unseen:
            screen.say([f"  {look.dim('not looked at:')} {words.line(text)}" for text in unseen])
    return code


def verification_lines(found: Verification, look: Look, *, told: bool = False) -> list[str]:
    """What was looked at, or each thing that is wrong; `told` by a server, of whose commits nothing is here."""
    trees = "the change makes exactly the tree that was checked" if told and found.trees else ""
    seen = [
        f"{words.count(found.events, 'event is', 'events are')} chained and as written",
        f"{words.count(found.blobs, 'output matches its', 'outputs match their')} SHA-256",
        trees
        or (
            f"{words.count(found.trees, 'commit holds', 'commits hold')} exactly the tree that was checked"
            if found.trees
            else ""
            if told
            else "no commit has been offered"
        ),
    ]
    if not found.faults:
        lines = [f"{look.mark(True)} {look.bold(f'task {found.task_id} is as it was written')}"]
        lines += [f"  {text}" for text in seen if text]
    else:
        faults = words.count(len(found.faults), "fault")
        lines = [f"{look.mark(False)} {look.bold(f'task {found.task_id}: {faults}')}"]
        for fault in found.faults:
            first, *more = words.wrap(words.line(fault), look.width - 6)
            lines += [f"  {look.mark(False)} {first}", *("    " + text for text in more)]
    heads = [words.line(f"head of {name}: event {seq}, {digest}") for name, seq, digest in found.heads]
    return lines + [look.dim(f"  {head}") for head in heads]
