"""Parts that are installed only where they are asked for."""

from __future__ import annotations

import shlex
import sys


def install(extra: str) -> str:
    """The command that adds an extra to the installation that is running, and to no other one."""
    return f"{shlex.quote(sys.executable)} -m pip install 'midwatch[{extra}]'"
