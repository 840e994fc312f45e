"""What a conversation is made of on the screen. Texts are as they came: what draws them makes them harmless."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.domain.events import PlanStep


@dataclass(frozen=True, slots=True)
class Said:
    """Words of the person."""

    key: str
    text: str
    images: int = 0
    seq: int = 0
    """The event."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Words of the model, and what it thought before."""

    key: str
    text: str
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A command. `ok` is None while it runs."""

    key: str
    command: str
    ok: bool | None = None
    number: int = 0
    ended: str = ""
    duration_ms: int = 0
    lines: int = 0
    digest: str = ""
    output: str = ""
    """What the model reads of it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A patch. `ok` is None while it is applied."""

    key: str
    summary: str
    patch: str
    ok: bool | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of another tool."""

    key: str
    tool: str
    summary: str
    ok: bool | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The model's plan as it is now; one in a turn."""

    key: str
    steps: tuple[PlanStep, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened, in a line; `ok` is False where it went wrong, and then `mend` may say what to do."""

    key: str
    text: str
    ok: bool | None = None
    mend: str = ""


Entry = Said | Answer | Run | Edit | Call | Plan | Note
