"""Words that begin with a slash: what a person asks of the harness, and not of the model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from acp.schema import AvailableCommand, AvailableCommandInput, AvailableCommandsUpdate, UnstructuredCommandInput

from midwatch import wiring
from midwatch.cli import words
from midwatch.cli.acp.differences import named
from midwatch.cli.acp.updates import course
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event, Message
from midwatch.domain.guard import MODES
from midwatch.workflows.conversation import Conversation


class Talk(Protocol):
    """The part of a session that orders work on."""

    home: wiring.Home

    async def ready(self) -> Conversation:
        """The conversation, open. Raises InputError when nothing has been said yet."""

    async def events(self) -> Sequence[Event]:
        """Its log."""

    def mode_is(self, mode: str) -> None:
        """Have the next turn in that mode, and tell the editor. Raises InputError for what is no mode."""


@dataclass(frozen=True, slots=True)
class _Order:
    description: str
    obey: Callable[[Talk, str], Awaitable[str]]
    hint: str = ""


async def _compact(talk: Talk, _: str) -> str:
    done = await (await talk.ready()).compact()
    return "The conversation was summed up." if done else "There is nothing yet that could be left out."


async def _undo(talk: Talk, _: str) -> str:
    conversation = await talk.ready()
    said = [e.seq for e in course(conversation.log.events) if isinstance(e.body, Message) and e.body.author == "person"]
    if not said:
        raise InputError("there is nothing to undo", "say something first")
    changes = await conversation.undo(said[-1] - 1, "/undo in an editor")
    return f"Back to before your last message. Changed back in your folder: {named(changes)}."


async def _model(talk: Talk, name: str) -> str:
    conversation = await talk.ready()
    if not name:
        return f"The model is {words.line(conversation.model.name)}."
    await conversation.choose(name, await wiring.named_model(talk.home, name))
    return f"The model is {words.line(name)} now."


async def _mode(talk: Talk, name: str) -> str:
    talk.mode_is(name)
    return f"The mode is {name} from your next message on."


async def _status(talk: Talk, _: str) -> str:
    conversation = await talk.ready()
    log, task = conversation.log, conversation.task
    used = words.count(log.usage.total, "token")
    cost = words.price(conversation.model.name, log.cost_microusd if log.cost_known else None)
    rows = [
        ("conversation", task.id),
        ("folder", words.line(task.repository)),
        ("model", words.line(conversation.model.name)),
        ("mode", task.mode),
        ("sandbox", task.sandbox),
        ("so far", f"{words.count(log.turns, 'model call')}, {used}, {cost}"),
    ]
    return "\n".join(f"- {name}: {text}" for name, text in rows)


ORDERS = {
    "undo": _Order("take back what came of your last message: files and conversation", _undo),
    "compact": _Order("sum the conversation up now, to make room", _compact),
    "model": _Order("let another model answer", _model, "its name; without one the present one is told"),
    "mode": _Order("read-only, workspace or full, from the next message on", _mode, "the mode"),
    "status": _Order("what has been used so far, and where this runs", _status),
}


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    name: str
    argument: str


def parse(text: str) -> Order | None:
    """The order in a prompt that is one; None for anything else, also for a path that it begins with."""
    match = re.fullmatch(r"/([a-z]+)(?:[ \t]+(\S+))?\s*", text)
    return Order(match[1], match[2] or "") if match and match[1] in ORDERS else None


async def obey(order: Order, talk: Talk) -> str:
    """Do it; what the person is told. Raises MidwatchError."""
    return await ORDERS[order.name].obey(talk, order.argument)


def available() -> AvailableCommandsUpdate:
    """The list for the editor's menu."""
    commands = [
        AvailableCommand(name=name, description=order.description, input=_input(order.hint))
        for name, order in ORDERS.items()
    ]
    return AvailableCommandsUpdate(session_update="available_commands_update", available_commands=commands)


def _input(hint: str) -> AvailableCommandInput | None:
    return AvailableCommandInput(UnstructuredCommandInput(hint=hint)) if hint else None


def require_mode(mode: str) -> str:
    """The mode. Raises InputError for what is none."""
    if mode not in MODES:
        raise InputError(f"there is no mode {words.line(mode)!r}", f"the modes are {', '.join(MODES)}")
    return mode
