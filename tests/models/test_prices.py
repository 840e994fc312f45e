"""What a call costs."""

from __future__ import annotations

from midwatch.domain.conversation import Usage
from midwatch.models.prices import Price, Pricing, by_list, by_price


def test_the_list_knows_the_price_of_a_well_known_model() -> None:
    usage = Usage(input_tokens=100_000, cached_input_tokens=90_000, output_tokens=1_000)
    assert by_list(usage, "openai", "gpt-5") == 33_750


def test_a_model_that_the_list_does_not_know_has_no_price() -> None:
    usage = Usage(input_tokens=1000)
    assert by_list(usage, "openai", "nobody-has-heard-of-it") is None
    assert by_list(usage, "somebody", "gpt-5") is None


def test_a_price_of_the_settings_counts_cached_and_written_tokens_apart() -> None:
    usage = Usage(input_tokens=1000, cached_input_tokens=600, cache_write_tokens=100, output_tokens=10)
    assert by_price(usage, Price(input=2, output=10, cached=0.5, cache_write=4)) == 600 + 300 + 400 + 100
    assert by_price(usage, Price(input=2, output=10)) == 2000 + 100


def test_a_cost_is_rounded_up_and_never_by_an_error_of_binary_fractions() -> None:
    assert by_price(Usage(input_tokens=1), Price(input=0.05, output=1)) == 1
    assert by_price(Usage(input_tokens=10), Price(input=1.1, output=1)) == 11


def test_the_settings_win_over_the_list_and_over_a_free_endpoint() -> None:
    usage = Usage(input_tokens=1000)
    assert Pricing("openai", "gpt-5", Price(7, 7)).cost(usage) == 7000
    assert Pricing("openai", "gpt-5", Price(7, 7), free=True).cost(usage) == 7000
    assert Pricing("openai", "gpt-5", free=True).cost(usage) == 0
    assert Pricing("openai", "gpt-5").cost(usage) == 1250


def test_more_cached_tokens_than_input_do_not_make_a_negative_price() -> None:
    usage = Usage(input_tokens=10, cached_input_tokens=50)
    assert by_price(usage, Price(input=1, output=1, cached=0)) == 0
    assert by_list(usage, "openai", "gpt-5") is not None


def test_platforms_that_sell_the_same_models_find_their_prices() -> None:
    usage = Usage(input_tokens=1_000_000)
    assert by_list(usage, "anthropic", "claude-opus-5") == 5_000_000
    assert by_list(usage, "azure", "gpt-5") == 1_250_000
    assert by_list(usage, "bedrock", "anthropic.claude-opus-5")
    assert by_list(usage, "vertex", "claude-sonnet-4-5@20250929")
