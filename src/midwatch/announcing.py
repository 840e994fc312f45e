"""Telling the outside what has become of tasks: from what has happened to effects, and doing these."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from midwatch.answering import Ended, answers
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.carrying import Carrier
from midwatch.engine.effects.ledger import Effects
from midwatch.engine.effects.occasions import occasions, settle
from midwatch.engine.sittings import KIND as KIND_OF_SITTINGS
from midwatch.engine.turns import ENDED, Turns
from midwatch.forges.outgoing import KINDS, Outgoing
from midwatch.webhooks.registered import KIND, Webhooks

if TYPE_CHECKING:
    from midwatch.domain.events import Event
    from midwatch.domain.pull_request import PullRequest
    from midwatch.domain.task import Task
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.effects.base import Doer
    from midwatch.engine.effects.occasions import Occasion
    from midwatch.engine.turns import Turn
    from midwatch.webhooks.registered import Event as Name
    from midwatch.webhooks.registered import Webhook
    from midwatch.wiring import Home
    from midwatch.workflows.report import AttemptReport

EVERY = 1.0
"""Seconds between two looks at what is to be told."""
KEPT = 30 * 86400.0
"""Seconds after which an effect that has ended is forgotten."""
_A_DAY = 86400.0
_SKEW = 60.0
"""Seconds that the clocks of two machines may be apart."""
_PATIENCE = 3600.0
"""Seconds that a log which cannot be read is tried for."""
_BECAME: Mapping[str, Name] = {
    "merged": "pull_request.merged", "closed": "pull_request.closed", "reopened": "pull_request.reopened",
}  # fmt: skip
_PROMPT = 1000
"""Characters of a prompt that are told."""

log = logging.getLogger("midwatch.effects")


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell."""

    key: str
    """Which one it is among all that happens to the task."""
    event: Name


async def announce(home: Home, every: float = EVERY) -> None:
    """Tell what there is to tell again and again, until cancelled. What goes wrong is logged, and tried again. Any
    number of workers may do so. Raises InputError for settings that cannot be used."""
    carrier, tidied = carrier_of(home), -_A_DAY
    try:
        while True:
            try:
                await gather(home)
                if await carrier.effects.waiting():
                    await carrier.begin()
                if time.monotonic() - tidied > _A_DAY:
                    await carrier.effects.forget(KEPT)
                    tidied = time.monotonic()
            except MidwatchError as error:
                log.warning("could not tell what has become of tasks", extra={"error": error.message})
            await asyncio.sleep(every)
    finally:
        await carrier.stop()


def carrier_of(home: Home) -> Carrier:
    """Whoever does the effects of this home. Raises InputError for settings that cannot be used."""
    from midwatch.sandbox.egress.addresses import SystemResolve
    from midwatch.webhooks.addresses import Allowed
    from midwatch.webhooks.sending import Sender

    database = home.store.database
    allowed = Allowed(home.settings.server.webhook_networks, SystemResolve())
    effects = Effects(database)
    doers: dict[str, Doer] = {kind: Outgoing(kind, home.forge, effects) for kind in KINDS}
    return Carrier(effects, {**doers, KIND: Sender(Webhooks(database, home.connected.vault), allowed)})


async def gather(home: Home) -> int:
    """Make effects of what has happened; of how much. Raises StoreError."""
    made = 0
    for occasion in await occasions(home.store.database):
        try:
            effects = await _effects(home, occasion)
        except MidwatchError as error:  # a log that cannot be read: the others are told all the same
            if time.time() - occasion.time < _PATIENCE:
                continue
            log.error("nobody is told of a task", extra={"task": occasion.task, "error": error.message})
            effects = []
        await settle(home.store.database, occasion, effects)
        made += 1
    return made


async def _effects(home: Home, occasion: Occasion) -> list[Wanted]:
    database = home.store.database
    hooks = [hook for hook in await Webhooks(database, home.connected.vault).all() if hook.active]
    try:
        told = await _read(home, occasion)
    except InputError:  # the task was deleted meanwhile
        return []
    if told.task.kind == KIND_OF_SITTINGS:
        return []
    repository = await Repositories(database).at(told.task.repository)
    where, url = repository.id if repository else "", home.settings.server.public_url
    said: list[Wanted] = []
    if occasion.what in ENDED:
        ended = Ended(told.task, told.turn, occasion.what, told.chosen, told.request)
        said = await answers(home, ended)
    return said + [
        _wanted(hook, news, told.body(news, repository, url))
        for hook in hooks
        for news in told.news(max(hook.created, told.turn.created) - _SKEW)
        if hook.wants(news.event, where)
    ]


