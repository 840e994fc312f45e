"""The system call filter inside gVisor: not for its border, but between a box's commands and its server."""

from __future__ import annotations

from midwatch.sandbox import landlock_filter, seccomp
from midwatch.sandbox.bpf import ALLOW, RETURN, op, prologue

SERVER, RELAY = landlock_filter.SERVER, landlock_filter.GUARD
"""Placeholders for the pids inside, which the relay replaces."""


def program() -> bytes:
    """The filter. Raises KeyError for an architecture that is not supported."""
    arch = seccomp.machine()
    code = prologue(arch)
    code += landlock_filter.signals(arch)
    return b"".join([*code, op(RETURN, ALLOW)])
