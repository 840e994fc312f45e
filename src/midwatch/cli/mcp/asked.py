"""What a client may ask of a task besides its words: a model, and limits, which only lower the person's own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from midwatch.domain.limits import Limits
from midwatch.workflows.config import LimitSettings

SUBMITTED = "submitted by a program over MCP"
"""A note of the tasks that clients have made. They may tell these further words, and no others: a task of a person may
have been given more than a client can ask for."""


class Options(BaseModel):
    """Who works on it, and caps of an attempt; a higher cap than the person's has no effect."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(default=None, description="A configured model. Default: the person's.")
    turns: int | None = Field(default=None, gt=0, description="Calls of the model.")
    tokens: int | None = Field(default=None, gt=0, description="Input and output together.")
    cost_usd: float | None = Field(default=None, gt=0)
    seconds: int | None = Field(default=None, gt=0, description="Of work on the task.")

    def within(self, limits: Limits) -> dict[str, int]:
        """The limits of the task, which would else have these, as fields of `Limits`."""
        asked = LimitSettings(self.turns, self.tokens, self.cost_usd, self.seconds)
        lowered = asked.lower(limits)
        fields = {name: getattr(lowered, name) for name in ("turns", "tokens", "cost_microusd", "seconds")}
        return {name: value for name, value in fields.items() if value is not None}
