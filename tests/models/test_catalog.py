"""What is known of models by name."""

from __future__ import annotations

import pytest

from midwatch.models.catalog import family


@pytest.mark.parametrize(
    ("name", "window", "reasoning"),
    [
        ("gpt-5", 400_000, True),
        ("gpt-5.6-luna", 400_000, True),
        ("openai/gpt-5-codex", 400_000, True),
        ("gpt-5-chat-latest", 128_000, False),
        ("gpt-4o-mini", 128_000, False),
        ("gpt-4.1", 1_047_576, False),
        ("o4-mini", 200_000, True),
        ("anthropic/claude-sonnet-4.5", 200_000, False),
        ("gpt-oss:20b", 131_072, False),
        ("never-heard-of", 128_000, False),
    ],
)
def test_a_family_is_found_by_the_last_part_of_the_name(name: str, window: int, reasoning: bool) -> None:
    assert (family(name).window, family(name).reasoning) == (window, reasoning)
