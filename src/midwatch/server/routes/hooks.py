"""`/hooks`: what forges tell of themselves. Nobody is known here but by the signature of what they send."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from midwatch.domain.codec import to_json
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.engine.forges.arrivals import Delivery, keep, named
from midwatch.forges.arrived import reading, signatures
from midwatch.forges.arrived.base import Unreadable
from midwatch.server.problems import Problem, answers, withheld
from midwatch.server.service import service

if TYPE_CHECKING:
    from midwatch.engine.database.base import Connection as Db
    from midwatch.engine.forges.connections import Connection, Kind
    from midwatch.forges.arrived.base import Arrived
    from midwatch.forges.connected import Connected

NOBODYS = hashlib.sha256(b"nobody").hexdigest()
"""In place of the secret of a connection that there is not, so that it takes as long to refuse."""

log = logging.getLogger("midwatch.hooks")
router = APIRouter(prefix="/hooks", tags=["hooks"])


class Received(BaseModel):
    """What was made of a delivery."""

    kept: int = Field(description="How many things were new that are of use here. They are acted on later.")


@router.post(
    "/{connection}",
    status_code=202,
    summary="A delivery of a forge's webhook",
    responses=answers(400, 401, 413, 429, 503),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def deliver(request: Request, connection: Annotated[str, Path(max_length=100)]) -> Received:
    """Signed as the forge does it, with the secret of the connection. The same delivery again is answered the same and
    does nothing; one that is not signed is refused, whether there is such a connection or not."""
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    connected = service(request).home.connected
    try:
        heard = await connected.find(connection)
    except MidwatchError as error:
        raise withheld(error) from None
    kind: Kind = "github" if heard is None else heard.kind
    secret = NOBODYS if heard is None else _secret(connected, heard)
    genuine = signatures.genuine(kind, secret, headers, body)
    if heard is None or not genuine:
        raise Problem(401, "this delivery is not signed as it should be", "compare the webhook's secret on both sides")
    event, name = signatures.event(kind, headers), signatures.delivery(kind, headers, body)
    try:
        things = reading.read(kind, event, body)
    except Unreadable as error:
        log.warning(
            "a delivery cannot be read", extra={"connection": heard.name, "delivery": name, "error": str(error)}
        )
        raise Problem(400, f"this is not what the forge's documents say: {error}"[:500]) from None
    deliveries = [_delivery(heard, name, at, thing) for at, thing in enumerate(things)]

    def work(db: Db) -> int:
        return sum(keep(db, delivery) for delivery in deliveries)

    return Received(kept=await service(request).home.store.database.write(work) if deliveries else 0)


def _secret(connected: Connected, heard: Connection) -> str:
    """What its deliveries are signed with; empty where no key opens it: then nothing that is sent to it is believed."""
    try:
        return connected.webhook_secret(heard)
    except InputError as error:
        log.warning("%s", error.message)
        return ""


def _delivery(heard: Connection, name: str, at: int, thing: Arrived) -> Delivery:
    meaning = json.dumps(to_json(thing))  # ASCII: whatever somebody has written, it can be kept
    numbered = f"{name}/{at}" if at else name
    return Delivery(heard.id, numbered, thing.what, named(thing.slug), thing.number, named(thing.key), meaning)
