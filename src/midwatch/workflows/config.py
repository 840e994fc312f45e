"""The settings of tasks: the table `[limits]` of the settings file. The command's options win over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from annotated_types import Gt

from midwatch.domain.limits import MIB, Limits

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True)
class LimitSettings:
    """What an attempt may spend when the command does not say."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    turns: Positive | None = None
    """Model calls (100 when not set)."""
    tokens: Positive | None = None
    """Input and output tokens together (no cap when not set)."""
    cost_usd: Annotated[float, Gt(0)] | None = None
    """US dollars (no cap when not set)."""
    seconds: Positive | None = None
    """Wall clock in seconds (3600 when not set)."""
    command_seconds: Positive | None = None
    """The longest that one command may run (600 when not set)."""
    check_seconds: Positive | None = None
    """The longest that one check may run (900 when not set)."""
    output_mib: Positive | None = None
    """Output of one command in MiB, past which it is ended (64 when not set)."""

    def fill(self, asked: Mapping[str, int]) -> Limits:
        """What the command asks for (fields of `Limits`); where it does not, what is set here; else the defaults."""
        return _within(replace(Limits(), **(self._set() | dict(asked))))

    def capped(self, asked: Mapping[str, int]) -> dict[str, int]:
        """What is asked for, where that is not more than is set here; else what is set."""
        own = self._set()
        return {name: min(value, own.get(name, value)) for name, value in asked.items()}

    def lower(self, limits: Limits) -> Limits:
        """The limits, lowered where less is set here; never raised."""
        own = {name: getattr(limits, name) for name in self._set()}
        lower = {name: value for name, value in self._set().items() if own[name] is None or value < own[name]}
        return _within(replace(limits, **lower))

    def _set(self) -> dict[str, int]:
        """What is set here, as fields of `Limits`."""
        configured = {
            "turns": self.turns,
            "tokens": self.tokens,
            "cost_microusd": None if self.cost_usd is None else round(self.cost_usd * 1_000_000),
            "seconds": self.seconds,
            "command_seconds": self.command_seconds,
            "check_seconds": self.check_seconds,
            "output_bytes": None if self.output_mib is None else self.output_mib * MIB,
        }
        return {name: value for name, value in configured.items() if value is not None}


def _within(limits: Limits) -> Limits:
    """No single command or check may take longer than the whole task was given."""
    if limits.seconds is None:
        return limits
    return replace(
        limits,
        command_seconds=min(limits.command_seconds, limits.seconds),
        check_seconds=min(limits.check_seconds, limits.seconds),
    )
