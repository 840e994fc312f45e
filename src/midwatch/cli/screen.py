"""Where output goes: what the terminal can do, and writing to it safely."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO


@dataclass(frozen=True, slots=True)
class Look:
    """How text is to look. Drawing functions take one and return lines."""

    width: int = 80
    """Columns."""
    colour: bool = False
    unicode: bool = True

    def paint(self, code: str, text: str) -> str:
        """The text in a colour (an SGR code), where colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def bold(self, text: str) -> str:
        """A heading."""
        return self.paint("1", text)

    def dim(self, text: str) -> str:
        """Less important."""
        return self.paint("2", text)

    def good(self, text: str) -> str:
        """As it should be."""
        return self.paint("32", text)

    def bad(self, text: str) -> str:
        """Not as it should be."""
        return self.paint("31", text)

    def warn(self, text: str) -> str:
        """Worth a look."""
        return self.paint("33", text)

    def command(self, text: str) -> str:
        """Something to type."""
        return self.paint("36", text)

    def mark(self, ok: bool | None) -> str:
        """✓, ✗ or · (neither); ASCII where the terminal knows no more."""
        if ok is None:
            return self.dim("·" if self.unicode else "-")
        if ok:
            return self.good("✓" if self.unicode else "ok")
        return self.bad("✗" if self.unicode else "FAIL")

    @property
    def more(self) -> str:
        """Stands for what was left out."""
        return "…" if self.unicode else "..."

    @property
    def dot(self) -> str:
        """Between two facts on a line."""
        return " · " if self.unicode else " - "

    @property
    def arrow(self) -> str:
        """Before what to do next."""
        return "→" if self.unicode else "->"


class Screen:
    """Standard output and error of this process. `json` says that only JSON may go to standard output."""

    def __init__(self, *, json_wanted: bool, environ: Mapping[str, str]) -> None:
        self.json = json_wanted
        self.environ = environ
        self.task_id = ""
        """The task that this process works on, so that an error can say how to go on."""
        for stream in (sys.stdout, sys.stderr):
            # Whatever the encoding of the terminal is: no character may end the program.
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")

    @property
    def terminal(self) -> bool:
        """Standard output is a terminal that can move its cursor."""
        return sys.stdout.isatty() and self.environ.get("TERM", "") not in ("", "dumb")

    def look(self, *, error: bool = False) -> Look:
        """What standard output (or error) can show, now: the width follows the window."""
        stream = sys.stderr if error else sys.stdout
        encoding = (getattr(stream, "encoding", "") or "").lower().replace("-", "").replace("_", "")
        able = stream.isatty() and self.environ.get("TERM", "") not in ("", "dumb")
        # A pipe is read by a program or kept in a file: no reason to break lines early.
        width = self._columns(stream) or 100
        return Look(width, able and not self.environ.get("NO_COLOR"), encoding in ("utf8", "utf8sig"))

    def _columns(self, stream: TextIO) -> int:
        """As COLUMNS says, else the terminal; 0 where neither does. (shutil's own takes 2 ms to import.)"""
        given = self.environ.get("COLUMNS", "")
        if given.isdecimal() and int(given) > 0:
            return int(given)
        try:
            return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
        except (OSError, ValueError):
            return 0

    def say(self, lines: str | Iterable[str] = "") -> None:
        """Print lines for a person. With `--json` they go to standard error."""
        text = lines if isinstance(lines, str) else "\n".join(lines)
        print(text, file=sys.stderr if self.json else sys.stdout, flush=True)

    def note(self, lines: str | Iterable[str]) -> None:
        """Print lines on standard error."""
        print(lines if isinstance(lines, str) else "\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201

    def emit(self, value: Any, *, indent: int | None = None) -> None:
        """One JSON value and a line break on standard output."""
        sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=True) + "\n")
        sys.stdout.flush()

    def raw(self, data: bytes) -> None:
        """Bytes as they are on standard output."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def hush(self) -> None:
        """Nobody reads standard output any more: let what is left go nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
