"""The example repository of a new server."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from midwatch.cli.commands.example import write_example
from midwatch.domain.errors import MidwatchError
from midwatch.server.example import FOLDER, NAME

if TYPE_CHECKING:
    from midwatch.wiring import Home

log = logging.getLogger("midwatch.server")


async def with_example(home: Home) -> None:
    """Write it into the state folder and register it; a server that already has a repository, or cannot write there,
    goes without. May be called again."""
    from midwatch.engine.accounts.audit import SERVER, Deed
    from midwatch.engine.accounts.identity import new_id
    from midwatch.engine.accounts.repositories import Registered, Repositories

    repositories, place = Repositories(home.store.database), home.state / FOLDER
    if await repositories.everything():
        return
    try:
        if not place.exists():
            await asyncio.to_thread(write_example, place)
        made = Registered(new_id(), NAME, str(place), 0.0)
        await repositories.register(made, Deed(SERVER, "repository.register", made.id, made.id))
    except MidwatchError as error:
        log.warning("the example repository could not be made: %s", error.message)
