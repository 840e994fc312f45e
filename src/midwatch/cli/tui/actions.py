"""What the commands with a slash do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.app import App

from midwatch.cli import words
from midwatch.cli.progress import change_count
from midwatch.cli.render import diffstat_lines
from midwatch.cli.screen import Look
from midwatch.cli.tui import patches, pictures, prompts, slash
from midwatch.cli.tui.entries import Run
from midwatch.cli.tui.models import known_models
from midwatch.cli.tui.patches import Line
from midwatch.cli.tui.pictures import Picture
from midwatch.cli.tui.reviewing import Reviewing
from midwatch.cli.tui.session import Session
from midwatch.cli.tui.talk import Talk
from midwatch.cli.tui.turns import Turns
from midwatch.cli.tui.welcome import MODES
from midwatch.cli.tui.windows import Choose, Item, Read
from midwatch.domain.errors import InputError

KEYS = (
    ("enter", "send; while the agent works: queue for its next step; on nothing: go on with a turn that was cut off"),
    ("shift+enter, alt+enter, ctrl+j", "a new line"),
    ("up, down", "what you sent before"),
    ("esc", "interrupt the turn; what it did stays"),
    ("esc esc", "go back to an earlier step"),
    ("tab", "go to the rows; there enter unfolds, up and down move, esc leads back"),
    ("ctrl+o", "unfold all rows, or fold them"),
    ("page up, page down", "scroll"),
    ("ctrl+c", "clear the line; twice: leave. Nothing is lost"),
)


@dataclass
class Stage:
    """What the commands act on."""

    app: App[str]
    session: Session
    turns: Turns
    talk: Talk
    write: Callable[[str], None]
    """Put a text into the prompt."""
    attach: Callable[[Picture], None]
    """Let a picture go with the next message."""
    leave: Callable[[], Awaitable[None]]
    draw: Callable[[], Awaitable[None]]
    """Show what has come from the conversation so far."""
    refresh: Callable[[], None]
    """Something of the status has changed."""


class Actions:
    """One method for each command. All raise MidwatchError for what cannot be done."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._session, self._talk = stage.session, stage.talk
        self._reviewing = Reviewing(stage.session, stage.talk.note)
        self.between = asyncio.Lock()
        """Held while a command may put another conversation on the screen; words have to wait for it, or they would
        begin a new one."""

    async def do(self, command: slash.Slash, argument: str) -> None:
        """Do it. Must run in a worker: it may wait for the person."""
        async with self.between if command.alone else contextlib.nullcontext():
            if command.idle and self._stage.turns.working:
                raise InputError(f"/{command.name} has to wait until the turn is over", "esc interrupts it")
            await self._do(command, argument)

    async def _do(self, command: slash.Slash, argument: str) -> None:
        doers: dict[str, Callable[[str], Awaitable[None]]] = {
            "model": self.model,
            "mode": self.mode,
            "diff": self.diff,
            "undo": self.undo,
            "review": self.review,
            "compact": self.compact,
            "status": self.status,
            "log": self.log,
            "image": self.image,
            "prompts": self.prompts,
            "resume": self.resume,
            "new": self.new,
            "help": self.help,
            "quit": self.quit,
        }
        await doers[command.name](argument)
        self._stage.refresh()

    async def model(self, name: str) -> None:
        """Choose who answers."""
        if not name:
            names = await known_models(self._session.home)
            items = [Item(one, one, "answers now" if one == self._session.model else fact) for one, fact in names]
            name = await self._choose("Which model answers?", items, free="type to narrow, or a name: PROVIDER/MODEL")
        if name:
            await self._session.choose(name)
            if self._session.talk is None:
                await self._talk.note(f"the model is {words.line(name)} now")

    async def mode(self, name: str) -> None:
        """Choose what the agent may do."""
        mine = self._session.task.mode if self._session.task else self._session.choices.mode
        if not name:
            items = [Item(one, one, says) for one, says in MODES.items()]
            name = await self._choose(f"What may the agent do? Now: {mine}", items)
        if not name or name == mine == self._session.choices.mode:
            return
        if name not in MODES:
            raise InputError(f"there is no mode {words.line(name)!r}", f"the modes are: {', '.join(MODES)}")
        talk = self._session.talk
        if talk is None:
            self._session.choices.mode = name
            await self._talk.note(f"the mode is {name} now: {MODES[name]}")
            return
        again = name != mine and await talk.choose_mode(name)
        self._session.choices.mode = name
        if again:  # with another sandbox
            await self.open(talk.task.id)

    async def diff(self, _: str) -> None:
        """Read the whole change."""
        data, changes = await asyncio.gather(self._session.difference(), self._session.changes())
        if not data:
            await self._talk.note("nothing has been changed")
            return
        lines = await asyncio.to_thread(patches.of_diff, data)
        self._read(f"Changed in this conversation: {change_count(changes)}", lines)

    async def undo(self, _: str) -> None:
        """Go back to an earlier step."""
        talk = self._session.talk
        steps = {str(step.to): step for step in self._talk.transcript.steps()}
        if talk is None or not steps:
            await self._talk.note("there is nothing to go back to")
            return
        items = [Item(key, step.text, f"{words.age(step.time)}") for key, step in steps.items()]
        key = await self._choose("Go back to which step?", items, preview=self._what_undoing_does)
        if not key:
            return
        if self._stage.turns.working:
            raise InputError("a turn has begun meanwhile", "esc interrupts it")
        changes = await talk.undo(int(key))
        self._stage.write(steps[key].words)
        await self._stage.draw()
        await self._talk.note(f"in your folder: {change_count(changes)}" if changes else "no file had to change")

    async def _what_undoing_does(self, key: str) -> str:
        changes = await self._session.going_back(int(key))
        if not changes:
            return "no file changes"
        lines = diffstat_lines(changes[:6], Look(width=max(30, min(110, self._stage.app.size.width - 8))))
        more = [f"and {len(changes) - 6} more"] if len(changes) > 6 else []
        return "\n".join([f"changes in your folder: {change_count(changes)}", *lines, *more])

    async def review(self, what: str) -> None:
        """Have what has changed in the folder looked over by a task of its own."""
        await self._reviewing.run(what, self._stage.app.size.width - 6)

    async def stop(self) -> None:
        """End what goes on beside the conversation."""
        await self._reviewing.stop()

    async def compact(self, _: str) -> None:
        """Make room in the model's window."""
        done = await self._session.talk.compact() if self._session.talk else False
        if not done:
            await self._talk.note("there is nothing that could be left out")

    async def status(self, _: str) -> None:
        """Everything about the conversation."""
        session = self._session
        rows = [("folder", session.choices.folder), ("model", session.model)]
        if session.talk is None:
            rows += [("mode", session.choices.mode), ("conversation", "none yet: it begins with your first words")]
        else:
            task, log = session.talk.task, session.talk.log
            usage = log.usage
            cost = words.money(log.cost_microusd) if log.cost_known else "price not known"
            share = f"{100 * log.context_tokens // session.window} % of {words.compact(session.window)} tokens"
            rows += [
                ("mode", task.mode),
                ("sandbox", task.sandbox),
                ("conversation", task.id),
                ("began", f"{task.created} (UTC), at {task.base.branch or task.base.ref} {task.base.commit[:12]}"),
                ("model calls", str(log.turns)),
                ("tokens in", f"{usage.input_tokens:,}, {usage.cached_percent} % from the cache"),
                ("tokens out", f"{usage.output_tokens:,}, {usage.reasoning_tokens:,} of them reasoning"),
                ("cost", cost),
                ("context", share),
                ("commands", str(len(log.commands))),
                ("changed", change_count(await session.changes())),
                ("worked", words.duration(log.spent_seconds)),
            ]
            rows += [("note", note) for note in task.notes]
        self._read("Status", _table(rows))

    async def log(self, number: str) -> None:
        """Read the whole output of a command."""
        runs = [entry for entry in self._talk.transcript.entries.values() if isinstance(entry, Run) and entry.number]
        wanted = [run for run in runs if str(run.number) == number.strip("[] ")] if number else runs[-1:]
        if not wanted:
            known = f"there are logs {runs[0].number} to {runs[-1].number}" if runs else "no command has ended yet"
            raise InputError(f"there is no log {words.line(number)}".rstrip(), known)
        run = wanted[0]
        if not run.digest:
            await self._talk.note(f"log {run.number} is empty: the command wrote nothing")
            return
        try:
            data = await asyncio.to_thread(self._session.home.blobs.read, run.digest)
        except FileNotFoundError:
            raise InputError(f"log {run.number} is missing", "`midwatch verify` lists what is") from None
        lines = await asyncio.to_thread(_plain, data)
        self._read(f"log {run.number} · $ {run.command} · {run.ended}", lines, numbered=True)

    async def image(self, given: str) -> None:
        """Attach a picture."""
        if not given:
            raise InputError("/image needs the path of a picture", "for example /image screenshot.png")
        path = pictures.named(given, Path(self._session.choices.folder))
        self._stage.attach(await asyncio.to_thread(pictures.load, path, self._session.home.blobs))

    async def prompts(self, _: str) -> None:
        """Choose one of the prompts."""
        found = await prompts.known(self._session.home, self._session.choices.folder)
        if not found:
            where = words.name(str(prompts.folder(self._session.home)))
            mend = f"a file NAME.md in {where} is one, and in .midwatch/prompts of a repository that you trust"
            await self._talk.note(f"there are no prompts; {mend}")
            return
        items = [Item(one.name, f"/{one.name} {one.hint}".strip(), one.description) for one in found.values()]
        if name := await self._choose("Which prompt?", items):
            self._stage.write(f"/{name} " if found[name].hint else f"/{name}")

    async def resume(self, wanted: str) -> None:
        """Go on with another conversation."""
        if not wanted:
            rows = await self._session.conversations()
            items = []
            for row in rows:
                where = "" if self._session.is_here(row.task) else f"{Path(row.task.repository).name} · "
                age = words.age(row.attempts[0].updated or row.task.created)
                items.append(Item(row.task.id, row.task.prompt, f"{where}{age}"))
            if not items:
                await self._talk.note("there are no conversations yet")
                return
            wanted = await self._choose("Go on with which conversation?", items)
        if wanted:
            await self.open(wanted)

    async def open(self, wanted: str) -> None:
        """Show another conversation and go on with it."""
        row = await self._session.home.store.find(wanted)
        if row.task.kind != "conversation":
            raise InputError(f"{row.task.id} is no conversation", f"`midwatch show {row.task.id}` shows what it is")
        await self._session.close()
        await self._talk.clear()
        await self._session.open(row.task.id)
        await self._stage.draw()
        if self._stage.turns.cut_off:
            await self._talk.note("the last turn was cut off: enter goes on with it, or say something else")

    async def new(self, _: str) -> None:
        """Begin another conversation."""
        await self._session.close()
        await self._talk.clear()
        await self._talk.note("a new conversation begins with your next words")

    async def help(self, _: str) -> None:
        """Keys and commands."""
        rows = [(f"/{one.name} {one.argument}".strip(), one.says) for one in slash.SLASHES.values()]
        self._read("Help", [*_table(list(KEYS)), Line("plain", ""), *_table(rows)])

    async def quit(self, _: str) -> None:
        """Leave."""
        await self._stage.leave()

    async def _choose(
        self,
        title: str,
        items: Sequence[Item],
        *,
        free: str = "",
        preview: Callable[[str], Awaitable[str]] | None = None,
    ) -> str:
        screen = Choose(title, items, free=free, preview=preview)
        return await self._stage.app.push_screen_wait(screen) or ""

    def _read(self, title: str, lines: Sequence[Line], *, numbered: bool = False) -> None:
        self._stage.app.push_screen(Read(title, lines, numbered=numbered))


def _table(rows: Sequence[tuple[str, str]]) -> list[Line]:
    width = max(words.cells(name) for name, _ in rows) + 2
    return [Line("plain", words.pad(name, width) + words.line(value)) for name, value in rows]


def _plain(data: bytes) -> list[Line]:
    text = words.decode(data).removesuffix("\n")
    return [Line("plain", line) for line in text.split("\n")]
