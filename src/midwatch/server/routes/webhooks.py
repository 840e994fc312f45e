"""`webhooks`: who is told by HTTP of what becomes of tasks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.identity import new_id, new_secret
from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.ledger import Effects, again, one, want
from midwatch.server.accounts.caller import may, require, require_admin
from midwatch.server.accounts.desk import deed
from midwatch.server.deliveries import (
    Before,
    Deliveries,
    DeliveryAnswer,
    DeliveryId,
    DeliveryLine,
    WebhookAnswer,
    WebhookAsked,
    WebhookChange,
    WebhookId,
    WebhookMade,
    delivery_of,
    webhook_of,
)
from midwatch.server.deliveries import Webhooks as Listed
from midwatch.server.problems import Problem, answers, conflicting, missing
from midwatch.server.recorded import Recorded
from midwatch.server.service import Visit, Visiting
from midwatch.webhooks.addresses import require_address, require_allowed
from midwatch.webhooks.registered import KIND, PING, Webhook, Webhooks

if TYPE_CHECKING:
    from midwatch.engine.database.base import Connection
    from midwatch.engine.effects.base import Effect

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

MOST = 20
"""For one repository."""


@router.get("")
async def webhooks(visiting: Visiting) -> Listed:
    """Those of the repositories that the caller maintains; for administrators all of them."""
    among = None
    if not visiting.who.admin:
        among = [one.id for one in await visiting.visible() if may(visiting.who, one.id, "maintainer")]
    found = await _kept(visiting).all(among)
    return Listed(webhooks=[WebhookAnswer(**webhook_of(hook)) for hook in found])


@router.post("", status_code=201, responses=answers(409))
async def make(visiting: Visiting, asked: WebhookAsked, response: Response) -> WebhookMade:
    """Have somebody told of what becomes of the tasks of a repository, or of all. The secret that signs what is sent is
    in the answer and nowhere else."""
    where = ""
    if asked.repository is None:
        require_admin(visiting.who)
    else:
        where = (await visiting.repository(asked.repository, "maintainer")).id
    url = _allowed(visiting, asked.url)
    if len(await _kept(visiting).all([where])) >= MOST:
        raise Problem(409, f"there are {MOST} webhooks for it already", "delete one that nobody needs")
    secret, name = new_secret("mwh_"), new_id()
    hook = Webhook(name, where, url, secret, " ".join(asked.events), 1, "", None, 0.0)
    made = await _kept(visiting).add(hook, deed(visiting.who, "webhook.create", name, where))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/api/v1/webhooks/{name}"
    return WebhookMade(**webhook_of(made), secret=secret)


@router.get("/{webhook_id}")
async def single(visiting: Visiting, webhook_id: WebhookId) -> WebhookAnswer:
    """A webhook, for whoever may change it."""
    return WebhookAnswer(**webhook_of(await _hook(visiting, webhook_id)))


@router.patch("/{webhook_id}")
async def change(visiting: Visiting, webhook_id: WebhookId, asked: WebhookChange) -> WebhookAnswer:
    """Give it another address or other events, switch it off, or on again. What waits goes to the new address."""
    hook = await _hook(visiting, webhook_id)
    wanted = replace(
        hook,
        url=hook.url if asked.url is None else _allowed(visiting, asked.url),
        events=hook.events if asked.events is None else " ".join(asked.events),
        active=hook.active if asked.active is None else int(asked.active),
    )
    changed = await _kept(visiting).change(wanted, deed(visiting.who, "webhook.change", hook.id, hook.repository))
    if changed is None:
        raise missing("webhook")
    return WebhookAnswer(**webhook_of(changed))


@router.delete("/{webhook_id}", status_code=204)
async def remove(visiting: Visiting, webhook_id: WebhookId) -> None:
    """Forget it and its deliveries; what waits is not sent."""
    hook = await _hook(visiting, webhook_id)
    if not await _kept(visiting).remove(hook.id, deed(visiting.who, "webhook.remove", hook.id, hook.repository)):
        raise missing("webhook")


@router.post("/{webhook_id}/ping", status_code=202, responses=answers(409))
async def ping(visiting: Visiting, webhook_id: WebhookId) -> DeliveryAnswer:
    """Send it the event `ping`, to try it."""
    hook = await _hook(visiting, webhook_id)
    if not hook.active:
        raise Problem(409, "the webhook is switched off", "switch it on first")
    name = new_id()
    body = json.dumps({"delivery": name, "event": PING, "webhook": hook.id})
    effect = Wanted(f"{KIND} {hook.id} {PING} {name}", KIND, PING, body, subject=hook.id, id=name)
    database = Recorded(
        visiting.service.home.store.database, deed(visiting.who, "webhook.ping", hook.id, hook.repository)
    )

    def work(db: Connection) -> Effect | None:
        want(db, effect)
        return one(db, name)

    kept = await database.write(work)
    if kept is None:
        raise missing("webhook")
    return _answer(kept)


@router.get("/{webhook_id}/deliveries")
async def deliveries(
    visiting: Visiting, webhook_id: WebhookId, before: Before = "", limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Deliveries:
    """What was sent to it and what is to be, of the last 30 days, the newest first."""
    hook = await _hook(visiting, webhook_id)
    found = await Effects(visiting.service.home.store.database).of_subject(hook.id, before, limit)
    more = found[-1].id if len(found) == limit else None
    return Deliveries(deliveries=[DeliveryLine(**delivery_of(effect)) for effect in found], next=more)


@router.get("/{webhook_id}/deliveries/{delivery_id}")
async def delivery(visiting: Visiting, webhook_id: WebhookId, delivery_id: DeliveryId) -> DeliveryAnswer:
    """One of them, with what is sent."""
    hook = await _hook(visiting, webhook_id, "delivery")
    return _answer(await _delivery(visiting, hook, delivery_id))


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202, responses=answers(409))
async def redeliver(visiting: Visiting, webhook_id: WebhookId, delivery_id: DeliveryId) -> DeliveryAnswer:
    """Send it once more, with the same id and the same body; also one that came through."""
    hook = await _hook(visiting, webhook_id, "delivery")
    found = await _delivery(visiting, hook, delivery_id)
    told = deed(visiting.who, "webhook.redeliver", found.id, hook.repository)
    with conflicting():
        if not hook.active:
            raise InputError("the webhook is switched off", "switch it on first")
        database = Recorded(visiting.service.home.store.database, told)
        return _answer(await database.write(lambda db: again(db, found.id, also_done=True)))


async def _hook(visiting: Visit, webhook_id: str, what: str = "webhook") -> Webhook:
    """The one with that id, for whoever may change it. Raises Problem 404 for all others, and 403 for those whose token
    may not."""
    hook = await _kept(visiting).find(webhook_id)
    if hook is None:
        raise missing(what)
    if not hook.repository:
        require_admin(visiting.who, what)
        return hook
    if may(visiting.who, hook.repository, "maintainer"):
        require(visiting.who, hook.repository, "maintainer", what)  # whoever asks the same again must still be one
        return hook
    if visiting.who.everywhere or visiting.who.roles.get(hook.repository) in ("maintainer", "admin"):
        raise Problem(403, "this token lacks the scope 'write'")
    raise missing(what)


async def _delivery(visiting: Visit, hook: Webhook, delivery_id: str) -> Effect:
    found = await Effects(visiting.service.home.store.database).find(delivery_id)
    if found is None or found.subject != hook.id:
        raise missing("delivery")
    return found


def _kept(visiting: Visit) -> Webhooks:
    home = visiting.service.home
    return Webhooks(home.store.database, home.connected.vault)


def _allowed(visiting: Visit, url: str) -> str:
    return require_allowed(require_address(url), visiting.service.home.settings.server.webhook_networks)


def _answer(effect: Effect) -> DeliveryAnswer:
    return DeliveryAnswer(**delivery_of(effect), request=effect.request)
