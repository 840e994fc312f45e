"""The commands that begin with a slash. Plain data, and how a line is read."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from midwatch.cli import words
from midwatch.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Slash:
    """A command."""

    name: str
    says: str
    argument: str = ""
    idle: bool = False
    """Only while nothing is being worked on."""
    alone: bool = False
    """What is said meanwhile waits: it may change which conversation, or how much of it, there is."""


SLASHES: dict[str, Slash] = {
    slash.name: slash
    for slash in (
        Slash("model", "which model answers", "[NAME]"),
        Slash("mode", "what the agent may do: read-only, workspace, full", "[MODE]", idle=True, alone=True),
        Slash("diff", "everything that this conversation has changed"),
        Slash("undo", "go back to an earlier step, files and conversation", idle=True, alone=True),
        Slash("review", "have the changes looked over", "[WHAT]", idle=True),
        Slash("compact", "sum the conversation up to make room", idle=True, alone=True),
        Slash("status", "model, folder, sandbox, tokens, cost"),
        Slash("log", "the whole output of a command", "[N]"),
        Slash("image", "attach a picture to the next message", "PATH"),
        Slash("prompts", "your prompts, and the repository's"),
        Slash("resume", "go on with another conversation", "[ID]", idle=True, alone=True),
        Slash("new", "begin another conversation", idle=True, alone=True),
        Slash("help", "keys and commands"),
        Slash("quit", "leave; nothing is lost"),
    )
}


def matching(line: str) -> list[Slash]:
    """What a line may become while it is typed; nothing once it is no name any more."""
    if not line.startswith("/") or any(char.isspace() for char in line):
        return []
    typed = line[1:].lower()
    starting = [slash for slash in SLASHES.values() if slash.name.startswith(typed)]
    return starting or [slash for slash in SLASHES.values() if typed and typed in slash.name]


def parse(line: str) -> tuple[Slash, str] | None:
    """The command and its argument; None when the line is a message. Raises InputError with near names for a command
    that there is not."""
    if not line.startswith("/"):
        return None
    name, _, argument = line[1:].partition(" ")
    if "/" in name or "\n" in name or not name:
        return None  # a path, or a lone slash
    slash = SLASHES.get(name.lower())
    if slash is None:
        near = get_close_matches(name.lower(), SLASHES, 3, 0.5)
        listed = ", ".join(f"/{one}" for one in near)
        hint = f"did you mean {listed}?" if near else "/help lists the commands"
        raise InputError(f"there is no command /{words.cut(words.line(name), 40)}", hint)
    return slash, argument.strip()
