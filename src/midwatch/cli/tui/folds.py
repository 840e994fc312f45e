"""A row that folds: one line, and a body below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from midwatch.cli import words
from midwatch.cli.tui.entries import Entry


class Head(Widget):
    """One line in parts: what is cut first is the text, what goes before that are the facts from the last on."""

    DEFAULT_CSS = "Head { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._mark: tuple[str, str] = (" ", "")
        self._text, self._style = "", ""
        self._facts: tuple[str, ...] = ()

    def show(self, mark: tuple[str, str], text: str, style: str = "", facts: Sequence[str] = ()) -> None:
        """Draw the line; texts are clean."""
        self._mark, self._text, self._style, self._facts = mark, text, style, tuple(fact for fact in facts if fact)
        self.refresh()

    def render(self) -> Content:
        """As much of it as there is room for."""
        room = max(4, self.size.width - 2)
        facts = list(self._facts)
        wanted = min(words.cells(self._text), room * 3 // 5)
        while facts and room - sum(3 + words.cells(fact) for fact in facts) < wanted:
            facts.pop()
        tail = "".join(f" · {fact}" for fact in facts)
        text = words.cut(self._text, room - words.cells(tail))
        return Content.assemble(self._mark, " ", (text, self._style), (tail, "dim"))


class Row(Vertical):
    """A row of the conversation."""

    DEFAULT_CSS = "Row { height: auto; padding: 0 1; }"

    def show(self, entry: Entry) -> None:
        """Draw it anew. May be called before it is mounted."""
        raise NotImplementedError


class Fold(Row, can_focus=True):
    """A row of one line with a body that can be folded away."""

    DEFAULT_CSS = """
    Fold:focus { background: $boost; }
    Fold > .body { margin-left: 2; padding-left: 1; border-left: solid $foreground 20%; height: auto; }
    Fold > .body.-folded { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "unfold", show=False),
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
        Binding("escape", "leave", show=False),
    ]

    class Moved(Message):
        """The person goes to the next row that folds, up or down; 0 is back to the prompt."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = Head(), Static("", classes="body -folded", markup=False)
        self.folded = True

    def compose(self) -> ComposeResult:
        """The line, and what is below it."""
        yield self.head
        yield self.body

    def fold(self, folded: bool) -> None:
        """Show the body, or only the line."""
        self.folded = folded
        self.redraw()

    def redraw(self) -> None:
        """Draw as the fold is now."""
        raise NotImplementedError

    def fill(self, content: Content | None) -> None:
        """Set the body; None for no body."""
        self.body.set_class(content is None, "-folded")
        self.body.update(content if content is not None else "")

    def action_unfold(self) -> None:
        """Fold or unfold; what is unfolded is in view from its line on."""
        self.fold(not self.folded)
        if not self.folded:
            self.call_after_refresh(self.scroll_visible, top=True, animate=False)

    def action_step(self, by: int) -> None:
        """Go to another row."""
        self.post_message(self.Moved(by))

    def action_leave(self) -> None:
        """Back to the prompt."""
        self.post_message(self.Moved(0))

    def on_click(self, event: events.Click) -> None:
        """A click on the line does what enter does."""
        if event.widget is self.head:
            self.action_unfold()
