"""The system call filter inside gVisor: between a box's commands and its server, and before gVisor's own kernel."""

from __future__ import annotations

from midwatch.sandbox import landlock_filter, seccomp
from midwatch.sandbox.bpf import ALLOW, RETURN, op

SERVER, RELAY = landlock_filter.SERVER, landlock_filter.GUARD
"""Placeholders for the pids inside, which the relay replaces."""


def program() -> bytes:
    """The filter. Raises KeyError for an architecture that is not supported."""
    arch = seccomp.machine()
    return b"".join([seccomp.body(arch), *landlock_filter.signals(arch), op(RETURN, ALLOW)])
