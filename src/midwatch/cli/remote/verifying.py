"""Re-computing what a server says of a task, from the events that it gives: its word alone counts for nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from midwatch.agent.log import History
from midwatch.cli.remote import tasks
from midwatch.cli.remote.grafting import graft
from midwatch.cli.remote.session import Session
from midwatch.domain.chain import GENESIS
from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import MidwatchError, OperationError, StoreError
from midwatch.domain.events import Event
from midwatch.domain.evidence import FileChange
from midwatch.domain.ids import task_of
from midwatch.domain.interventions import Delegated, Forked
from midwatch.domain.pull_request import Proposal
from midwatch.domain.task import Task
from midwatch.engine.store.records import Record, canonical, chain_faults, load
from midwatch.workflows import describe
from midwatch.workflows.verify import Offer, Verification, digests, offered

PAGE = 1000
OCTETS = "application/octet-stream"
_CHANGES = re.compile(r"\n\n## What changed\n.*\n\n## Evidence\n", re.DOTALL)


async def verify(session: Session, name: str, folder: str | None) -> tuple[Verification, tuple[str, ...]]:
    """What was looked at and what is wrong with it; and, a sentence each, what could not be looked at from here. With
    `folder`, a clone that has the commit on which the task stands, the change is made there once more. Raises
    InputError for a task that one may not see and for a folder that cannot be used, OperationError when the server
    cannot be reached."""
    task_id, _ = await tasks.named(session.client, name)
    look = _Look(session)
    answer = await session.client.get(tasks.path("tasks", task_id))
    await look.task(answer, task_id)
    if str(answer["id"]) == task_id:
        changes = await look.changes(answer, folder) if any(one.history.checked for one in look.offers) else None
        look.faults += await look.pull_request(answer, changes)
    counts = (look.events, look.outputs, look.trees)
    return Verification(task_id, *counts, tuple(look.heads), tuple(look.faults)), tuple(look.unseen)


class _Look:
    """What was looked at so far, and what was found."""

    def __init__(self, session: Session) -> None:
        self._session, self._client = session, session.client
        self._seen: set[str] = set()
        self.faults: list[str] = []
        self.unseen: list[str] = []
        self.heads: list[tuple[str, int, str]] = []
        self.offers: list[Offer] = []
        self.tasks: dict[str, Task] = {}
        self.events = self.outputs = self.trees = 0

    async def task(self, answer: Mapping[str, Any], task_id: str) -> None:
        """All attempts of the task of that id, and the subtasks that they tell of."""
        self._seen.add(task_id)
        others = {str(answer["id"]), *(task_of(str(attempt["id"])) for attempt in answer["attempts"])} - {task_id}
        if others:  # whose record may be whole
            self.faults += [f"task {task_id}: the server tells of {other} in its place" for other in sorted(others)]
            return
        parts, logs = set[str](), {}
        for attempt in answer["attempts"]:
            logs[attempt["id"]] = events = await self._attempt(str(attempt["id"]), int(attempt["events"]))
            if any(isinstance(event.body, Forked) for event in events):
                self.unseen.append(f"{attempt['id']}: whether it begins with what the task that it was forked from had")
            parts |= {event.body.task for event in events if isinstance(event.body, Delegated)}
        told = next((history.task for events in logs.values() if (history := History(events)).task), None)
        if told is not None:
            self.tasks[task_id] = told
            self.faults += _told_otherwise(told, answer)
        if any(History(events).checked for events in logs.values()):
            self.faults += await self._evidence(task_id, logs)
        for part in sorted(parts - self._seen):
            try:
                below = await self._client.get(tasks.path("tasks", part))
            except MidwatchError as error:
                self.faults.append(f"subtask {part}: {error.message}")
            else:
                await self.task(below, part)

    async def _attempt(self, attempt: str, least: int) -> Sequence[Event]:
        """The events of an attempt, of which the server has said that there are so many."""
        records = await self._records(attempt)
        head = records[-1].hash if records else GENESIS
        found = chain_faults(records, max(least, len(records)), head)
        self.heads.append((attempt, len(records), head))
        try:
            events = [load(record) for record in records]
        except StoreError as error:
            self.faults += [f"{attempt}: {fault}" for fault in (*found, error.message)]
            return ()
        for digest in sorted(set(digests(events))):
            found += await self._output(attempt, digest)
        told = str((await self._client.get(tasks.path("attempts", attempt)))["hash"])
        if told and told not in [record.hash for record in records]:
            more = (await self._records(attempt))[len(records) :]  # it may have gone on meanwhile
            found += [] if told in [record.hash for record in more] else ["its head is not in its log"]
        self.faults += [f"{attempt}: {fault}" for fault in found]
        self.offers = sorted([*self.offers, *offered(events)], key=lambda offer: offer.rank)
        self.events += len(events)
        return events

    async def _records(self, attempt: str) -> list[Record]:
        found: list[Record] = []
        prev, more = GENESIS, True
        while more:
            after = str(found[-1].seq if found else 0)
            page = await self._client.get(tasks.path("attempts", attempt, "events"), after=after, limit=str(PAGE))
            for told in page["events"]:
                found.append(_record(told, prev))
                prev = found[-1].hash
            more = bool(page["more"]) and bool(page["events"]) and found[-1].seq > int(after)  # or it has no end
        return [*found] if all(one.attempt == attempt for one in found) else []

    async def _output(self, attempt: str, digest: str) -> list[str]:
        try:
            data = await self._client.raw(tasks.path("attempts", attempt, "outputs", digest), OCTETS)
        except MidwatchError as error:
            return [f"output {digest[:12]}: {error.message}"]
        self.outputs += 1
        actual = hashlib.sha256(data).hexdigest()
        if actual != digest:
            return [f"output {digest[:12]} has been changed: its SHA-256 is now {actual[:12]}"]
        return []

    async def _evidence(self, task_id: str, logs: Mapping[str, Sequence[Event]]) -> list[str]:
        """The server's word on the evidence must be that of the log."""
        told = await self._client.get(tasks.path("tasks", task_id, "evidence"))
        checked = History(logs.get(str(told["attempt"]), ())).checked
        if checked is None:
            return []
        runs = [(run.command, run.passed, run.exit_code, run.digest) for run in checked.evidence.checks]
        said = [(run["command"], run["passed"], run["exit_code"], run["digest"]) for run in told["checks"]]
        pairs = {
            "verdict": (told["verdict"], checked.evidence.verdict),
            "tree": (told["tree"], checked.evidence.tree),
            "commit": (told["commit"], checked.commit),
            "checks": (said, [(_plain(command), *rest) for command, *rest in runs]),
        }
        return [
            f"evidence: its {name} is not what the log says" for name, (one, other) in pairs.items() if one != other
        ]

    async def changes(self, answer: Mapping[str, Any], folder: str | None) -> tuple[FileChange, ...] | None:
        """The files that the offered attempt has changed: of the change made once more, where there is a clone, else as
        the server says; None when that is of another state."""
        task_id, checked = str(answer["id"]), self.offers[-1].history.checked
        if checked is None:
            return None
        if folder is not None:
            async with graft(self._session, task_id, folder) as made:
                self.trees = 1
                if made.tree == checked.evidence.tree:
                    return await made.changes()
            self.unseen.append("the task has gone on since its pull request: the diff is of a later state")
            return None
        self.unseen.append("whether the change makes the tree that was checked: name a clone of it with --repo")
        told = await self._client.get(tasks.path("tasks", task_id, "evidence"))
        attempt = await self._client.get(tasks.path("attempts", str(told["attempt"])))
        if attempt["tree"] != checked.evidence.tree:
            self.unseen.append("the list of files in the pull request: the task has gone on since")
            return None
        return tuple(from_json(FileChange, change) for change in told["changes"])

    async def pull_request(self, answer: Mapping[str, Any], changes: tuple[FileChange, ...] | None) -> list[str]:
        """The pull request must say what the log says: commit, words, verdict, draft or ready."""
        names = [offer.history.events[0].attempt for offer in self.offers[-1:]]
        if not answer.get("pull_request"):
            return [f"the pull request of attempt {name} is gone" for name in names]
        told = await self._client.get(tasks.path("tasks", str(answer["id"]), "pull-request"))
        where = f"pull request #{told['number']}"
        if not self.offers or self.offers[-1].history.checked is None:
            return [f"{where} is there, but no log offers it: the log has been cut"]
        task = self.tasks[str(answer["id"])]
        wanted = describe.proposal(task, self.offers[-1].history, changes or ())
        given = {**told, "task_id": told["task"]}
        if changes is None:
            wanted = replace(wanted, body=_CHANGES.sub("", wanted.body))
            given["body"] = _CHANGES.sub("", str(told["body"]))
        return [
            f"{where}: its {name.replace('_', ' ')} is not what the log says"
            for name, value in _shown(wanted).items()
            if given[name] != value
        ]


