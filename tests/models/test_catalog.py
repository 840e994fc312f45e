"""What is known of models by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from midwatch.models.catalog import family


@pytest.mark.parametrize(
    ("name", "window", "reasoning"),
    [
        ("gpt-5", 400_000, True),
        ("gpt-5.6-luna", 1_000_000, True),
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


@pytest.mark.parametrize(
    ("name", "window", "thinking"),
    [
        ("claude-opus-4-20250514", 200_000, ""),
        ("claude-sonnet-4-5-20250929", 200_000, ""),
        ("claude-haiku-4-5@20251001", 200_000, ""),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 200_000, ""),
        ("anthropic/claude-opus-4.1:batch", 200_000, ""),
        ("anthropic.claude-opus-5", 1_000_000, "adaptive"),
        ("claude-opus-4-6", 1_000_000, "adaptive"),
        ("claude-sonnet-5-5", 1_000_000, "adaptive"),
        ("claude-3-7-sonnet-latest", 200_000, ""),
    ],
)
def test_claude_is_known_by_its_generation(name: str, window: int, thinking: str) -> None:
    assert (family(name).window, family(name).thinking) == (window, thinking)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gpt-5", True), ("gpt-6.1-sol", True), ("gpt-5-chat-latest", False), ("gpt-4.1", False), ("o3", False)],
)
def test_grammar_tools_are_for_the_models_that_take_them(name: str, expected: bool) -> None:
    assert family(name).custom_tools is expected


def test_the_table_of_the_documentation_says_what_the_program_knows() -> None:
    page = (Path(__file__).parents[2] / "docs/models.md").read_text("utf-8")
    table = page.partition("## What is known of a model")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| ([\d,]+) \| ([\d,]+) \| (.*?) ?\|$", table, re.MULTILINE)
    assert len(rows) > 20
    for names, window, reply, more in rows:
        found = family(re.findall(r"`(.*?)`", names)[0].replace("…", "x").removesuffix("x"))
        assert (found.window, found.max_output) == (int(window.replace(",", "")), int(reply.replace(",", ""))), names
        assert found.images is ("images" in more), names
        assert found.reasoning is ("encrypted reasoning" in more), names
        assert found.custom_tools is ("grammar tools" in more), names
        assert (found.thinking == "adaptive") is ("adaptive" in more), names
