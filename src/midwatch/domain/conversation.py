"""What goes to a model and what comes back, in our own words.

Provider-native items travel inside `Replied` as they came and are given back as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.domain.limits import Limits


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    grammar: str = ""
    """Lark grammar of the tool's one argument, for models that take a text instead of an object; the call then comes
    with the arguments `{"input": TEXT}`. Empty: always an object."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for. `arguments` is the JSON text as the model wrote it; it may be malformed."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the provider counts them. `input_tokens` includes the cached ones."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens - other.input_tokens,
            self.cached_input_tokens - other.cached_input_tokens,
            self.cache_write_tokens - other.cache_write_tokens,
            self.output_tokens - other.output_tokens,
            self.reasoning_tokens - other.reasoning_tokens,
        )

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def cached_percent(self) -> int:
        """How much of the input the provider read from its cache, rounded down."""
        return 100 * self.cached_input_tokens // self.input_tokens if self.input_tokens else 0


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as a model is shown it."""

    media_type: str
    """`image/png`, `image/jpeg`, `image/gif` or `image/webp`: what every provider takes."""
    data: str = field(default="", repr=False)
    """Base64. Empty in the log, where `digest` names it in the blob store."""
    digest: str = ""
    bytes: int = 0
    width: int = 0
    """In pixels; 0 when it is not known."""
    height: int = 0

    @property
    def tokens(self) -> int:
        """About how many a model is charged for it, whichever it is."""
        return min(max(self.width * self.height // 750, 85), 1600) if self.width and self.height else 1600


@dataclass(frozen=True, slots=True)
class Said:
    """Words of a person (or of the harness on a person's behalf)."""

    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Replied:
    """An earlier reply of the model. `items` are the provider's own, in the form named by `wire`."""

    wire: str
    text: str
    calls: tuple[ToolCall, ...]
    items: tuple[Mapping[str, Any], ...]
    model: str = ""
    """Who said it; empty when that is not known."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The result of a tool call, as the model may read it."""

    call_id: str
    tool: str
    output: str
    ok: bool
    images: tuple[Image, ...] = ()
    """What a tool has to show besides its output."""


INTERRUPTED = "Interrupted by a person before it ended; it may have been done in part."
"""The output of a call that a person cut off."""

Item = Said | Replied | Answered


@dataclass(frozen=True, slots=True)
class Brief:
    """The task in fields, for a model that is a program. A language model reads the same facts in `View.items[0]`."""

    prompt: str
    workdir: str
    checks: tuple[str, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class View:
    """All that a model is shown: append-only, so that view n+1 starts with view n."""

    instructions: str
    brief: Brief
    items: tuple[Item, ...]
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema that the last answer must fit; empty: it is free text."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One finished answer of a model. No calls means that it is done."""

    model: str
    wire: str
    text: str
    calls: tuple[ToolCall, ...]
    items: tuple[Mapping[str, Any], ...] = ()
    usage: Usage = field(default_factory=Usage)
    stop: str = "end"
    """`end`, `calls`, `length` (cut short) or `refusal`."""
    cost_microusd: int | None = None
    """Its price where not the model that was asked gave it (a fall-back); None: what `Model.cost` says."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it streams; for showing, never for keeping. `kind` is `text`, `reasoning`, `call` or
    `notice` (the model's connection has something to say to the person: it waits and will try again)."""

    kind: str
    text: str
