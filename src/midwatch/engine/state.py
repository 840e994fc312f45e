"""Where Midwatch keeps everything of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_folder(environ: Mapping[str, str]) -> Path:
    """$XDG_STATE_HOME/midwatch, else ~/.local/state/midwatch. It need not exist. A relative XDG_STATE_HOME is no
    setting (XDG Base Directory Specification)."""
    given = environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".local/state"
    return base / "midwatch"
