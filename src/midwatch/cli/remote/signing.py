"""Signing in: a token that is kept for later commands."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from midwatch.cli.remote.address import Address
from midwatch.cli.remote.client import Client
from midwatch.cli.remote.credentials import Token, checked
from midwatch.domain.errors import MidwatchError

DAYS = 90
"""How long a token lasts that is made by signing in."""


async def with_password(client: Client, user: tuple[str, str], scope: str) -> str:
    """A new token of a user (name and password) for this machine. Raises InputError for a wrong name or password."""
    wanted = {"name": f"midwatch at {platform.node() or 'a machine'}", "scope": scope, "days": DAYS}
    return checked(str((await made(client, user, wanted))["secret"]), "what the server sent")


async def made(client: Client, user: tuple[str, str], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """A new token as the server tells of it, with its secret; made in a session of a user (name and password) that is
    over when this returns. Raises InputError for a wrong name or password."""
    name, password = user
    opened = await client.send("POST", "session", {"name": name, "password": password})
    cookie = "; ".join(line.partition(";")[0] for line in opened.cookies)
    headers = {"Cookie": cookie, "X-Midwatch": "1"}  # a session's requests say that no web page made them
    try:
        answer: Mapping[str, Any] = (await client.send("POST", "tokens", wanted, headers)).json(client.address)
        return answer
    finally:
        with suppress(MidwatchError):  # it ends by itself
            await client.send("DELETE", "session", None, headers)


async def who(address: Address, token: Token) -> Mapping[str, Any]:
    """Whose token it is and what it may. Raises InputError when the server does not take it."""
    client = Client(address, token)
    try:
        answer: Mapping[str, Any] = await client.get("me")
        return answer
    finally:
        await client.close()