def _record(told: Mapping[str, Any], prev: str) -> Record:
    """An event as it is stored, after the one with the hash `prev`. Raises OperationError for what is none."""
    try:
        place = (str(told["attempt"]), int(told["seq"]), str(told["kind"]), int(told["version"]))
        return Record(*place, str(told["time"]), int(told["epoch"]), canonical(told["body"]), prev, str(told["hash"]))
    except (TypeError, ValueError) as error:
        raise OperationError(
            f"the server sent an event that cannot be read: {error}", "is the address right?"
        ) from None


def _shown(proposal: Proposal) -> dict[str, Any]:
    """As a server tells it; it does not tell the base's commit, and of the repository no user and password."""
    found = {name: _plain(value) if isinstance(value, str) else value for name, value in asdict(proposal).items()}
    del found["base_commit"], found["repository"]
    return found


def _told_otherwise(task: Task, answer: Mapping[str, Any]) -> list[str]:
    """What the server says of a task, and its log says otherwise."""
    pairs = {
        "id": (answer["id"], task.id),
        "prompt": (answer["prompt"], _plain(task.prompt)),
        "base": (answer["base"]["commit"], task.base.commit),
        "branch": (answer["branch"], task.branch),
        "model": (answer["model"], task.model),
        "checks": (answer["checks"], [_plain(check) for check in task.checks]),
        "limits": (answer["limits"], to_json(task.limits)),
        "attempts": (len(answer["attempts"]), task.attempts),
    }
    return [
        f"task {task.id}: its {name} is not what the log says" for name, (one, other) in pairs.items() if one != other
    ]


def _plain(text: str) -> str:
    """As the server writes a text that may be no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
