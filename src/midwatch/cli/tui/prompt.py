"""Where the person writes: several lines, a history, and a menu of commands above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.keys import Keys
from textual.message import Message
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from midwatch.cli import words
from midwatch.cli.tui import slash

cast("dict[str, tuple[Keys, ...]]", ANSI_SEQUENCES_KEYS)["\x1b\r"] = (Keys.ControlJ,)
"""Alt+enter of terminals without the newer protocol, which would be read as enter."""


class Input(TextArea):
    """The text. Enter sends it; what it does not know goes to the prompt around it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+a", "cursor_line_start", show=False),
        Binding("ctrl+e", "cursor_line_end", show=False),
    ]

    class Pressed(Message):
        """A key that means more than text."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            compact=True,
            placeholder="Say what you want done, or / for commands",
        )

    async def _on_key(self, event: events.Key) -> None:
        at_edge = (event.key == "up" and self.cursor_at_first_line) or (
            event.key == "down" and self.cursor_at_last_line
        )
        if event.key in ("shift+enter", "alt+enter", "ctrl+j"):
            self.insert("\n")
        elif event.key in ("enter", "tab", "escape", "pageup", "pagedown") or at_edge:
            self.post_message(self.Pressed(event.key))
        else:
            return
        event.stop()
        event.prevent_default()


class History:
    """What was sent before, gone through with up and down; what is being written is at its end."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._at = 0
        self._draft = ""

    def extend(self, texts: Sequence[str]) -> None:
        """Add what is newer than all there is."""
        for text in texts:
            if text.strip() and self._texts[-1:] != [text]:
                self._texts.append(text)
        self._at = len(self._texts)

    def move(self, by: int, current: str) -> str | None:
        """The text before or after; None at the ends."""
        wanted = self._at + by
        if not 0 <= wanted <= len(self._texts):
            return None
        if self._at == len(self._texts):
            self._draft = current
        self._at = wanted
        return self._draft if wanted == len(self._texts) else self._texts[wanted]


class Prompt(Vertical):
    """Menu, chips of pictures, and the text."""

    DEFAULT_CSS = """
    Prompt { height: auto; max-height: 16; }
    Prompt > #menu {
        height: auto; max-height: 6; border: none; background: $surface; padding: 0 1; display: none;
        scrollbar-size-vertical: 1;
    }
    Prompt > #menu > .option-list--option-highlighted {
        background: $primary 30%; color: $foreground; text-style: none;
    }
    Prompt > #chips { color: $text-accent; padding: 0 2; display: none; }
    Prompt > #line { height: auto; border-top: solid $foreground 20%; }
    Prompt #mark { width: 2; padding-left: 1; color: $primary; text-style: bold; }
    Prompt Input {
        height: auto; max-height: 8; border: none; padding: 0 1; background: $background;
        scrollbar-size-vertical: 1;
    }
    """

    class Sent(Message):
        """The person wants this said or done; empty where enter was pressed on nothing."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Wanted(Message):
        """A key for the conversation: `escape`, `tab`, `pageup`, `pagedown`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.input = Input()
        self.menu = OptionList(id="menu")
        self.menu.can_focus = False
        self.chips = Static("", id="chips", markup=False)
        self.history = History()
        self._hidden = ""
        """The text for which the menu was put away."""

    def compose(self) -> ComposeResult:
        """From the top."""
        yield self.menu
        yield self.chips
        with Horizontal(id="line"):
            yield Static("›", id="mark")
            yield self.input

    @property
    def text(self) -> str:
        """What is written."""
        return self.input.text

    def write(self, text: str) -> None:
        """Replace what is written."""
        self.input.text = text
        self.input.move_cursor(self.input.document.end)

    def show_chips(self, names: Sequence[str]) -> None:
        """The pictures that go with the next message."""
        self.chips.display = bool(names)
        self.chips.update("  ".join(f"▣ {name}" for name in names))

    def on_text_area_changed(self) -> None:
        """Keep the menu in step."""
        found = slash.matching(self.text) if self.text != self._hidden else []
        self.menu.clear_options()
        for one in found:
            name = f"/{one.name} {one.argument}".strip()
            says = words.cut(one.says, max(0, self.size.width - 20))
            self.menu.add_option(Option(Content.assemble((f"{name:<16}", "bold"), (says, "dim")), id=one.name))
        self.menu.display = bool(found)
        if found:
            self.menu.highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click on the menu."""
        event.stop()
        self._complete(str(event.option.id))

    def on_input_pressed(self, event: Input.Pressed) -> None:
        """A key that is no text."""
        event.stop()
        handler = {"enter": self._enter, "tab": self._tab, "up": self._up, "down": self._down, "escape": self._escape}
        handler.get(event.key, lambda: self.post_message(self.Wanted(event.key)))()

    @property
    def _choice(self) -> slash.Slash | None:
        """What the menu points at; None when it is not there."""
        at = self.menu.highlighted
        if not self.menu.display or at is None:
            return None
        return slash.SLASHES[str(self.menu.get_option_at_index(at).id)]

    def _enter(self) -> None:
        choice = self._choice
        if choice is not None and choice.argument and not choice.argument.startswith("["):
            self._complete(choice.name)  # it needs more than its name
            return
        text = f"/{choice.name}" if choice else self.text.strip()
        self.history.extend([text])
        self.write("")
        self.post_message(self.Sent(text))

    def _tab(self) -> None:
        if choice := self._choice:
            self._complete(choice.name)
        elif not self.text:
            self.post_message(self.Wanted("tab"))

    def _complete(self, name: str) -> None:
        self.write(f"/{name}" + (" " if slash.SLASHES[name].argument else ""))
        self.input.focus()

    def _up(self) -> None:
        self._move(-1)

    def _down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        if self.menu.display:
            if by < 0:
                self.menu.action_cursor_up()
            else:
                self.menu.action_cursor_down()
        elif (text := self.history.move(by, self.text)) is not None:
            self._hidden = text
            self.write(text)

    def _escape(self) -> None:
        if self.menu.display:
            self._hidden = self.text
            self.menu.display = False
        else:
            self.post_message(self.Wanted("escape"))
