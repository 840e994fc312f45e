"""How much the well-known families of models take and give, by name. Settings of the provider win over it.

`max_output` is what we ask for at most, which may be less than the family can do: it is what a money limit reserves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_WINDOW = 128_000
DEFAULT_OUTPUT = 16_000


@dataclass(frozen=True, slots=True)
class Family:
    """Tokens, and whether the model returns encrypted reasoning when asked (Responses)."""

    window: int = DEFAULT_WINDOW
    max_output: int = DEFAULT_OUTPUT
    reasoning: bool = False


_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"gpt-5.*-chat|gpt-4o|chatgpt", Family(128_000, 16_000)),
    (r"gpt-4\.1", Family(1_047_576, 32_000)),
    (r"gpt-4-turbo", Family(128_000, 4_096)),
    (r"gpt-4", Family(8_192, 4_096)),
    (r"gpt-3\.5", Family(16_385, 4_096)),
    (r"gpt-oss", Family(131_072, 32_000)),
    (r"gpt-[5-9]|codex", Family(400_000, 32_000, reasoning=True)),
    (r"o[1-9](-|$)", Family(200_000, 32_000, reasoning=True)),
    (r"claude", Family(200_000, 32_000)),
    (r"gemini", Family(1_048_576, 32_000)),
    (r"deepseek.*(reasoner|r1)", Family(128_000, 32_000)),
    (r"deepseek", Family(128_000, 8_000)),
    (r"qwen-?3.*coder|kimi-k2|devstral|codestral|mistral-(large|medium)", Family(256_000, 32_000)),
    (r"qwen-?3", Family(128_000, 32_000)),
    (r"glm-(4\.[5-9]|5)", Family(128_000, 32_000)),
    (r"llama-?3", Family(128_000, 8_000)),
    (r"grok", Family(256_000, 32_000)),
)


def family(model: str) -> Family:
    """What is known of a model. Looks at the last part of the name, so `openai/gpt-5` at a router is gpt-5; the
    default is a window of 128,000 tokens and replies of 16,000."""
    name = model.lower().rpartition("/")[2]
    return next((found for pattern, found in _FAMILIES if re.match(pattern, name)), Family())
