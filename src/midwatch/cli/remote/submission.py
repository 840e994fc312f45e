"""A task for a server, from options or from a line of a file."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError, Namespace
from datetime import UTC, datetime
from typing import Any

from midwatch.cli import arguments, asking, pictured
from midwatch.domain.errors import InputError
from midwatch.workflows.start import Request

PRIORITIES = ("interactive", "batch")
LONGEST_DELAY = 366 * 86400
"""Seconds."""
FIELDS = (
    "prompt", "repository", "base", "model", "checks", "attempts", "select", "mode", "sandbox", "limits", "context",
    "mcp", "commands", "include_uncommitted", "trust_project", "trust_recipe", "priority", "delay_seconds", "begin_at",
    "labels", "images",
)  # fmt: skip
"""Of a task, as the server takes them."""


def add_arguments(parser: arguments.Parser) -> None:
    """What `run` has, and when it is to be done."""
    asking.add_arguments(parser)
    pictured.image_option(parser)
    group = parser.add_argument_group("when")
    group.add_argument("--priority", choices=PRIORITIES, default="interactive", help="whether somebody waits for it")
    when = group.add_mutually_exclusive_group()
    when.add_argument("--after", metavar="TIME", type=delay, default=0, help="begin then: 2h, 18:30, 2026-12-01T08:00")
    when.add_argument(
        "--at", metavar="TIME", dest="begin_at", type=moment, default=None,
        help="not before: 02:00 (the next one here), 2026-12-01T08:00, 2026-12-01T08:00:00Z",
    )  # fmt: skip
    group.add_argument(
        "-l", "--labels", metavar="LABEL,…", type=arguments.labels, default=(),
        help="only a worker that has all of them takes it: gpu,arch=arm64",
    )  # fmt: skip


def value(options: Namespace) -> dict[str, Any]:
    """The body of a request but for the repository. Raises InputError as `asking.request`."""
    asked: Request = asking.request(options)
    if not asked.prompt:
        raise InputError("the prompt is empty", 'say what is to be done: midwatch submit "…"')
    body = {
        "prompt": asked.prompt,
        "base": asked.base,
        "model": asked.model,
        "checks": list(asked.checks),
        "attempts": asked.attempts,
        "select": asked.select,
        "mode": asked.mode,
        "sandbox": asked.sandbox,
        "limits": dict(asked.limits),
        "context": [{"source": given.source, "text": given.text} for given in asked.context],
        "mcp": list(asked.mcp),
        "commands": asked.commands,
        "include_uncommitted": asked.include_uncommitted,
        "trust_project": asked.trust_project,
        "trust_recipe": asked.trust_recipe,
        "priority": options.priority,
        "delay_seconds": options.after,
        "begin_at": options.begin_at,
        "labels": list(options.labels),
        "images": pictured.sent(options.image),
    }
    return {name: given for name, given in body.items() if given not in (None, "", [], {}, False, 0)}


def of_line(line: bytes) -> dict[str, Any]:
    """The same from a line of JSON. `after` may stand for `delay_seconds`, as a duration. Raises InputError."""
    try:
        given = json.loads(line)
    except ValueError as error:
        raise InputError(f"no JSON: {error}", "one object on each line") from None
    if not isinstance(given, dict):
        raise InputError("no JSON object", 'write {"prompt": "…", "repository": "…"}')
    body = dict(given)
    if len(given_times := [name for name in ("after", "delay_seconds", "begin_at") if name in body]) > 1:
        raise InputError(f"it has both {' and '.join(given_times[:2])}", "leave one of them out")
    if "after" in body:
        body["delay_seconds"] = _duration(body.pop("after"))
    unknown = sorted(set(body) - set(FIELDS))
    if unknown:
        raise InputError(f"there is no field {unknown[0]!r}", f"the fields are: {', '.join((*FIELDS, 'after'))}")
    if not isinstance(body.get("prompt"), str) or not body["prompt"].strip():
        raise InputError("it has no prompt", 'add "prompt": "…"')
    return body


def _duration(given: object) -> int:
    """In a file it is a duration: with a time of day the same line would mean something else an hour later."""
    try:
        return arguments.seconds(str(given))
    except ArgumentTypeError:
        raise InputError(f"after: {given!r} is no duration", "write 90s, 15m or 2h") from None


def delay(text: str, now: datetime | None = None) -> int:
    """Seconds until a time: a duration from now (`90`, `15m`, `2h`), a time of day (`18:30`: the next one here), or a
    date with a time (`2026-12-01T08:00`, here; `…Z` and `…+01:00` elsewhere). One that has passed is now."""
    try:
        found = arguments.seconds(text)
    except ArgumentTypeError:
        found = _until(text.strip(), now or datetime.now(UTC))
    if found > LONGEST_DELAY:
        raise ArgumentTypeError(f"{text!r} is more than a year away")
    return found


def moment(text: str, now: datetime | None = None) -> str:
    """A time of day or a date with a time, as `delay` reads them, in UTC as the server takes it; empty for one that has
    passed."""
    now = now or datetime.now(UTC)
    try:
        then = _then(text.strip(), now)
    except ValueError:
        words = "no time: write 02:00, 2026-12-01T08:00 or 2026-12-01T08:00:00Z"
        raise ArgumentTypeError(f"{text!r} is {words}") from None
    if (then - now).total_seconds() > LONGEST_DELAY:
        raise ArgumentTypeError(f"{text!r} is more than a year away")
    return then.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if then > now else ""


def _until(text: str, now: datetime) -> int:
    try:
        then = _then(text, now)
    except ValueError:
        words = "neither a duration nor a time: write 90s, 2h, 18:30 or 2026-12-01T08:00"
        raise ArgumentTypeError(f"{text!r} is {words}") from None
    return max(0, round((then - now).total_seconds()))


def _then(text: str, now: datetime) -> datetime:
    """Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", text):
        then = datetime.fromisoformat(text)
        return then if then.tzinfo else then.astimezone()
    from datetime import time, timedelta

    hour, _, minute = text.partition(":")
    today = datetime.combine(now.astimezone().date(), time(int(hour), int(minute))).astimezone()
    return today if today > now else (today.replace(tzinfo=None) + timedelta(days=1)).astimezone()
