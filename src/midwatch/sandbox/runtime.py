"""The Python that runs the exec server inside a box, and how it gets there."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.sandbox import workers

HOST = "/run/midwatch-host"
"""Where a box finds what is the host's and not the system's: the exec server, and a Python where it needs one."""

_SYSTEM = Path("/usr/bin/python3")
_OLDEST = (3, 9)
_SERVER = Path(__file__).parent / "boxd"
_START = (
    "import sys; n = int(sys.argv[1]); sys.path.insert(0, sys.argv[2]); from boxd.main import main; "
    "main(n, sys.argv[3:4] == ['orphan'])"
)

# What the server imports, and then: the folder of the standard library, and all that is loaded.
_LOOK = """
import os, sys, _ctypes, _socket, errno, fcntl, gc, resource, select, stat, termios, time
print(os.path.dirname(os.path.realpath(os.__file__)))
with open("/proc/self/maps") as maps:
    for path in sorted({line.split(None, 5)[5].strip() for line in maps if "/" in line}):
        print(path)
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the server is started."""

    binds: tuple[tuple[str, Path], ...]
    """What must be shown read-only: the path inside, and the host's."""
    python: tuple[str, ...]
    """The start of the command line, paths inside."""

    def argv(self, channel: int, *, orphan: bool = False) -> list[str]:
        """The command line for a server that inherits the channel under this number. `orphan`: what starts the server
        ends before it."""
        alone = ["orphan"] if orphan else []
        return [*self.python, "-I", "-S", "-c", _START, str(channel), HOST, *alone, workers.mark()]


@cache
def on_the_system() -> Runtime:
    """For a box that shows the host's /usr. Raises OperationError when there is no Python that can be used."""
    server = (f"{HOST}/boxd", _SERVER)
    ours = Path(os.path.realpath(sys.executable))
    if ours.is_relative_to("/usr"):
        compiled()
        return Runtime((server,), (str(ours),))
    if (version := _version(_SYSTEM)) >= _OLDEST:
        if version == sys.version_info[:2]:
            compiled()
        return Runtime((server,), (str(_SYSTEM),))
    prefix = Path(os.path.realpath(sys.base_prefix))
    if not ours.is_relative_to(prefix):
        raise OperationError(f"{ours} is not below {prefix}: it cannot be shown to a box", "install python3")
    python = f"{HOST}/python"
    return Runtime((server, (python, prefix)), (f"{python}/{ours.relative_to(prefix)}",))


def compiled() -> None:
    """Have the server's modules compiled beside them, where that may be written: a box cannot, and compiling is half of
    what starting its server takes. Nothing happens where Python is told to keep no compiled modules."""
    if sys.dont_write_bytecode or sys.pycache_prefix is not None:
        return
    import py_compile  # boxes are rarer than commands of this program

    for module in _SERVER.glob("*.py"):
        kept = Path(importlib.util.cache_from_source(str(module)))
        with contextlib.suppress(OSError, py_compile.PyCompileError):
            if not kept.exists() or kept.stat().st_mtime < module.stat().st_mtime:
                py_compile.compile(str(module), doraise=True)


@cache
def on_another_system() -> Runtime:
    """For a box with a root file system of its own, which need not have a Python: ours comes with its libraries and the
    loader that takes them. Raises OperationError when they cannot be found out."""
    python = Path(os.path.realpath(sys.executable))
    try:
        said = subprocess.run([python, "-I", "-S", "-c", _LOOK], capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise OperationError(f"{python} cannot be started: {error}", "mend this Python") from error
    standard, *mapped = [Path(os.fsdecode(line)) for line in said.splitlines()]
    libraries = [path for path in mapped if ".so" in path.name and not path.is_relative_to(standard)]
    loader = next((path for path in libraries if path.name.startswith("ld")), None)
    if loader is None:
        raise OperationError(f"{python} is loaded in an unknown way", "use a Python that is linked dynamically")
    binds = [
        (f"{HOST}/boxd", _SERVER),
        (f"{HOST}/python/bin/python3", python),
        (f"{HOST}/python/lib/{standard.name}", standard),
        *((f"{HOST}/lib/{name}", path) for path in libraries for name in _names(path)),
    ]
    return Runtime(
        tuple(binds), (f"{HOST}/lib/{loader.name}", "--library-path", f"{HOST}/lib", f"{HOST}/python/bin/python3")
    )


def _names(library: Path) -> list[str]:
    """The names that programs know a library by: those of the links to it beside it."""
    family = library.parent.glob(f"{library.name.split('.so')[0]}.so*")
    return sorted(path.name for path in family if path.resolve() == library)


def bare(channel: int) -> list[str]:
    """The command line for a server that runs on the host's own files."""
    return [sys.executable, "-I", "-S", "-c", _START, str(channel), str(_SERVER.parent), workers.mark()]


def _version(python: Path) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        said = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, check=True, timeout=30).stdout
        return tuple(map(int, said.split()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0,)
