"""The body of a request is kept no longer than until it is sent."""

from __future__ import annotations

import gc

from midwatch.models.outgoing import Outgoing


async def sent(body: Outgoing) -> bytes:
    return b"".join([piece async for piece in body])


async def test_a_body_is_let_go_of_when_it_is_sent_and_made_again_when_it_is_sent_again() -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"body" * 1000

    body = Outgoing(make)
    assert (len(made), body.size, body.data) == (1, 4000, b"body" * 1000)
    assert await sent(body) == b"body" * 1000
    gc.collect()
    assert not [held for held in gc.get_referents(body) if isinstance(held, bytes)]
    assert await sent(body) == b"body" * 1000
    assert len(made) == 2
