"""The person's own prompts, called by `/NAME arguments`."""

from __future__ import annotations

from pathlib import Path

from midwatch import wiring
from midwatch.cli.tui.slash import SLASHES
from midwatch.workflows.prompts import Prompt, called, fill, personal


def folder(home: wiring.Home) -> Path:
    """Where they are; it may not exist. Raises InputError for what is wrong in the settings."""
    return home.settings.folder / "prompts"


def own(home: wiring.Home) -> dict[str, Prompt]:
    """All of them by name. Raises InputError where one cannot be read."""
    return {prompt.name: prompt for prompt in personal(folder(home))}


def expanded(home: wiring.Home, text: str) -> str:
    """The text of the prompt that is called, with its arguments; the text itself when none is. A command of the
    interface wins over a prompt of its name. Raises InputError as `own`."""
    call = called(text)
    if call is None or call[0] in SLASHES:
        return text
    prompt = own(home).get(call[0])
    return fill(prompt.text, call[1]) if prompt else text
