"""The conversation on the screen: a row for each entry, the latest at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import VerticalScroll
from textual.widget import Widget

from midwatch.cli.tui.answers import AnswerRow
from midwatch.cli.tui.entries import Entry, Note, Plan
from midwatch.cli.tui.feed import Output, Piece
from midwatch.cli.tui.folds import Fold
from midwatch.cli.tui.rows import NoteRow, RunRow, row
from midwatch.cli.tui.transcript import Transcript
from midwatch.domain.events import Event, ModelReplied

SHOWN = 150
"""Rows that are made of a long conversation; earlier ones when they are asked for."""
AT_ONCE = 40
"""More events than this at a time come from a log that is read again."""


class Earlier(Fold):
    """Stands for the rows that are not made yet."""

    def on_mount(self) -> None:
        """Draw it."""
        self.head.show(("↑", "$primary"), "earlier: enter shows more", "dim")

    def redraw(self) -> None:
        """Asked for."""
        if not self.folded:
            self.post_message(self.Moved(-SHOWN))


class Talk(VerticalScroll, can_focus=False):
    """Takes what comes from a conversation and keeps the rows in step. Follows the end unless the person has scrolled
    away from it."""

    DEFAULT_CSS = """
    Talk { height: 1fr; scrollbar-size-vertical: 1; }
    Talk > * { max-width: 120; }
    """

    def __init__(self, welcome: Widget) -> None:
        super().__init__(id="talk")
        self.transcript = Transcript()
        self._welcome = welcome
        self._rows: dict[str, Widget] = {}
        self._streaming: AnswerRow | None = None
        self._open_run = ""
        self._shown = SHOWN

    def on_mount(self) -> None:
        """The welcome, and the end in view from now on."""
        self.mount(self._welcome)
        self.anchor()

    async def clear(self) -> None:
        """Another conversation begins."""
        self.transcript = Transcript()
        self._shown, self._streaming, self._open_run = SHOWN, None, ""
        await self._rebuild()

    async def take(self, items: Sequence[Event | Piece | Output]) -> None:
        """Show what has come, in order."""
        events = [item for item in items if isinstance(item, Event)]
        if len(events) > AT_ONCE:
            for event in events:
                self.transcript.fold(event)
            await self._rebuild()
            return
        for item in items:
            match item:
                case Piece():
                    await self._hear(item)
                case Output():
                    running = self._rows.get(self._open_run)
                    if isinstance(running, RunRow):
                        running.hear(item.data)
                case _:
                    await self._fold(item)

    async def _hear(self, piece: Piece) -> None:
        if piece.kind == "notice":
            if self._streaming is not None:
                await self._streaming.restart()
            return
        if self._streaming is None:
            self._streaming = AnswerRow()
            await self.mount(self._streaming)
        text, thought = (piece.text, "") if piece.kind == "text" else ("", piece.text)
        await self._streaming.hear(text, thought)

    async def _fold(self, event: Event) -> None:
        changed = self.transcript.fold(event)
        if isinstance(event.body, ModelReplied):
            await self._settle(changed or ())
        if changed is None:
            await self._rebuild()
        for entry in changed or ():
            await self._put(entry)
        if event.kind in ("failed", "interrupted") and self._streaming is not None:
            self._streaming = None  # what has streamed stays in view, and is no reply
        if event.kind == "interrupted":
            for key, widget in self._rows.items():
                if isinstance(widget, Fold) and key in self.transcript.entries:
                    self._show(widget, self.transcript.entries[key])

    async def _settle(self, entries: Sequence[Entry]) -> None:
        """A reply is whole: what has streamed is its row."""
        streamed, self._streaming = self._streaming, None
        if streamed is not None and entries:
            self._rows[entries[0].key] = streamed
        elif streamed is not None:
            await streamed.remove()

    async def _put(self, entry: Entry) -> None:
        known = self._rows.get(entry.key)
        if known is None:
            known = self._rows[entry.key] = row(entry)
            await self.mount(known)
        else:
            self._show(known, entry)
            if isinstance(entry, Plan) and known is not self.children[-1]:
                self.move_child(known, after=self.children[-1])
        if isinstance(known, RunRow) and known.entry.ok is None:
            self._open_run = entry.key

    @staticmethod
    def _show(widget: Widget, entry: Entry) -> None:
        widget.show(entry)  # type: ignore[attr-defined]

    async def _rebuild(self) -> None:
        """Make the rows anew, the latest ones alone."""
        entries = list(self.transcript.entries.values())
        shown = entries[-self._shown :]
        self._rows = {entry.key: row(entry) for entry in shown}
        earlier = [Earlier()] if len(shown) < len(entries) else []
        with self.app.batch_update():
            await self.query("Talk > *").exclude("#welcome").remove()
            await self.mount_all([*earlier, *self._rows.values()])
        self.scroll_end(animate=False, immediate=False)

    async def more(self) -> None:
        """Make rows of earlier entries too."""
        self._shown += SHOWN
        await self._rebuild()

    async def note(self, text: str, ok: bool | None = None, mend: str = "") -> None:
        """Say something that is not of the log."""
        await self.mount(NoteRow(Note("", text, ok, mend)))
        self.scroll_end(animate=False)

    def folds(self) -> list[Fold]:
        """The rows that fold, from the top, as far as they are visible at all."""
        return [fold for fold in self.query(Fold) if fold.display]

    def fold_all(self) -> None:
        """Unfold all rows, or fold them all when all are unfolded."""
        folds = [fold for fold in self.folds() if not isinstance(fold, Earlier)]
        folded = any(fold.folded for fold in folds)
        for fold in folds:
            fold.fold(not folded)
