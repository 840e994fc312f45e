"""The settings of sandboxes: the table `[sandbox]` of the settings file. Checked with pydantic when it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class SandboxSettings:
    """How boxes are made."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    driver: Literal["bubblewrap", "container", "gvisor", "landlock", "process"] = "bubblewrap"
    """All isolate, in different ways, but `process`, which does not at all. None is chosen without being named."""
    read_only: tuple[str, ...] = ()
    """Further host folders that boxes may read, at the same path (toolchains). Never name one that holds secrets."""
