"""Prompts that are called by `/NAME arguments`: the person's own, and those of the repository when they trust it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from midwatch import wiring
from midwatch.cli.tui.slash import SLASHES
from midwatch.domain.errors import InputError
from midwatch.workflows.project import offered_prompts, trusts
from midwatch.workflows.prompts import Prompt, called, fill, listed, personal


def folder(home: wiring.Home) -> Path:
    """Where the person's own are; it may not exist. Raises InputError for what is wrong in the settings."""
    return home.settings.folder / "prompts"


async def known(home: wiring.Home, where: str) -> dict[str, Prompt]:
    """All of them by name: the person's own, and those of the repository that `where` is in. Of two with one name the
    person's own is the one. Raises InputError where one of theirs cannot be read."""
    own = await asyncio.to_thread(personal, folder(home))
    return _by_name(listed(own, await _of_repository(home, where)))


async def expanded(home: wiring.Home, where: str, text: str) -> str:
    """The text of the prompt that is called, with its arguments; the text itself when none is. A command of the
    interface wins over a prompt of its name. Raises InputError as `known`, and for one that is empty."""
    call = called(text)
    if call is None or call[0] in SLASHES:
        return text
    prompt = _by_name(await asyncio.to_thread(personal, folder(home))).get(call[0])
    if prompt is None:
        prompt = _by_name(await _of_repository(home, where)).get(call[0])
    if prompt is None:
        return text
    if not prompt.text:
        raise InputError(f"the prompt /{prompt.name} is empty", f"write into {prompt.source} what is to be done")
    return fill(prompt.text, call[1])


def _by_name(prompts: Iterable[Prompt]) -> dict[str, Prompt]:
    return {prompt.name: prompt for prompt in prompts}


async def _of_repository(home: wiring.Home, where: str) -> tuple[Prompt, ...]:
    """As of the commit that is checked out. A folder that is in no repository, or in one without a commit, has
    none."""
    means = home.settings.means(home.state, home.environ)
    if not means.settings.trusted:
        return ()
    try:
        repository = await home.repository(where)
        base = await repository.resolve(None)
    except InputError:
        return ()
    trusted = trusts(repository.location, means, asked=False)
    return await offered_prompts(repository, base.commit, trusted=trusted)
