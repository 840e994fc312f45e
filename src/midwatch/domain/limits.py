"""What an attempt may spend."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one attempt. `None` means no cap."""

    turns: int | None = 100
    """Model calls."""
    tokens: int | None = None
    """Input and output tokens together, over all turns."""
    cost_microusd: int | None = None
    """Money in millionths of a US dollar; reserved before each call, so never overshot."""
    seconds: int | None = 3600
    """Wall clock while the attempt is being worked on; time between a crash and its resume does not count."""
    command_seconds: int = 600
    """The longest that one command may run, whatever the model asks for."""
    check_seconds: int = 900
    """The longest that one check may run when the harness makes the evidence."""
    output_bytes: int = 64 * MIB
    """Output of one command; past it the command is ended."""
