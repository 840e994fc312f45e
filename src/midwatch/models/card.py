"""What a wire adapter must know of its model, and the small things that both wires do alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from midwatch.domain.conversation import Image, Replied, ToolSpec, Usage, View
from midwatch.models.prices import Pricing

SCHEMA_NAME = "codex_output_schema"
"""What the schema of an answer is called on the wire: clients that drive us as they drive Codex look for this name."""


@dataclass(frozen=True, slots=True)
class Card:
    """One model behind one endpoint, with the habits of that endpoint."""

    name: str
    """As in the settings: `openai/gpt-5`."""
    model: str
    """As on the wire: `gpt-5`."""
    window: int
    max_output: int
    pricing: Pricing
    reasoning: bool = False
    """Ask for encrypted reasoning, so that it can be given back (Responses)."""
    effort: str = ""
    """Reasoning effort to ask for; empty: the model's own default."""
    cache_key: bool = False
    """Send a `prompt_cache_key`, so that the requests of one conversation meet the same cache."""
    output_field: str = "max_tokens"
    """The name of the cap on a reply's tokens (Chat Completions)."""
    ask_usage: bool = True
    """Ask for usage in the stream (Chat Completions)."""
    return_reasoning: bool = True
    """Give a reply's plain reasoning back with it (Chat Completions)."""
    thinking: str = ""
    """How thinking is asked for (Messages): `adaptive`, or by a budget of tokens where an effort is set."""
    cache_marks: str = "none"
    """Who places cache marks: `automatic` (the provider), `blocks` (we do; Messages), `none`."""
    custom_tools: bool = False
    """It takes tools whose argument is text after a grammar (Responses)."""
    images: bool = False
    """It takes pictures; to one that does not they are told in words."""
    output_schema: bool = True
    """It takes the JSON Schema of the answer as a field; one that does not reads it in the instructions."""
    path: str = ""
    """Instead of the wire's own path; `{model}` in it stands for the model, which the body then does not name."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of each request."""

    def head(self) -> dict[str, Any]:
        """The beginning of each body."""
        named = {} if "{model}" in self.path else {"model": self.model}
        return {**named, "stream": True, **self.body}


def dumps(value: Any) -> str:
    """Compact JSON. The same value is the same text, so that a prefix of requests stays the same bytes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def request(head: Mapping[str, Any], key: str, items: Sequence[Mapping[str, Any]], tail: Mapping[str, Any]) -> bytes:
    """A body: what never changes in a conversation, then the history, then what may change from call to call.

    Request n+1 starts with request n up to the end of its history, so that the provider's cache is met."""
    text = f"{dumps(head)[:-1]},{dumps(key)}:[{','.join(map(dumps, items))}]"
    if tail:
        text += "," + dumps(tail)[1:-1]
    # Half a surrogate pair (a file name that is not UTF-8) cannot be sent; it becomes a question mark.
    return (text + "}").encode("utf-8", "replace")


def cache_key(card: Card, view: View, tools: Sequence[ToolSpec]) -> str:
    """The same for all requests of a conversation, and as good as never for two."""
    first = view.items[0] if view.items else ""
    known = [card.model, view.instructions, [tool.name for tool in tools], view.brief.workdir, str(first)]
    return hashlib.sha256(dumps(known).encode("utf-8", "replace")).hexdigest()[:32]


def settled(items: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Native items with their keys in the order in which a log gives them back: a process that goes on from the log
    writes the same bytes as the one that received them."""
    return tuple(json.loads(json.dumps(list(items), sort_keys=True)))


def shown(card: Card, text: str, images: Sequence[Image]) -> tuple[str, Sequence[Image]]:
    """The text and the pictures as this model takes them."""
    if not images or card.images:
        return text, images
    number = "an image" if len(images) == 1 else f"{len(images)} images"
    why = "this model is not known to take images; a program in the sandbox can say what is needed of it"
    return f"{text}\n[{number} left out: {why}]".lstrip("\n"), ()


def data_url(image: Image) -> str:
    """The picture inside a URL."""
    return f"data:{image.media_type};base64,{image.data}"


def instructed(card: Card, view: View) -> str:
    """The instructions as this model is given them: with the schema of the answer, where it takes none as a field."""
    if not view.schema or card.output_schema:
        return view.instructions
    return (
        f"{view.instructions}\n\nWhen you have no further call to make, answer with one JSON value and nothing else, "
        f"without words or a code fence around it. It must fit this JSON Schema:\n{dumps(dict(view.schema))}"
    )


def answer_schema(card: Card, view: View) -> dict[str, Any]:
    """The schema of the answer as OpenAI's formats name it; empty where none is wanted, or none is taken."""
    if not view.schema or not card.output_schema:
        return {}
    return {"name": SCHEMA_NAME, "strict": True, "schema": dict(view.schema)}


class CallIds:
    """Ids of the calls of one reply: those that the server gave where they are new, ours where they are missing or
    repeat one of the conversation. Ours depend on the conversation alone, so the same reply gets the same ids."""

    def __init__(self, view: View) -> None:
        replies = [item for item in view.items if isinstance(item, Replied)]
        self._turn = len(replies)
        self._used = {call.id for reply in replies for call in reply.calls}
        self._count = 0

    def take(self, given: Any) -> str:
        """The id for the next call, for which the server gave this one."""
        taken = given if isinstance(given, str) else ""
        while not taken or taken in self._used:
            taken = f"call_{self._turn}_{self._count}"
            self._count += 1
        self._used.add(taken)
        return taken


def count(value: Any, *path: str) -> int:
    """A number of tokens somewhere in an object; 0 where the server sends none or something else."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def estimated(size: int, *written: str) -> Usage:
    """Usage where the server tells none: four bytes to a token, so that limits of tokens and money still bite."""
    return Usage(input_tokens=max(1, size // 4), output_tokens=sum(map(len, written)) // 4)


def is_object(text: str) -> bool:
    """Whether the text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
