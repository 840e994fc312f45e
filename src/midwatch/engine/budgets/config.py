"""The settings of budgets: the table `[budgets]` of the settings file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt

from midwatch.domain.task import Task
from midwatch.engine.budgets.scopes import LOCAL, Cap, scopes_of

Dollars = Annotated[float, Gt(0)]
Tokens = Annotated[int, Gt(0)]


@dataclass(frozen=True)
class BudgetSettings:
    """What all tasks of a person on this machine may spend together."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    usd: Dollars | None = None
    """US dollars, of all tasks together."""
    per_day_usd: Dollars | None = None
    """The same on each day (UTC)."""
    per_repository_usd: Dollars | None = None
    """US dollars, of all tasks in one repository."""
    per_repository_day_usd: Dollars | None = None
    """The same on each day."""
    per_task_usd: Dollars | None = None
    """US dollars, of all attempts at one task."""
    per_day_tokens: Tokens | None = None
    """Input and output tokens, of all tasks together on each day."""
    per_task_tokens: Tokens | None = None
    """Input and output tokens, of all attempts at one task."""
    unknown_price: Literal["refuse"] | Annotated[float, Ge(0)] = "refuse"
    """US dollars for a million tokens of a model whose price is not known; `refuse`: it is not asked."""

    @property
    def price(self) -> float | None:
        """As in `TaskPurse.unknown_price`."""
        return None if isinstance(self.unknown_price, str) else float(self.unknown_price)

    def caps(self, task: Task) -> tuple[Cap, ...]:
        """The caps that hold for a task on a person's own machine."""
        scopes = {scope.kind: scope for scope in scopes_of(task, LOCAL)}
        user, repository, whole = scopes["user"], scopes["repository"], scopes["task"]
        found = (
            Cap(user, "whole", _microusd(self.usd)),
            Cap(user, "day", _microusd(self.per_day_usd), self.per_day_tokens),
            Cap(repository, "whole", _microusd(self.per_repository_usd)),
            Cap(repository, "day", _microusd(self.per_repository_day_usd)),
            Cap(whole, "whole", _microusd(self.per_task_usd), self.per_task_tokens),
        )
        return tuple(cap for cap in found if (cap.microusd, cap.tokens) != (None, None))


def _microusd(dollars: float | None) -> int | None:
    return None if dollars is None else round(dollars * 1_000_000)
