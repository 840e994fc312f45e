"""What the models of every wire format share: one endpoint, one transport, the same way to ask and to end."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar
from urllib.parse import quote

from midwatch.domain.conversation import Delta, Replied, Reply, ToolSpec, Usage, View
from midwatch.models.card import Card, settled
from midwatch.models.endpoint import Endpoint
from midwatch.models.outgoing import Outgoing
from midwatch.models.refusals import Asked
from midwatch.models.transport import Events, Transport


class WireModel:
    """A model that is asked by `POST base_url` + `path`; a format adds how a request is written and an answer read."""

    wire = ""
    path = ""
    headers: ClassVar[Mapping[str, str]] = {}
    """That every endpoint of this format wants."""

    def __init__(self, card: Card, endpoint: Endpoint) -> None:
        self.name = card.name
        self.window = card.window
        self.max_output = card.max_output
        self._card = card
        self._asked = Asked(endpoint, card.model, self.wire)
        path = (card.path or self.path).replace("{model}", quote(card.model, safe="@:"))
        self._transport = Transport(self._asked, path, self.headers)

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """As the contract says."""
        most = min(max_output or self.max_output, self.max_output)
        body = Outgoing(functools.partial(self._body, view, tools, most))
        reader = functools.partial(self._read, view, body.size)
        async with aclosing(self._transport.converse(body, reader)) as pieces:
            async for piece in pieces:
                yield dataclasses.replace(piece, items=settled(piece.items)) if isinstance(piece, Reply) else piece

    def cost(self, usage: Usage) -> int | None:
        """As the contract says; the first call may take 0.4 s (see prices.by_list)."""
        return self._card.pricing.cost(usage)

    async def close(self) -> None:
        """Release connections. May be called twice."""
        await self._transport.close()

    def _is_own(self, reply: Replied) -> bool:
        """Whether a reply's native items can be given back: another wire has other ones, and what another model has
        encrypted or signed is refused."""
        return reply.wire == self.wire and reply.model in ("", self.name) and bool(reply.items)

    def _body(self, view: View, tools: Sequence[ToolSpec], max_output: int) -> bytes:
        """The request."""
        raise NotImplementedError

    def _read(self, view: View, size: int, events: Events) -> AsyncGenerator[Delta | Reply]:
        """What an answer's events say, up to and with the Reply. `size`: of the request, in bytes."""
        raise NotImplementedError
