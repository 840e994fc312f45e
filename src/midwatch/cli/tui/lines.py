"""Many lines to read: only those that can be seen are drawn, so their number does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from midwatch.cli import words
from midwatch.cli.tui.patches import Line


class Lines(ScrollView, can_focus=True):
    """Lines of a diff or of an output, scrolled by keys."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--added",
        "lines--removed",
        "lines--file",
        "lines--place",
        "lines--plain",
        "lines--number",
    }
    DEFAULT_CSS = """
    Lines { background: $background; color: $foreground; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; }
    Lines > .lines--added { color: $text-success; background: $success 12%; }
    Lines > .lines--removed { color: $text-error; background: $error 12%; }
    Lines > .lines--file { text-style: bold; }
    Lines > .lines--place { color: $text-accent; }
    Lines > .lines--number { color: $foreground 50%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("space", "page_down", show=False),
        Binding("b", "page_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(self, lines: Sequence[Line], *, numbered: bool = False) -> None:
        super().__init__()
        self._lines = lines
        self._margin = len(str(len(lines))) + 2 if numbered else 0
        widest = max((words.cells(line.text) for line in lines), default=0)
        self.virtual_size = Size(widest + self._margin, len(lines))

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        across, down = self.scroll_offset
        row, width = y + round(down), self.size.width
        if row >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[row]
        style = self.get_component_rich_style(f"lines--{line.kind}")
        segments = [Segment(line.text, style)]
        if self._margin:
            number = f"{row + 1:>{self._margin - 2}}  "
            segments.insert(0, Segment(number, self.get_component_rich_style("lines--number")))
        left = round(across)
        return Strip(segments).crop_extend(left, left + width, style)
