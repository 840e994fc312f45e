"""What is left of an attempt's limits, and whether the next model call fits."""

from __future__ import annotations

import math

from midwatch.agent import compaction
from midwatch.agent.log import Log
from midwatch.domain.conversation import Usage
from midwatch.domain.errors import InputError
from midwatch.domain.events import LimitReached
from midwatch.domain.limits import Limits
from midwatch.models.base import Model

WINDOW_SHARE = 0.95
"""Of the model's window: past it the attempt ends with what it has."""

LEAST_OUTPUT = 1024
"""Tokens: a reply capped below this is not worth its price."""


SLACK = 32
"""This part of the window is left free by the cap on a reply."""


def seconds_left(log: Log, limits: Limits) -> float:
    """Wall clock that is left; infinite without a limit."""
    return math.inf if limits.seconds is None else limits.seconds - log.elapsed()


def out_of_time(limits: Limits) -> LimitReached:
    """The wall clock has run out."""
    return LimitReached("seconds", f"the time limit of {limits.seconds} s was reached")


def over(log: Log, limits: Limits, model: Model, fixed: int = 0) -> LimitReached | None:
    """The limit that forbids another move, if one does. `fixed` as in `output_cap`."""
    if seconds_left(log, limits) <= 0:
        return out_of_time(limits)
    if limits.turns is not None and log.turns - log.turns_before >= limits.turns:
        return LimitReached("turns", f"the limit of {_counted(limits.turns, 'turn')} was reached")
    if limits.tokens is not None and log.usage.total >= limits.tokens:
        return LimitReached("tokens", f"the limit of {limits.tokens} tokens was reached ({log.usage.total} used)")
    if log.context_tokens > model.window * WINDOW_SHARE and not compaction.possible(log, model):
        return LimitReached("context", f"the conversation no longer fits the model's window of {model.window} tokens")
    if limits.cost_microusd is not None and output_cap(log, limits, model, fixed) < min(LEAST_OUTPUT, model.max_output):
        spent, cap = log.cost_microusd / 1e6, limits.cost_microusd / 1e6
        return LimitReached("cost", f"the next call could exceed the limit of ${cap:.6g} (${spent:.6g} spent)")
    return None


def output_cap(log: Log, limits: Limits, model: Model, fixed: int = 0, wasted: int = 0) -> int:
    """The most output tokens that the next call may ask for, so that they fit into the model's window, and the money
    limit holds in the worst case.

    `fixed` is the size in bytes of what every request holds beside the conversation (instructions, tools); `wasted`
    is what sends of this call that broke off may have cost already, in millionths of a US dollar.

    Raises InputError when there is a money limit and the model's price is not known: a limit that cannot be kept
    is refused rather than ignored.
    """
    most = _room(log, model, fixed)
    if limits.cost_microusd is None:
        return most
    sent = sent_tokens(log, fixed)
    base = worst_cost(model, sent, 0)
    full = worst_cost(model, sent, most)
    if base is None or full is None:
        raise InputError(
            f"the price of {model.name} is not known, so --max-cost cannot be kept",
            f'give its price in the settings under [prices."{model.name}"], or leave --max-cost out',
        )
    left = limits.cost_microusd - log.cost_microusd - wasted
    if full <= left:
        return most
    if left <= base or full == base:
        return 0
    return int(most * (left - base) / (full - base))


def _room(log: Log, model: Model, fixed: int) -> int:
    """Output tokens that fit into the window beside the next request: some servers refuse a request that asks for
    more. A token of what was not counted yet is taken for three bytes; what JSON adds to it is in the slack."""
    held = (log.sent_tokens or fixed // 3) + log.pending_bytes // 3 + model.window // SLACK
    return min(model.max_output, max(model.window - held, LEAST_OUTPUT))


def worst_cost(model: Model, sent: int, output: int) -> int | None:
    """The most that a call may cost; None when the price is not known. Writing the provider's cache may cost more than
    plain input, and how much of the input is written is the provider's to say."""
    costs = [
        model.cost(Usage(input_tokens=sent, cache_write_tokens=written, output_tokens=output)) for written in (0, sent)
    ]
    known = [cost for cost in costs if cost is not None]
    return max(known) if len(known) == len(costs) else None


def sent_tokens(log: Log, fixed: int) -> int:
    """The most tokens that the next request can hold. A token is hardly ever less than two bytes of text; what was sent
    before is as the provider counted it, and that includes the fixed part."""
    if log.sent_tokens == 0:
        return (log.pending_bytes + fixed) // 2
    return log.sent_tokens + log.pending_bytes // 2


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
