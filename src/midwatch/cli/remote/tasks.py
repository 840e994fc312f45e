"""What a server tells of tasks, as the reports that local commands print."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from midwatch.agent.log import History
from midwatch.cli import words
from midwatch.cli.remote.client import Client
from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.events import KINDS, Event
from midwatch.domain.evidence import FileChange
from midwatch.domain.limits import Limits
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.domain.task import Base, Task
from midwatch.models.endpoint import RetryPolicy
from midwatch.workflows.report import AttemptReport, Report, attempt_report

WHOLE = re.compile(r"([0-9a-z]{12})(?:\.([1-9]))?")
PAGE = "100"
SETTLED_ELSEWHERE = ("paused", "cancelled", "failed", "waiting", "running")
"""What only a server knows: that nobody works on a task, and why, is not in the task's log."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event that a newer server tells of and this release cannot read."""

    kind: str
    version: int
    body: Mapping[str, Any]


def event_of(value: Mapping[str, Any]) -> Event:
    """An event from the API. Raises OperationError for what is none."""
    try:
        kind, version = str(value["kind"]), int(value["version"])
        cls = KINDS.get(kind)
        body: Any = Unknown(kind, version, value["body"])
        if cls is not None and version <= cls.version:
            body = from_json(cls, value["body"])
        epoch = int(value.get("epoch", 0))
        return Event(value["attempt"], int(value["seq"]), str(value["time"]), epoch, body, "", str(value["hash"]))
    except (KeyError, TypeError, ValueError) as error:
        raise OperationError(
            f"the server sent an event that cannot be read: {error}", "upgrade this Midwatch"
        ) from None


async def named(client: Client, name: str) -> tuple[str, int]:
    """The task's whole id and the number of the attempt that was named (0 for none). An id's beginning is looked up
    among the newest tasks. Raises InputError when none or several begin so."""
    if match := WHOLE.fullmatch(name):
        return match[1], int(match[2] or 0)
    prefix, _, number = name.partition(".")
    if not re.fullmatch(r"[0-9a-z]{1,12}", prefix) or (number and not re.fullmatch(r"[1-9]", number)):
        raise InputError(f"{name!r} is no id of a task", "`midwatch list` has them")
    page = await client.get("tasks", limit=PAGE)
    found = [str(line["id"]) for line in page["tasks"] if str(line["id"]).startswith(prefix)]
    if len(found) != 1:
        text = f"{len(found)} tasks begin with {prefix}" if found else f"none of the newest tasks begins with {prefix}"
        mend = f"give more of it: {', '.join(found[:5])}" if found else "give the whole id"
        raise InputError(f"{text} at {client.address.url}", mend)
    return found[0], int(number or 0)


def path(*parts: str) -> str:
    """A path below the API's root."""
    return "/".join(quote(part, safe="") for part in parts)


async def events(client: Client, attempt: str) -> list[Event]:
    """All events of an attempt so far."""
    found: list[Event] = []
    more = True
    while more:
        after = str(found[-1].seq if found else 0)
        page = await client.get(path("attempts", attempt, "events"), after=after, limit="1000")
        found += map(event_of, page["events"])
        more = bool(page["more"]) and bool(page["events"])
    return found


async def report(
    client: Client, answer: Mapping[str, Any], logs: Mapping[str, Sequence[Event]], policy: RetryPolicy
) -> Report:
    """What a task has come to, from the logs of its attempts and the server's word on what is in no log."""
    task_id = str(answer["id"])
    evidence = await client.get(path("tasks", task_id, "evidence"), policy=policy)
    number = answer.get("pull_request")
    request = await client.get(path("tasks", task_id, "pull-request"), policy=policy) if number else None
    histories = {name: History(found) for name, found in logs.items()}
    attempts = [attempt_report(name, history, running=False) for name, history in histories.items()]
    chosen = next((one for one in attempts if one.attempt == evidence.get("attempt")), attempts[0])
    others = [one for one in attempts if one is not chosen]
    chosen = _settled(chosen, str(answer["status"]), answer.get("turn") or {})
    attempts = sorted([chosen, *others], key=lambda one: one.attempt)
    told = next((history.task for history in histories.values() if history.task), None)
    changes = tuple(from_json(FileChange, change) for change in evidence.get("changes", ()))
    return Report(told or task(answer), tuple(attempts), chosen, changes, pull_request(request))


def _settled(chosen: AttemptReport, status: str, turn: Mapping[str, Any]) -> AttemptReport:
    """The attempt with what only the server knows of it."""
    if status not in SETTLED_ELSEWHERE:
        return chosen
    if status != "failed":
        why = words.waits(str(turn.get("waits_for") or ""), str(turn.get("waits_until") or ""))
        return dataclasses.replace(chosen, status=status, detail=why, mend="")
    detail, mend = str(turn.get("detail") or ""), str(turn.get("mend") or "")
    return dataclasses.replace(chosen, status=status, detail=detail or chosen.detail, mend=mend or chosen.mend)


def task(answer: Mapping[str, Any]) -> Task:
    """A task that has not begun, as far as the server tells it."""
    base, limits = answer["base"], answer.get("limits") or {}
    return Task(
        id=str(answer["id"]),
        prompt=str(answer["prompt"]),
        repository=str(answer["location"]),
        base=Base(str(base["commit"]), "", str(base["ref"]), str(base["branch"])),
        branch=str(answer["branch"]),
        model=str(answer["model"]),
        checks=tuple(map(str, answer["checks"])),
        checks_from=str(answer["checks_from"]),
        limits=from_json(Limits, {name: value for name, value in limits.items() if name in ("turns", "tokens")}),
        attempts=len(answer["attempts"]),
        sandbox=str(answer["sandbox"]),
        notes=tuple(map(str, answer.get("notes", ()))),
        created=str(answer["created"]),
        kind=str(answer["kind"]),
        mode=str(answer["mode"]),
    )


def pull_request(answer: Mapping[str, Any] | None) -> PullRequest | None:
    """A pull request as the server tells of it; nothing for nothing."""
    if answer is None:
        return None
    proposal = Proposal(
        task_id=str(answer["task"]),
        repository=str(answer["location"]),
        branch=str(answer["branch"]),
        base=str(answer["base"]),
        base_commit="",
        commit=str(answer["commit"]),
        title=str(answer["title"]),
        body=str(answer["body"]),
        draft=bool(answer["draft"]),
        verdict=str(answer["verdict"]),
    )
    words = (str(answer.get(name) or "") for name in ("state", "url", "created", "updated", "merge_commit"))
    return PullRequest(int(answer["number"]), proposal, *words)
