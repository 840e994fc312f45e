"""Limits: which one forbids the next move, and how a money limit is kept in the worst case."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import pytest

from midwatch.agent import budget
from midwatch.domain.conversation import Delta, Reply, ToolSpec, Usage, View
from midwatch.domain.errors import InputError
from midwatch.domain.limits import Limits
from tests.support import samples
from tests.support.logs import log_of


@dataclass
class Priced:
    """A model that is only asked for its price: in millionths of a dollar a token."""

    price_in: int | None = 1
    price_out: int = 10
    window: int = 10_000
    max_output: int = 4_000
    price_written: int | None = None
    name: str = "priced"
    wire: str = "priced"

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """Never asked for."""
        yield Delta("text", "this model is only asked for its price")

    def cost(self, usage: Usage) -> int | None:
        """Linear."""
        if self.price_in is None:
            return None
        written = self.price_in if self.price_written is None else self.price_written
        plain = usage.input_tokens - usage.cache_write_tokens
        return plain * self.price_in + usage.cache_write_tokens * written + usage.output_tokens * self.price_out

    async def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(turns=2), "turns"),
        (Limits(tokens=220), "tokens"),
        (Limits(seconds=0), "seconds"),
        (Limits(cost_microusd=2000), "cost"),
        (Limits(turns=3, tokens=221, seconds=60, cost_microusd=1_000_000), None),
        (Limits(turns=None, seconds=None), None),
    ],
)
async def test_the_limit_that_is_reached_is_named(limits: Limits, name: str | None) -> None:
    log, _ = await log_of([samples.reply("", samples.call("a")), samples.reply("", samples.call("b"))])
    found = budget.over(log, limits, Priced())
    assert (found.limit if found else None) == name


async def test_a_conversation_that_no_longer_fits_the_window_ends() -> None:
    log, _ = await log_of([samples.reply("", samples.call(), usage=Usage(9_000, output_tokens=600))])
    found = budget.over(log, Limits(), Priced())
    assert found is not None
    assert found.limit == "context"


@pytest.mark.parametrize("cap", [20_000, 30_000, 43_000, 60_000])
async def test_the_worst_case_of_the_next_call_never_passes_the_cap(cap: int) -> None:
    usage = Usage(1_000, output_tokens=500)
    log, _ = await log_of([samples.reply("", samples.call(), usage=usage, cost=6_000)])
    model = Priced()
    allowed = budget.output_cap(log, Limits(cost_microusd=cap), model)
    worst = model.cost(Usage(usage.total, output_tokens=allowed))
    assert worst is not None
    assert 0 < allowed <= model.max_output
    assert log.cost_microusd + worst <= cap


async def test_an_unknown_price_with_a_money_limit_is_refused() -> None:
    log, _ = await log_of([])
    with pytest.raises(InputError, match="price of priced is not known"):
        budget.over(log, Limits(cost_microusd=1000), Priced(price_in=None))
    assert budget.over(log, Limits(), Priced(price_in=None)) is None


async def test_the_first_call_counts_instructions_tools_and_bytes_not_characters() -> None:
    log, _ = await log_of([samples.person("好" * 1000)])
    assert budget.sent_tokens(log, fixed=2000) == (3000 + 2000) // 2
    model = Priced(max_output=100)
    assert budget.output_cap(log, Limits(cost_microusd=2600), model, fixed=2000) == 10
    assert budget.output_cap(log, Limits(cost_microusd=2600), model, fixed=2000, wasted=200) == 0


async def test_the_worst_case_is_that_the_whole_input_is_written_to_the_providers_cache() -> None:
    usage = Usage(1_000, output_tokens=500)
    log, _ = await log_of([samples.reply("", samples.call(), usage=usage, cost=6_000)])
    limits = Limits(cost_microusd=6_000 + 1_500 * 3 + 2_000 * 10)
    assert budget.output_cap(log, limits, Priced(price_in=3)) == 2_000
    assert budget.output_cap(log, limits, Priced(price_in=3, price_written=4)) == 1_850
    assert budget.output_cap(log, limits, Priced(price_in=3, price_written=1)) == 2_000
