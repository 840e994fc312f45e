"""What a model call costs, in millionths of a US dollar, rounded up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from midwatch.domain.conversation import Usage

_LISTED_AS = {"gemini": ("google",), "vertex": ("google",), "bedrock": ("aws",), "azure": ("azure", "openai")}
"""Providers whose name in the price list is another one; the first that has the model counts."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Input read from the provider's cache; None: like other input."""
    cache_write: float | None = None
    """Input written to it; None: like other input."""


def by_price(usage: Usage, price: Price) -> int:
    """The cost at a known price. Dollars per million tokens are millionths of a dollar per token."""
    plain = max(0, usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens)
    parts = (
        (plain, price.input),
        (usage.cached_input_tokens, price.input if price.cached is None else price.cached),
        (usage.cache_write_tokens, price.input if price.cache_write is None else price.cache_write),
        (usage.output_tokens, price.output),
    )
    # Through the decimal text: 1.1 dollars are 11/10, not the nearest binary fraction, which could round up by one.
    return math.ceil(sum(count * Decimal(str(each)) for count, each in parts))


def by_list(usage: Usage, provider: str, model: str) -> int | None:
    """The cost by the price list that genai-prices carries; None for a model that it does not know. No network.

    The first call imports the list, which takes 0.2 to 0.4 s."""
    import genai_prices

    cached = min(usage.cached_input_tokens, usage.input_tokens)
    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=min(usage.cache_write_tokens, usage.input_tokens - cached),
        output_tokens=usage.output_tokens,
    )
    for listed in _LISTED_AS.get(provider, (provider,)):
        try:
            found = genai_prices.calc_price(counted, model, provider_id=listed)
        except (LookupError, ValueError):
            continue
        return math.ceil(found.total_price * 1_000_000)
    return None


@dataclass(frozen=True, slots=True)
class Pricing:
    """How one model's calls are priced."""

    provider: str
    model: str
    price: Price | None = None
    """Of the settings; wins over the list."""
    free: bool = False
    """The endpoint is this machine, or one that is known to charge nothing."""

    def cost(self, usage: Usage) -> int | None:
        """Millionths of a US dollar; None when neither the settings nor the list have a price."""
        if self.price is not None:
            return by_price(usage, self.price)
        return 0 if self.free else by_list(usage, self.provider, self.model)
