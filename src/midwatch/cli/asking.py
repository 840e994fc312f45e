"""The options of a task: what is to be done, where, how, and within which limits."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from midwatch.cli import arguments
from midwatch.domain.errors import InputError
from midwatch.domain.guard import MODES, Context
from midwatch.sandbox.drivers import NAMES
from midwatch.workflows.start import SELECTORS, Request

LARGEST_CONTEXT = 256 << 10
"""Bytes of a file; the model is shown less (`agent.data.CAP`)."""


def arguments_of_task(parser: arguments.Parser) -> None:
    """What is to be done, and where."""
    parser.add_argument("prompt", metavar="PROMPT", help="what is to be done; `-` reads it from standard input")
    group = parser.add_argument_group("where")
    group.add_argument("--repo", metavar="PATH-OR-URL", default=".", help="the repository (default: this folder)")
    group.add_argument(
        "--base", metavar="REF", help="branch, tag or commit to start from (default: what is checked out)"
    )
    group.add_argument("--include-uncommitted", action="store_true", help="start from the files as they are now")


def arguments_of_limits(parser: arguments.Parser) -> None:
    """What an attempt may spend."""
    group = parser.add_argument_group("limits of an attempt")
    group.add_argument("--max-turns", metavar="N", type=arguments.count(1), help="model calls (default: 100)")
    group.add_argument(
        "--max-tokens", metavar="N", type=arguments.count(1), help="tokens in and out (default: no limit)"
    )
    group.add_argument("--max-cost", metavar="USD", type=arguments.microusd, help="US dollars (default: no limit)")
    group.add_argument(
        "--max-time", metavar="DURATION", type=arguments.seconds, help="90, 90s, 15m, 2h of work (default: 1h)"
    )


def add_arguments(parser: arguments.Parser) -> None:
    """All of them."""
    arguments_of_task(parser)
    group = parser.add_argument_group("how")
    group.add_argument("-m", "--model", metavar="NAME", help="`repair` (default), `openai/…`, or one of your settings")
    group.add_argument(
        "--check", metavar="CMD", action="append", default=[], help="must exit with 0; may be given more than once"
    )
    group.add_argument("--attempts", metavar="N", type=arguments.count(1), default=1, help="tries; the best is offered")
    group.add_argument("--select", choices=SELECTORS, help="among those that pass: smallest diff, or a review")
    group.add_argument("--mode", choices=MODES, help="what it may do (default: workspace); `full` is without a sandbox")
    group.add_argument("--context", metavar="FILE", action="append", default=[], help="shown to the model as data")
    group.add_argument(
        "--trust-project", action="store_true", help="let the repository's .midwatch set rules and hooks"
    )
    group.add_argument("--trust-recipe", action="store_true", help="let the repository's recipe name hosts and secrets")
    group.add_argument(
        "--mcp", metavar="NAME[:TOOL,…]", action="append", default=[], help="an MCP server of your settings; or `none`"
    )
    group.add_argument("--sandbox", choices=NAMES, help="how commands are isolated; `process` isolates nothing")
    arguments_of_limits(parser)


def request(options: Namespace) -> Request:
    """What a person asks for with them. Reads what is given as files or on standard input. Raises InputError."""
    return Request(
        prompt=arguments.prompt(options.prompt),
        repository=options.repo,
        base=options.base,
        model=options.model,
        checks=tuple(options.check),
        attempts=options.attempts,
        select=options.select or "",
        limits=_limits(options),
        sandbox=options.sandbox,
        include_uncommitted=options.include_uncommitted,
        trust_recipe=options.trust_recipe,
        trust_project=options.trust_project,
        mode=options.mode or "",
        context=given_context(options.context, options.prompt),
        commands=options.prompt != "-",
        mcp=tuple(options.mcp),
    )


def given_context(files: Sequence[str], prompt: str) -> tuple[Context, ...]:
    """The texts of `--context`; `-` is standard input. Raises InputError for what cannot be read."""
    if [*files, prompt].count("-") > 1:
        raise InputError("standard input was asked for more than once", "give one of them as a file")
    return tuple(_context(name) for name in files)


def _context(name: str) -> Context:
    if name == "-":
        if sys.stdin is None:
            raise InputError("there is no standard input to read --context from", "give a file")
        data = sys.stdin.buffer.read(LARGEST_CONTEXT + 1)
    else:
        try:
            with Path(name).open("rb") as file:
                data = file.read(LARGEST_CONTEXT + 1)
        except OSError as error:
            raise InputError(f"--context {name} cannot be read: {error.strerror}", "give another file") from None
    if len(data) > LARGEST_CONTEXT:
        raise InputError(f"--context {name} is larger than {LARGEST_CONTEXT >> 10} KiB", "give the part that matters")
    return Context("standard input" if name == "-" else name, _text(data))


def _text(data: bytes) -> str:
    # a prompt ends up in commit messages, which hold neither NUL nor what is not UTF-8
    return data.decode("utf-8", "replace").replace("\0", "").strip()


def _limits(options: Namespace) -> dict[str, int]:
    """The limits that were asked for."""
    asked = {
        "turns": options.max_turns,
        "tokens": options.max_tokens,
        "cost_microusd": options.max_cost,
        "seconds": options.max_time,
    }
    return {name: value for name, value in asked.items() if value}
