"""How often Python looks for garbage in a process that works on many tasks."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 2_000, 10, 20


def seldom() -> None:
    """What is loaded now is never looked through again, and the rest less often: nearly all garbage of a task is let go
    of at once by counting references. Costs some 50 ms, once; may be called again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
