"""What is said and set at forges: effects, each made by a function here and done by `Outgoing`.

A remark has a marker, by which the forge's adapter finds it before it writes; a reaction, a status and a close are the
same when they are done again. So none of them is looked for apart from doing it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import InputError
from midwatch.domain.forge import Judgement, Status
from midwatch.engine.effects.base import Effect, Wanted
from midwatch.engine.effects.ledger import Effects
from midwatch.engine.turns import Turns
from midwatch.forges.base import Forge

Kind = Literal["comment", "react", "review", "status", "close"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_CANCELLED = ("cancelled", "close")
"""What is said and done about a pull request because the work on it was cancelled."""
MOST = 60_000
"""Characters of a remark: less than any forge refuses."""
_CUT = "\n\n… (cut off here; the task has all of it)"


@dataclass(frozen=True, slots=True)
class Thing:
    """An issue or a pull request."""

    repository: str
    """As in `Task.repository`."""
    number: int

    @property
    def name(self) -> str:
        """In keys."""
        return f"{self.repository}#{self.number}"


def comment(thing: Thing, task: str, what: str, body: str, turn: str = "") -> Wanted:
    """A remark on it. `what` says which of the task's: the same with another `turn` gives it that body."""
    marker = _short(f"{thing.name} {task} {what}")
    request = _request(thing, body=body if len(body) <= MOST else body[:MOST] + _CUT, marker=marker, turn=turn)
    key = f"comment {_short(thing.name)} {task} {what} {turn}".rstrip()
    return Wanted(key, "comment", what, request, task=task, subject=f"comment {marker}")


def react(thing: Thing, remark: str, reaction: str, task: str = "") -> Wanted:
    """A reaction on a remark; with an empty one on the thing itself."""
    key = f"react {_short(thing.name)} {remark} {reaction}"
    return Wanted(key, "react", reaction, _request(thing, remark=remark, reaction=reaction), task=task)


def review(thing: Thing, task: str, judgement: Judgement) -> Wanted:
    """A review of a pull request, one for each task."""
    marker = _short(f"{thing.name} {task} review")
    request = _request(thing, judgement=to_json(judgement), marker=marker)
    return Wanted(f"review {_short(thing.name)} {task}", "review", "review", request, task=task)


def status(repository: str, commit: str, said: Status, task: str, turn: str) -> Wanted:
    """What is known of a commit since that turn."""
    subject = f"status {_short(f'{repository} {commit} {said.name}')}"
    request = _request(Thing(repository, 0), commit=commit, status=to_json(said))
    return Wanted(f"{subject} {turn}", "status", said.state, request, task=task, subject=subject)


def close(thing: Thing, task: str, turn: str) -> Wanted:
    """End a pull request that is not wanted any more."""
    return Wanted(f"close {_short(thing.name)} {turn}", "close", "close", _request(thing, turn=turn), task=task)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Does one of the kinds."""

    kind: Kind
    forge: Forge
    effects: Effects

    async def find(self, effect: Effect) -> str | None:
        """None: doing it again finds it."""
        return None

    async def do(self, effect: Effect) -> str:
        """As the contract. What a later effect has said already is not taken back by an earlier one."""
        if effect.subject and await self._outdone(effect):
            return json.dumps({"outdone": True})
        asked = json.loads(effect.request)
        thing = Thing(asked["repository"], asked["number"])
        if effect.name in OF_CANCELLED and await self._gone_on(effect.task, asked.get("turn", ""), thing):
            return json.dumps({"outdone": True})
        match self.kind:
            case "comment":
                made = await self.forge.comment(thing.repository, thing.number, asked["body"], asked["marker"])
                return json.dumps({"id": made.id, "url": made.url})
            case "react":
                await self.forge.react(thing.repository, thing.number, asked["remark"], asked["reaction"])
            case "review":
                judgement = from_json(Judgement, asked["judgement"])
                url = await self.forge.review(thing.repository, thing.number, judgement, asked["marker"])
                return json.dumps({"url": url})
            case "status":
                await self.forge.report(thing.repository, asked["commit"], from_json(Status, asked["status"]))
            case "close":
                return json.dumps({"state": await self._closed(thing)})
        return json.dumps({})

    async def _outdone(self, effect: Effect) -> bool:
        newest = await self.effects.of_subject(effect.subject, limit=1)
        return bool(newest) and newest[0].id > effect.id

    async def _gone_on(self, task: str, turn: str, thing: Thing) -> bool:
        """Whether the cancelled task was taken up again since, or its pull request is another task's."""
        last = await Turns(self.effects.database).newest(task)
        if turn and last is not None and last.id != turn:
            return True
        request = await self.forge.of_task(task)
        return request is None or request.number != thing.number

    async def _closed(self, thing: Thing) -> str:
        try:
            return (await self.forge.close(thing.repository, thing.number)).state
        except InputError:
            found = await self.forge.get(thing.repository, thing.number)
            if found.state == "open":
                raise
            return found.state  # somebody was quicker


def _request(thing: Thing, **more: Any) -> str:
    return json.dumps({"repository": thing.repository, "number": thing.number, **more}, sort_keys=True)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
