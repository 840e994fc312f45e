"""What a command is given in words: its arguments, its folder, its variables."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping

from midwatch.domain.errors import InputError, OperationError


def refusal(argv: Iterable[str]) -> str:
    """Why these arguments cannot be a command, as a line of its output; empty when they can."""
    words = list(argv)
    if not words or not words[0]:
        return "midwatch: no command given\n"
    if any("\0" in word for word in words):
        return "midwatch: a command cannot hold a NUL byte\n"
    if words[0].startswith("-"):
        return f"midwatch: {words[0]}: not found\n"
    return ""


def not_opened(error: OSError) -> OperationError:
    """What keeps a box's folders from being made or filled."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return OperationError(
        f"the box cannot be opened: {where}{error.strerror or error}",
        "free some space on that disk" if full else "check the owner and the mode of the state folder",
    )


def absolute(cwd: str, workdir: str) -> str:
    """The folder to start in."""
    return workdir if cwd in ("", ".") else os.path.join(workdir, cwd)  # noqa: PTH118 - a path inside


def merged(home: str, temporary: str, path: str, support: str, given: Mapping[str, str]) -> dict[str, str]:
    """Our variables, then those of the box."""
    git = {
        "user.name": "Midwatch agent",
        "user.email": "agent@midwatch.invalid",
        # A checkout made elsewhere has other inode and owner numbers; git would read every file again.
        "core.checkStat": "minimal",
        "core.trustctime": "false",
        "safe.directory": "*",
    }
    variables = {
        "HOME": home,
        "PATH": path,
        "USER": "agent",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": temporary,
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "NO_COLOR": "1",
        "PYTHONPYCACHEPREFIX": f"{temporary}/pycache",
        "GIT_CONFIG_COUNT": str(len(git)),
    }
    for index, (key, value) in enumerate(git.items()):
        variables[f"GIT_CONFIG_KEY_{index}"] = key
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    if support:
        variables["MIDWATCH_SUPPORT"] = support
    return {**variables, **given}


def entries(variables: Mapping[str, str]) -> list[bytes]:
    """As `NAME=value`. Raises InputError for a name or value that cannot be one."""
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise InputError(f"{name!r} cannot be an environment variable", "a name has no `=`; neither has a NUL")
    return [os.fsencode(f"{name}={value}") for name, value in variables.items()]
