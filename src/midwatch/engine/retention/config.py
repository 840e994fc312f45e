"""The settings of ended tasks: the table `[retention]` of the settings file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge


@dataclass(frozen=True)
class RetentionSettings:
    """How long ended tasks stay in the database."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    days: Annotated[float, Ge(0)] = 0
    """Since a task ended; then workers take it out of the database into a file, once a day. 0: never."""
    folder: str = ""
    """Where the files lie; empty for `archive` in the state folder."""
