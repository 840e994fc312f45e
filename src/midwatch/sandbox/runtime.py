"""The Python that runs the exec server inside a box, and how it gets there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from midwatch.domain.errors import OperationError

HOST = "/run/midwatch-host"
"""Where a box finds what is the host's and not the system's: the exec server, and a Python where it needs one."""

_SYSTEM = Path("/usr/bin/python3")
_OLDEST = (3, 9)
_SERVER = Path(__file__).parent / "boxd"
_START = "import sys; n = int(sys.argv[1]); sys.path.insert(0, sys.argv[2]); from boxd.main import main; main(n)"


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the server is started."""

    binds: tuple[tuple[str, Path], ...]
    """What must be shown read-only: the path inside, and the host's."""
    python: tuple[str, ...]
    """The start of the command line, paths inside."""

    def argv(self, channel: int) -> list[str]:
        """The command line for a server that inherits the channel under this number."""
        return [*self.python, "-I", "-S", "-c", _START, str(channel), HOST]


@cache
def on_the_system() -> Runtime:
    """For a box that shows the host's /usr. Raises OperationError when there is no Python that can be used."""
    server = (f"{HOST}/boxd", _SERVER)
    ours = Path(os.path.realpath(sys.executable))
    if ours.is_relative_to("/usr"):
        return Runtime((server,), (str(ours),))
    if _version(_SYSTEM) >= _OLDEST:
        return Runtime((server,), (str(_SYSTEM),))
    prefix = Path(os.path.realpath(sys.base_prefix))
    if not ours.is_relative_to(prefix):
        raise OperationError(f"{ours} is not below {prefix}: it cannot be shown to a box", "install python3")
    python = f"{HOST}/python"
    return Runtime((server, (python, prefix)), (f"{python}/{ours.relative_to(prefix)}",))


def bare(channel: int) -> list[str]:
    """The command line for a server that runs on the host's own files."""
    return [sys.executable, "-I", "-S", "-c", _START, str(channel), str(_SERVER.parent)]


def _version(python: Path) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        said = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, check=True, timeout=30).stdout
        return tuple(map(int, said.split()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0,)
