"""A command's way to its server: the address that was chosen, its token, and what may be said meanwhile."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from midwatch.cli import words
from midwatch.cli.remote import address, credentials
from midwatch.cli.remote.client import Client
from midwatch.cli.screen import Screen
from midwatch.models.config import settings_path


@dataclass(frozen=True, slots=True)
class Session:
    """What a command against a server works with."""

    client: Client
    screen: Screen
    at: str
    """What the commands that a person is told need behind them: empty where the variable names the server."""


@asynccontextmanager
async def opened(options: Namespace, screen: Screen, where: address.Address) -> AsyncIterator[Session]:
    """A session with a server. Connects when first used. Raises InputError when the tokens cannot be read."""
    token = credentials.find(where, settings_path(screen.environ).parent, screen.environ)
    client = Client(where, token, lambda text: screen.note(f"midwatch: {words.line(text)}"))
    try:
        yield Session(client, screen, f" --server {where.url}" if options.server is not None else "")
    finally:
        await client.close()
