"""The application: one screen, and who tells whom."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.theme import Theme
from textual.worker import Worker

from midwatch import wiring
from midwatch.cli import following, words
from midwatch.cli.tui import pictures, prompts, slash, status, welcome
from midwatch.cli.tui.actions import Actions, Stage
from midwatch.cli.tui.asking import AskOnScreen
from midwatch.cli.tui.feed import Feed, Output, Piece
from midwatch.cli.tui.folds import Fold
from midwatch.cli.tui.pictures import Picture
from midwatch.cli.tui.prompt import Prompt
from midwatch.cli.tui.session import Choices, Session
from midwatch.cli.tui.status import Figures, Hints, Queued, StatusLine, WorkLine
from midwatch.cli.tui.talk import Talk
from midwatch.cli.tui.turns import Turns, Words
from midwatch.domain.errors import MidwatchError
from midwatch.domain.events import Event, Message
from midwatch.domain.evidence import FileChange

REFRESH = 15
"""Times a second, while something happens."""
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
AGAIN = 2.0
"""Seconds within which a second press of a key means more."""


class Terminal(App[str]):
    """Shows one conversation at a time. Its result is the id of the one that was open last; empty for none."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    * {
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background; scrollbar-corner-color: $background;
        scrollbar-color: $foreground 20%; scrollbar-color-hover: $foreground 40%; scrollbar-color-active: $primary;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "stop", show=False, priority=True),
        Binding("ctrl+o", "fold_all", show=False, priority=True),
    ]

    def __init__(self, home: wiring.Home, choices: Choices, look: Theme, first: str = "", resume: str = "") -> None:
        """`first` is said at once, or `resume` names the conversation to go on with."""
        super().__init__()
        self.register_theme(look)
        self.theme = look.name
        self.home, self._first, self._resume = home, first, resume
        self.feed = Feed(self._wake)
        self.session = Session(home, choices, self.feed, AskOnScreen(self, self.feed))
        self.turns = Turns(self.session, self, self._spawn)
        self._facts = welcome.Facts(
            status.folder_name(choices.folder, home.environ.get("HOME", "")),
            choices.model,
            choices.mode,
            home.settings.sandbox.driver,
        )
        self.talk = Talk(self._welcome_widget())
        self.prompt = Prompt()
        self._work, self._queued, self._status, self._hints = WorkLine(), Queued(), StatusLine(), Hints()
        self._pictures: list[Picture] = []
        self._changes: tuple[FileChange, ...] = ()
        self._pressed = ("", 0.0)
        self._drawing = asyncio.Lock()
        self._leaving = False
        stage = Stage(
            self,
            self.session,
            self.turns,
            self.talk,
            self.prompt.write,
            self._add_picture,
            self.leave,
            self._pump,
            self._refresh_figures,
        )
        self.actions = Actions(stage)

    def _welcome_widget(self) -> welcome.Welcome:
        self._welcome = welcome.Welcome(self._facts)
        return self._welcome

    def compose(self) -> ComposeResult:
        """From the top."""
        yield self.talk
        yield self._work
        yield self._queued
        yield self.prompt
        yield self._status
        yield self._hints

    async def on_mount(self) -> None:
        """Ready to write; what takes a moment comes after."""
        self.prompt.input.focus()
        self._pulse = self.set_interval(1 / REFRESH, self._pump, pause=True)
        self._show_status()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._stopped)
        self._spawn(self._begin())

    def _stopped(self) -> None:
        """A signal to end: as two Ctrl-C, and the next one ends at once."""
        if self._leaving:
            following.leave_at_once()
        self._spawn(self.leave())

    def on_unmount(self) -> None:
        """Signals end the process again."""
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)

    async def _begin(self) -> None:
        if self._resume:
            await self._guarded(self.actions.do(slash.SLASHES["resume"], self._resume))
        await self._guarded(self._look_around())
        if self._first:
            await self._send(self._first)

    async def _look_around(self) -> None:
        self._facts = await welcome.look(self.home, self._facts, Path(self.session.choices.folder))
        self._welcome.show(self._facts)

    # What comes from the conversation

    def _wake(self) -> None:
        if self.is_running:
            self._pulse.resume()

    async def _pump(self) -> None:
        """Show what has come since the last time; one after the other, so that the order stays."""
        async with self._drawing:
            items = self.feed.take()
            await self._draw(items)
        self._work.show(self.feed.doing, self._plan_line())
        if not self.turns.working and not items:
            self._pulse.pause()

    async def _draw(self, items: Sequence[Event | Piece | Output]) -> None:
        events = [item for item in items if isinstance(item, Event)]
        for event in events:
            if isinstance(event.body, Message):
                self.turns.read(event.body.text)
        await self.talk.take(items)
        if events:
            self.prompt.history.extend([e.body.text for e in events if _is_said(e)] if len(events) > 1 else [])
            self._queued.show(self.turns.queued)
            self._show_status()
            if any(hasattr(event.body, "checkpoint") for event in events):
                self._count_soon()

    def _plan_line(self) -> str:
        plan = self.session.talk.log.plan if self.session.talk else None
        step = next((step.step for step in plan.steps if step.status == "in_progress"), "") if plan else ""
        return words.line(step)

    def _count_soon(self) -> None:
        # not a coroutine already: one that is taken back before it begins would never be awaited
        _: Worker[None] = self.run_worker(self._count_changes, group="changes", exclusive=True)

    async def _count_changes(self) -> None:
        with contextlib.suppress(MidwatchError):  # a picture for a person; `/diff` says what is wrong
            self._changes = await self.session.changes()
        self._show_status()

    def _refresh_figures(self) -> None:
        self._show_status()
        self._count_soon()

    def _show_status(self) -> None:
        session = self.session
        mode = session.task.mode if session.task else session.choices.mode
        now = replace(self._facts, model=session.model, mode=mode)
        if now != self._facts:  # another one was opened, or chosen
            self._facts = now
            self._welcome.show(now)
        facts = status.figures(session.talk.log if session.talk else None, session.window, self._changes)
        self._status.show(Figures(session.model, mode, self._facts.folder, facts))

    # What the person does

    async def on_prompt_sent(self, event: Prompt.Sent) -> None:
        """Enter was pressed."""
        self._spawn(self._send(event.text))

    async def _send(self, text: str) -> None:
        if not text and not self._pictures:
            async with self.actions.between:
                self.turns.go_on()
            return
        await self._guarded(self._obey_or_say(text), text)

    async def _obey_or_say(self, text: str) -> None:
        text = await prompts.expanded(self.home, self.session.choices.folder, text)
        command = slash.parse(text)
        if command is not None:
            await self.actions.do(*command)
            return
        for path in pictures.named_in(text, Path(self.session.choices.folder)):
            self._add_picture(await asyncio.to_thread(pictures.load, path, self.home.blobs))
        images = tuple({one.image.digest: one.image for one in self._pictures}.values())
        self._pictures.clear()
        self.prompt.show_chips([])
        async with self.actions.between:
            self.turns.say(Words(text, images))
        self._queued.show(self.turns.queued)
        self.talk.anchor()

    async def _guarded(self, work: Coroutine[Any, Any, None], text: str = "") -> None:
        """Do it; what a person must know of what went wrong is a row, and the words are not lost."""
        try:
            await work
        except MidwatchError as error:
            detail = f"\n{error.detail.rstrip()}" if error.detail else ""
            await self.talk.note(error.message + detail, ok=False, mend=error.mend)
            if text and not self.prompt.text:
                self.prompt.write(text)

    def _add_picture(self, picture: Picture) -> None:
        self._pictures.append(picture)
        self.prompt.show_chips(list(dict.fromkeys(one.name for one in self._pictures)))

    async def on_prompt_wanted(self, event: Prompt.Wanted) -> None:
        """A key that is for the conversation."""
        match event.key:
            case "escape" if self.turns.working:
                self.turns.interrupt()
            case "escape" if self._is_again("escape"):
                self._spawn(self._send("/undo"))
            case "escape":
                self._hint_for_a_moment("undo")
            case "tab":
                self._go_to_row(-1, from_end=True)
            case "pageup":
                self.talk.scroll_page_up(animate=False)
            case _:
                self.talk.scroll_page_down(animate=False)

    async def on_fold_moved(self, event: Fold.Moved) -> None:
        """From row to row, back to the prompt, or further up than rows are made."""
        if abs(event.by) > 1:
            await self.talk.more()
        if event.by == 0 or abs(event.by) > 1:
            self.prompt.input.focus()
            self._show_hints()
        else:
            self._go_to_row(event.by)

    def _go_to_row(self, by: int, *, from_end: bool = False) -> None:
        folds = self.talk.folds()
        at = len(folds) if from_end or self.focused not in folds else folds.index(self.focused)
        at += by
        if 0 <= at < len(folds):
            folds[at].focus()
            self._hints.show("rows")
        elif at >= len(folds):
            self.prompt.input.focus()
            self._show_hints()

    def action_fold_all(self) -> None:
        """Unfold every row, or fold them again."""
        self.talk.fold_all()

    async def action_stop(self) -> None:
        """Ctrl-C: the first clears what is written, or says what a second one does."""
        again = self._is_again("ctrl+c")
        if self.prompt.text and not self._leaving:  # also where another line was cleared a moment ago
            self.prompt.write("")
        elif again:
            self._spawn(self.leave())
        else:
            self._hint_for_a_moment("quit")

    async def action_quit(self) -> None:
        """Leave."""
        self._spawn(self.leave())

    def _is_again(self, key: str) -> bool:
        before, when = self._pressed
        now = asyncio.get_running_loop().time()
        self._pressed = (key, now)
        return before == key and now - when < AGAIN

    def _hint_for_a_moment(self, state: str) -> None:
        self._hints.show(state)
        self.set_timer(AGAIN, self._show_hints)

    def _show_hints(self) -> None:
        state = "stop" if self._leaving else "working" if self.turns.working else "idle"
        self._hints.show("rows" if isinstance(self.focused, Fold) and not self._leaving else state)

    # Turns

    def _spawn(self, work: Coroutine[Any, Any, None]) -> object:
        return self.run_worker(work)

    def began(self) -> None:
        """See `Onlooker`."""
        self.feed.doing = "opening the conversation"
        self._work.begin()
        self._pulse.resume()
        self._show_hints()

    def ended(self, notes: Sequence[str], error: MidwatchError | None) -> None:
        """See `Onlooker`."""
        self._work.end()
        self._queued.show(self.turns.queued)
        self._show_hints()
        self._wake()
        self._spawn(self._tell(notes, error))

    async def _tell(self, notes: Sequence[str], error: MidwatchError | None) -> None:
        await self._pump()
        for note in notes:
            await self.talk.note(note, ok=False)
        if error is not None:
            await self.talk.note(error.message, ok=False, mend=error.mend)

    def given_back(self, said: Sequence[Words]) -> None:
        """See `Onlooker`."""
        text = "\n\n".join(one.text for one in said)
        self.prompt.write(f"{text}\n\n{self.prompt.text}".strip())
        for one in said:
            for image in one.images:
                self._add_picture(Picture("image", image))

    async def leave(self) -> None:
        """End the turn, close the conversation, go. The second call goes at once."""
        if self._leaving:
            self.exit(self.session.task.id if self.session.task else "")
            return
        self._leaving = True
        self._show_hints()
        self.turns.interrupt()
        await self.actions.stop()
        await self.turns.rest()
        task_id = self.session.task.id if self.session.task else ""
        with contextlib.suppress(MidwatchError):  # everything that counts is in the log already
            await self.session.close()
        self.exit(task_id)


def _is_said(event: Event) -> bool:
    return isinstance(event.body, Message) and event.body.author == "person"