async def _read(home: Home, occasion: Occasion) -> Told:
    from midwatch.workflows import read

    turn = await Turns(home.store.database).get(occasion.turn)
    row = await home.store.find(occasion.task)
    found = await read.histories(home.store, row)
    chosen = read.preferred(read.attempt_reports(found, home.state))
    logs = [event for _, history in found for event in history.events if event.body.kind == "proposed"]
    return Told(
        occasion,
        row.task,
        turn,
        chosen,
        sorted(logs, key=lambda event: event.time),
        await home.forge.of_task(row.task.id),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """All that is known of a task when one of its turns has ended."""

    occasion: Occasion
    task: Task
    turn: Turn
    chosen: AttemptReport
    offers: Sequence[Event]
    """When its pull request was made and brought up to date."""
    request: PullRequest | None

    def news(self, since: float) -> Sequence[News]:
        """All there is to tell; `since`: when it was offered is told from then on."""
        became = _BECAME.get(self.occasion.what)
        if became is not None:
            return [News(self.occasion.id, became)]
        return [self.ended(), *self.proposed(since)]

    def ended(self) -> News:
        """How the turn ended, in one of four ways."""
        name: Name = "task.finished"
        match self.occasion.what:
            case "failed":
                name = "task.failed"
            case "cancelled":
                name = "task.cancelled"
            case _ if self._wants_somebody:
                name = "task.needs_attention"
        return News(self.occasion.id, name)

    @property
    def _wants_somebody(self) -> bool:
        draft = self.request is not None and self.request.state == "open" and self.request.proposal.draft
        return draft or self.chosen.status in ("limit", "failed", "interrupted", "no change")

    def proposed(self, since: float) -> Sequence[News]:
        """What was offered since a time. Before the turn is what was told when an earlier one ended."""
        first = {(event.body.forge, event.body.number): event for event in reversed(self.offers)}
        return [
            News(
                f"{event.attempt}:{event.seq}",
                "pull_request.opened" if event in first.values() else "pull_request.updated",
            )
            for event in self.offers
            if datetime.fromisoformat(event.time).timestamp() >= since
        ]

    def body(self, news: News, repository: Registered | None, public_url: str) -> Mapping[str, Any]:
        """What is told."""
        task, turn = self.task, self.turn
        url = f"{public_url.rstrip('/')}/api/v1/tasks/{task.id}" if public_url else ""
        evidence = self.chosen.evidence
        return {
            "event": news.event,
            "time": _iso(self.occasion.time),
            "repository": {"id": repository.id, "name": repository.name} if repository else None,
            "task": {
                "id": task.id, "url": url, "prompt": task.prompt[:_PROMPT], "by": turn.owner, "created": task.created,
                "status": self.chosen.status, "verdict": evidence.verdict if evidence else "none",
            },
            "turn": {
                "id": turn.id, "kind": turn.kind, "state": self.occasion.what, "detail": turn.error, "mend": turn.mend,
            },
            "pull_request": _pull_request(self.request),
        }  # fmt: skip


def _pull_request(request: PullRequest | None) -> Mapping[str, Any] | None:
    if request is None:
        return None
    told = request.proposal
    return {
        "number": request.number, "state": request.state, "draft": told.draft, "verdict": told.verdict,
        "title": told.title, "branch": told.branch, "base": told.base, "commit": told.commit, "url": request.url,
    }  # fmt: skip


def _wanted(hook: Webhook, news: News, body: Mapping[str, Any]) -> Wanted:
    name = new_id()
    text = json.dumps({"delivery": name, **body}, ensure_ascii=False).encode("utf-8", "replace").decode()
    key = f"{KIND} {hook.id} {news.key}"
    return Wanted(key, KIND, news.event, text, task=str(body["task"]["id"]), subject=hook.id, id=name)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
