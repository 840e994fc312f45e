"""Webhooks, deliveries and other effects: what clients send and are told of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, Field

from midwatch.server.accounts.forms import time_of
from midwatch.server.asked import Word
from midwatch.server.bodies import Form
from midwatch.webhooks.registered import EVENTS, Event, Webhook

if TYPE_CHECKING:
    from midwatch.engine.effects.base import Effect

WebhookId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", description="A webhook's id.")]
DeliveryId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", description="A delivery's id.")]
EffectId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", description="An effect's id.")]
Before = Annotated[
    str, Query(pattern=r"^([0-9a-f]{20})?$", description="Only those older than this one: `next` of the page before.")
]


def _once(events: list[Event]) -> list[Event]:
    return [name for name in EVENTS if name in events]


Events = Annotated[list[Event], Field(min_length=1, max_length=100), AfterValidator(_once)]
Address = Annotated[
    str, Field(min_length=8, max_length=2000, description="https://HOST/PATH, where a POST is sent to.")
]


class WebhookAsked(Form):
    """A webhook to be."""

    url: Address
    repository: Word | None = Field(
        default=None, description="Its id or its name, for its maintainers; null: all, for administrators."
    )
    events: Events = Field(default=list(EVENTS), description="What it is told of.")


class WebhookChange(Form):
    """What is to be changed of a webhook; what is left out or null stays."""

    url: Address | None = None
    events: Events | None = None
    active: bool | None = Field(default=None, description="Whether anything is sent to it.")


class WebhookAnswer(BaseModel):
    """Somebody who is told by HTTP."""

    id: str
    repository: str = Field(description="The id of the one whose tasks it is told of; empty for all.")
    url: str
    events: list[str]
    active: bool
    why: str = Field(description="Why it was switched off by itself; empty otherwise.")
    failing: str | None = Field(description="Since when no delivery has come through; null when the last one has.")
    created: str


class WebhookMade(WebhookAnswer):
    """A new one."""

    secret: str = Field(description="Signs what is sent. Shown now, and never again.")


class Webhooks(BaseModel):
    """All that one may change."""

    webhooks: list[WebhookAnswer]


class EffectAnswer(BaseModel):
    """Something that is done outside of the server."""

    id: str
    kind: str = Field(description="`webhook`.")
    name: str = Field(description="Of a webhook the event.")
    task: str
    state: str = Field(description="`waiting`, `begun`, `done` or `failed`: not tried again by itself.")
    error: str = Field(description="Why the last try came to nothing; empty when it did not. For maintainers.")
    mend: str
    tries: int
    digest: str = Field(description="SHA-256 of the request.")
    due: str | None = Field(description="When it is tried next; null when it is not.")
    created: str
    changed: str


class Effects(BaseModel):
    """The newest first."""

    effects: list[EffectAnswer]


class DeliveryLine(EffectAnswer):
    """A delivery of a webhook; its id is the header `X-Midwatch-Delivery`."""

    answer: dict[str, Any] | None = Field(
        description="Of the other side: `status`, `seconds` and the beginning of its words in `answer`; null for none."
    )


class DeliveryAnswer(DeliveryLine):
    """With what is sent."""

    request: str = Field(description="The body, byte for byte as it is signed.")


class Deliveries(BaseModel):
    """The newest first."""

    deliveries: list[DeliveryLine]
    next: str | None = Field(description="What `before` takes for the next page; null at the end.")


def webhook_of(hook: Webhook) -> dict[str, Any]:
    """A webhook without its secret, as `WebhookAnswer` takes it."""
    return {
        "id": hook.id, "repository": hook.repository, "url": hook.url, "events": hook.events.split(),
        "active": bool(hook.active), "why": hook.why, "created": time_of(hook.created, exactly=True),
        "failing": None if hook.failing is None else time_of(hook.failing, exactly=True),
    }  # fmt: skip


def effect_of(effect: Effect) -> dict[str, Any]:
    """As `EffectAnswer` takes it."""
    return {
        "id": effect.id, "kind": effect.kind, "name": effect.name, "task": effect.task, "state": effect.state,
        "error": effect.error, "mend": effect.mend, "tries": effect.tries, "digest": effect.digest,
        "due": time_of(effect.due, exactly=True) if effect.state == "waiting" else None,
        "created": time_of(effect.created, exactly=True), "changed": time_of(effect.changed, exactly=True),
    }  # fmt: skip


def delivery_of(effect: Effect) -> dict[str, Any]:
    """As `DeliveryLine` takes it."""
    return {**effect_of(effect), "answer": json.loads(effect.result) if effect.result else None}
