"""The settings of sandboxes: the table `[sandbox]` of the settings file. Checked with pydantic when it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt

from midwatch.sandbox.spec import MIB, BoxLimits

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True)
class SandboxSettings:
    """How boxes are made."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    driver: Literal["bubblewrap", "process"] = "bubblewrap"
    """`bubblewrap` isolates; `process` does not isolate at all."""
    read_only: tuple[str, ...] = ()
    """Further host folders that boxes may read, at the same path (toolchains). Never name one that holds secrets."""
    memory_mib: Positive = 6144
    """What all processes of a box may use together."""
    processes: Positive = 512
    """Processes and threads of a box at once."""
    cpus: Annotated[float, Gt(0)] | None = None
    """CPU seconds a second of a box; no cap when not set."""
    disk_mib: Positive = 16384
    """What a box may write."""

    def limits(self) -> BoxLimits:
        """The caps of every box, before a repository's recipe lowers them."""
        return BoxLimits(
            memory_bytes=self.memory_mib * MIB,
            processes=self.processes,
            cpus=self.cpus,
            disk_bytes=self.disk_mib * MIB,
        )
