"""Words of the model, as they stream and as they stay."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Markdown

from midwatch.cli import words
from midwatch.cli.tui.entries import Answer, Entry
from midwatch.cli.tui.folds import Fold, Row


class Prose(Markdown):
    """Markdown of a model: drawn, and its links not followed."""

    DEFAULT_CSS = """
    Prose { padding: 0 1; margin: 0; }
    Prose MarkdownBlock:last-child { margin-bottom: 0; }
    Prose MarkdownBlock {
        &:dark > .code_inline { background: $panel; color: $foreground; }
        &:light > .code_inline { background: $panel; color: $foreground; }
    }
    Prose MarkdownH1, Prose MarkdownH2, Prose MarkdownH3 {
        margin: 0 0 1 0; padding: 0; border: none; content-align: left middle; text-style: bold; color: $primary;
        background: transparent;
    }
    Prose MarkdownFence { margin: 0 0 1 0; padding: 0 1; background: $surface; }
    Prose MarkdownFence > Label { padding: 0; }
    Prose MarkdownBlockQuote { margin: 0 0 1 0; }
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text, open_links=False)


class AnswerRow(Row):
    """Words of the model as they stream, with its reasoning folded above."""

    DEFAULT_CSS = "AnswerRow { margin: 1 0; padding: 0; }"

    def __init__(self, entry: Answer | None = None) -> None:
        super().__init__()
        self._written = words.clean(entry.text) if entry else ""
        self.thought = ThoughtRow(words.clean(entry.thought) if entry else "")
        self.prose = Prose(self._written)

    def compose(self) -> ComposeResult:
        """The reasoning, then the words."""
        yield self.thought
        yield self.prose

    def show(self, entry: Entry) -> None:
        """The reply is whole."""
        if isinstance(entry, Answer):
            self.thought.think(words.clean(entry.thought) or self.thought.text, done=True)
            if (text := words.clean(entry.text)) != self._written:
                self._written = text
                self.prose.update(text)

    async def hear(self, text: str, thought: str) -> None:
        """More of it has come."""
        if thought:
            self.thought.think(self.thought.text + words.clean(thought), done=False)
        if text:
            piece = words.clean(text)
            self._written += piece
            await self.prose.append(piece)

    async def restart(self) -> None:
        """The reply is sent anew from its beginning."""
        self._written = ""
        self.thought.think("", done=False)
        await self.prose.update("")


class ThoughtRow(Fold):
    """What a model thought."""

    DEFAULT_CSS = "ThoughtRow > .body { color: $foreground 60%; text-style: italic; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self._done = text, True

    def on_mount(self) -> None:
        """Draw it."""
        self.redraw()

    def think(self, text: str, *, done: bool) -> None:
        """Show this as the thought so far."""
        self.text, self._done = text, done
        self.redraw()

    def redraw(self) -> None:
        """One line of it, or all."""
        self.display = bool(self.text.strip())
        lines = [line for line in self.text.splitlines() if line.strip()] or [""]
        shown = lines[0] if self._done else lines[-1]
        self.head.show(("∴", "dim"), words.line(shown).replace("**", ""), "dim italic")
        self.fill(None if self.folded else Content(self.text.strip().replace("**", "")))
