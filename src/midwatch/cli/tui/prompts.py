"""The person's own prompts: files NAME.md in the folder `prompts` beside the settings file."""

from __future__ import annotations

from pathlib import Path

from midwatch import wiring
from midwatch.domain.errors import InputError

MOST_BYTES = 64 << 10


def folder(home: wiring.Home) -> Path:
    """Where they are; it may not exist. Raises InputError for what is wrong in the settings."""
    return home.settings.folder / "prompts"


def own(home: wiring.Home) -> dict[str, str]:
    """Their texts by name. Raises InputError where one cannot be read or is too long."""
    found = {}
    for path in sorted(folder(home).glob("*.md")):
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}", "mend its mode, or remove it") from None
        if len(data) > MOST_BYTES:
            raise InputError(f"{path} is longer than {MOST_BYTES >> 10} KiB", "make it shorter, or remove it")
        found[path.stem] = data.decode("utf-8", "replace").strip()
    return found
