"""What this machine has and lacks, for `midwatch doctor`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from midwatch.domain.errors import MidwatchError
from midwatch.models.base import Model
from midwatch.sandbox import optional, probe
from midwatch.sandbox.probe import Finding
from midwatch.workspace.git import require_git

LEAST_FREE = 1 << 30
"""Bytes on the state folder's disk below which a run may well not end."""


async def examine(
    state: Path, model: Callable[[], Awaitable[Model]], read: Sequence[Callable[[], Awaitable[object]]]
) -> list[Finding]:
    """Every finding, good or bad; each bad one names its fix. Takes about a second. `read` are calls that read what is
    kept in the state folder."""
    return [
        await _git(),
        *await probe.findings(),
        *await optional.findings(),
        await _model(model),
        _state(state),
        *await _records(state, read),
    ]


async def _records(state: Path, read: Sequence[Callable[[], Awaitable[object]]]) -> list[Finding]:
    """Damage of the databases; nothing where they are well or not there yet."""
    found = []
    for call in read if _is_there(state) else ():
        try:
            await call()
        except MidwatchError as error:
            found.append(Finding("records", False, error.message, error.mend))
    return found


async def _git() -> Finding:
    try:
        return Finding("git", True, f"git {await require_git()}", "")
    except MidwatchError as error:
        return Finding("git", False, error.message, error.mend)


async def _model(build: Callable[[], Awaitable[Model]]) -> Finding:
    try:
        model = await build()
    except MidwatchError as error:
        return Finding("model", False, error.message, error.mend)
    await model.close()
    return Finding("model", True, f"{model.name} (default of this machine)", "")


def _is_there(state: Path) -> bool:
    return state.exists()


def _state(state: Path) -> Finding:
    there = next(folder for folder in (state, *state.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        mend = "check its owner and mode, or set XDG_STATE_HOME to a folder you own"
        return Finding("state folder", False, f"{there} cannot be written", mend)
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        mend = "free some space, or move the state folder with XDG_STATE_HOME"
        return Finding("state folder", False, f"{state}: only {free >> 20} MiB are free", mend)
    return Finding("state folder", True, f"{state} ({free >> 30} GiB free)", "")
