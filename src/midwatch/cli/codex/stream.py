"""Where a turn is shown: as lines of JSON for programs, or as a log and an answer for people.

A change is told of only when it is in the person's folder, so what a finished call comes to is held until the agent
goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from midwatch.cli.codex.calls import ITEMS
from midwatch.cli.codex.presenter import Line, Presenter
from midwatch.cli.plain import PlainObserver
from midwatch.cli.screen import Screen
from midwatch.domain.conversation import Delta
from midwatch.domain.errors import MidwatchError
from midwatch.domain.events import Event

Extra = Literal["all", "calls", "none"]
"""Which events have fields that Codex's lack: all of them; those of calls, and the end of a turn that has not used all
that its conversation has; none."""

Differ = Callable[[str, str], Awaitable[str]]
"""The difference of two trees as text."""

_WITH_RESULT = ("tool_finished", "plan_updated", "network_requested", "session_ended", "hook_ran")
"""Kinds that come in one append with a result."""
_AGAIN = re.compile(r"; trying again in \d+ s$")
_LONGEST_DIFF = 1 << 20
_ARROW = "→" if (sys.stderr.encoding or "").lower().startswith("utf") else "->"
_BREAKS = re.compile("[\x85\u2028\u2029]")
"""JSON lets them stand in a string, but readers of lines (Node's is one) end a line there."""


class Stream(Protocol):
    """What is told of a turn; also an `Observer`."""

    def event(self, event: Event) -> None:
        """See `Observer`."""

    def delta(self, delta: Delta) -> None:
        """See `Observer`."""

    def output(self, chunk: bytes) -> None:
        """See `Observer`."""

    def phase(self, text: str) -> None:
        """See `Observer`."""

    def thread(self, thread: str) -> None:
        """The conversation that the turn belongs to is there."""

    def turn(self, presenter: Presenter, differ: Differ, tree: str, retries: int) -> None:
        """The turn begins; what came before was of earlier ones. `retries`: how often a request is sent again."""

    def note(self, text: str) -> None:
        """Something that a person should know and that ends nothing."""

    async def completed(self, answer: str, usage: dict[str, int], extra: dict[str, Any]) -> None:
        """The turn has come to its end."""

    async def failed(self, message: str, mend: str = "") -> None:
        """The turn could not."""

    def abandon(self, message: str) -> None:
        """The same in an instant: the process ends with it."""


class JsonStream:
    """Codex's events, a line each; `extra`: which of them have further fields. Nothing else is on standard output."""

    def __init__(self, *, extra: Extra) -> None:
        self._extra = extra
        self._presenter: Presenter | None = None
        self._differ: Differ | None = None
        self._retries = self._tried = 0
        self._held: list[Line] | None = None
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self._current: Line | None = None
        self._over = False

    def thread(self, thread: str) -> None:
        """See `Stream`."""
        self._put(Line("thread.started", {"thread_id": thread}))

    def turn(self, presenter: Presenter, differ: Differ, tree: str, retries: int) -> None:
        """See `Stream`."""
        self._presenter, self._differ, self._retries = presenter, differ, retries
        self._put(*presenter.started(tree))

    def event(self, event: Event) -> None:
        """Say what it comes to, now or when its change has arrived."""
        if self._presenter is None:
            return
        self._tried = 0
        if event.kind not in _WITH_RESULT:
            self._release()
        elif event.kind == "tool_finished" and self._held is None:
            self._held = []
        self._put(*self._presenter.event(event))

    def delta(self, delta: Delta) -> None:
        """Say that a request is sent again; nothing else that streams is kept."""
        if delta.kind == "notice" and _AGAIN.search(delta.text):
            self._tried += 1
            count = f"{self._tried}/{max(self._retries, self._tried)}"
            self._put(Line("error", {"message": f"Reconnecting... {count} ({_AGAIN.sub('', delta.text)})"}))

    def output(self, chunk: bytes) -> None:
        """Remember it."""
        if self._presenter is not None:
            self._presenter.printed(chunk)

    def phase(self, text: str) -> None:
        """The agent goes on: what it has changed is in the folder."""
        self._release()

    def note(self, text: str) -> None:
        """An item in the turn; before it, a line on standard error."""
        if self._presenter is not None:
            self._put(self._presenter.note(text))
        else:
            _tell(text)

    async def completed(self, answer: str, usage: dict[str, int], extra: dict[str, Any]) -> None:
        """See `Stream`."""
        await self._end(Line("turn.completed", {"usage": usage}, extra))

    async def failed(self, message: str, mend: str = "") -> None:
        """See `Stream`. What goes wrong after the end has been told is for a person alone."""
        if self._over:
            _tell(message, mend)
        failed = Line("turn.failed", {"error": {"message": message}}, {"mend": mend} if mend else {})
        await self._end(Line("error", {"message": message}), failed)

    async def _end(self, *lines: Line) -> None:
        if self._over:
            return
        self._over = True
        self._release()
        if self._presenter is not None:
            self._put(*self._presenter.close())
        self._put(*lines)
        await self.settled()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until all that can be told is printed. Raises what went wrong in printing."""
        printed = asyncio.ensure_future(self._lines.join())
        await asyncio.wait({printed, *({self._writer} if self._writer else ())}, return_when=asyncio.FIRST_COMPLETED)
        if self._writer is not None and self._writer.done():
            printed.cancel()
            await self._writer

    def abandon(self, message: str) -> None:
        """See `Stream`. Without the differences that would have to be made first."""
        if self._over:
            return
        self._over = True
        lines = [self._current] if self._current else []
        while not self._lines.empty():
            lines.append(self._lines.get_nowait())
        lines += [*(self._held or ()), *(self._presenter.close() if self._presenter else ())]
        failed = Line("turn.failed", {"error": {"message": message}})
        for line in (*lines, Line("error", {"message": message}), failed):
            _print(_dumps(self._value(line)))

    def _put(self, *lines: Line) -> None:
        if self._held is not None:
            self._held += lines
            return
        for line in lines:
            self._lines.put_nowait(line)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    def _release(self) -> None:
        held, self._held = self._held, None
        self._put(*(held or ()))

    async def _write(self) -> None:
        while True:
            line = self._current = await self._lines.get()
            try:
                await self._say(line)
            finally:
                self._current = None
                self._lines.task_done()

    async def _say(self, line: Line) -> None:
        value = self._value(line)
        if self._extra != "none" and line.trees != ("", "") and self._differ is not None:
            with contextlib.suppress(MidwatchError):  # what changed is in the item; this is for reading
                value["diff"] = (await self._differ(*line.trees))[:_LONGEST_DIFF]
        _print(_dumps(value))

    def _value(self, line: Line) -> dict[str, Any]:
        return {"type": line.type, **line.fields, **self._more(line)}

    def _more(self, line: Line) -> dict[str, Any]:
        kind = line.fields.get("item", {}).get("type")
        if self._extra == "all" or (self._extra == "calls" and kind in ITEMS):
            return {"timestamp": _now(), **line.extra}
        used = line.extra.get("turn_usage")
        return {"turn_usage": used} if self._extra == "calls" and used and used != line.fields["usage"] else {}


class WordStream:
    """The answer alone on standard output; what happens meanwhile on standard error."""

    def __init__(self, screen: Screen) -> None:
        self._screen = Screen(json_wanted=True, environ=screen.environ)  # so that lines for people go to stderr
        self._plain = PlainObserver(self._screen)
        self._live = self._over = False

    def thread(self, thread: str) -> None:
        """See `Stream`."""
        self._screen.note(f"midwatch: conversation {thread}; go on with `midwatch exec resume {thread} …`")

    def turn(self, presenter: Presenter, differ: Differ, tree: str, retries: int) -> None:
        """See `Stream`."""
        self._live = True

    def event(self, event: Event) -> None:
        """A line for each step."""
        if self._live:
            self._plain.event(event)

    def delta(self, delta: Delta) -> None:
        """Say why it takes longer."""
        if delta.kind == "notice":
            self._screen.note(delta.text)

    def output(self, chunk: bytes) -> None:
        """Nothing."""

    def phase(self, text: str) -> None:
        """What is being done."""
        self._plain.phase(text)

    def note(self, text: str) -> None:
        """See `Stream`."""
        _tell(text)

    async def completed(self, answer: str, usage: dict[str, int], extra: dict[str, Any]) -> None:
        """See `Stream`."""
        self._over = True
        _print(answer.rstrip("\n"))

    async def failed(self, message: str, mend: str = "") -> None:
        """See `Stream`."""
        if not self._over:
            self._over = True
            _tell(message, mend)

    def abandon(self, message: str) -> None:
        """See `Stream`."""
        if not self._over:
            _tell(message)


def _tell(text: str, *more: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write("".join([f"midwatch: {text}\n", *(f"  {_ARROW} {line}\n" for line in more if line)]))
        sys.stderr.flush()


def _print(text: str) -> None:
    """A line on standard output. Where nobody reads it any more the turn goes on."""
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _dumps(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make(screen: Screen, *, json_wanted: bool, extra: Extra) -> Stream:
    """The stream of a turn."""
    return JsonStream(extra=extra) if json_wanted else WordStream(screen)


def told(answer_file: str, answer: str) -> Sequence[str]:
    """Write the answer to the file that was asked for; a sentence where that did not work."""
    if not answer_file:
        return ()
    try:
        with open(answer_file, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            file.write(answer)
    except OSError as error:
        return (f"the answer could not be written to {answer_file}: {error.strerror}",)
    return ()
