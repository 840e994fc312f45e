"""A person decides on a command: yes, yes for the rest of the conversation, or no with words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from midwatch.cli import words
from midwatch.cli.tui.feed import Feed
from midwatch.tools.approval import Answer, Question

if TYPE_CHECKING:
    from textual.app import App


class Asked(ModalScreen[Answer]):
    """The question, in full."""

    DEFAULT_CSS = """
    Asked { align: center middle; background: $background 60%; }
    Asked > #box {
        width: 90%; max-width: 100; height: auto; max-height: 90%; padding: 1 2;
        background: $surface; border: round $warning;
    }
    Asked #subject { height: auto; max-height: 10; margin: 1 0; padding: 0 1; background: $background; }
    Asked .title { color: $text-warning; text-style: bold; }
    Asked .keys { margin-top: 1; color: $foreground 70%; }
    Asked #why { display: none; margin-top: 1; background: $background; }
    Asked.-why #why { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("a", "always", show=False),
        Binding("n", "why", show=False),
        Binding("escape", "no", show=False),
    ]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Whose wish it is, exactly what, why a person is asked, and the keys."""
        question = self._question
        with Vertical(id="box"):
            yield Static(f"{words.line(question.tool)} wants to run:", classes="title", markup=False)
            with VerticalScroll(id="subject"):
                yield Static(words.clean(question.subject), markup=False)
            yield Static(words.clean(question.reason), markup=False)
            yield Static(
                f"y yes · a always: {_always(question)} · n no, and say why · esc no", classes="keys", markup=False
            )
            yield Input(placeholder="What to do instead (enter sends the no)", id="why", compact=True)

    def on_mount(self) -> None:
        """Keys answer at once; the text only where it is asked for."""
        self.query_one("#subject").focus()

    def action_answer(self, allowed: bool) -> None:
        """Yes or no."""
        self.dismiss(Answer(allowed))

    def action_always(self) -> None:
        """Yes, and not asked again for the same."""
        self.dismiss(Answer(True, always=True))

    def action_why(self) -> None:
        """No, with words."""
        self.add_class("-why")
        self.query_one("#why", Input).focus()

    def action_no(self) -> None:
        """No, without words."""
        self.dismiss(Answer(False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The words are written."""
        self.dismiss(Answer(False, reason=event.value.strip()))


def _always(question: Question) -> str:
    """What is not asked about again after an answer for all of the conversation."""
    if not question.covers:
        return "the very same again"
    return "all that begins with " + " or ".join(f"`{words.line(prefix)}`" for prefix in question.covers)


class AskOnScreen:
    """See `Approver`. Questions that come at once are asked one after the other."""

    def __init__(self, app: App[str], feed: Feed) -> None:
        self._app, self._feed = app, feed
        self._one = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """The person's answer; cancelling takes the window away."""
        async with self._one:
            answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

            def settle(answer: Answer | None) -> None:
                if not answered.done():
                    answered.set_result(answer or Answer(False))

            screen = Asked(question)
            doing, self._feed.doing = self._feed.doing, "waiting for your answer"
            await self._app.push_screen(screen, settle)
            self._app.bell()
            try:
                return await answered
            finally:
                self._feed.doing = doing
                if self._app.screen is screen:
                    screen.dismiss(None)
