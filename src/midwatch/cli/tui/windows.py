"""Windows over the conversation: a list to choose from, and lines to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from midwatch.cli import words
from midwatch.cli.tui.lines import Lines
from midwatch.cli.tui.patches import Line


@dataclass(frozen=True, slots=True)
class Item:
    """Something to choose. Texts are made harmless where they are drawn."""

    key: str
    text: str
    fact: str = ""


class Choose(ModalScreen[str]):
    """Choose one of a list; typing narrows it. `free`: what is typed may be the choice. `preview` says what a choice
    means, below the list."""

    DEFAULT_CSS = """
    Choose { align: center bottom; background: $background 50%; }
    Choose > #box { width: 100%; max-width: 120; height: auto; max-height: 100%; padding: 1 2; background: $surface; }
    Choose .title { text-style: bold; color: $primary; }
    Choose Input { margin: 1 0; background: $surface; }
    Choose OptionList { height: auto; max-height: 12; border: none; background: $surface; padding: 0;
        scrollbar-size-vertical: 1; }
    Choose OptionList > .option-list--option-highlighted { background: $primary 30%; color: $foreground;
        text-style: none; }
    Choose #preview { margin-top: 1; color: $foreground 70%; max-height: 8; }
    Choose .keys { margin-top: 1; color: $foreground 50%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        items: Sequence[Item],
        *,
        free: str = "",
        preview: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        super().__init__()
        self._title, self._items, self._free, self._preview = title, items, free, preview
        self._shown: list[Item] = []

    def compose(self) -> ComposeResult:
        """Title, what narrows the list, the list, the preview, the keys."""
        with Vertical(id="box"):
            yield Static(self._title, classes="title", markup=False)
            yield Input(placeholder=self._free or "type to narrow the list", compact=True)
            yield OptionList()
            if self._preview is not None:
                yield Static("", id="preview", markup=False)
            yield Static("enter choose · ↑↓ · esc back", classes="keys", markup=False)

    def on_mount(self) -> None:
        """All of it at first."""
        self.query_one(OptionList).can_focus = False
        self._fill("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow it."""
        self._fill(event.value)

    def _fill(self, typed: str) -> None:
        wanted = typed.lower().split()
        self._shown = [item for item in self._items if all(w in f"{item.text} {item.fact}".lower() for w in wanted)]
        if self._free and typed.strip() and typed.strip() not in [item.key for item in self._shown]:
            self._shown.append(Item(typed.strip(), typed.strip(), "as typed"))
        options = self.query_one(OptionList)
        options.clear_options()
        room = max(20, min(120, self.app.size.width) - 6)
        for item in self._shown:
            fact = words.line(item.fact)
            text = words.cut(words.line(item.text), room - (words.cells(fact) + 2 if fact else 0))
            gap = " " * max(2, room - words.cells(text) - words.cells(fact))
            options.add_option(Option(Content.assemble(text, gap if fact else "", (fact, "dim"))))
        if self._shown:
            options.highlighted = 0
        self._preview_soon()

    def on_option_list_option_highlighted(self) -> None:
        """Say what it means."""
        self._preview_soon()

    def _preview_soon(self) -> None:
        _: Worker[None] = self.run_worker(self._show_preview, exclusive=True, group="preview")

    async def _show_preview(self) -> None:
        if self._preview is None:
            return
        item = self._current
        text = words.clean(await self._preview(item.key)) if item else ""
        self.query_one("#preview", Static).update(text)

    @property
    def _current(self) -> Item | None:
        at = self.query_one(OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def action_move(self, by: int) -> None:
        """Up or down the list."""
        options = self.query_one(OptionList)
        if by < 0:
            options.action_cursor_up()
        else:
            options.action_cursor_down()

    def on_input_submitted(self) -> None:
        """This one."""
        if self._current is not None:
            self.dismiss(self._current.key)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click on one."""
        self.dismiss(self._shown[event.option_index].key)

    def action_leave(self) -> None:
        """None of them."""
        self.dismiss(None)


class Read(ModalScreen[None]):
    """Lines, scrolled by keys."""

    DEFAULT_CSS = """
    Read { background: $background; }
    Read > .title { height: 1; padding: 0 1; background: $surface; text-style: bold; color: $primary; }
    Read > Lines { height: 1fr; padding: 0 1; }
    Read > .keys { height: 1; padding: 0 1; color: $foreground 50%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[Line], *, numbered: bool = False) -> None:
        super().__init__()
        self._title, self._lines, self._numbered = title, lines, numbered

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        yield Static(words.cut(words.line(self._title), self.app.size.width - 2), classes="title", markup=False)
        yield Lines(self._lines, numbered=self._numbered)
        yield Static("↑↓ ←→ · space page · g/G ends · esc back", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Keys scroll at once."""
        self.query_one(Lines).focus()

    def action_leave(self) -> None:
        """Back to the conversation."""
        self.dismiss(None)
