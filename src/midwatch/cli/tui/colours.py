"""Whether the terminal is light or dark, and the colours for each."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Mapping
from typing import Any

from textual.theme import Theme

DARK = Theme(
    name="midwatch-dark",
    primary="#7fb4d6",
    secondary="#9aa7b4",
    accent="#b7a3e0",
    warning="#e0b56c",
    error="#e5827c",
    success="#8fbf7f",
    foreground="#d7dde3",
    background="#12161b",
    surface="#1a2027",
    panel="#222a33",
    boost="#1f2730",
    dark=True,
)
LIGHT = Theme(
    name="midwatch-light",
    primary="#1f6a94",
    secondary="#5b6875",
    accent="#6a4fb3",
    warning="#8a5a00",
    error="#b3312a",
    success="#2f7a2f",
    foreground="#20262c",
    background="#fbfbf9",
    surface="#f0f1ee",
    panel="#e6e8e4",
    boost="#e9ebe7",
    dark=False,
)

_ANSWER = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_WAIT = 0.2
"""Seconds for which a terminal may think; all that know the questions answer in a few milliseconds."""


def theme(environ: Mapping[str, str]) -> Theme:
    """The one that fits the terminal: as it answers, else as COLORFGBG says, else the dark one."""
    light = _asked()
    if light is None:
        light = environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")
    return LIGHT if light else DARK


def is_light(answer: bytes) -> bool | None:
    """What a terminal answered to the question for its background; None for no answer."""
    match = _ANSWER.search(answer)
    if match is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in match.groups())
    return bool(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)


def _asked() -> bool | None:
    """Ask for the background and, so that an answer is sure to come, for what the terminal is."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    handle = sys.stdin.fileno()
    try:
        before: list[Any] = termios.tcgetattr(handle)
    except termios.error:
        return None
    answer, end = b"", time.monotonic() + _WAIT
    try:
        tty.setcbreak(handle, termios.TCSANOW)
        os.write(sys.stdout.fileno(), b"\x1b]11;?\x07\x1b[c")
        while not re.search(rb"\x1b\[\?[0-9;]*c", answer) and (left := end - time.monotonic()) > 0:
            if select.select([handle], [], [], left)[0]:
                answer += os.read(handle, 1024)
    except OSError:
        return None
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
    return is_light(answer)
