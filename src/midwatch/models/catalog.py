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
    """What a model takes. The defaults are what an unknown model is believed to take."""

    window: int = DEFAULT_WINDOW
    """Tokens of a request and its reply together."""
    max_output: int = DEFAULT_OUTPUT
    """Tokens of a reply that we ask for at most."""
    reasoning: bool = False
    """It returns encrypted reasoning when asked (Responses)."""
    custom_tools: bool = False
    """It takes tools whose argument is text after a grammar (Responses)."""
    images: bool = False
    """It takes pictures."""
    output_schema: bool = False
    """It holds to a JSON Schema of its answer while it has tools (Chat Completions, Messages)."""
    thinking: str = ""
    """How it is asked to think (Messages): `adaptive`; empty: by a budget of tokens, when an effort is set."""


FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"gpt-[5-9].*-chat|gpt-4o|gpt-chat|chatgpt", Family(128_000, 16_000, images=True, output_schema=True)),
    (r"gpt-4\.1", Family(1_047_576, 32_000, images=True, output_schema=True)),
    (r"gpt-4-turbo", Family(128_000, 4_096, images=True)),
    (r"gpt-4", Family(8_192, 4_096)),
    (r"gpt-3\.5", Family(16_385, 4_096)),
    (r"gpt-oss", Family(131_072, 32_000)),
    (
        r"gpt-5(\.[1-3])?($|-)|gpt-5\.4-(mini|nano)",
        Family(400_000, 32_000, reasoning=True, custom_tools=True, images=True, output_schema=True),
    ),
    (r"gpt-[5-9]", Family(1_000_000, 32_000, reasoning=True, custom_tools=True, images=True, output_schema=True)),
    (r"codex", Family(200_000, 32_000, reasoning=True, output_schema=True)),
    (r"o[13]-mini", Family(200_000, 32_000, reasoning=True)),
    (r"o[1-9](-|$)", Family(200_000, 32_000, reasoning=True, images=True, output_schema=True)),
    (r"claude-(instant|[12]\b)", Family(200_000, 4_096)),
    (r"claude-3-(opus|sonnet|haiku)", Family(200_000, 4_096, images=True)),
    (r"claude-3", Family(200_000, 8_192, images=True)),
    (r"claude-\w+-4[-.]5", Family(200_000, 32_000, images=True, output_schema=True)),
    (r"claude-\w+-4([-.][01]\b|-\d{8}|-latest|[@:]|$)", Family(200_000, 32_000, images=True)),
    (r"claude-4\.5-", Family(200_000, 32_000, images=True, output_schema=True)),
    (r"claude-4(\.[01])?-", Family(200_000, 32_000, images=True)),
    (r"claude", Family(1_000_000, 32_000, thinking="adaptive", images=True, output_schema=True)),
    (r"gemini", Family(1_000_000, 32_000, images=True)),
    (r"deepseek-(v[4-9]|flash)", Family(1_000_000, 32_000)),
    (r"deepseek.*(reasoner|r1)", Family(64_000, 32_000)),
    (r"deepseek-chat", Family(64_000, 8_000)),
    (r"deepseek", Family(128_000, 8_000)),
    (r"qwen-?3.*coder|kimi-k2|devstral|codestral", Family(256_000, 32_000)),
    (r"mistral-(large|medium)", Family(256_000, 32_000, images=True)),
    (r"kimi-k[3-9]|glm-5\.[3-9]", Family(1_000_000, 32_000)),
    (r"qwen-?3.*vl", Family(128_000, 32_000, images=True)),
    (r"qwen-?3", Family(128_000, 32_000)),
    (r"glm-(4\.[5-9]|5)", Family(128_000, 32_000)),
    (r"llama-?4", Family(128_000, 8_000, images=True)),
    (r"llama-?3", Family(128_000, 8_000)),
    (r"grok", Family(256_000, 32_000, images=True)),
)
"""The first pattern that the beginning of a name fits, in this order."""

_SELLER = re.compile(r"^(?:[a-z-]+\.)?(?:anthropic|openai|mistral|qwen|google|meta|zai|moonshotai|deepseek)\.")
"""What Bedrock writes before a name: `global.anthropic.claude-…`."""


def family(model: str) -> Family:
    """What is known of a model. Looks at the last part of the name, so `openai/gpt-5` at a router is gpt-5; the
    default is a window of 128,000 tokens and replies of 16,000."""
    name = _SELLER.sub("", model.lower().rpartition("/")[2])
    return next((found for pattern, found in FAMILIES if re.match(pattern, name)), Family())
